//! Recording in the access log.

use std::borrow::Cow;
use std::cell::LazyCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use parvandeh_domain::access::{
    AccessDay, AccessEvent, AccessLogFilter, AccessLogRead, PersonalDataRead, SUBJECTS_MAX,
};
use parvandeh_domain::decider::Metadata;
use parvandeh_domain::event::StoredEvent as _;
use parvandeh_domain::id::{CommandId, DataSubject, EventId, derived};
use parvandeh_domain::log::DomainEvent;
use uuid::Uuid;

use super::{Noted, Purpose};
use crate::clock::Clock;
use crate::command::policy;
use crate::error::TraceId;
use crate::principal::{Principal, Role};
use crate::recent::SharedRecent;
use crate::store::append::append;
use crate::store::{AppendError, EventStore, Expect, NewEvent, StreamId};

/// For so long, reading again is not recorded again.
const WINDOW: SignedDuration = SignedDuration::from_mins(10);
/// How many readings are remembered. Those that are forgotten early are recorded once more.
const REMEMBERED_MAX: usize = 200_000;
/// The most events of one append: of the longest kind they come to about half of what an append may hold.
const APPEND_EVENTS_MAX: usize = 10;
/// The most characters of an operation's name that are kept.
const OPERATION_LENGTH_MAX: usize = 200;

/// It could not be recorded that personal data were read.
#[derive(Debug, thiserror::Error)]
#[error("recording who read personal data")]
pub struct AccessLogError(#[from] AppendError);

/// One act of reading: who, what for, by what.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// Who reads.
    pub principal: &'a Principal,
    /// What for.
    pub purpose: &'a Purpose,
    /// By which operation.
    pub operation: &'a str,
    /// Finds the request in the program's own log.
    pub trace_id: Option<&'a TraceId>,
}

/// What makes two readings the same. There is one for each person whose data an answer holds, so it is small and made without hashing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    /// The reader in their role, and the purpose: see [`reader`].
    reader: Uuid,
    what: What,
}

/// What was read.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum What {
    DataOf(DataSubject),
    /// The part of the access log that a filter finds; its id follows from the filter.
    AccessLog(Uuid),
}

/// Keeps the access log.
pub struct AccessLog {
    store: Arc<dyn EventStore>,
    clock: Arc<dyn Clock>,
    /// When a reading was recorded last.
    recent: SharedRecent<Key, Timestamp>,
}

impl AccessLog {
    /// The access log of this log.
    pub fn new(store: Arc<dyn EventStore>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock, recent: SharedRecent::new(REMEMBERED_MAX) }
    }

    /// Records what was read, as far as the same was not recorded within the last ten minutes. Durable when this returns.
    ///
    /// # Errors
    /// When the log takes no append. What was read must then not be given out.
    pub async fn record(&self, reading: Reading<'_>, noted: Noted) -> Result<(), AccessLogError> {
        self.write(reading, noted, |access_log, key, now| !access_log.is_remembered(key, now)).await
    }

    /// Records what was read, whatever was recorded before: for exports, which take everything at once.
    ///
    /// # Errors
    /// As [`AccessLog::record`].
    pub async fn record_anew(
        &self,
        reading: Reading<'_>,
        subject: DataSubject,
    ) -> Result<(), AccessLogError> {
        let noted = Noted { subjects: BTreeSet::from([subject]), ..Noted::default() };
        self.write(reading, noted, |_, _, _| true).await
    }

    async fn write(
        &self,
        reading: Reading<'_>,
        noted: Noted,
        is_new: impl Fn(&Self, &Key, Timestamp) -> bool,
    ) -> Result<(), AccessLogError> {
        let now = self.clock.now();
        let Fresh { subjects, parts, keys } = fresh(reading, noted, |key| is_new(self, key, now));
        if keys.is_empty() {
            return Ok(());
        }
        let reads = subjects.chunks(SUBJECTS_MAX).map(|subjects| {
            AccessEvent::from(PersonalDataRead {
                reader_role: reading.principal.role.to_string(),
                purpose: purpose_with_others(reading).to_string(),
                operation: operation(reading),
                subjects: subjects.to_vec(),
                trace_id: reading.trace_id.map(ToString::to_string),
            })
        });
        let log_reads = parts.into_iter().map(|filter| {
            AccessEvent::from(AccessLogRead {
                reader_role: reading.principal.role.to_string(),
                purpose: reading.purpose.to_string(),
                operation: operation(reading),
                filter,
                trace_id: reading.trace_id.map(ToString::to_string),
            })
        });
        self.append(reading.principal, reads.chain(log_reads).collect(), now).await?;
        // Only now: what could not be recorded must be tried again by the next who reads.
        for key in keys {
            self.recent.insert(key, now);
        }
        Ok(())
    }

    fn is_remembered(&self, key: &Key, now: Timestamp) -> bool {
        let recorded_at = self.recent.get(key);
        recorded_at.is_some_and(|at| at <= now && now.duration_since(at) < WINDOW)
    }

    async fn append(
        &self,
        principal: &Principal,
        events: Vec<AccessEvent>,
        now: Timestamp,
    ) -> Result<(), AppendError> {
        let command_id = CommandId(Uuid::now_v7());
        let meta = Metadata {
            occurred_at: now,
            recorded_at: now,
            actor: policy::actor(principal),
            causation_id: command_id,
            correlation_id: command_id.0,
            command_digest: None,
            personal: None,
        };
        let metadata = serde_json::to_vec(&meta).expect("metadata are plain values");
        let metadata = Bytes::from(metadata);
        let day = AccessDay(now.to_zoned(TimeZone::UTC).date());
        let mut batch = Vec::with_capacity(APPEND_EVENTS_MAX.min(events.len()));
        let mut stream = None;
        let last = events.len().saturating_sub(1);
        for (index, event) in events.into_iter().enumerate() {
            let event_type = event.event_type();
            batch.push(NewEvent {
                id: EventId::of(command_id, index).0,
                type_name: event_type.name,
                version: event_type.version,
                metadata: metadata.clone(),
                data: event.to_json().into(),
                envelope: None,
            });
            let stream = stream.get_or_insert_with(|| {
                StreamId::new(&DomainEvent::Access(day, event).stream_name())
                    .expect("a date is a well-formed stream id")
            });
            if batch.len() == APPEND_EVENTS_MAX || index == last {
                // A retry is known again by its ids for a while; and twice in the log is better than not at all.
                append(&*self.store, stream, Expect::Any, std::mem::take(&mut batch)).await?;
            }
        }
        Ok(())
    }
}

/// What is to be recorded of a reading.
struct Fresh {
    subjects: Vec<DataSubject>,
    parts: Vec<AccessLogFilter>,
    /// What is remembered once all of it is recorded.
    keys: Vec<Key>,
}

/// What is new of that which was noted, and not the reader's own.
fn fresh(reading: Reading<'_>, noted: Noted, is_new: impl Fn(&Key) -> bool) -> Fresh {
    let own = own_subject(reading.principal);
    // Whoever reads nothing but their own data is not looked up.
    let reader = LazyCell::new(|| reader(reading));
    let mut keys = Vec::new();
    let mut is_fresh = |what| {
        let key = Key { reader: *reader, what };
        let is_new = is_new(&key);
        if is_new {
            keys.push(key);
        }
        is_new
    };
    let subjects = noted.subjects.into_iter().filter(|subject| Some(*subject) != own);
    let subjects = subjects.filter(|subject| is_fresh(What::DataOf(*subject))).collect();
    let own_part = |filter: &AccessLogFilter| own.is_some() && filter.subject == own;
    let parts = noted.access_log.into_iter().filter(|filter| !own_part(filter));
    let parts = parts
        .filter(|filter| {
            let text = serde_json::to_string(filter).expect("a filter is plain values");
            is_fresh(What::AccessLog(derived(&[&text])))
        })
        .collect();
    Fresh { subjects, parts, keys }
}

/// Whose data are the reader's own.
fn own_subject(principal: &Principal) -> Option<DataSubject> {
    let id = principal.customer_id.filter(|_| principal.role == Role::Customer)?;
    Some(DataSubject::Customer(parvandeh_domain::id::CustomerId(id)))
}

/// One small id for the reader in their role and their purpose.
fn reader(reading: Reading<'_>) -> Uuid {
    let Principal { subject, role, .. } = reading.principal;
    derived(&["reading", subject, role.as_str(), reading.purpose.as_str()])
}

/// What others' data are read for. Customers read them as those who act for them, unless they say otherwise.
fn purpose_with_others(reading: Reading<'_>) -> Cow<'_, Purpose> {
    let own_data = Purpose::of_role(Role::Customer);
    if reading.principal.role == Role::Customer && *reading.purpose == own_data {
        Cow::Owned(Purpose::representation())
    } else {
        Cow::Borrowed(reading.purpose)
    }
}

fn operation(reading: Reading<'_>) -> String {
    reading.operation.chars().take(OPERATION_LENGTH_MAX).collect()
}
