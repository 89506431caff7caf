//! The objects of an OCEL document, and the types that occurred, until they are written.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io::Write;

use jiff::Timestamp;
use parvandeh_domain::case::CaseEvent;
use parvandeh_domain::customer::CustomerEvent;
use parvandeh_domain::decider::Recorded;
use parvandeh_domain::id::{CaseId, CustomerId, EventId};
use parvandeh_domain::log::DomainEvent;
use parvandeh_domain::sla::ClockKey;
use rusqlite::Connection;
use uuid::Uuid;

use super::parts::{self, Declared, Object, Relationship, Timed, Type};
use crate::export::history::History;
use crate::export::index::{CaseIndex, IndexError};
use crate::export::personal::{self, Personal};
use crate::export::step::{self, Attribute, Sort, Value};
use crate::export::{ExportError, Header};

/// Names kept in memory, so that what has been noted already is passed over quickly.
const KNOWN_MAX: usize = 10_000;
const TABLES: &str = "
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    PRAGMA cache_size = -16384; -- KiB
    CREATE TABLE ready (number INTEGER PRIMARY KEY, object BLOB NOT NULL) STRICT;
    CREATE TABLE customer (id BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
    CREATE TABLE shared (id TEXT PRIMARY KEY, object BLOB NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE event_attribute (
        event_type TEXT NOT NULL, attribute TEXT NOT NULL, sort TEXT NOT NULL,
        PRIMARY KEY (event_type, attribute)
    ) STRICT, WITHOUT ROWID;
    BEGIN;";

/// The types of objects with the attributes that they may have.
const OBJECT_TYPES: [(&str, &[(&str, Sort)]); 7] = [
    (
        "case",
        &[
            ("name", Sort::Text),
            ("reference", Sort::Text),
            ("kind", Sort::Text),
            ("channel", Sort::Text),
            ("external_reference", Sort::Text),
            ("category", Sort::Text),
            ("priority", Sort::Text),
            ("severity", Sort::Text),
            ("unit", Sort::Text),
            ("assignee", Sort::Text),
            ("stage", Sort::Text),
            ("status", Sort::Text),
            ("outcome", Sort::Text),
            ("due_at", Sort::Time),
        ],
    ),
    (
        "customer",
        &[
            ("kind", Sort::Text),
            ("language", Sort::Text),
            ("tier", Sort::Text),
            ("erased", Sort::Flag),
        ],
    ),
    ("agent", &[("name", Sort::Text), ("role", Sort::Text)]),
    ("unit", &[("name", Sort::Text)]),
    (
        "clock",
        &[
            ("clock", Sort::Text),
            ("metric", Sort::Text),
            ("rule", Sort::Text),
            ("fact", Sort::Text),
            ("due_at", Sort::Time),
            ("started_at", Sort::Time),
            ("stopped_at", Sort::Time),
        ],
    ),
    ("policy version", &[("policy", Sort::Text), ("policy_version", Sort::Integer)]),
    ("message", &[("channel", Sort::Text), ("direction", Sort::Text), ("automatic", Sort::Flag)]),
];

/// An attribute, and from when it held.
type TimedAttribute<'a> = (Timestamp, Attribute<'a>);

/// A value that never changes holds from the beginning of time, which for a process miner is this moment.
const ALWAYS: Timestamp = Timestamp::UNIX_EPOCH;

/// The id of a case's object.
pub(super) fn case(id: CaseId) -> String {
    format!("case:{id}")
}

/// The id of a customer's object.
pub(super) fn customer(id: CustomerId) -> String {
    format!("customer:{id}")
}

/// The id of a message's object: it is named after the event that recorded it.
pub(super) fn message(id: EventId) -> String {
    format!("message:{id}")
}

/// The id of a clock's object.
pub(super) fn clock(id: CaseId, key: &ClockKey) -> String {
    format!("clock:{id}/{key}")
}

/// The objects of a document, and the types that occurred, until they are written.
pub(super) struct Objects {
    db: Connection,
    /// Ids of shared objects that are noted.
    known: HashSet<String>,
    /// Types of events with their attributes that are noted.
    event_types: HashMap<String, BTreeSet<&'static str>>,
}

impl Objects {
    pub fn new() -> Result<Self, IndexError> {
        let db = Connection::open("")?;
        db.execute_batch(TABLES)?;
        Ok(Self { db, known: HashSet::new(), event_types: HashMap::new() })
    }

    /// Adds a case with its clocks and its messages, and notes its customer.
    pub fn add_case(
        &mut self,
        header: &Header<'_>,
        index: &CaseIndex,
        history: &History,
    ) -> Result<(), ExportError> {
        let mut relationships = Vec::new();
        if let Some(id) = history.state.customer_id {
            relationships.push(Relationship::new(customer(id), "customer"));
            let mut insert = self
                .db
                .prepare_cached("INSERT OR IGNORE INTO customer VALUES (?)")
                .map_err(IndexError::from)?;
            insert.execute([id.0]).map_err(IndexError::from)?;
        }
        let merged_into = history.state.merged.map(|merge| merge.into);
        let split_from = history.opened.as_ref().and_then(|opened| opened.split_from);
        for (other, qualifier) in [(merged_into, "merged into"), (split_from, "split from")] {
            // A case outside the selection is not there, so nothing refers to it.
            if let Some(other) = other
                && index.holds(header.selection, other)?
            {
                relationships.push(Relationship::new(case(other), qualifier));
            }
        }
        let mut said: Vec<TimedAttribute<'_>> = vec![
            (ALWAYS, ("name", Value::Text(&history.name))),
            (ALWAYS, ("reference", Value::Owned(history.id.reference()))),
        ];
        said.extend(history.changes.iter().cloned());
        self.add("case", case(history.id), &said, relationships)?;
        self.add_clocks(history)?;
        self.add_messages(header, history)
    }

    fn add_clocks(&mut self, history: &History) -> Result<(), ExportError> {
        // In the order in which the clocks are first told of.
        let mut clocks: Vec<(&ClockKey, Vec<TimedAttribute<'_>>, Vec<Relationship>)> = Vec::new();
        for told in &history.events {
            let DomainEvent::Clock(_, fact) = &told.event.event else { continue };
            let subject = fact.subject();
            let place = clocks.iter().position(|(key, ..)| **key == subject.clock);
            let place = place.unwrap_or_else(|| {
                let said = vec![
                    (ALWAYS, ("clock", Value::Owned(subject.clock.to_string()))),
                    (ALWAYS, ("metric", Value::Text(subject.metric.as_str()))),
                    (ALWAYS, ("rule", Value::Text(&subject.rule))),
                ];
                let related = vec![Relationship::new(case(history.id), "case")];
                clocks.push((&subject.clock, said, related));
                clocks.len() - 1
            });
            let (_, said, related) = &mut clocks[place];
            let at = told.event.meta.occurred_at;
            said.push((at, ("fact", Value::Text(fact.kind().as_str()))));
            let moments = ["due_at", "started_at", "stopped_at"];
            let attributes = step::attributes(&told.event.event).into_iter();
            for attribute in attributes.filter(|(name, _)| moments.contains(name)) {
                let last = said.iter().rev().find(|(_, (name, _))| *name == attribute.0);
                if last.is_none_or(|(_, last)| *last != attribute) {
                    said.push((at, attribute));
                }
            }
            let version = self.policy((subject.policy_id.as_str(), subject.policy_version))?;
            related.truncate(1);
            related.push(Relationship::new(version, "governed by"));
        }
        for (key, said, related) in clocks {
            self.add("clock", clock(history.id, key), &said, related)?;
        }
        Ok(())
    }

    fn add_messages(&mut self, header: &Header<'_>, history: &History) -> Result<(), ExportError> {
        for told in &history.events {
            let event = &told.event.event;
            if !matches!(event, DomainEvent::Case(_, CaseEvent::InteractionRecorded(_))) {
                continue;
            }
            let personal = personal::told(header.personal, &told.event)?;
            let said: Vec<_> = step::attributes(event)
                .into_iter()
                .chain(personal)
                .map(|attribute| (ALWAYS, attribute))
                .collect();
            let related = vec![Relationship::new(case(history.id), "case")];
            self.add("message", message(told.event.id), &said, related)?;
        }
        Ok(())
    }

    fn add(
        &mut self,
        sort: &'static str,
        id: String,
        said: &[TimedAttribute<'_>],
        relationships: Vec<Relationship>,
    ) -> Result<(), ExportError> {
        let object = encode(sort, id, said, relationships)?;
        let mut insert = self
            .db
            .prepare_cached("INSERT INTO ready (object) VALUES (?)")
            .map_err(IndexError::from)?;
        insert.execute([object]).map_err(IndexError::from)?;
        Ok(())
    }

    /// Notes somebody who acted, and answers their object's id.
    pub fn agent(&mut self, name: &str, role: Option<&'static str>) -> Result<String, ExportError> {
        let mut said = vec![(ALWAYS, ("name", Value::Text(name)))];
        said.extend(role.map(|role| (ALWAYS, ("role", Value::Text(role)))));
        self.share("agent", format!("agent:{name}"), &said)
    }

    /// Notes a unit, and answers its object's id.
    pub fn unit(&mut self, name: &str) -> Result<String, ExportError> {
        self.share("unit", format!("unit:{name}"), &[(ALWAYS, ("name", Value::Text(name)))])
    }

    /// Notes a version of a policy, and answers its object's id.
    pub fn policy(&mut self, (policy, version): (&str, u32)) -> Result<String, ExportError> {
        let said = [
            (ALWAYS, ("policy", Value::Text(policy))),
            (ALWAYS, ("policy_version", Value::Integer(i64::from(version)))),
        ];
        self.share("policy version", format!("policy:{policy}/{version}"), &said)
    }

    /// Notes an object that several cases have to do with, once.
    fn share(
        &mut self,
        sort: &'static str,
        id: String,
        said: &[TimedAttribute<'_>],
    ) -> Result<String, ExportError> {
        if !self.known.contains(&id) {
            let object = encode(sort, id.clone(), said, Vec::new())?;
            let mut insert = self
                .db
                .prepare_cached("INSERT OR IGNORE INTO shared VALUES (?, ?)")
                .map_err(IndexError::from)?;
            insert.execute((&id, object)).map_err(IndexError::from)?;
            if self.known.len() == KNOWN_MAX {
                self.known.clear();
            }
            self.known.insert(id.clone());
        }
        Ok(id)
    }

    /// Notes that an event of this type has these attributes.
    pub fn event_type(
        &mut self,
        name: &str,
        attributes: &[Attribute<'_>],
    ) -> Result<(), ExportError> {
        if !self.event_types.contains_key(name) {
            if self.event_types.len() == KNOWN_MAX {
                self.event_types.clear();
            }
            self.event_types.insert(name.to_owned(), BTreeSet::new());
        }
        let Some(known) = self.event_types.get_mut(name) else { return Ok(()) };
        for (attribute, value) in attributes {
            if known.insert(attribute) {
                let mut insert = self
                    .db
                    .prepare_cached("INSERT OR IGNORE INTO event_attribute VALUES (?, ?, ?)")
                    .map_err(IndexError::from)?;
                insert
                    .execute((name, attribute, type_name(value.sort())))
                    .map_err(IndexError::from)?;
            }
        }
        Ok(())
    }

    /// At most so many of the customers of the cases, after one, in the order of their ids.
    pub fn customers(&self, after: Option<Uuid>, limit: usize) -> Result<Vec<Uuid>, IndexError> {
        let mut query = self.db.prepare_cached(
            "SELECT id FROM customer WHERE ?1 IS NULL OR id > ?1 ORDER BY id LIMIT ?2",
        )?;
        let ids = query.query_map((after, limit), |row| row.get(0))?;
        Ok(ids.collect::<rusqlite::Result<_>>()?)
    }

    /// Adds a customer as their events tell of them.
    pub fn add_customer(
        &mut self,
        header: &Header<'_>,
        id: Uuid,
        events: &[Recorded<DomainEvent>],
    ) -> Result<(), ExportError> {
        let mut said = Vec::new();
        for event in events {
            let at = event.meta.occurred_at;
            if !header.selection.is_before_end(at) {
                continue;
            }
            let DomainEvent::Customer(_, customer_event) = &event.event else { continue };
            match customer_event {
                CustomerEvent::Registered(_)
                | CustomerEvent::DetailsChanged(_)
                | CustomerEvent::TierChanged(_) => {
                    let personal = personal::told(header.personal, event)?;
                    let attributes = step::attributes(&event.event).into_iter().chain(personal);
                    said.extend(attributes.map(|attribute| (at, attribute)));
                }
                CustomerEvent::Erased(_) => said.push((at, ("erased", Value::Flag(true)))),
                // What is allowed, and how they are reached, are events and no traits.
                CustomerEvent::ContactPointAdded(_)
                | CustomerEvent::ValueAssessed(_)
                | CustomerEvent::ConsentGiven(_)
                | CustomerEvent::ConsentWithdrawn(_)
                | CustomerEvent::LegalHoldPlaced(_)
                | CustomerEvent::LegalHoldReleased(_)
                | CustomerEvent::ErasureOrdered(_)
                | CustomerEvent::Merged(_)
                | CustomerEvent::Unmerged(_)
                | CustomerEvent::RepresentativeAppointed(_)
                | CustomerEvent::RepresentativeDismissed(_)
                | CustomerEvent::VerificationRequested(_)
                | CustomerEvent::VerificationFailed(_)
                | CustomerEvent::ContactPointVerified(_)
                | CustomerEvent::PreferencesChanged(_)
                | CustomerEvent::NotificationsRead(_) => {}
            }
        }
        self.add("customer", customer(CustomerId(id)), &said, Vec::new())
    }

    /// Writes the objects: cases, their clocks and messages, then customers, then what they share.
    pub fn write_all(&self, out: &mut dyn Write) -> Result<(), ExportError> {
        let mut is_first = true;
        for sql in
            ["SELECT object FROM ready ORDER BY number", "SELECT object FROM shared ORDER BY id"]
        {
            let mut query = self.db.prepare(sql).map_err(IndexError::from)?;
            let mut rows = query.query([]).map_err(IndexError::from)?;
            while let Some(row) = rows.next().map_err(IndexError::from)? {
                out.write_all(if is_first { b"\n" } else { b",\n" })?;
                let object = row.get_ref(0).and_then(|object| Ok(object.as_blob()?));
                out.write_all(object.map_err(IndexError::from)?)?;
                is_first = false;
            }
        }
        Ok(())
    }

    /// Writes the types of events that occurred.
    pub fn write_event_types(&self, out: &mut dyn Write) -> Result<(), ExportError> {
        let mut query = self
            .db
            .prepare("SELECT event_type, attribute, sort FROM event_attribute ORDER BY event_type, attribute")
            .map_err(IndexError::from)?;
        let mut rows = query.query([]).map_err(IndexError::from)?;
        let mut is_first = true;
        let mut open: Option<(String, Vec<(String, String)>)> = None;
        loop {
            let row = rows.next().map_err(IndexError::from)?;
            let row: Option<(String, String, String)> =
                row.map(|row| row.try_into()).transpose().map_err(IndexError::from)?;
            let ends = row.as_ref().map(|(name, ..)| name) != open.as_ref().map(|(name, _)| name);
            if ends && let Some((name, attributes)) = open.take() {
                let attributes = attributes.iter().map(|(name, sort)| Declared { name, sort });
                parts::line(
                    out,
                    is_first,
                    &Type { name: &name, attributes: attributes.collect() },
                )?;
                is_first = false;
            }
            let Some((name, attribute, sort)) = row else { return Ok(()) };
            open.get_or_insert_with(|| (name, Vec::new())).1.push((attribute, sort));
        }
    }
}

/// Writes the types of objects.
pub(super) fn write_object_types(
    header: &Header<'_>,
    out: &mut dyn Write,
) -> Result<(), ExportError> {
    for (index, (name, attributes)) in OBJECT_TYPES.iter().enumerate() {
        let personal = match (header.personal, *name) {
            (Personal::LeftOut, _) => None,
            (Personal::Included { .. }, "customer") => Some("name"),
            (Personal::Included { .. }, "message") => Some("body"),
            (Personal::Included { .. }, _) => None,
        };
        let attributes =
            attributes.iter().map(|(name, sort)| Declared { name, sort: type_name(*sort) });
        let personal = personal.map(|name| Declared { name, sort: type_name(Sort::Text) });
        let attributes = attributes.chain(personal).collect();
        parts::line(out, index == 0, &Type { name, attributes })?;
    }
    Ok(())
}

fn encode(
    sort: &'static str,
    id: String,
    said: &[TimedAttribute<'_>],
    relationships: Vec<Relationship>,
) -> Result<Vec<u8>, ExportError> {
    let attributes = said.iter().map(|(time, attribute)| Timed::new(*time, attribute)).collect();
    let object = Object { id, sort, attributes, relationships };
    Ok(serde_json::to_vec(&object).map_err(std::io::Error::from)?)
}

fn type_name(sort: Sort) -> &'static str {
    match sort {
        Sort::Text => "string",
        Sort::Time => "time",
        Sort::Integer => "integer",
        Sort::Flag => "boolean",
    }
}
