//! Appends and deletions.

use bytes::Bytes;
use tonic::{Request, Response, Status, Streaming};

use crate::faults::Fault;
use crate::log::{Expect, Log, Outcome, Proposed};
use crate::server::Call;
use crate::status;
use crate::wire::{
    AppendContent, AppendRequest, AppendResponse, AppendResult, AppendSuccess, DeleteRequest,
    DeleteResponse, Empty, ExpectedEcho, ExpectedRevision, Position, ProposedEvent,
    StreamExpectation, WrongExpectedVersion,
};

pub(crate) async fn append(
    call: Call,
    request: Request<Streaming<AppendRequest>>,
) -> Result<Response<AppendResponse>, Status> {
    let answered = call.within_deadline(async {
        let (stream, expect, events) = receive(&call, request.into_inner()).await?;
        let outcome =
            write(&call, &stream, expect, |log| log.append(&stream, expect, events)).await?;
        Ok((stream, expect, outcome))
    });
    let (stream, expect, outcome) = answered.await?;
    let result = match answer_to(&stream, outcome).await? {
        Outcome::Written { revision, position } => success(revision, Some(position)),
        Outcome::Repeated { revision, position } => success(revision, position),
        Outcome::Conflict { current } => AppendResult::WrongExpectedVersion(WrongExpectedVersion {
            current,
            current_no_stream: current.is_none().then_some(Empty {}),
            expected: Some(match expect {
                Expect::Any => ExpectedEcho::Any(Empty {}),
                Expect::NoStream => ExpectedEcho::NoStream(Empty {}),
                Expect::StreamExists => ExpectedEcho::StreamExists(Empty {}),
                Expect::Revision(revision) => ExpectedEcho::Revision(revision),
            }),
        }),
        Outcome::StreamDeleted => return Err(status::stream_deleted(&stream)),
    };
    Ok(Response::new(AppendResponse { result: Some(result) }))
}

pub(crate) async fn delete(
    call: Call,
    request: Request<DeleteRequest>,
    for_good: bool,
) -> Result<Response<DeleteResponse>, Status> {
    let answered = call.within_deadline(async {
        let (stream, expect) = expectation(request.into_inner().options)?;
        let delete = |log: &mut Log| match for_good {
            true => log.tombstone(&stream, expect),
            false => log.delete(&stream, expect),
        };
        let outcome = write(&call, &stream, expect, delete).await?;
        Ok((stream, outcome))
    });
    let (stream, outcome) = answered.await?;
    match answer_to(&stream, outcome).await? {
        Outcome::Written { position, .. } => {
            Ok(Response::new(DeleteResponse { position: Some(at(position)) }))
        }
        Outcome::Repeated { .. } => Ok(Response::new(DeleteResponse { position: None })),
        Outcome::Conflict { current } => Err(status::wrong_expected_version(&stream, current)),
        Outcome::StreamDeleted => Err(status::stream_deleted(&stream)),
    }
}

/// Writes to the log, with what may go wrong on the way. `None`: never to be answered.
async fn write(
    call: &Call,
    stream: &str,
    expect: Expect,
    change: impl FnOnce(&mut Log) -> Outcome,
) -> Result<Option<Outcome>, Status> {
    call.admit(stream)?;
    let faults = &call.shared.faults;
    if faults.happens(Fault::LostAndAborted, stream) {
        return Err(status::commit_timed_out());
    }
    if faults.happens(Fault::FalseConflict, stream) {
        let current = match expect {
            Expect::Revision(revision) => Some(revision),
            Expect::NoStream | Expect::Any | Expect::StreamExists => None,
        };
        return Ok(Some(Outcome::Conflict { current }));
    }
    let outcome = call.shared.change(change);
    if matches!(outcome, Outcome::Written { .. } | Outcome::Repeated { .. }) {
        if faults.happens(Fault::CommittedButAborted, stream) {
            return Err(status::commit_timed_out());
        }
        if faults.happens(Fault::CommittedButDeadlineExceeded, stream) {
            return Err(Status::deadline_exceeded("Deadline Exceeded"));
        }
        if faults.happens(Fault::CommittedButUnavailable, stream) {
            return Err(status::not_ready());
        }
        if faults.happens(Fault::CommittedButNeverAnswered, stream) {
            return Ok(None);
        }
        if faults.happens(Fault::CommittedButCut, stream) {
            call.cut_connection();
            return Ok(None);
        }
    }
    call.delay(stream).await;
    Ok(Some(outcome))
}

/// The outcome, or no answer for ever.
async fn answer_to(stream: &str, outcome: Option<Outcome>) -> Result<Outcome, Status> {
    match outcome {
        Some(Outcome::StreamDeleted) => Err(status::stream_deleted(stream)),
        Some(outcome) => Ok(outcome),
        None => std::future::pending().await,
    }
}

/// Receives the messages of an append. Sizes are counted as the server does: data, metadata and two bytes for each
/// character of the type.
async fn receive(
    call: &Call,
    mut messages: Streaming<AppendRequest>,
) -> Result<(String, Expect, Vec<Proposed>), Status> {
    let first = messages.message().await?.and_then(|message| message.content);
    let Some(AppendContent::Options(options)) = first else {
        return Err(Status::invalid_argument("an append begins with its options"));
    };
    let (stream, expect) = expectation(Some(options))?;
    let size_bytes_max = call.shared.options.append_size_bytes_max;
    let mut size_bytes = 0;
    let mut events = Vec::new();
    while let Some(message) = messages.message().await? {
        let Some(AppendContent::Event(event)) = message.content else {
            return Err(Status::invalid_argument("after its options an append holds events only"));
        };
        let event = proposed(event)?;
        size_bytes += event.data.len() + event.metadata.len() + 2 * event.kind.len();
        if size_bytes > size_bytes_max {
            return Err(status::append_too_large(size_bytes_max));
        }
        events.push(event);
    }
    Ok((stream, expect, events))
}

fn proposed(event: ProposedEvent) -> Result<Proposed, Status> {
    let id = event.id.as_ref().and_then(|id| id.read());
    let id = id.ok_or_else(|| Status::invalid_argument("an event needs an id"))?;
    let kind = event.system_metadata.get("type").cloned();
    Ok(Proposed {
        id,
        kind: kind.ok_or_else(|| Status::invalid_argument("an event needs the metadata `type`"))?,
        is_json: event
            .system_metadata
            .get("content-type")
            .is_some_and(|kind| kind == "application/json"),
        // Copied, since the bytes at hand are a part of a larger buffer, which would stay in memory with them.
        data: Bytes::copy_from_slice(&event.data),
        metadata: Bytes::copy_from_slice(&event.metadata),
    })
}

fn expectation(options: Option<StreamExpectation>) -> Result<(String, Expect), Status> {
    let options = options.ok_or_else(|| Status::invalid_argument("the options are missing"))?;
    let name = options.stream.unwrap_or_default().name;
    let name = String::from_utf8(name.to_vec())
        .ok()
        .filter(|name| !name.is_empty())
        .ok_or_else(|| Status::invalid_argument("a stream needs a name in UTF-8"))?;
    let expect = match options.expected {
        Some(ExpectedRevision::Revision(revision)) => Expect::Revision(revision),
        Some(ExpectedRevision::NoStream(_)) => Expect::NoStream,
        Some(ExpectedRevision::StreamExists(_)) => Expect::StreamExists,
        Some(ExpectedRevision::Any(_)) => Expect::Any,
        None => return Err(Status::invalid_argument("the expected revision is missing")),
    };
    Ok((name, expect))
}

fn success(revision: u64, position: Option<u64>) -> AppendResult {
    AppendResult::Success(AppendSuccess {
        revision: Some(revision),
        position: position.map(at),
        no_position: position.is_none().then_some(Empty {}),
    })
}

fn at(position: u64) -> Position {
    Position { commit: position, prepare: position }
}
