//! Read models: what the log looks like from the side of a question.
//!
//! Each file is one read model: its tables, how each event changes them, its queries. All of them live in one SQLite file with
//! one checkpoint, so that a reader never sees one of them ahead of another, and all of it can be deleted and rebuilt from the log
//! with the same result.
//!
//! A read model never rejects an event: it makes of it what it can and goes on. It holds its changes in memory while a batch of
//! events is applied ([`ReadModel::apply`]) and writes each row once at the end ([`ReadModel::flush`]).

pub mod access_log;
pub mod account;
pub mod attachments;
pub mod cards;
pub mod case_answers;
pub mod case_clocks;
pub mod case_feed;
pub mod case_merges;
pub mod case_money;
pub mod case_summary;
pub mod case_timeline;
pub mod clock_filter;
pub mod column;
pub mod command_receipts;
pub mod complaints;
pub mod customer_merges;
pub mod customer_profile;
pub mod customer_representatives;
pub mod customer_search;
pub mod customer_standing;
pub mod customer_timeline;
pub mod fee;
pub mod follow_ups;
pub mod management_review;
pub mod notifications;
pub mod page;
pub mod payment;
#[cfg(test)]
mod query_plans;
pub mod redress;
pub mod referrals;
pub mod rows;
pub mod scope;
pub mod segmentations;
pub mod sla_at_risk;
pub mod sla_attribution;
pub mod sla_clocks;
pub mod sla_compliance;
pub mod sla_facts;
pub mod sla_reference;
pub mod surveys;
pub mod unit_tree;
pub mod voices;
pub mod waiting;

use parvandeh_domain::decider::Recorded;
use parvandeh_domain::log::DomainEvent;
use rusqlite::Connection;

/// One read model.
pub trait ReadModel: Send {
    /// The statements that create its tables.
    fn tables(&self) -> &'static str;

    /// The statements that create its secondary indexes. A rebuild creates them at its end, which is much quicker.
    fn indexes(&self) -> &'static str;

    /// The columns that hold envelopes of personal data or blind indexes of it, as pairs of table and column. What stands in them
    /// depends on keys and goes with an erasure, so it is no part of the state that machines compare.
    fn personal_columns(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// Takes in one event; may read its own tables, and writes nothing yet.
    fn apply(&mut self, db: &Connection, event: &Recorded<DomainEvent>) -> rusqlite::Result<()>;

    /// Writes what the events since the last flush have changed.
    fn flush(&mut self, db: &Connection) -> rusqlite::Result<()>;
}

/// A row of the table of read models: a name and a constructor.
type ReadModelRow = (&'static str, fn() -> Box<dyn ReadModel>);

/// Every read model. Adding one is a file and a row here.
const READ_MODELS: &[ReadModelRow] = &[
    ("case_summary", || Box::new(case_summary::CaseSummary::default())),
    ("case_merges", || Box::new(case_merges::CaseMerges::default())),
    // Before the timelines, which ask them of which case an event about money is.
    ("redress", || Box::new(redress::Redresses::default())),
    ("fee", || Box::new(fee::Fees::default())),
    ("payment", || Box::new(payment::Payments::default())),
    ("case_timeline", || Box::new(case_timeline::CaseTimeline::default())),
    ("attachments", || Box::new(attachments::Attachments::default())),
    ("customer_search", || Box::new(customer_search::CustomerSearch::default())),
    ("customer_profile", || Box::new(customer_profile::CustomerProfile::default())),
    ("customer_merges", || Box::new(customer_merges::CustomerMerges::default())),
    ("customer_representatives", || {
        Box::new(customer_representatives::CustomerRepresentatives::default())
    }),
    ("customer_timeline", || Box::new(customer_timeline::CustomerTimeline::default())),
    ("sla_clocks", || Box::new(sla_clocks::SlaClocks::default())),
    ("sla_reference", || Box::new(sla_reference::SlaReference::default())),
    ("sla_facts", || Box::new(sla_facts::SlaFacts::default())),
    ("access_log", || Box::new(access_log::AccessLog::default())),
    ("customer_standing", || Box::new(customer_standing::CustomerStanding::default())),
    ("segmentations", || Box::new(segmentations::Segmentations::default())),
    ("voices", || Box::new(voices::Voices::default())),
    ("account", || Box::new(account::Accounts::default())),
    ("cards", || Box::new(cards::Cards::default())),
    ("complaints", || Box::new(complaints::Complaints::default())),
    ("referrals", || Box::new(referrals::Referrals::default())),
    ("follow_ups", || Box::new(follow_ups::FollowUps::default())),
    ("case_answers", || Box::new(case_answers::CaseAnswers::default())),
    ("unit_tree", || Box::new(unit_tree::Units::default())),
    ("surveys", || Box::new(surveys::Surveys::default())),
    // What customers are told of: after the tables of cases and redress, which it asks whom it is for.
    ("notifications", || Box::new(notifications::Notifications::default())),
    ("command_receipts", || Box::new(command_receipts::CommandReceipts::default())),
];

/// Raise this when the meaning of a table changes and its definition does not: the read models are then rebuilt.
const LOGIC_VERSION: u32 = 4;

/// All read models, empty-handed.
pub fn all() -> Vec<Box<dyn ReadModel>> {
    READ_MODELS.iter().map(|(_, new)| new()).collect()
}

/// What the tables of this program look like. A file with another fingerprint was built by another version and is rebuilt.
pub fn fingerprint() -> String {
    let mut text = format!("{LOGIC_VERSION}");
    for ((name, _), model) in READ_MODELS.iter().zip(all()) {
        for part in [name, model.tables(), model.indexes()] {
            text.push('\u{1f}');
            text.push_str(part);
        }
    }
    parvandeh_domain::id::derived(&[&text]).to_string()
}
