//! Accepts connections and leads each call to what answers it.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderMap, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tonic::Status;
use tonic::body::Body;
use tonic::codec::ProstCodec;
use tonic::server::Grpc;

use crate::cluster::{Cluster, lock};
use crate::faults::{Fault, Faults};
use crate::log::{Log, now_ticks};
use crate::wire::{
    ClusterInfo, Empty, EndPoint, MEMBER_FOLLOWER, MEMBER_LEADER, MEMBER_UNKNOWN, MemberInfo,
    SupportedMethod, SupportedMethods,
};
use crate::{Options, read, status, write};

/// What all nodes share.
pub(crate) struct Shared {
    pub options: Options,
    pub log: Mutex<Log>,
    /// How many rows the log has; told to the subscriptions.
    pub length: watch::Sender<usize>,
    pub faults: Faults,
    pub cluster: Arc<Cluster>,
}

impl Shared {
    /// Changes the log and tells the subscriptions.
    pub fn change<T>(&self, change: impl FnOnce(&mut Log) -> T) -> T {
        let mut log = lock(&self.log);
        let changed = change(&mut log);
        self.length.send_replace(log.row().len());
        changed
    }
}

/// Accepts the connections of a node, for ever.
pub(crate) async fn accept(shared: Arc<Shared>, node: usize, listener: TcpListener) {
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            // Out of file handles, most likely: others need time to close theirs.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        if shared.cluster.nodes()[node].is_down() {
            continue;
        }
        // A socket that cannot be told so is closing already.
        let _ = socket.set_nodelay(true);
        shared.cluster.nodes()[node].serve(socket, |connection, socket| {
            let shared = shared.clone();
            async move {
                let calls = service_fn(|request| {
                    let call = Call::new(shared.clone(), node, connection, request.headers());
                    route(call, request)
                });
                // How a connection ends is its client's matter.
                let _ = http2::Builder::new(TokioExecutor::new())
                    .timer(TokioTimer::new())
                    .max_concurrent_streams(10_000)
                    .serve_connection(TokioIo::new(socket), calls)
                    .await;
                shared.cluster.nodes()[node].ended(connection);
            }
        });
    }
}

/// A call: where it came in and what its headers ask for.
#[derive(Clone)]
pub(crate) struct Call {
    pub shared: Arc<Shared>,
    node: usize,
    connection: u64,
    requires_leader: bool,
    deadline: Option<Duration>,
}

impl Call {
    fn new(shared: Arc<Shared>, node: usize, connection: u64, headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        Call {
            shared,
            node,
            connection,
            requires_leader: text("requires-leader") == Some("true"),
            deadline: text("grpc-timeout").and_then(parse_timeout),
        }
    }

    /// Refuses a call that this node cannot answer now.
    pub fn admit(&self, stream: &str) -> Result<(), Status> {
        let Shared { cluster, faults, .. } = &*self.shared;
        if cluster.is_unavailable() || faults.happens(Fault::Unavailable, stream) {
            return Err(status::not_ready());
        }
        let must_move = self.requires_leader && self.node != cluster.leader();
        if must_move || faults.happens(Fault::NotLeader, stream) {
            return Err(status::not_leader(cluster.leader_address()));
        }
        Ok(())
    }

    /// Waits before the answer when [`Fault::SlowAnswer`] happens.
    pub async fn delay(&self, stream: &str) {
        if self.shared.faults.happens(Fault::SlowAnswer, stream) {
            tokio::time::sleep(self.shared.faults.delay()).await;
        }
    }

    /// Ends the call with `DeadlineExceeded` when its client's deadline has passed.
    pub async fn within_deadline<T>(
        &self,
        answer: impl Future<Output = Result<T, Status>>,
    ) -> Result<T, Status> {
        match self.deadline {
            Some(deadline) => tokio::time::timeout(deadline, answer)
                .await
                .unwrap_or_else(|_| Err(Status::deadline_exceeded("Deadline Exceeded"))),
            None => answer.await,
        }
    }

    /// Cuts the connection that this call came on.
    pub fn cut_connection(&self) {
        self.shared.cluster.nodes()[self.node].cut_connection(self.connection);
    }
}

async fn route(call: Call, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let path = request.uri().path().to_owned();
    let Some((service, method)) = path.trim_start_matches('/').split_once('/') else {
        return Ok(Status::unimplemented("no such call").into_http());
    };
    Ok(match (service.strip_prefix("event_store.client."), method) {
        (Some("streams.Streams"), "Append") => {
            let answer = tower::service_fn(move |request| write::append(call.clone(), request));
            Grpc::new(ProstCodec::default())
                .max_decoding_message_size(64 << 20)
                .client_streaming(answer, request)
                .await
        }
        (Some("streams.Streams"), "Delete") => {
            let answer =
                tower::service_fn(move |request| write::delete(call.clone(), request, false));
            Grpc::new(ProstCodec::default()).unary(answer, request).await
        }
        (Some("streams.Streams"), "Tombstone") => {
            let answer =
                tower::service_fn(move |request| write::delete(call.clone(), request, true));
            Grpc::new(ProstCodec::default()).unary(answer, request).await
        }
        (Some("streams.Streams"), "Read") => {
            let answer = tower::service_fn(move |request| read::read(call.clone(), request));
            Grpc::new(ProstCodec::default()).server_streaming(answer, request).await
        }
        (Some("gossip.Gossip"), "Read") => {
            let answer = tower::service_fn(move |_: tonic::Request<Empty>| {
                std::future::ready(gossip(&call).map(tonic::Response::new))
            });
            Grpc::new(ProstCodec::default()).unary(answer, request).await
        }
        (Some("server_features.ServerFeatures"), "GetSupportedMethods") => {
            let answer = tower::service_fn(move |_: tonic::Request<Empty>| {
                std::future::ready(features(&call).map(tonic::Response::new))
            });
            Grpc::new(ProstCodec::default()).unary(answer, request).await
        }
        _ => Status::unimplemented("the double does not know this call").into_http(),
    })
}

fn gossip(call: &Call) -> Result<ClusterInfo, Status> {
    let cluster = &call.shared.cluster;
    if cluster.is_unavailable() {
        return Err(status::not_ready());
    }
    let leader = cluster.leader();
    let members = cluster.nodes().iter().enumerate().map(|(index, node)| MemberInfo {
        id: Some(node.id.into()),
        time_stamp: now_ticks().cast_signed(),
        state: match (node.is_alive(), index == leader) {
            (false, _) => MEMBER_UNKNOWN,
            (true, true) => MEMBER_LEADER,
            (true, false) => MEMBER_FOLLOWER,
        },
        is_alive: node.is_alive(),
        end_point: Some(EndPoint {
            address: node.address.ip().to_string(),
            port: node.address.port().into(),
        }),
    });
    Ok(ClusterInfo { members: members.collect() })
}

fn features(call: &Call) -> Result<SupportedMethods, Status> {
    if call.shared.cluster.is_unavailable() {
        return Err(status::not_ready());
    }
    let methods = ["append", "read", "delete", "tombstone"].map(|method| SupportedMethod {
        method: method.to_owned(),
        service: "event_store.client.streams.streams".to_owned(),
        features: Vec::new(),
    });
    Ok(SupportedMethods { methods: methods.into(), version: call.shared.options.version.clone() })
}

/// The header `grpc-timeout`: up to eight digits and a unit.
fn parse_timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let amount: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(amount * 3600),
        "M" => Duration::from_secs(amount * 60),
        "S" => Duration::from_secs(amount),
        "m" => Duration::from_millis(amount),
        "u" => Duration::from_micros(amount),
        "n" => Duration::from_nanos(amount),
        _ => return None,
    })
}
