//! A client that keeps connections busy: one thread, a request on every connection at all times, no pipelining.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::task::LocalSet;

/// Connections open at once.
pub const CONNECTIONS: usize = 64;

/// Requests answered a second, over `duration`. Each connection sends the requests in turn, beginning at another one. Every answer must
/// have status 200.
pub fn requests_a_second(
    address: SocketAddr,
    requests: &Arc<[Vec<u8>]>,
    duration: Duration,
) -> f64 {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let start = Instant::now();
    let answered: usize = LocalSet::new().block_on(&runtime, async {
        let connections: Vec<_> = (0..CONNECTIONS)
            .map(|number| {
                let requests = requests.clone();
                tokio::task::spawn_local(async move {
                    let mut connection = Connection::open(address).await;
                    let mut answered = 0;
                    while start.elapsed() < duration {
                        let next = number * requests.len() / CONNECTIONS + answered;
                        connection.ask(&requests[next % requests.len()]).await;
                        answered += 1;
                    }
                    answered
                })
            })
            .collect();
        let mut answered = 0;
        for connection in connections {
            answered += connection.await.expect("the connection ends well");
        }
        answered
    });
    answered as f64 / start.elapsed().as_secs_f64()
}

/// The body of one answer.
pub fn body(address: SocketAddr, request: &[u8]) -> String {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut connection = Connection::open(address).await;
        let body = connection.ask(request).await;
        String::from_utf8(body.to_vec()).expect("UTF-8")
    })
}

/// A request that POSTs a JSON body to `/graphql`.
pub fn post(token: &str, body: &str) -> Vec<u8> {
    format!(
        "POST /graphql HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         accept: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("a connection");
        stream.set_nodelay(true).expect("an option of the connection");
        Self { stream, buffer: Vec::with_capacity(64 * 1024) }
    }

    /// Sends a request and reads the whole answer; gives its body.
    async fn ask(&mut self, request: &[u8]) -> &[u8] {
        self.stream.write_all(request).await.expect("the server takes the request");
        self.buffer.clear();
        loop {
            let read = self.stream.read_buf(&mut self.buffer).await.expect("an answer");
            assert_ne!(read, 0, "the server has closed the connection");
            if let Some((begin, end)) = body_range(&self.buffer)
                && self.buffer.len() >= end
            {
                return &self.buffer[begin..end];
            }
        }
    }
}

/// Where the body of an answer begins and ends, once its head has arrived.
fn body_range(answer: &[u8]) -> Option<(usize, usize)> {
    let head_end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..head_end]).expect("ASCII");
    assert!(head.starts_with("HTTP/1.1 200"), "{}", String::from_utf8_lossy(answer));
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>())
    });
    let length = length.expect("a content-length").expect("a number");
    Some((head_end + 4, head_end + 4 + length))
}
