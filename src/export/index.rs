//! Which places of the log belong to which case and which customer, for the time of one export.
//!
//! The log is in the order in which things were recorded, and the formats want one case after the other. Reading each stream through the
//! store's own index would need the running store, which the command line does not have; sorting the events themselves would copy the log.
//! So one pass over the log notes positions only, about twenty bytes an event, in a temporary SQLite file that has no name and goes with
//! its connection. It holds, beside them, what a selection asks of a case.

use std::collections::HashMap;

use jiff::Timestamp;
use parvandeh_domain::case::CaseEvent;
use parvandeh_domain::decider::{ActorKind, Metadata};
use parvandeh_domain::event::StoredEvent;
use parvandeh_domain::id::CaseId;
use parvandeh_projections::page::Conditions;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};
use uuid::Uuid;

use super::ExportError;
use super::selection::Selection;
use crate::import;
use crate::store::sqlite::LogReader;
use crate::store::{LoggedEvent, Position};

/// Events read at once.
const PAGE_SIZE: usize = 10_000;
/// Owners whose numbers are kept in memory.
const KNOWN_OWNERS_MAX: usize = 200_000;

const TABLES: &str = "
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    PRAGMA cache_size = -32768; -- KiB
    CREATE TABLE owner (
        number INTEGER PRIMARY KEY, -- in the order in which they come in the log
        category TEXT NOT NULL,
        id BLOB NOT NULL,
        name TEXT, -- of a case: what an event log calls it
        kind TEXT, -- of a case
        unit TEXT, -- of a case: that owns it at the end
        customer_id BLOB, -- of a case
        has_activities INTEGER NOT NULL DEFAULT FALSE, -- whether activities were imported
        happened INTEGER NOT NULL DEFAULT FALSE, -- whether anything did in the period
        UNIQUE (category, id)
    ) STRICT;
    CREATE INDEX owner_by_customer ON owner (customer_id) WHERE customer_id IS NOT NULL;
    CREATE TABLE run (
        owner INTEGER NOT NULL,
        position INTEGER NOT NULL, -- of the first of events that follow one another
        count INTEGER NOT NULL,
        PRIMARY KEY (owner, position)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE ambiguous (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
    BEGIN;";

/// Why the temporary index could not be kept.
#[derive(Debug, thiserror::Error)]
#[error(
    "the temporary index of the export cannot be kept; set SQLITE_TMPDIR to a directory with space, about 50 bytes an event"
)]
pub struct IndexError(#[from] rusqlite::Error);

/// Which places of the log belong to which case and which customer.
pub(super) struct CaseIndex {
    db: Connection,
}

/// A case of the selection.
pub(super) struct IndexedCase {
    /// Its place in the order of cases.
    pub number: i64,
    pub id: CaseId,
    /// What an event log calls it: no two cases of an export are called the same.
    pub name: String,
    /// Whether activities were imported for it.
    pub has_activities: bool,
}

/// Events that follow one another in the log: the position of the first, and how many.
pub(super) type Run = (u64, u64);

impl CaseIndex {
    /// Goes over the log up to and including `head`; `watch` is told the position reached.
    pub fn build(
        log: &LogReader,
        head: u64,
        selection: &Selection,
        watch: &mut dyn FnMut(u64) -> Result<(), ExportError>,
    ) -> Result<Self, ExportError> {
        let mut builder = Builder::new().map_err(IndexError)?;
        let mut after = 0;
        while after < head {
            let limit = usize::try_from(head - after).unwrap_or(PAGE_SIZE).min(PAGE_SIZE);
            let page = log.read_all_bare((after > 0).then_some(Position(after)), limit)?;
            let Some(last) = page.last() else { break };
            after = last.position.0;
            builder.add_page(&page, selection).map_err(IndexError)?;
            watch(after)?;
        }
        Ok(builder.finish(selection).map_err(IndexError)?)
    }

    /// The cases of the selection after one, in the order in which the log first tells of them.
    pub fn cases(
        &self,
        selection: &Selection,
        after: i64,
        limit: usize,
    ) -> Result<Vec<IndexedCase>, IndexError> {
        let mut conditions = chosen(selection);
        conditions.add("owner.number > ?", [Value::Integer(after)]);
        let sql = format!(
            "SELECT number, id, owner.name, has_activities, ambiguous.name IS NOT NULL
             FROM owner LEFT JOIN ambiguous USING (name) WHERE {} ORDER BY number LIMIT {limit}",
            conditions.sql()
        );
        let mut query = self.db.prepare_cached(&sql)?;
        let cases = query.query_map(params_from_iter(conditions.values()), |row| {
            let (id, name): (Uuid, String) = (row.get(1)?, row.get(2)?);
            let is_ambiguous: bool = row.get(4)?;
            Ok(IndexedCase {
                number: row.get(0)?,
                id: CaseId(id),
                name: if is_ambiguous { format!("{name} ({id})") } else { name },
                has_activities: row.get(3)?,
            })
        })?;
        Ok(cases.collect::<rusqlite::Result<_>>()?)
    }

    /// Whether a case is in the selection.
    pub fn holds(&self, selection: &Selection, id: CaseId) -> Result<bool, IndexError> {
        let mut conditions = chosen(selection);
        conditions.add("category = 'case' AND id = ?", [Value::Blob(id.0.as_bytes().to_vec())]);
        let sql = format!("SELECT EXISTS (SELECT * FROM owner WHERE {})", conditions.sql());
        let mut query = self.db.prepare_cached(&sql)?;
        Ok(query.query_row(params_from_iter(conditions.values()), |row| row.get(0))?)
    }

    /// Whether the selection tells of an owner: of a case in it, or of the customer of one.
    pub fn tells_of(
        &self,
        selection: &Selection,
        (category, id): Owner,
    ) -> Result<bool, IndexError> {
        if category == Category::Case {
            return self.holds(selection, CaseId(id));
        }
        let mut conditions = chosen(selection);
        conditions.add("customer_id = ?", [Value::Blob(id.as_bytes().to_vec())]);
        let sql = format!("SELECT EXISTS (SELECT * FROM owner WHERE {})", conditions.sql());
        let mut query = self.db.prepare_cached(&sql)?;
        Ok(query.query_row(params_from_iter(conditions.values()), |row| row.get(0))?)
    }

    /// How many cases the selection has.
    pub fn count(&self, selection: &Selection) -> Result<u64, IndexError> {
        let conditions = chosen(selection);
        let sql = format!("SELECT count(*) FROM owner WHERE {}", conditions.sql());
        let values = params_from_iter(conditions.values());
        Ok(self.db.query_row(&sql, values, |row| row.get(0))?)
    }

    /// Where the events of an owner stand: of a case those of its clocks too.
    pub fn runs(&self, owner: i64) -> Result<Vec<Run>, IndexError> {
        let mut query = self
            .db
            .prepare_cached("SELECT position, count FROM run WHERE owner = ? ORDER BY position")?;
        let runs = query.query_map([owner], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(runs.collect::<rusqlite::Result<_>>()?)
    }

    /// The number of a customer, where the log tells of them.
    pub fn customer(&self, id: Uuid) -> Result<Option<i64>, IndexError> {
        let mut query = self
            .db
            .prepare_cached("SELECT number FROM owner WHERE category = 'customer' AND id = ?")?;
        Ok(query.query_row([id], |row| row.get(0)).optional()?)
    }
}

/// The conditions on the cases of a selection. An owner without a kind is no case, or one whose opening is not in the log.
fn chosen(selection: &Selection) -> Conditions {
    let mut conditions = Conditions::default();
    conditions.add("owner.kind IS NOT NULL", []);
    selection.restrict(&mut conditions, "owner");
    if selection.has_period() {
        conditions.add("owner.happened", []);
    }
    conditions
}

struct Builder {
    db: Connection,
    known: HashMap<Owner, i64>,
    /// What the page adds, written in the order of the table.
    runs: Vec<(i64, Run)>,
}

/// To whom events belong, by their id.
pub(super) type Owner = (Category, Uuid);

/// What owners there are.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Category {
    Case,
    Customer,
}

impl Category {
    fn as_str(self) -> &'static str {
        match self {
            Self::Case => "case",
            Self::Customer => "customer",
        }
    }
}

impl Builder {
    fn new() -> rusqlite::Result<Self> {
        // A database without a name is a temporary file that is gone with its connection.
        let db = Connection::open("")?;
        db.execute_batch(TABLES)?;
        Ok(Self { db, known: HashMap::new(), runs: Vec::new() })
    }

    fn add_page(&mut self, page: &[LoggedEvent], selection: &Selection) -> rusqlite::Result<()> {
        for logged in page {
            let Some((category, id)) = owner_of(logged) else { continue };
            let owner = self.number(category, id)?;
            let position = logged.position.0;
            match self.runs.last_mut() {
                Some((last, (first, count))) if *last == owner && *first + *count == position => {
                    *count += 1;
                }
                _ => self.runs.push((owner, (position, 1))),
            }
            if category == Category::Case {
                self.note_case(owner, CaseId(id), logged, selection)?;
            }
        }
        self.runs.sort_unstable();
        let mut insert = self.db.prepare_cached("INSERT INTO run VALUES (?, ?, ?)")?;
        for (owner, (position, count)) in self.runs.drain(..) {
            insert.execute((owner, position, count))?;
        }
        Ok(())
    }

    fn number(&mut self, category: Category, id: Uuid) -> rusqlite::Result<i64> {
        if let Some(number) = self.known.get(&(category, id)) {
            return Ok(*number);
        }
        let found = self
            .db
            .prepare_cached("SELECT number FROM owner WHERE category = ? AND id = ?")?
            .query_row((category.as_str(), id), |row| row.get(0))
            .optional()?;
        let number = match found {
            Some(number) => number,
            None => {
                let mut insert =
                    self.db.prepare_cached("INSERT INTO owner (category, id) VALUES (?, ?)")?;
                insert.insert((category.as_str(), id))?
            }
        };
        if self.known.len() == KNOWN_OWNERS_MAX {
            self.known.clear();
        }
        self.known.insert((category, id), number);
        Ok(number)
    }

    /// Notes what a selection asks of a case. What cannot be understood is left to the second pass, which counts it.
    fn note_case(
        &self,
        owner: i64,
        id: CaseId,
        logged: &LoggedEvent,
        selection: &Selection,
    ) -> rusqlite::Result<()> {
        let set = |column: &str| {
            self.db.prepare_cached(&format!("UPDATE owner SET {column} WHERE number = ?1"))
        };
        if selection.has_period()
            && occurred_at(logged).is_some_and(|moment| selection.tells_of(moment))
        {
            set("happened = TRUE")?.execute([owner])?;
        }
        let decode = || CaseEvent::from_json(&logged.type_name, logged.version, &logged.data).ok();
        match &*logged.type_name {
            "CaseOpened" => {
                let Some(CaseEvent::Opened(opened)) = decode() else { return Ok(()) };
                let key = opened.external_reference.filter(|_| is_import(logged));
                set("name = ?2, kind = ?3, unit = ?4, customer_id = ?5")?.execute(params![
                    owner,
                    key.unwrap_or_else(|| id.reference()),
                    opened.kind.as_str(),
                    opened.unit.as_ref().map(|unit| unit.as_str()),
                    opened.customer_id.map(|id| id.0),
                ])?;
            }
            "CaseReferred" => {
                if let Some(CaseEvent::Referred(referred)) = decode() {
                    set("unit = ?2")?.execute((owner, referred.unit.as_str()))?;
                }
            }
            "CaseActivityRecorded" => {
                set("has_activities = TRUE")?.execute([owner])?;
            }
            _ => {}
        }
        Ok(())
    }

    fn finish(self, selection: &Selection) -> rusqlite::Result<CaseIndex> {
        let conditions = chosen(selection);
        self.db.execute(
            &format!(
                "INSERT INTO ambiguous
                 SELECT name FROM owner WHERE {} GROUP BY name HAVING count(*) > 1",
                conditions.sql()
            ),
            params_from_iter(conditions.values()),
        )?;
        Ok(CaseIndex { db: self.db })
    }
}

/// Whose event it is; the clocks of a case belong to the case.
pub(super) fn owner_of(logged: &LoggedEvent) -> Option<Owner> {
    let (category, id) = logged.stream.as_str().split_once('-')?;
    let category = match category {
        "case" | "clock" => Category::Case,
        "customer" => Category::Customer,
        _ => return None,
    };
    Some((category, Uuid::try_parse(id).ok()?))
}

/// When an event happened.
pub(super) fn occurred_at(logged: &LoggedEvent) -> Option<Timestamp> {
    #[derive(serde::Deserialize)]
    struct When {
        occurred_at: Timestamp,
    }
    serde_json::from_slice::<When>(&logged.metadata).ok().map(|when| when.occurred_at)
}

fn is_import(logged: &LoggedEvent) -> bool {
    serde_json::from_slice::<Metadata>(&logged.metadata).is_ok_and(|meta| {
        meta.actor.kind == ActorKind::Service && meta.actor.id == import::run::ACTOR
    })
}
