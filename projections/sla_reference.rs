//! SLA policies and calendars: every version that was published.
//!
//! Clocks are evaluated with the versions that were known at some point of the log, so this file also folds them:
//! [`ReferenceData`] is what the pure evaluation asks.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use parvandeh_domain::calendar::{CalendarEvent, CalendarVersions, WorkingTime};
use parvandeh_domain::decider::Recorded;
use parvandeh_domain::id::{CalendarId, PolicyId};
use parvandeh_domain::log::DomainEvent;
use parvandeh_domain::policy::{DEFAULT_POLICY, PolicyDocument, PolicyEvent, PolicyPublished};
use parvandeh_domain::sla::{CalendarSource, PolicyBinding, PolicySource};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use crate::ReadModel;
use crate::column;

/// All versions of all policies and calendars, as far as they are known at some point of the log.
#[derive(Clone, Debug, Default)]
pub struct ReferenceData {
    policies: BTreeMap<PolicyId, Vec<PolicyPublished>>,
    calendars: BTreeMap<CalendarId, KnownCalendar>,
}

#[derive(Clone, Debug)]
struct KnownCalendar {
    versions: Vec<(u32, Timestamp, Arc<WorkingTime>)>,
    compiled: CalendarVersions,
}

impl ReferenceData {
    /// Takes in a published policy version.
    pub fn policy_published(&mut self, id: &PolicyId, event: &PolicyEvent) {
        let PolicyEvent::Published(published) = event;
        self.policies.entry(id.clone()).or_default().push(published.clone());
    }

    /// Takes in a published calendar version. A document that does not compile was never accepted as a command; it is passed over.
    pub fn calendar_published(&mut self, id: &CalendarId, event: &CalendarEvent) {
        let CalendarEvent::Published(published) = event;
        let Ok(hours) = WorkingTime::compile(&published.document) else { return };
        let mut versions =
            self.calendars.get(id).map(|known| known.versions.clone()).unwrap_or_default();
        versions.push((published.version, published.effective_from, Arc::new(hours)));
        if let Some(compiled) = CalendarVersions::new(versions.iter().cloned()) {
            self.calendars.insert(id.clone(), KnownCalendar { versions, compiled });
        }
    }

    /// The versions of all known policies in force at a moment, in the order of policy ids and the default policy last: the first
    /// with a matching rule governs, and the default what no other does.
    pub fn in_force(&self, at: Timestamp) -> Vec<PolicyBinding> {
        let is_default = |id: &PolicyId| id.as_str() == DEFAULT_POLICY;
        let others = self.policies.iter().filter(|(id, _)| !is_default(id));
        let default = self.policies.iter().filter(|(id, _)| is_default(id));
        others
            .chain(default)
            .filter_map(|(id, versions)| {
                let version = PolicyPublished::in_force(versions, at)?.version;
                Some(PolicyBinding { policy_id: id.clone(), version })
            })
            .collect()
    }
}

impl PolicySource for ReferenceData {
    fn policy(&self, id: &PolicyId, version: u32) -> Option<&PolicyDocument> {
        let versions = self.policies.get(id)?;
        versions.iter().find(|known| known.version == version).map(|known| &known.document)
    }
}

impl CalendarSource for ReferenceData {
    fn calendar(&self, id: &CalendarId) -> Option<&CalendarVersions> {
        self.calendars.get(id).map(|known| &known.compiled)
    }
}

/// The read model.
#[derive(Default)]
pub struct SlaReference {
    published: Vec<PublishedRow>,
}

struct PublishedRow {
    position: u64,
    recorded_at: Timestamp,
    kind: &'static str,
    id: String,
    event: String,
}

impl SlaReference {
    fn add(
        &mut self,
        event: &Recorded<DomainEvent>,
        kind: ReferenceKind,
        id: &str,
        published: &impl Serialize,
    ) {
        self.published.push(PublishedRow {
            position: event.position,
            recorded_at: event.meta.recorded_at,
            kind: kind.name(),
            id: id.to_owned(),
            event: serde_json::to_string(published).expect("a document has plain values only"),
        });
    }
}

impl ReadModel for SlaReference {
    fn tables(&self) -> &'static str {
        "CREATE TABLE sla_reference (
            position INTEGER PRIMARY KEY, recorded_at INTEGER NOT NULL, kind TEXT NOT NULL,
            id TEXT NOT NULL, event TEXT NOT NULL
        )"
    }

    fn indexes(&self) -> &'static str {
        ""
    }

    fn apply(&mut self, _: &Connection, event: &Recorded<DomainEvent>) -> rusqlite::Result<()> {
        match &event.event {
            DomainEvent::Policy(id, PolicyEvent::Published(published)) => {
                self.add(event, ReferenceKind::Policy, id.as_str(), published);
            }
            DomainEvent::Calendar(id, CalendarEvent::Published(published)) => {
                self.add(event, ReferenceKind::Calendar, id.as_str(), published);
            }
            DomainEvent::Case(..) | DomainEvent::Customer(..) | DomainEvent::Clock(..) => {}
        }
        Ok(())
    }

    fn flush(&mut self, db: &Connection) -> rusqlite::Result<()> {
        let mut insert = db.prepare_cached(
            "INSERT OR REPLACE INTO sla_reference (position, recorded_at, kind, id, event) \
             VALUES (?, ?, ?, ?, ?)",
        )?;
        for row in self.published.drain(..) {
            insert.execute((
                column::integer(row.position),
                column::microseconds(row.recorded_at),
                row.kind,
                row.id,
                row.event,
            ))?;
        }
        Ok(())
    }
}

/// Up to where policies and calendars are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// All of them.
    Now,
    /// Those that stood in the log before this position.
    BeforePosition(u64),
    /// Those that had been recorded by this moment.
    Until(Timestamp),
}

/// The policy and calendar versions known, in the order in which they were published.
pub fn reference_data(db: &Connection, known: Known) -> rusqlite::Result<ReferenceData> {
    let (condition, bound) = match known {
        Known::Now => ("position < ?", i64::MAX),
        Known::BeforePosition(position) => ("position < ?", column::integer(position)),
        Known::Until(moment) => ("recorded_at <= ?", column::microseconds(moment)),
    };
    let mut reference = ReferenceData::default();
    let mut statement = db.prepare_cached(&format!(
        "SELECT kind, id, event FROM sla_reference WHERE {condition} ORDER BY position"
    ))?;
    let mut rows = statement.query([bound])?;
    while let Some(row) = rows.next()? {
        let id: String = row.get(1)?;
        match row.get_ref(0)?.as_str()? {
            "policy" => {
                if let Ok(id) = PolicyId::new(id) {
                    reference.policy_published(&id, &PolicyEvent::Published(column::json(row, 2)?));
                }
            }
            _ => {
                if let Ok(id) = CalendarId::new(id) {
                    reference
                        .calendar_published(&id, &CalendarEvent::Published(column::json(row, 2)?));
                }
            }
        }
    }
    Ok(reference)
}

/// What a published document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferenceKind {
    /// An SLA policy.
    Policy,
    /// A calendar.
    Calendar,
}

impl ReferenceKind {
    fn name(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Calendar => "calendar",
        }
    }
}

/// A version of a policy or a calendar.
#[derive(Clone, Debug, PartialEq)]
pub struct PublishedDocument {
    /// The code that all versions share.
    pub id: String,
    /// 1 for the first, then 2, 3 ...
    pub version: i64,
    /// From when it holds.
    pub effective_from: Timestamp,
    /// When it was published.
    pub published_at: Timestamp,
    /// The whole document.
    pub document: serde_json::Value,
}

/// Every version of every policy or calendar, in the order of publication. Reference data is the same for everybody who may read it
/// at all, so there is no scope.
pub fn published(db: &Connection, kind: ReferenceKind) -> rusqlite::Result<Vec<PublishedDocument>> {
    #[derive(Deserialize)]
    struct Version {
        version: i64,
        effective_from: Timestamp,
        document: serde_json::Value,
    }
    db.prepare_cached(
        "SELECT id, recorded_at, event FROM sla_reference WHERE kind = ? ORDER BY position",
    )?
    .query_map([kind.name()], |row| {
        let Version { version, effective_from, document } = column::json(row, 2)?;
        let published_at = column::time(row, 1)?;
        Ok(PublishedDocument { id: row.get(0)?, version, effective_from, published_at, document })
    })?
    .collect()
}
