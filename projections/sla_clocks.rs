//! The SLA clocks of every case: what was promised, how it stands, and what is to be recorded next.
//!
//! Two tables follow from the log alone and do not know what time it is. `sla_case` holds the ground of each case
//! ([`crate::case_clocks`]), from which its clocks are evaluated whole; `sla_clock` has one flat row a clock for what looks across cases:
//! the monitor's index of moments at which something is to be recorded ([`due`]), compliance and the reports.
//!
//! A case's clocks are evaluated anew when something happened to it. A calendar's new version moves the clocks that are still open and
//! those that stopped after it came into force; a policy's new version those cases that it reaches.

use std::collections::HashSet;

use jiff::Timestamp;
use parvandeh_domain::calendar::CalendarEvent;
use parvandeh_domain::case::CaseEvent;
use parvandeh_domain::decider::Recorded;
use parvandeh_domain::id::{CalendarId, PolicyId, derived};
use parvandeh_domain::log::DomainEvent;
use parvandeh_domain::policy::{OpenCases, PolicyEvent};
use parvandeh_domain::sla::IntervalCourse;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension};
use uuid::Uuid;

use crate::ReadModel;
use crate::case_clocks::{CaseClocks, ClockRow, CustomerTraits};
use crate::case_summary::TimeRange;
use crate::column;
use crate::page::Conditions;
use crate::rows::{Rows, Table};
use crate::scope::CaseScope;
use crate::sla_reference::{ReferenceData, reference_data};

/// Cases that one publication changes in memory before they are written.
const CASES_AT_ONCE: usize = 10_000;

struct CaseClocksTable;

impl Table for CaseClocksTable {
    type Key = Uuid;
    type Row = CaseClocks;

    fn read(db: &Connection, id: Uuid) -> rusqlite::Result<Option<CaseClocks>> {
        db.prepare_cached("SELECT ground FROM sla_case WHERE case_id = ?")?
            .query_row([id], |row| column::json(row, 0))
            .optional()
    }

    fn write(db: &Connection, id: Uuid, row: &CaseClocks) -> rusqlite::Result<()> {
        let ground = serde_json::to_string(row).expect("a history has plain values only");
        let opened_at = column::microseconds(row.opened_at);
        db.prepare_cached(
            "INSERT OR REPLACE INTO sla_case (case_id, opened_at, customer_id, ground) \
             VALUES (?, ?, ?, ?)",
        )?
        .execute((id, opened_at, row.customer_id, ground))?;
        Ok(())
    }
}

/// A customer as rules see them, and whether any case is theirs: most are registered before their first case, and then nothing needs to
/// be looked for.
#[derive(Clone, Debug, Default)]
struct KnownCustomer {
    traits: CustomerTraits,
    has_cases: bool,
}

struct CustomerTraitsTable;

impl Table for CustomerTraitsTable {
    type Key = Uuid;
    type Row = KnownCustomer;

    fn read(db: &Connection, id: Uuid) -> rusqlite::Result<Option<KnownCustomer>> {
        db.prepare_cached("SELECT traits, has_cases FROM sla_customer WHERE customer_id = ?")?
            .query_row([id], |row| {
                Ok(KnownCustomer { traits: column::json(row, 0)?, has_cases: row.get(1)? })
            })
            .optional()
    }

    fn write(db: &Connection, id: Uuid, row: &KnownCustomer) -> rusqlite::Result<()> {
        let traits = serde_json::to_string(&row.traits).expect("traits are plain values only");
        db.prepare_cached(
            "INSERT OR REPLACE INTO sla_customer (customer_id, traits, has_cases) VALUES (?, ?, ?)",
        )?
        .execute((id, traits, row.has_cases))?;
        Ok(())
    }
}

/// The read model.
#[derive(Default)]
pub struct SlaClocks {
    /// Loaded from the tables before the first event.
    reference: Option<ReferenceData>,
    cases: Rows<CaseClocksTable>,
    customers: Rows<CustomerTraitsTable>,
    grounds_only: bool,
}

impl SlaClocks {
    /// The read model without the rows of its clocks: for what evaluates the grounds itself.
    pub fn grounds_only() -> Self {
        Self { grounds_only: true, ..Self::default() }
    }

    fn reference(&mut self, db: &Connection) -> rusqlite::Result<&mut ReferenceData> {
        if self.reference.is_none() {
            self.reference = Some(reference_data(db)?);
        }
        Ok(self.reference.as_mut().expect("it was loaded just now"))
    }

    fn case_event(
        &mut self,
        db: &Connection,
        id: Uuid,
        event: &Recorded<DomainEvent>,
        case_event: &CaseEvent,
    ) -> rusqlite::Result<()> {
        let (meta, revision) = (&event.meta, event.revision);
        if let CaseEvent::Opened(opened) = case_event {
            let customer = match opened.customer_id {
                Some(customer_id) => {
                    let known = self.customer(db, customer_id.0)?;
                    known.has_cases = true;
                    known.traits.clone()
                }
                None => CustomerTraits::default(),
            };
            let reference = self.reference(db)?;
            let opened = CaseClocks::opened(case_event, meta, revision, &customer, reference);
            if let Some(clocks) = opened {
                self.cases.put(id, clocks);
            }
        } else if let Some(clocks) = self.cases.change(db, id)? {
            clocks.apply(case_event, meta, revision);
        }
        Ok(())
    }

    /// The customer, to be changed; nobody in particular when they are not known yet.
    fn customer(&mut self, db: &Connection, id: Uuid) -> rusqlite::Result<&mut KnownCustomer> {
        if self.customers.change(db, id)?.is_none() {
            self.customers.put(id, KnownCustomer::default());
        }
        Ok(self.customers.change(db, id)?.expect("it was put there just now"))
    }

    fn customer_event(
        &mut self,
        db: &Connection,
        id: Uuid,
        event: &Recorded<DomainEvent>,
        said: CustomerTraits,
    ) -> rusqlite::Result<()> {
        let known = self.customer(db, id)?;
        known.traits.take_in(said.clone());
        if !known.has_cases {
            return Ok(());
        }
        self.flush(db)?;
        let cases = ids(db, "SELECT case_id FROM sla_case WHERE customer_id = ?", [id])?;
        self.change_all(db, &cases, |clocks, _| {
            clocks.customer_changed(said.clone(), &event.meta, event.revision);
        })
    }

    fn policy_event(
        &mut self,
        db: &Connection,
        id: &PolicyId,
        event: &Recorded<DomainEvent>,
        policy_event: &PolicyEvent,
    ) -> rusqlite::Result<()> {
        let PolicyEvent::Published(published) = policy_event;
        let recorded_at = event.meta.recorded_at;
        self.reference(db)?.policy_published(id, policy_event);
        // What happened before the publication is evaluated without it, however the log is cut into batches.
        self.flush(db)?;
        let cases = if published.document.open_cases == OpenCases::Move {
            ids(db, "SELECT case_id FROM sla_case", [])?
        } else {
            // Cases opened since it holds, before it was known.
            let from = column::microseconds(published.effective_from);
            ids(db, "SELECT case_id FROM sla_case WHERE opened_at >= ?", [from])?
        };
        self.change_all(db, &cases, |clocks, reference| {
            let versions = reference.versions(id);
            clocks.policy_published(id, published, versions, recorded_at);
        })
    }

    fn calendar_event(
        &mut self,
        db: &Connection,
        id: &CalendarId,
        calendar_event: &CalendarEvent,
    ) -> rusqlite::Result<()> {
        self.flush(db)?;
        self.reference(db)?.calendar_published(id, calendar_event);
        let CalendarEvent::Published(published) = calendar_event;
        let from = column::microseconds(published.effective_from);
        let cases = ids(
            db,
            "SELECT DISTINCT case_id FROM sla_clock WHERE calendar_id = ?1 \
             AND (stopped_at IS NULL OR stopped_at >= ?2)",
            (id.as_str(), from),
        )?;
        self.change_all(db, &cases, |_, _| {})
    }

    /// Changes many cases, and writes them as it goes: there may be more than memory should hold.
    fn change_all(
        &mut self,
        db: &Connection,
        cases: &[Uuid],
        mut change: impl FnMut(&mut CaseClocks, &ReferenceData),
    ) -> rusqlite::Result<()> {
        self.reference(db)?;
        for some in cases.chunks(CASES_AT_ONCE) {
            for case_id in some {
                let Self { reference: Some(reference), cases, .. } = self else { continue };
                if let Some(clocks) = cases.change(db, *case_id)? {
                    change(clocks, reference);
                }
            }
            if cases.len() > CASES_AT_ONCE {
                self.flush(db)?;
            }
        }
        Ok(())
    }
}

fn ids(
    db: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
) -> rusqlite::Result<Vec<Uuid>> {
    db.prepare_cached(sql)?.query_map(parameters, |row| row.get(0))?.collect()
}

impl ReadModel for SlaClocks {
    fn tables(&self) -> &'static str {
        "CREATE TABLE sla_case (
            case_id BLOB PRIMARY KEY, opened_at INTEGER NOT NULL, customer_id BLOB,
            ground TEXT NOT NULL
        ) WITHOUT ROWID;
        CREATE TABLE sla_customer (
            customer_id BLOB PRIMARY KEY, traits TEXT NOT NULL, has_cases INTEGER NOT NULL
        ) WITHOUT ROWID;
        -- Not with the others: what becomes known of a customer looks for their cases while the tables are built.
        CREATE INDEX sla_case_customer ON sla_case (customer_id) WHERE customer_id IS NOT NULL;
        CREATE TABLE sla_clock (
            id BLOB NOT NULL, case_id BLOB NOT NULL, clock TEXT NOT NULL, agreement TEXT NOT NULL,
            metric TEXT NOT NULL, policy_id TEXT NOT NULL, policy_version INTEGER NOT NULL,
            rule TEXT NOT NULL, calendar_id TEXT, started_at INTEGER NOT NULL, due_at INTEGER,
            state TEXT NOT NULL, stopped_at INTEGER, counts_at INTEGER, is_promise INTEGER NOT NULL,
            measure TEXT NOT NULL, waived INTEGER NOT NULL, elapsed INTEGER NOT NULL, wall_clock INTEGER NOT NULL,
            target INTEGER, running_since INTEGER, next_at INTEGER, unit TEXT, category TEXT,
            priority TEXT NOT NULL, channel TEXT NOT NULL, tier TEXT,
            PRIMARY KEY (case_id, clock)
        ) WITHOUT ROWID"
    }

    fn indexes(&self) -> &'static str {
        "CREATE INDEX sla_clock_next ON sla_clock (next_at) WHERE next_at IS NOT NULL;
         CREATE INDEX sla_clock_counts ON sla_clock (counts_at);
         CREATE INDEX sla_clock_open ON sla_clock (due_at, id) WHERE stopped_at IS NULL;
         CREATE INDEX sla_case_opened ON sla_case (opened_at)"
    }

    fn apply(&mut self, db: &Connection, event: &Recorded<DomainEvent>) -> rusqlite::Result<()> {
        match &event.event {
            DomainEvent::Case(id, case_event) => self.case_event(db, id.0, event, case_event)?,
            DomainEvent::Clock(id, clock_event) => {
                if let Some(clocks) = self.cases.change(db, id.0)? {
                    clocks.clock_fact(clock_event, &event.meta, event.revision);
                }
            }
            DomainEvent::Policy(id, policy_event) => {
                self.policy_event(db, id, event, policy_event)?;
            }
            DomainEvent::Calendar(id, calendar_event) => {
                self.calendar_event(db, id, calendar_event)?;
            }
            DomainEvent::Customer(id, customer_event) => {
                if let Some(said) = CustomerTraits::of(customer_event) {
                    self.customer_event(db, id.0, event, said)?;
                }
            }
            // A segmentation reaches clocks by the tier that it gives a customer.
            DomainEvent::Attachment(..)
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
        self.reference(db)?;
        let Self { reference: Some(reference), cases, customers, grounds_only } = self else {
            return Ok(());
        };
        customers.flush(db)?;
        cases.flush_with(|id, clocks| {
            CaseClocksTable::write(db, id, clocks)?;
            if *grounds_only {
                return Ok(());
            }
            db.prepare_cached("DELETE FROM sla_clock WHERE case_id = ?")?.execute([id])?;
            for row in clocks.clocks(id, reference) {
                insert_clock(db, &row)?;
            }
            Ok(())
        })
    }
}

fn insert_clock(db: &Connection, row: &ClockRow) -> rusqlite::Result<()> {
    let clock = &row.clock;
    let micros = |duration: jiff::SignedDuration| {
        i64::try_from(duration.as_micros()).expect("fifty years fit")
    };
    let running_since = clock
        .intervals
        .last()
        .filter(|last| last.to.is_none() && last.course == IntervalCourse::Running)
        .map(|last| column::microseconds(last.from));
    db.prepare_cached(
        "INSERT INTO sla_clock (id, case_id, clock, agreement, metric, policy_id, policy_version, rule, \
         calendar_id, started_at, due_at, state, stopped_at, counts_at, is_promise, measure, waived, elapsed, wall_clock, \
         target, running_since, next_at, unit, category, priority, channel, tier) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute(rusqlite::params![
        derived(&["clock", &row.case_id.to_string(), &clock.key.to_string()]),
        row.case_id,
        clock.key.to_string(),
        &*clock.key.agreement,
        clock.metric.as_str(),
        clock.policy_id.as_str(),
        clock.policy_version,
        clock.rule,
        clock.calendar_id.as_ref().map(CalendarId::as_str),
        column::microseconds(clock.started_at),
        clock.due_at.map(column::microseconds),
        clock.state.as_str(),
        clock.stopped_at.map(column::microseconds),
        clock.due_at.or(clock.stopped_at).map(column::microseconds),
        clock.goal.is_some(),
        clock.measure.as_str(),
        clock.waived,
        micros(clock.elapsed),
        micros(clock.wall_clock),
        clock.target.map(micros),
        running_since,
        row.next_at.map(column::microseconds),
        row.unit,
        row.category,
        row.priority.as_str(),
        row.channel.as_str(),
        row.tier,
    ])?;
    Ok(())
}

/// The clocks of one case inside the scope, in the order in which they started.
pub fn clocks(
    db: &Connection,
    scope: &CaseScope,
    case_id: Uuid,
    reference: &ReferenceData,
) -> rusqlite::Result<Vec<ClockRow>> {
    let ground = ground(db, scope, case_id)?;
    Ok(ground.map(|ground| ground.clocks(case_id, reference)).unwrap_or_default())
}

/// What the clocks of one case inside the scope follow from.
pub fn ground(
    db: &Connection,
    scope: &CaseScope,
    case_id: Uuid,
) -> rusqlite::Result<Option<CaseClocks>> {
    let mut conditions = Conditions::default();
    conditions.add("k.case_id = ?", [Value::Blob(case_id.as_bytes().to_vec())]);
    let mut visible = Conditions::default();
    scope.restrict(&mut visible, "c");
    conditions.add(
        &format!(
            "EXISTS (SELECT 1 FROM case_summary c WHERE c.id = k.case_id AND {})",
            visible.sql()
        ),
        visible.values().iter().cloned(),
    );
    let sql = format!("SELECT k.ground FROM sla_case k WHERE {}", conditions.sql());
    db.prepare_cached(&sql)?
        .query_row(rusqlite::params_from_iter(conditions.values()), |row| column::json(row, 0))
        .optional()
}

/// For the monitor, which acts for the system and not for a principal: cases with a clock of which something is to be recorded that came
/// before `now`, the longest overdue first. `wanted` sees a case and its earliest such moment, and says whether this monitor is to take it.
pub fn due(
    db: &Connection,
    now: Timestamp,
    limit: usize,
    wanted: impl Fn(Uuid, Timestamp) -> bool,
) -> rusqlite::Result<Vec<(Uuid, CaseClocks)>> {
    let mut cases = Vec::new();
    let mut seen = HashSet::new();
    let mut statement = db.prepare_cached(
        "SELECT case_id, next_at FROM sla_clock WHERE next_at IS NOT NULL AND next_at < ? ORDER BY next_at",
    )?;
    let mut rows = statement.query([column::microseconds(now)])?;
    while cases.len() < limit
        && let Some(row) = rows.next()?
    {
        let case_id = row.get(0)?;
        if seen.insert(case_id) && wanted(case_id, column::time(row, 1)?) {
            cases.push(case_id);
        }
    }
    cases
        .into_iter()
        .filter_map(|id| {
            CaseClocksTable::read(db, id).map(|ground| Some((id, ground?))).transpose()
        })
        .collect()
}

/// The earliest moment before `now` at which something was to be recorded, and is not yet; `None` when nothing is overdue.
pub fn overdue_since(db: &Connection, now: Timestamp) -> rusqlite::Result<Option<Timestamp>> {
    db.prepare_cached(
        "SELECT next_at FROM sla_clock WHERE next_at IS NOT NULL AND next_at < ? \
         ORDER BY next_at LIMIT 1",
    )?
    .query_row([column::microseconds(now)], |row| column::time(row, 0))
    .optional()
}

/// For the monitor: the earliest moment that is not before `now` at which something is to be recorded.
pub fn next_due(db: &Connection, now: Timestamp) -> rusqlite::Result<Option<Timestamp>> {
    db.prepare_cached(
        "SELECT next_at FROM sla_clock WHERE next_at IS NOT NULL AND next_at >= ? \
         ORDER BY next_at LIMIT 1",
    )?
    .query_row([column::microseconds(now)], |row| column::time(row, 0))
    .optional()
}

/// Which cases a look at all of history takes in.
#[derive(Clone, Debug)]
pub struct CaseRange {
    /// Those inside this scope.
    pub scope: CaseScope,
    /// Those opened in this period.
    pub opened_at: TimeRange,
}

/// A case's ground as it is stored; to be decoded where there is time for it.
#[derive(Clone, Debug)]
pub struct StoredGround {
    /// The case.
    pub case_id: Uuid,
    opened_at: i64,
    ground: String,
}

impl StoredGround {
    /// What the case's clocks follow from.
    pub fn decode(&self) -> serde_json::Result<CaseClocks> {
        serde_json::from_str(&self.ground)
    }

    /// Its place in the order of [`grounds`].
    pub fn place(&self) -> GroundPlace {
        GroundPlace { opened_at: self.opened_at, case_id: self.case_id }
    }
}

/// A place in the order of [`grounds`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroundPlace {
    opened_at: i64,
    case_id: Uuid,
}

impl CaseRange {
    fn conditions(&self) -> Conditions {
        let mut conditions = Conditions::default();
        self.opened_at.restrict(&mut conditions, "k.opened_at");
        if self.scope != CaseScope::All {
            let mut visible = Conditions::default();
            self.scope.restrict(&mut visible, "c");
            conditions.add(
                &format!(
                    "EXISTS (SELECT 1 FROM case_summary c WHERE c.id = k.case_id AND {})",
                    visible.sql()
                ),
                visible.values().iter().cloned(),
            );
        }
        conditions
    }
}

/// How many cases the range has.
pub fn case_count(db: &Connection, range: &CaseRange) -> rusqlite::Result<u64> {
    let conditions = range.conditions();
    let sql = format!("SELECT count(*) FROM sla_case k WHERE {}", conditions.sql());
    db.prepare_cached(&sql)?
        .query_row(rusqlite::params_from_iter(conditions.values()), |row| row.get(0))
}

/// The grounds of the range after a place, at most `limit`, in the order in which the cases were opened. For what looks at all of
/// history: page by page, so that no view of the tables is held for long.
pub fn grounds(
    db: &Connection,
    range: &CaseRange,
    after: Option<GroundPlace>,
    limit: usize,
) -> rusqlite::Result<Vec<StoredGround>> {
    let mut conditions = range.conditions();
    if let Some(GroundPlace { opened_at, case_id }) = after {
        let place = [Value::Integer(opened_at), Value::Blob(case_id.as_bytes().to_vec())];
        conditions.add("(k.opened_at, k.case_id) > (?, ?)", place);
    }
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let sql = format!(
        "SELECT k.case_id, k.opened_at, k.ground FROM sla_case k WHERE {} \
         ORDER BY k.opened_at, k.case_id LIMIT {limit}",
        conditions.sql()
    );
    db.prepare_cached(&sql)?
        .query_map(rusqlite::params_from_iter(conditions.values()), |row| {
            Ok(StoredGround { case_id: row.get(0)?, opened_at: row.get(1)?, ground: row.get(2)? })
        })?
        .collect()
}
