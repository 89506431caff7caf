//! The listening socket.
//!
//! A peer that stops taking what is sent to it holds a connection for as long as it likes: the program waits to write, and no timeout of
//! HTTP or WebSocket can end a write that the kernel has accepted in part. So the kernel is asked to end connections whose other side
//! has taken nothing for a while; a peer that takes a little at a time is left alone.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 2_048;

/// Listens on an address. Connections whose other side takes nothing for `taken_within` are ended, where the system can do that (Linux).
pub(super) fn listen(address: SocketAddr, taken_within: Duration) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // A server that is started again need not wait until the connections of the one before are forgotten.
    socket.set_reuse_address(true)?;
    // What is accepted inherits it.
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(taken_within))?;
    #[cfg(not(target_os = "linux"))]
    let _ = taken_within;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_peer_that_takes_nothing_is_cut_off() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = listen(any, Duration::from_millis(500)).unwrap();
        let peer = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        peer.set_recv_buffer_size(4_096).unwrap();
        peer.connect(&listener.local_addr().unwrap().into()).unwrap();
        let (mut accepted, _) = listener.accept().unwrap();
        // Blocks when the buffers are full, until the kernel ends the connection.
        let written = accepted.write_all(&vec![0; 64 << 20]);
        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
