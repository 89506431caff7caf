//! Which cases and which of their events an export tells of.

use jiff::Timestamp;
use parvandeh_domain::case::CaseKind;
use parvandeh_domain::id::UnitId;
use parvandeh_projections::page::Conditions;
use parvandeh_projections::scope::CaseScope;
use rusqlite::types::Value;

/// Which cases and which of their events an export tells of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// The cases that the caller may know of, by the unit that owns them when the export is made.
    pub scope: CaseScope,
    /// Only what happened at this moment or later.
    pub from: Option<Timestamp>,
    /// Only what happened before this moment.
    pub to: Option<Timestamp>,
    /// Only cases of these kinds; of all kinds when empty.
    pub kinds: Vec<CaseKind>,
    /// Only cases that one of these units owns when the export is made; of all units when empty.
    pub units: Vec<UnitId>,
}

impl Selection {
    /// Everything within a scope.
    pub fn all(scope: CaseScope) -> Self {
        Self { scope, from: None, to: None, kinds: Vec::new(), units: Vec::new() }
    }

    /// Whether something that happened then is told.
    pub(super) fn tells_of(&self, occurred_at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= occurred_at) && self.is_before_end(occurred_at)
    }

    /// Whether something that happened then came before the end of the period.
    pub(super) fn is_before_end(&self, occurred_at: Timestamp) -> bool {
        self.to.is_none_or(|to| occurred_at < to)
    }

    /// Whether there is a period at all.
    pub(super) fn has_period(&self) -> bool {
        self.from.is_some() || self.to.is_some()
    }

    /// The conditions on `kind`, `unit`, `customer_id` of a table of cases.
    pub(super) fn restrict(&self, conditions: &mut Conditions, table: &str) {
        self.scope.restrict(conditions, table);
        let text = |text: &str| Value::Text(text.to_owned());
        if !self.kinds.is_empty() {
            let kinds = self.kinds.iter().map(|kind| text(kind.as_str()));
            conditions.add_in(&format!("{table}.kind"), kinds);
        }
        if !self.units.is_empty() {
            let units = self.units.iter().map(|unit| text(unit.as_str()));
            conditions.add_in(&format!("{table}.unit"), units);
        }
    }
}
