//! Which clocks a report looks at: one filter for all of them.

use rusqlite::types::Value;

use crate::page::Conditions;
use crate::scope::CaseScope;

/// Which clocks are wanted. All conditions hold together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ClockFilter {
    /// Only of these agreements.
    pub agreement: Option<Vec<String>>,
    /// Only these metrics.
    pub metric: Option<Vec<String>>,
    /// Only these policies.
    pub policy_id: Option<Vec<String>>,
    /// Only cases of these units.
    pub unit: Option<Vec<String>>,
    /// Only cases in these categories.
    pub category: Option<Vec<String>>,
    /// Only cases of these priorities.
    pub priority: Option<Vec<String>>,
    /// Only cases that came by these channels.
    pub channel: Option<Vec<String>>,
    /// Only cases of customers of these tiers.
    pub tier: Option<Vec<String>>,
}

impl ClockFilter {
    /// The table to read from, and the conditions of the filter and the scope on it: clocks are `k`, cases `c`.
    pub(crate) fn conditions(&self, scope: &CaseScope) -> (&'static str, Conditions) {
        let mut conditions = Conditions::default();
        scope.restrict(&mut conditions, "c");
        for (column, values) in [
            ("k.agreement", &self.agreement),
            ("k.metric", &self.metric),
            ("k.policy_id", &self.policy_id),
            ("k.unit", &self.unit),
            ("k.category", &self.category),
            ("k.priority", &self.priority),
            ("k.channel", &self.channel),
            ("k.tier", &self.tier),
        ] {
            if let Some(values) = values {
                conditions.add_in(column, values.iter().cloned().map(Value::Text));
            }
        }
        // Who sees every case needs no look at the cases: a join with each would double the work.
        let from = match scope {
            CaseScope::All => "sla_clock k",
            _ => "sla_clock k JOIN case_summary c ON c.id = k.case_id",
        };
        (from, conditions)
    }
}
