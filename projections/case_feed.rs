//! What the feed of a case tells beside the events of the case's own stream: the files that came with it, its redress, its fees and the
//! payments of these, each of which has a stream of its own.
//!
//! They are entries of the [timeline](crate::case_timeline), read in the order of the log and not of when they happened. So whoever follows
//! a case is told what they would see on its timeline, and nothing else.

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use uuid::Uuid;

use crate::case_timeline::{COLUMNS, TimelineEntry, TimelineFilter, read, restrict};
use crate::column;
use crate::page::Conditions;
use crate::scope::{CaseScope, Visibility};

/// The entries that do not stand in the case's own stream. What people do about its clocks is told by the feed of facts.
macro_rules! beside {
    () => {
        "event_type IN ('AttachmentAdded', \
         'RedressProposed', 'RedressApproved', 'RedressRejected', 'RedressAccepted', 'RedressDeclined', 'RedressPaid', \
         'FeeAssessed', 'FeePaid', 'FeeWaived', 'FeeRefunded', \
         'PaymentRequested', 'PaymentConfirmed', 'PaymentFailed', 'PaymentExpired', 'PaymentRefundRequested', \
         'PaymentRefundDeclined', 'PaymentRefunded')"
    };
}

/// Of these entries alone, which are few: by case, in the order of the log.
pub(crate) const INDEX: &str = concat!(
    "CREATE INDEX case_timeline_beside ON case_timeline (case_id, position) WHERE ",
    beside!()
);

/// The entries of a case after a place in the log and not after another, in the order of the log; at most `limit`. Fewer mean that there
/// are no more.
pub fn beside(
    db: &Connection,
    scope: &CaseScope,
    visibility: Visibility,
    case_id: Uuid,
    (after, until): (u64, u64),
    limit: usize,
) -> rusqlite::Result<Vec<TimelineEntry>> {
    let mut conditions = Conditions::default();
    conditions.add("t.case_id = ?", [Value::Blob(case_id.as_bytes().to_vec())]);
    conditions.add(beside!(), []);
    conditions.add(
        "t.position > ? AND t.position <= ?",
        [after, until].map(|position| Value::Integer(column::integer(position))),
    );
    restrict(&mut conditions, scope, "c", visibility, &TimelineFilter::default());
    let sql = format!(
        "SELECT t.occurred_at, t.position, {COLUMNS} FROM case_timeline t JOIN case_summary c ON c.id = t.case_id \
         WHERE {} ORDER BY t.position LIMIT {limit}",
        conditions.sql()
    );
    db.prepare_cached(&sql)?.query_map(params_from_iter(conditions.values()), read)?.collect()
}

#[cfg(test)]
mod tests {
    use parvandeh_domain::event::StoredEvent;
    use parvandeh_domain::fee::FeeEvent;
    use parvandeh_domain::payment::PaymentEvent;
    use parvandeh_domain::redress::RedressEvent;

    #[test]
    fn every_event_of_redress_of_fees_and_of_payments_is_told_beside_the_case() {
        let money = [RedressEvent::TYPES, FeeEvent::TYPES, PaymentEvent::TYPES].concat();
        for event_type in &money {
            assert!(beside!().contains(&format!("'{}'", event_type.name)), "{}", event_type.name);
        }
        assert_eq!(beside!().matches(", ").count(), money.len(), "and files, and nothing else");
    }
}
