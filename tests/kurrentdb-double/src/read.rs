//! Reads of a stream and of the log, and the way into subscriptions.

use std::collections::HashMap;

use futures_util::stream::{self, BoxStream, StreamExt};
use regex::Regex;
use tokio::sync::mpsc;
use tonic::{Request, Response, Status};

use crate::cluster::lock;
use crate::faults::Fault;
use crate::log::{Log, LogEvent, Visible};
use crate::server::Call;
use crate::wire::{
    FilterBy, FilterOptions, Position, ReadContent, ReadEvent, ReadExtent, ReadFrom, ReadRequest,
    ReadResponse, RecordedEvent, StartPosition, StartRevision, StreamIdentifier, StreamNotFound,
};
use crate::{status, subscription};

/// Messages that wait for the connection. What does not fit stays in the log.
pub(crate) const BUFFER: usize = 64;
/// Rows that are looked at under one lock.
pub(crate) const ROWS_AT_ONCE: usize = 4096;
/// The search window where the client names none.
const SEARCH_WINDOW: u32 = 32;

/// The messages of an answer.
pub(crate) type Messages = BoxStream<'static, Result<ReadResponse, Status>>;
/// Where the messages of an answer go.
pub(crate) type Sender = mpsc::Sender<Result<ReadResponse, Status>>;

pub(crate) async fn read(
    call: Call,
    request: Request<ReadRequest>,
) -> Result<Response<Messages>, Status> {
    let options = request.into_inner().options;
    let options = options.ok_or_else(|| Status::invalid_argument("the options are missing"))?;
    let filter = options.filter.map(Filter::new).transpose()?;
    let (sender, mut receiver) = mpsc::channel(BUFFER);
    let name = match &options.from {
        Some(ReadFrom::Stream(from)) => stream_name(from.stream.clone())?,
        _ => String::new(),
    };
    call.admit(&name)?;
    let is_subscription = matches!(options.extent, Some(ReadExtent::Subscription(_)));
    if !is_subscription && call.shared.faults.happens(Fault::ReadNeverAnswered, &name) {
        return std::future::pending().await;
    }
    let is_backwards = options.direction == 1;
    let count_max = match options.extent {
        Some(ReadExtent::Count(count)) => count,
        _ => 0,
    };
    match options.from {
        Some(ReadFrom::Stream(from)) => {
            let start = from.start.unwrap_or(StartRevision::Start(Default::default()));
            let visible = lock(&call.shared.log).visible(&name);
            if visible == Visible::Deleted {
                return Err(status::stream_deleted(&name));
            }
            if is_subscription {
                tokio::spawn(subscription::to_stream(
                    call.shared.clone(),
                    name.clone(),
                    start,
                    sender,
                ));
            } else {
                let page =
                    StreamPage { name: name.clone(), visible, start, is_backwards, count_max };
                tokio::spawn(send_stream(call.clone(), page, sender));
            }
        }
        Some(ReadFrom::All(from)) => {
            let start = from.start.unwrap_or(StartPosition::Start(Default::default()));
            if is_subscription {
                tokio::spawn(subscription::to_all(call.shared.clone(), filter, start, sender));
            } else {
                tokio::spawn(send_all(
                    call.clone(),
                    filter,
                    start,
                    is_backwards,
                    count_max,
                    sender,
                ));
            }
        }
        None => return Err(Status::invalid_argument("neither a stream nor all")),
    }
    call.delay(&name).await;
    Ok(Response::new(stream::poll_fn(move |context| receiver.poll_recv(context)).boxed()))
}

struct StreamPage {
    name: String,
    visible: Visible,
    start: StartRevision,
    is_backwards: bool,
    count_max: u64,
}

async fn send_stream(call: Call, page: StreamPage, sender: Sender) {
    let Visible::Revisions(revisions) = page.visible else {
        let stream = Some(StreamIdentifier { name: page.name.into() });
        // A client that has gone needs no answer; so everywhere below.
        let _ = sender.send(message(ReadContent::StreamNotFound(StreamNotFound { stream }))).await;
        return;
    };
    let (mut from, mut to) = (revisions.start, revisions.end);
    if page.is_backwards {
        to = match page.start {
            StartRevision::End(_) => to,
            StartRevision::Revision(revision) => to.min(revision.saturating_add(1)),
            StartRevision::Start(_) => to.min(1),
        };
        from = from.max(to.saturating_sub(page.count_max));
    } else {
        from = match page.start {
            StartRevision::Start(_) => from,
            StartRevision::Revision(revision) => revision.clamp(from, to),
            StartRevision::End(_) => to,
        };
        to = to.min(from.saturating_add(page.count_max));
    }
    while from < to {
        let size = (to - from).min(ROWS_AT_ONCE as u64);
        let range = if page.is_backwards { to - size..to } else { from..from + size };
        let mut events: Vec<LogEvent> = {
            let log = lock(&call.shared.log);
            range.filter_map(|revision| log.at(&page.name, revision).cloned()).collect()
        };
        if page.is_backwards {
            to -= size;
            events.reverse();
        } else {
            from += size;
        }
        for event in events.into_iter().filter(|event| !event.scavenged) {
            if sender.send(message(event_content(event))).await.is_err() {
                return;
            }
        }
    }
    if !page.is_backwards && to == revisions.end {
        let _ = sender.send(message(ReadContent::LastRevision(revisions.end - 1))).await;
    }
}

/// Sends a page of the log. Forwards, the event at the start position is part of the page; backwards, a position means
/// the end of what is read, as in the server, whose reader looks for the record that ends there.
async fn send_all(
    call: Call,
    filter: Option<Filter>,
    start: StartPosition,
    is_backwards: bool,
    count_max: u64,
    sender: Sender,
) {
    let (mut from, mut to) = {
        let log = lock(&call.shared.log);
        let length = log.row().len();
        let place = match start {
            StartPosition::Start(_) => 0,
            StartPosition::End(_) => length,
            StartPosition::Position(position) => first_at(&log, position),
        };
        if is_backwards { (0, place) } else { (place, length) }
    };
    let mut left = count_max;
    while from < to && left > 0 {
        let size = (to - from).min(ROWS_AT_ONCE);
        let range = if is_backwards { to - size..to } else { from..from + size };
        let mut events: Vec<LogEvent> = {
            let log = lock(&call.shared.log);
            // The log may have forgotten its end meanwhile.
            let rows = log.row().get(range).unwrap_or(&[]);
            rows.iter().filter(|event| is_seen(event, filter.as_ref())).cloned().collect()
        };
        if is_backwards {
            to -= size;
            events.reverse();
        } else {
            from += size;
        }
        for event in events {
            if left == 0 || sender.send(message(event_content(event))).await.is_err() {
                return;
            }
            left -= 1;
        }
    }
}

/// The row of the first event at or after a position.
pub(crate) fn first_at(log: &Log, position: Position) -> usize {
    log.row().partition_point(|event| event.position < position.commit)
}

/// Whether a reader of the log sees this event.
pub(crate) fn is_seen(event: &LogEvent, filter: Option<&Filter>) -> bool {
    !event.scavenged && filter.is_none_or(|filter| filter.matches(event))
}

/// Which events of the log a reader wants.
pub(crate) struct Filter {
    by_stream: bool,
    regex: Option<Regex>,
    prefixes: Vec<String>,
    /// A subscription gets a checkpoint each time it has looked at so many events.
    pub checkpoint_every: u64,
}

impl Filter {
    fn new(options: FilterOptions) -> Result<Self, Status> {
        let (by_stream, expression) = match options.by {
            Some(FilterBy::Stream(expression)) => (true, expression),
            Some(FilterBy::EventType(expression)) => (false, expression),
            None => return Err(Status::invalid_argument("the filter is empty")),
        };
        let regex = Some(expression.regex).filter(|regex| !regex.is_empty());
        let regex = regex
            .map(|regex| Regex::new(&regex))
            .transpose()
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
        let window = options.window_max.unwrap_or(SEARCH_WINDOW).max(1);
        let multiplier = options.checkpoint_interval_multiplier.max(1);
        Ok(Filter {
            by_stream,
            regex,
            prefixes: expression.prefixes,
            checkpoint_every: u64::from(window) * u64::from(multiplier),
        })
    }

    fn matches(&self, event: &LogEvent) -> bool {
        let text: &str = if self.by_stream { &event.stream } else { &event.kind };
        match &self.regex {
            Some(regex) => regex.is_match(text),
            None => self.prefixes.iter().any(|prefix| text.starts_with(prefix.as_str())),
        }
    }
}

/// One message of an answer.
pub(crate) fn message(content: ReadContent) -> Result<ReadResponse, Status> {
    Ok(ReadResponse { content: Some(content) })
}

/// An event as the protocol tells it.
pub(crate) fn event_content(event: LogEvent) -> ReadContent {
    let content_type = if event.is_json { "application/json" } else { "application/octet-stream" };
    let system_metadata = HashMap::from([
        ("type".to_owned(), event.kind.to_string()),
        ("content-type".to_owned(), content_type.to_owned()),
        ("created".to_owned(), event.created_ticks.to_string()),
    ]);
    let recorded = RecordedEvent {
        id: Some(event.id.into()),
        stream: Some(StreamIdentifier { name: event.stream.to_string().into() }),
        revision: event.revision,
        prepare: event.position,
        commit: event.position,
        system_metadata,
        metadata: event.metadata,
        data: event.data,
    };
    ReadContent::Event(ReadEvent { event: Some(recorded), commit: Some(event.position) })
}

fn stream_name(stream: Option<StreamIdentifier>) -> Result<String, Status> {
    let name = stream.unwrap_or_default().name;
    String::from_utf8(name.to_vec()).map_err(|_| Status::invalid_argument("the name is not UTF-8"))
}
