//! The nodes: who leads, which connections they hold, and how those are cut and frozen.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use uuid::Uuid;

/// The nodes, which share one log.
#[derive(Debug)]
pub(crate) struct Cluster {
    nodes: Vec<Node>,
    leader: AtomicUsize,
    unavailable_until: Mutex<Option<Instant>>,
}

impl Cluster {
    /// The node 0 leads.
    pub fn new(nodes: Vec<Node>) -> Self {
        Cluster { nodes, leader: AtomicUsize::new(0), unavailable_until: Mutex::new(None) }
    }

    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub fn leader(&self) -> usize {
        self.leader.load(Ordering::Acquire)
    }

    pub fn leader_address(&self) -> SocketAddr {
        self.nodes[self.leader()].address
    }

    pub fn change_leader(&self, unavailable: Duration) -> usize {
        *lock(&self.unavailable_until) = Some(Instant::now() + unavailable);
        let old = self.leader();
        let new = (old + 1) % self.nodes.len();
        self.leader.store(new, Ordering::Release);
        self.nodes[old].cut_connections();
        new
    }

    /// Whether no leader is elected yet.
    pub fn is_unavailable(&self) -> bool {
        lock(&self.unavailable_until).is_some_and(|until| Instant::now() < until)
    }
}

/// One node.
#[derive(Debug)]
pub(crate) struct Node {
    pub address: SocketAddr,
    pub id: Uuid,
    is_down: AtomicBool,
    is_frozen: AtomicBool,
    connections: Mutex<HashMap<u64, (AbortHandle, Arc<Gate>)>>,
    next_connection: AtomicU64,
}

impl Node {
    pub fn new(address: SocketAddr, id: Uuid) -> Self {
        Node {
            address,
            id,
            is_down: AtomicBool::new(false),
            is_frozen: AtomicBool::new(false),
            connections: Mutex::default(),
            next_connection: AtomicU64::new(0),
        }
    }

    pub fn is_alive(&self) -> bool {
        !self.is_down() && !self.is_frozen.load(Ordering::Acquire)
    }

    pub fn is_down(&self) -> bool {
        self.is_down.load(Ordering::Acquire)
    }

    /// Serves a connection in a task of its own, which can be aborted.
    pub fn serve<F>(&self, socket: TcpStream, serve: impl FnOnce(u64, GatedSocket) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let id = self.next_connection.fetch_add(1, Ordering::Relaxed);
        let gate = Arc::new(Gate::default());
        if self.is_frozen.load(Ordering::Acquire) {
            gate.shut();
        }
        // Under the lock, so that a connection that ends at once finds its own entry to remove.
        let mut connections = lock(&self.connections);
        let task = tokio::spawn(serve(id, GatedSocket { socket, gate: gate.clone() }));
        connections.insert(id, (task.abort_handle(), gate));
    }

    /// Forgets a connection that has ended.
    pub fn ended(&self, connection: u64) {
        lock(&self.connections).remove(&connection);
    }

    pub fn cut_connection(&self, connection: u64) {
        if let Some((task, _)) = lock(&self.connections).remove(&connection) {
            task.abort();
        }
    }

    pub fn cut_connections(&self) {
        lock(&self.connections).drain().for_each(|(_, (task, _))| task.abort());
    }

    pub fn freeze_connections(&self) {
        lock(&self.connections).values().for_each(|(_, gate)| gate.shut());
    }

    pub fn set_frozen(&self) {
        self.is_frozen.store(true, Ordering::Release);
        self.freeze_connections();
    }

    pub fn thaw(&self) {
        self.is_frozen.store(false, Ordering::Release);
        lock(&self.connections).values().for_each(|(_, gate)| gate.open());
    }

    pub fn set_down(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::Release);
        if is_down {
            self.cut_connections();
        }
    }
}

/// Holds back the bytes of a connection while it is shut.
#[derive(Debug, Default)]
struct Gate {
    is_shut: AtomicBool,
    waiting: Mutex<Vec<Waker>>,
}

impl Gate {
    fn shut(&self) {
        self.is_shut.store(true, Ordering::Release);
    }

    fn open(&self) {
        let mut waiting = lock(&self.waiting);
        self.is_shut.store(false, Ordering::Release);
        waiting.drain(..).for_each(Waker::wake);
    }

    fn poll(&self, context: &Context<'_>) -> Poll<()> {
        if !self.is_shut.load(Ordering::Acquire) {
            return Poll::Ready(());
        }
        let mut waiting = lock(&self.waiting);
        if !self.is_shut.load(Ordering::Acquire) {
            return Poll::Ready(());
        }
        if !waiting.iter().any(|waker| waker.will_wake(context.waker())) {
            waiting.push(context.waker().clone());
        }
        Poll::Pending
    }
}

/// A socket behind a gate.
#[derive(Debug)]
pub(crate) struct GatedSocket {
    socket: TcpStream,
    gate: Arc<Gate>,
}

impl AsyncRead for GatedSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        std::task::ready!(self.gate.poll(context));
        Pin::new(&mut self.socket).poll_read(context, into)
    }
}

impl AsyncWrite for GatedSocket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        std::task::ready!(self.gate.poll(context));
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        std::task::ready!(self.gate.poll(context));
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        std::task::ready!(self.gate.poll(context));
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

/// Takes a lock; what it guards stays whole even when a holder has panicked.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
