//! SLA policies and calendars: every version that was published.
//!
//! Clocks are evaluated with the versions that were known at some point of the log, so this file also folds them:
//! [`ReferenceData`] is what the pure evaluation asks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use parvandeh_domain::calendar::{CalendarEvent, CalendarPublished, CalendarVersions, WorkingTime};
use parvandeh_domain::decider::Recorded;
use parvandeh_domain::id::{CalendarId, PolicyId};
use parvandeh_domain::log::DomainEvent;
use parvandeh_domain::policy::{DEFAULT_POLICY, PolicyDocument, PolicyEvent, PolicyPublished};
use parvandeh_domain::sla::{CalendarSource, DRAFT_VERSION, Drafts, PolicyBinding, PolicySource};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use crate::ReadModel;
use crate::column;

/// All versions of all policies and calendars, as far as they are known at some point of the log.
#[derive(Clone, Debug, Default)]
pub struct ReferenceData {
    policies: BTreeMap<PolicyId, Vec<PolicyPublished>>,
    calendars: BTreeMap<CalendarId, KnownCalendar>,
    /// The zones in which policies mean calendars.
    time_zones: BTreeSet<String>,
}

#[derive(Clone, Debug)]
struct KnownCalendar {
    published: Vec<CalendarPublished>,
    versions: Vec<(u32, Timestamp, Arc<WorkingTime>)>,
    compiled: CalendarVersions,
    in_zones: BTreeMap<String, CalendarVersions>,
}

impl KnownCalendar {
    fn mean_in(&mut self, time_zone: &str) {
        if !self.in_zones.contains_key(time_zone)
            && let Some(moved) = self.compiled.in_zone(time_zone)
        {
            self.in_zones.insert(time_zone.to_owned(), moved);
        }
    }
}

impl ReferenceData {
    /// Takes in a published policy version.
    pub fn policy_published(&mut self, id: &PolicyId, event: &PolicyEvent) {
        let PolicyEvent::Published(published) = event;
        for zone in published.document.time_zones() {
            if self.time_zones.insert(zone.to_owned()) {
                self.calendars.values_mut().for_each(|calendar| calendar.mean_in(zone));
            }
        }
        self.policies.entry(id.clone()).or_default().push(published.clone());
    }

    /// Takes in a published calendar version. A document that does not compile was never accepted as a command; it is passed over.
    pub fn calendar_published(&mut self, id: &CalendarId, event: &CalendarEvent) {
        let CalendarEvent::Published(published) = event;
        let Ok(hours) = WorkingTime::compile(&published.document) else { return };
        let known = self.calendars.get(id);
        let mut versions = known.map(|known| known.versions.clone()).unwrap_or_default();
        let mut all = known.map(|known| known.published.clone()).unwrap_or_default();
        versions.push((published.version, published.effective_from, Arc::new(hours)));
        all.push(published.clone());
        if let Some(compiled) = CalendarVersions::new(versions.iter().cloned()) {
            let in_zones = BTreeMap::new();
            let mut known = KnownCalendar { published: all, versions, compiled, in_zones };
            self.time_zones.iter().for_each(|zone| known.mean_in(zone));
            self.calendars.insert(id.clone(), known);
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

    /// The versions that come into force after a moment.
    pub fn later_than(&self, at: Timestamp) -> impl Iterator<Item = (&PolicyId, &PolicyPublished)> {
        let all = self.policies.iter();
        let versions = all.flat_map(|(id, versions)| versions.iter().map(move |one| (id, one)));
        versions.filter(move |(_, version)| version.effective_from > at)
    }

    /// The known versions of a policy, in the order of their publication.
    pub fn versions(&self, id: &PolicyId) -> &[PolicyPublished] {
        self.policies.get(id).map(Vec::as_slice).unwrap_or_default()
    }

    /// The same with the drafts in the places of what they name: the policy under the number [`DRAFT_VERSION`], the calendar for all time.
    pub fn with_drafts(&self, drafts: &Drafts) -> Self {
        let (version, effective_from) = (DRAFT_VERSION, Timestamp::MIN);
        let mut drafted = self.clone();
        if let Some((id, document)) = drafts.policy() {
            let document = document.clone();
            let published = PolicyPublished { version, document, effective_from };
            drafted.policy_published(id, &PolicyEvent::Published(published));
        }
        if let Some((id, document)) = drafts.calendar() {
            drafted.calendars.remove(id);
            let document = document.clone();
            let published = CalendarPublished { version, document, effective_from };
            drafted.calendar_published(id, &CalendarEvent::Published(published));
        }
        drafted
    }

    /// The version of a calendar that was published under this number.
    pub fn calendar_version(&self, id: &CalendarId, version: u32) -> Option<&CalendarPublished> {
        self.calendars.get(id)?.published.iter().find(|known| known.version == version)
    }
}

impl PolicySource for ReferenceData {
    fn policy(&self, id: &PolicyId, version: u32) -> Option<&PolicyDocument> {
        self.versions(id).iter().find(|known| known.version == version).map(|known| &known.document)
    }
}

impl CalendarSource for ReferenceData {
    fn calendar(&self, id: &CalendarId, time_zone: Option<&str>) -> Option<&CalendarVersions> {
        let known = self.calendars.get(id)?;
        match time_zone {
            None => Some(&known.compiled),
            Some(zone) => known.in_zones.get(zone),
        }
    }
}

/// The reference data as the tables have them now, kept until something is published: compiling a calendar takes a millisecond.
#[derive(Debug, Default)]
pub struct ReferenceCache(Mutex<Option<(i64, Arc<ReferenceData>)>>);

impl ReferenceCache {
    /// The reference data at this moment of the tables.
    pub fn get(&self, db: &Connection) -> rusqlite::Result<Arc<ReferenceData>> {
        let last = db
            .prepare_cached("SELECT coalesce(max(position), 0) FROM sla_reference")?
            .query_row([], |row| row.get::<_, i64>(0))?;
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((position, reference)) = &*kept
            && *position == last
        {
            return Ok(Arc::clone(reference));
        }
        let reference = Arc::new(reference_data(db)?);
        *kept = Some((last, Arc::clone(&reference)));
        Ok(reference)
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
            DomainEvent::Case(..)
            | DomainEvent::Customer(..)
            | DomainEvent::Clock(..)
            | DomainEvent::Attachment(..)
            | DomainEvent::Access(..)
            | DomainEvent::Segmentation(..)
            | DomainEvent::Account(..)
            | DomainEvent::Redress(..)
            | DomainEvent::Fee(..)
            | DomainEvent::Payment(..)
            | DomainEvent::Card(..)
            | DomainEvent::SignIn(..)
            | DomainEvent::Unit(..) => {}
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

/// The policy and calendar versions known now.
pub fn reference_data(db: &Connection) -> rusqlite::Result<ReferenceData> {
    let mut reference = ReferenceData::default();
    for publication in publications(db, Timestamp::MAX)? {
        match &publication.event {
            DomainEvent::Policy(id, event) => reference.policy_published(id, event),
            DomainEvent::Calendar(id, event) => reference.calendar_published(id, event),
            DomainEvent::Case(..)
            | DomainEvent::Customer(..)
            | DomainEvent::Clock(..)
            | DomainEvent::Attachment(..)
            | DomainEvent::Access(..)
            | DomainEvent::Segmentation(..)
            | DomainEvent::Account(..)
            | DomainEvent::Redress(..)
            | DomainEvent::Fee(..)
            | DomainEvent::Payment(..)
            | DomainEvent::Card(..)
            | DomainEvent::SignIn(..)
            | DomainEvent::Unit(..) => {}
        }
    }
    Ok(reference)
}

/// A publication as it stands in the log.
#[derive(Clone, Debug)]
pub struct Publication {
    /// Its place in the log.
    pub position: u64,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// The publication of a policy or of a calendar.
    pub event: DomainEvent,
}

/// Every publication recorded by a moment, in the order of the log.
pub fn publications(db: &Connection, until: Timestamp) -> rusqlite::Result<Vec<Publication>> {
    let mut statement = db.prepare_cached(
        "SELECT position, recorded_at, kind, id, event FROM sla_reference WHERE recorded_at <= ? \
         ORDER BY position",
    )?;
    let mut rows = statement.query([column::microseconds(until)])?;
    let mut publications = vec![];
    while let Some(row) = rows.next()? {
        let id: String = row.get(3)?;
        let event = match row.get_ref(2)?.as_str()? {
            "policy" => PolicyId::new(id).ok().map(|id| {
                column::json(row, 4)
                    .map(|published| DomainEvent::Policy(id, PolicyEvent::Published(published)))
            }),
            _ => CalendarId::new(id).ok().map(|id| {
                column::json(row, 4)
                    .map(|published| DomainEvent::Calendar(id, CalendarEvent::Published(published)))
            }),
        };
        let Some(event) = event.transpose()? else { continue };
        let recorded_at = column::time(row, 1)?;
        publications.push(Publication { position: row.get(0)?, recorded_at, event });
    }
    Ok(publications)
}

/// The streams of all policies and calendars, by name.
pub fn streams(db: &Connection) -> rusqlite::Result<Vec<String>> {
    db.prepare_cached("SELECT DISTINCT kind || '-' || id FROM sla_reference ORDER BY 1")?
        .query_map([], |row| row.get(0))?
        .collect()
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
