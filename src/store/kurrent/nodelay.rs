//! The client's sockets are told to send at once (`TCP_NODELAY`).
//!
//! An HTTP/2 request goes out in several writes, its head before its body. Unless a socket is told otherwise, the kernel keeps the second
//! back until the first is acknowledged (RFC 896), and the other side acknowledges only after 40 ms when it has nothing to say: every
//! call of a single caller took 44 ms. The client makes its sockets itself and has no setting for them. So they are looked for among the
//! process's own open files, where Linux lists them, and set from outside: the kernel makes a second descriptor of a socket by passing it
//! through a pair of sockets, which needs neither a privilege nor unsafe code. Where the system has no such list, calls stay slow.

use std::{
    collections::HashSet,
    fs,
    io::{self, IoSliceMut},
    mem::MaybeUninit,
    net::TcpStream,
    os::{
        fd::{OwnedFd, RawFd},
        unix::net::UnixStream,
    },
    sync::{Arc, Mutex, TryLockError},
    time::{Duration, Instant},
};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SocketType, recvmsg, sockopt::socket_type,
};
use sendfd::SendWithFd;

/// An answer that takes so long may have waited for an acknowledgement.
const SUSPICIOUS: Duration = Duration::from_millis(35);
/// Between two looks: a cluster may simply be slow, and a look takes 10 ms where ten thousand sockets are open.
const PAUSE: Duration = Duration::from_secs(1);

/// Looks at the process's sockets when an answer was slow.
#[derive(Default)]
pub(super) struct Nodelay {
    looked: Arc<Mutex<Looked>>,
}

#[derive(Default)]
struct Looked {
    at: Option<Instant>,
    /// The numbers of the sockets that were looked at and are still open.
    sockets: HashSet<String>,
}

impl Nodelay {
    /// Hears how long an answer took.
    pub(super) fn answered_after(&self, duration: Duration) {
        if duration < SUSPICIOUS {
            return;
        }
        let looked = self.looked.clone();
        tokio::task::spawn_blocking(move || {
            let mut looked = match looked.try_lock() {
                Ok(looked) => looked,
                Err(TryLockError::Poisoned(looked)) => looked.into_inner(),
                // Somebody is at it.
                Err(TryLockError::WouldBlock) => return,
            };
            if looked.at.is_none_or(|at| at.elapsed() >= PAUSE) {
                looked.look();
                looked.at = Some(Instant::now());
            }
        });
    }
}

impl Looked {
    /// Sets the option on every TCP socket of the process that was not looked at before.
    fn look(&mut self) {
        let Ok(files) = fs::read_dir("/proc/self/fd") else { return };
        let before = std::mem::take(&mut self.sockets);
        for file in files.flatten() {
            let target = fs::read_link(file.path()).unwrap_or_default();
            let (Some(socket), Ok(number)) = (
                target.to_str().filter(|target| target.starts_with("socket:")),
                file.file_name().to_string_lossy().parse(),
            ) else {
                continue;
            };
            if !before.contains(socket) {
                // It may be closed by now; a socket that cannot be set stays as it was.
                let _ = set(number);
            }
            self.sockets.insert(socket.to_owned());
        }
    }
}

/// Sets the option on the socket behind this descriptor, which may be closed or be another one meanwhile: then that one gets it.
fn set(number: RawFd) -> io::Result<()> {
    let socket = second_descriptor(number)?;
    if socket_type(&socket)? != SocketType::STREAM {
        return Ok(());
    }
    // Not every such socket is of TCP; the others refuse the option.
    TcpStream::from(socket).set_nodelay(true)
}

/// A descriptor of our own for whatever stands behind a number.
fn second_descriptor(number: RawFd) -> io::Result<OwnedFd> {
    let (here, there) = UnixStream::pair()?;
    here.send_with_fd(b"1", &[number])?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut passed = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    recvmsg(&there, &mut [IoSliceMut::new(&mut byte)], &mut passed, RecvFlags::CMSG_CLOEXEC)?;
    let descriptor = passed.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    descriptor.ok_or_else(|| io::Error::other("no descriptor has arrived"))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::{net::TcpListener, os::fd::AsRawFd};

    use super::*;

    // One test, because a look of another would change this one's sockets.
    #[test]
    fn a_look_sets_the_option_once_on_sockets_that_somebody_else_has_made() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (mut looked, mut sockets) = (Looked::default(), Vec::new());
        for _ in 0..2 {
            let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            assert!(!socket.nodelay().unwrap());
            looked.look();
            assert!(socket.nodelay().unwrap());
            sockets.push(socket);
        }
        let socket = sockets.remove(0);
        let name = fs::read_link(format!("/proc/self/fd/{}", socket.as_raw_fd())).unwrap();
        let is_known = |looked: &Looked| looked.sockets.contains(name.to_str().unwrap());
        socket.set_nodelay(false).unwrap();
        looked.look();
        assert!(!socket.nodelay().unwrap() && is_known(&looked));
        drop(socket);
        looked.look();
        assert!(!is_known(&looked), "what is closed is forgotten");
    }
}
