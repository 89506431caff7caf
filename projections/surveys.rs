//! How content customers are with the handling of their cases: one row a case that was closed, with when its customer was asked and what
//! they answered. What they said in words stands on the case's timeline alone, so that nothing here is personal, and the figures stay when
//! a customer's personal data are erased.
//!
//! Of a case that is closed it is kept here when that was, for the monitor, only where there is somebody to ask: cases whose customers are
//! unknown, or were erased, would else stand among those that wait to be asked, and be looked at again each time that anything moves.

use jiff::Timestamp;
use parvandeh_domain::case::CaseEvent;
use parvandeh_domain::decider::Recorded;
use parvandeh_domain::log::DomainEvent;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};
use uuid::Uuid;

use crate::ReadModel;
use crate::case_summary::TimeRange;
use crate::column;
use crate::page::Conditions;
use crate::scope::CaseScope;

/// How many marks there are.
pub const SCORES: usize = parvandeh_domain::case::survey::SCORE_MAX as usize;

/// The most groups of one report. Beyond them are the smallest.
const GROUPS_MAX: usize = 1_000;

/// The survey of a case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are described in schema/schema.graphql")]
pub struct SurveyRow {
    pub asked_at: Option<Timestamp>,
    pub answered_at: Option<Timestamp>,
    pub score: Option<u8>,
}

impl SurveyRow {
    /// The survey as the case's events tell it; `None` when nobody asked. What "as of" views use.
    pub fn fold(events: &[Recorded<DomainEvent>]) -> Option<Self> {
        let mut row = Self::default();
        for recorded in events {
            let at = Some(recorded.meta.occurred_at);
            match &recorded.event {
                DomainEvent::Case(_, CaseEvent::SurveyAsked(_)) => row.asked_at = at,
                DomainEvent::Case(_, CaseEvent::SurveyAnswered(answered)) => {
                    (row.answered_at, row.score) = (at, Some(answered.score));
                }
                _ => {}
            }
        }
        row.asked_at.map(|_| row)
    }
}

/// What an event does to the table.
enum Step {
    /// Closed at this moment, or open again.
    Closed(Option<i64>),
    Asked(i64),
    Answered {
        at: i64,
        score: u8,
    },
}

/// The read model.
#[derive(Default)]
pub struct Surveys {
    steps: Vec<(Uuid, Step)>,
}

impl ReadModel for Surveys {
    fn tables(&self) -> &'static str {
        "CREATE TABLE survey (
            case_id BLOB PRIMARY KEY, closed_at INTEGER, asked_at INTEGER, answered_at INTEGER,
            score INTEGER
        ) WITHOUT ROWID"
    }

    fn indexes(&self) -> &'static str {
        "CREATE INDEX survey_to_ask ON survey (closed_at)
            WHERE closed_at IS NOT NULL AND asked_at IS NULL;
         CREATE INDEX survey_asked ON survey (asked_at) WHERE asked_at IS NOT NULL"
    }

    fn apply(&mut self, db: &Connection, event: &Recorded<DomainEvent>) -> rusqlite::Result<()> {
        if let Some(customer_id) = event.event.erased_customer() {
            self.flush(db)?;
            // Nobody is to ask about these any more. The cases are found by their rows in `case_summary`, which is written before.
            return db
                .prepare_cached(
                    "UPDATE survey SET closed_at = NULL WHERE asked_at IS NULL
                     AND case_id IN (SELECT id FROM case_summary WHERE customer_id = ?)",
                )?
                .execute([customer_id.0])
                .map(drop);
        }
        let DomainEvent::Case(id, case_event) = &event.event else { return Ok(()) };
        let at = column::microseconds(event.meta.occurred_at);
        let step = match case_event {
            CaseEvent::Closed(_) => Step::Closed(Some(at)),
            CaseEvent::Reopened(_) => Step::Closed(None),
            CaseEvent::SurveyAsked(_) => Step::Asked(at),
            CaseEvent::SurveyAnswered(answered) => Step::Answered { at, score: answered.score },
            _ => return Ok(()),
        };
        self.steps.push((id.0, step));
        Ok(())
    }

    fn flush(&mut self, db: &Connection) -> rusqlite::Result<()> {
        for (case_id, step) in std::mem::take(&mut self.steps) {
            match step {
                Step::Closed(Some(at)) => db
                    .prepare_cached(
                        "INSERT INTO survey (case_id, closed_at) SELECT id, ? FROM case_summary \
                         WHERE id = ? AND customer_id IS NOT NULL \
                         ON CONFLICT (case_id) DO UPDATE SET closed_at = excluded.closed_at",
                    )?
                    .execute((at, case_id))?,
                Step::Closed(None) => db
                    .prepare_cached("UPDATE survey SET closed_at = NULL WHERE case_id = ?")?
                    .execute([case_id])?,
                Step::Asked(at) => db
                    .prepare_cached(
                        "INSERT INTO survey (case_id, asked_at) VALUES (?, ?) \
                         ON CONFLICT (case_id) DO UPDATE SET asked_at = excluded.asked_at",
                    )?
                    .execute((case_id, at))?,
                Step::Answered { at, score } => db
                    .prepare_cached(
                        "UPDATE survey SET answered_at = ?, score = ? WHERE case_id = ?",
                    )?
                    .execute((at, score, case_id))?,
            };
        }
        Ok(())
    }
}

/// The survey of a case inside the scope; `None` when nobody asked.
pub fn survey(
    db: &Connection,
    scope: &CaseScope,
    case_id: Uuid,
) -> rusqlite::Result<Option<SurveyRow>> {
    let mut conditions = Conditions::default();
    conditions.add("s.case_id = ?", [Value::Blob(case_id.as_bytes().to_vec())]);
    conditions.add("s.asked_at IS NOT NULL", []);
    scope.restrict(&mut conditions, "c");
    db.prepare_cached(&format!(
        "SELECT s.asked_at, s.answered_at, s.score FROM survey s \
         JOIN case_summary c ON c.id = s.case_id WHERE {}",
        conditions.sql()
    ))?
    .query_row(params_from_iter(conditions.values()), |row| {
        Ok(SurveyRow {
            asked_at: column::time_option(row, 0)?,
            answered_at: column::time_option(row, 1)?,
            score: row.get(2)?,
        })
    })
    .optional()
}

/// By what satisfaction is told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SatisfactionBy {
    /// By the unit that owns the case now.
    Unit,
    /// By the case's category as it is now.
    Category,
    /// By the channel by which the case came.
    Channel,
    /// By the tier that the customer has now.
    Tier,
}

/// How content the customers of one group are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SatisfactionRow {
    /// The group's value; `None` for cases that have none.
    pub group: Option<String>,
    /// How many were asked.
    pub asked: u64,
    /// How many gave each mark, the worst first.
    pub scores: [u64; SCORES],
}

impl SatisfactionRow {
    /// How many answered.
    pub fn answered(&self) -> u64 {
        self.scores.iter().sum()
    }

    /// The mean mark; `None` where nobody answered.
    pub fn mean(&self) -> Option<f64> {
        let sum: u64 = (1..).zip(self.scores).map(|(score, count)| score * count).sum();
        let answered = self.answered();
        (answered > 0).then(|| sum as f64 / answered as f64)
    }
}

/// How content the customers are who were asked in a period about cases inside the scope, one row a group: the greatest groups first.
/// Who answers later still counts for the period in which they were asked.
pub fn satisfaction(
    db: &Connection,
    scope: &CaseScope,
    by: SatisfactionBy,
    asked_at: TimeRange,
) -> rusqlite::Result<Vec<SatisfactionRow>> {
    let group = match by {
        SatisfactionBy::Unit => "c.unit",
        SatisfactionBy::Category => "c.category",
        SatisfactionBy::Channel => "c.channel",
        SatisfactionBy::Tier => "(SELECT tier FROM customer_profile WHERE id = c.customer_id)",
    };
    counted(db, scope, Some(group), asked_at)
}

/// The same of the customers who complained, told apart by nothing.
pub fn satisfaction_of_complaints(
    db: &Connection,
    scope: &CaseScope,
    asked_at: TimeRange,
) -> rusqlite::Result<SatisfactionRow> {
    Ok(counted(db, scope, None, asked_at)?.pop().unwrap_or_default())
}

fn counted(
    db: &Connection,
    scope: &CaseScope,
    group: Option<&str>,
    asked_at: TimeRange,
) -> rusqlite::Result<Vec<SatisfactionRow>> {
    let mut conditions = Conditions::default();
    conditions.add("s.asked_at IS NOT NULL", []);
    asked_at.restrict(&mut conditions, "s.asked_at");
    scope.restrict(&mut conditions, "c");
    let group = match group {
        Some(group) => group,
        None => {
            conditions.add("c.kind = 'complaint'", []);
            "NULL"
        }
    };
    let scores: Vec<_> =
        (1..=SCORES).map(|score| format!("count(*) FILTER (WHERE s.score = {score})")).collect();
    let sql = format!(
        // CROSS JOIN holds SQLite to this order: the surveys of a period are fewer than the cases of a unit.
        "SELECT {group}, count(*), {} FROM survey s CROSS JOIN case_summary c ON c.id = s.case_id \
         WHERE {} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {GROUPS_MAX}",
        scores.join(", "),
        conditions.sql(),
    );
    db.prepare_cached(&sql)?
        .query_map(params_from_iter(conditions.values()), |row: &Row<'_>| {
            let mut scores = [0; SCORES];
            for (index, count) in scores.iter_mut().enumerate() {
                *count = row.get(index + 2)?;
            }
            Ok(SatisfactionRow { group: row.get(0)?, asked: row.get(1)?, scores })
        })?
        .collect()
}

/// For the monitor, unscoped: the closed cases whose customers are known, were not asked, and whose closing lies in the period, the
/// longest closed first.
///
/// CROSS JOIN holds SQLite to the order that is written here: it would else begin with all closed cases that there are.
pub fn to_ask(
    db: &Connection,
    from: Timestamp,
    before: Timestamp,
    limit: usize,
) -> rusqlite::Result<Vec<(Uuid, Timestamp)>> {
    db.prepare_cached(
        "SELECT s.case_id, s.closed_at FROM survey s \
         CROSS JOIN case_summary c ON c.id = s.case_id \
         CROSS JOIN customer_profile p ON p.id = c.customer_id \
         WHERE s.closed_at IS NOT NULL AND s.asked_at IS NULL AND s.closed_at >= ? \
         AND s.closed_at < ? AND c.status = 'closed' AND p.erasure IS NULL \
         ORDER BY s.closed_at LIMIT ?",
    )?
    .query_map((column::microseconds(from), column::microseconds(before), limit), |row| {
        Ok((row.get(0)?, column::time(row, 1)?))
    })?
    .collect()
}

/// For the monitor: the earliest closing, not before `from`, of a case whose customer was not asked.
pub fn next_closed(db: &Connection, from: Timestamp) -> rusqlite::Result<Option<Timestamp>> {
    db.prepare_cached(
        "SELECT closed_at FROM survey WHERE closed_at IS NOT NULL AND asked_at IS NULL \
         AND closed_at >= ? ORDER BY closed_at LIMIT 1",
    )?
    .query_row([column::microseconds(from)], |row| column::time(row, 0))
    .optional()
}

#[cfg(test)]
mod tests {
    use parvandeh_domain::case::event::CaseClosed;
    use parvandeh_domain::customer::CustomerEvent;
    use parvandeh_domain::customer::event::CustomerErased;
    use parvandeh_domain::decider::{Actor, ActorKind, Metadata};
    use parvandeh_domain::id::{CaseId, CommandId, CustomerId, EventId};

    use super::*;

    fn recorded(position: u64, event: DomainEvent) -> Recorded<DomainEvent> {
        let at = Timestamp::from_second(i64::try_from(position).unwrap()).unwrap();
        let command_id = CommandId(Uuid::from_u128(position.into()));
        let meta = Metadata {
            occurred_at: at,
            recorded_at: at,
            actor: Actor { kind: ActorKind::System, id: "test".to_owned() },
            causation_id: command_id,
            correlation_id: command_id.0,
            command_digest: None,
            personal: None,
        };
        Recorded {
            id: EventId::of(command_id, 0),
            revision: position,
            position,
            meta,
            event,
            envelope: None,
            blind_index: None,
            sound_index: None,
        }
    }

    #[test]
    fn only_closed_cases_with_somebody_to_ask_wait_to_be_asked_about() {
        let db = Connection::open_in_memory().unwrap();
        let mut model = Surveys::default();
        db.execute_batch(model.tables()).unwrap();
        db.execute_batch("CREATE TABLE case_summary (id BLOB PRIMARY KEY, customer_id BLOB)")
            .unwrap();
        let (nobody, known, erased) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
        let (somebody, other) = (Uuid::from_u128(8), Uuid::from_u128(9));
        for (case, customer) in [(nobody, None), (known, Some(somebody)), (erased, Some(other))] {
            db.execute("INSERT INTO case_summary VALUES (?, ?)", (case, customer)).unwrap();
        }
        for (position, case) in (1..).zip([nobody, known, erased]) {
            let closed = DomainEvent::Case(CaseId(case), CaseClosed {}.into());
            model.apply(&db, &recorded(position, closed)).unwrap();
        }
        let forgotten = CustomerErased { key_count: 1, envelope_count: 1 };
        let forgotten = CustomerEvent::Erased(forgotten);
        let forgotten = DomainEvent::Customer(CustomerId(other), forgotten);
        model.apply(&db, &recorded(4, forgotten)).unwrap();
        model.flush(&db).unwrap();
        let waiting: Vec<Uuid> = db
            .prepare("SELECT case_id FROM survey WHERE closed_at IS NOT NULL AND asked_at IS NULL")
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(waiting, [known]);
    }
}
