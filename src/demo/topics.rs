//! What the cases of the demo are about: each topic with its kind, its category, the unit in charge, and its words.

mod needs;
mod opinions;

use parvandeh_domain::case::{CaseKind, Severity};

use super::text::Phrase;

/// A subject that many cases share.
pub(super) struct Topic {
    pub(super) kind: CaseKind,
    pub(super) category: &'static str,
    pub(super) unit: &'static str,
    pub(super) severity: Severity,
    /// From which and up to without which numbers `{n}` of its words is drawn.
    pub(super) numbers: (i64, i64),
    pub(super) subject: Phrase,
    pub(super) description: Phrase,
    /// The answer when the customer is right, or when what was asked is done.
    pub(super) answer: Phrase,
}

/// Every topic.
pub(super) fn all() -> impl Iterator<Item = &'static Topic> {
    needs::TOPICS.iter().chain(opinions::TOPICS)
}

/// The topics of a kind. Every kind has some.
pub(super) fn of_kind(kind: CaseKind) -> Vec<&'static Topic> {
    all().filter(|topic| topic.kind == kind).collect()
}
