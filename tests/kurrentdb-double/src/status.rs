//! Refusals as the server words them. Clients recognise several by the trailer `exception`, not by their code.

use std::net::SocketAddr;

use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};

/// The write or read must go to the leader, which is there.
pub(crate) fn not_leader(leader: SocketAddr) -> Status {
    let host = leader.ip().to_string();
    let port = leader.port().to_string();
    let trailers = [
        ("exception", "not-leader"),
        ("leader-endpoint-host", &host),
        ("leader-endpoint-port", &port),
    ];
    with_trailers(Code::NotFound, "Leader info available", &trailers)
}

/// The stream is deleted for good.
pub(crate) fn stream_deleted(stream: &str) -> Status {
    let message = format!("Event stream '{stream}' is deleted.");
    let trailers = [("exception", "stream-deleted"), ("stream-name", stream)];
    with_trailers(Code::FailedPrecondition, &message, &trailers)
}

/// The append holds more bytes than the server takes at once.
pub(crate) fn append_too_large(size_bytes_max: usize) -> Status {
    let message = format!("Maximum Append Size of {size_bytes_max} Exceeded.");
    let size = size_bytes_max.to_string();
    let trailers = [("exception", "maximum-append-size-exceeded"), ("maximum-append-size", &*size)];
    with_trailers(Code::InvalidArgument, &message, &trailers)
}

/// The commit took too long: whether it stands is unknown.
pub(crate) fn commit_timed_out() -> Status {
    Status::aborted("Operation timed out: Commit phase timeout")
}

/// No leader is elected.
pub(crate) fn not_ready() -> Status {
    Status::unavailable("Server Is Not Ready")
}

/// A deletion found the stream elsewhere.
pub(crate) fn wrong_expected_version(stream: &str, current: Option<u64>) -> Status {
    let message = format!("Wrong expected version for stream '{stream}', which is at {current:?}.");
    let trailers = [("exception", "wrong-expected-version"), ("stream-name", stream)];
    with_trailers(Code::FailedPrecondition, &message, &trailers)
}

fn with_trailers(code: Code, message: &str, trailers: &[(&'static str, &str)]) -> Status {
    let mut metadata = MetadataMap::new();
    for (name, value) in trailers {
        if let Ok(value) = MetadataValue::try_from(*value) {
            metadata.insert(*name, value);
        }
    }
    Status::with_metadata(code, message, metadata)
}
