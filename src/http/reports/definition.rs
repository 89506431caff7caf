//! The reports: each a query, the parameters of its address, and the columns of its file.

use actix_web::web;
use serde_json::{Map, Value, json};

use crate::csv;
use crate::error::RequestError;

/// A report.
pub(super) struct Report {
    /// Its name in the address.
    pub name: &'static str,
    /// The query.
    pub document: &'static str,
    /// The field of the query that has the rows.
    pub field: &'static str,
    /// How the rows come.
    pub paging: Paging,
    parameters: &'static [Parameter],
    columns: &'static [Column],
}

/// How the rows of a report come.
pub(super) enum Paging {
    /// All at once.
    None,
    /// As a Relay connection.
    Connection,
    /// As an object with `nodes`, `endCursor` and `hasNextPage`.
    Page,
}

/// A parameter of the address: its name, where its value stands in the variables, and what it is.
type Parameter = (&'static str, &'static [&'static str], Form);
/// A column: its name, and where its value stands in a row.
type Column = (&'static str, &'static [&'static str]);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// One value: a moment, an id or a value of a published list.
    One,
    /// A whole number.
    Integer,
    /// Several values with commas between.
    List,
}

use Form::{Integer, List, One};

/// The variable, and the parameter, by which compliance is grouped: each group is a column.
const GROUP_BY: &str = "groupBy";

static REPORTS: [Report; 4] = [
    Report {
        name: "compliance",
        document: "query($from: DateTime, $to: DateTime, $groupBy: [SlaGroupBy!]! = [], \
                   $filter: SlaComplianceFilterInput) \
                   { slaCompliance(from: $from, to: $to, groupBy: $groupBy, filter: $filter) \
                   { group { value } total met breached waived openOverdue openInTime paused measured \
                   complianceRatio elapsed { measure p50 p90 p95 p99 } } }",
        field: "slaCompliance",
        paging: Paging::None,
        parameters: &[
            ("from", &["from"], One),
            ("to", &["to"], One),
            (GROUP_BY, &[GROUP_BY], List),
            ("agreement", &["filter", "agreement", "in"], List),
            ("metric", &["filter", "metric"], List),
            ("policy", &["filter", "policy", "in"], List),
            ("unit", &["filter", "unit", "in"], List),
            ("category", &["filter", "category", "in"], List),
            ("priority", &["filter", "priority"], List),
            ("channel", &["filter", "channel"], List),
            ("tier", &["filter", "tier", "in"], List),
        ],
        columns: &[
            ("total", &["total"]),
            ("met", &["met"]),
            ("breached", &["breached"]),
            ("waived", &["waived"]),
            ("openOverdue", &["openOverdue"]),
            ("openInTime", &["openInTime"]),
            ("paused", &["paused"]),
            ("measured", &["measured"]),
            ("complianceRatio", &["complianceRatio"]),
            ("elapsedMeasure", &["elapsed", "measure"]),
            ("elapsedP50", &["elapsed", "p50"]),
            ("elapsedP90", &["elapsed", "p90"]),
            ("elapsedP95", &["elapsed", "p95"]),
            ("elapsedP99", &["elapsed", "p99"]),
        ],
    },
    Report {
        name: "at-risk",
        document: "query($after: String, $minPercent: Int, $filter: SlaComplianceFilterInput) \
                   { slaAtRisk(first: 100, after: $after, minPercent: $minPercent, filter: $filter) \
                   { hasNextPage endCursor nodes { caseId case { reference } unit category priority \
                   channel tier clock { key agreement metric state startedAt dueAt goal measure target \
                   elapsed remaining percent policyId policyVersion rule } } } }",
        field: "slaAtRisk",
        paging: Paging::Page,
        parameters: &[
            ("minPercent", &["minPercent"], Integer),
            ("agreement", &["filter", "agreement", "in"], List),
            ("metric", &["filter", "metric"], List),
            ("policy", &["filter", "policy", "in"], List),
            ("unit", &["filter", "unit", "in"], List),
            ("category", &["filter", "category", "in"], List),
            ("priority", &["filter", "priority"], List),
            ("channel", &["filter", "channel"], List),
            ("tier", &["filter", "tier", "in"], List),
        ],
        columns: &[
            ("caseId", &["caseId"]),
            ("reference", &["case", "reference"]),
            ("clock", &["clock", "key"]),
            ("agreement", &["clock", "agreement"]),
            ("metric", &["clock", "metric"]),
            ("state", &["clock", "state"]),
            ("startedAt", &["clock", "startedAt"]),
            ("dueAt", &["clock", "dueAt"]),
            ("goal", &["clock", "goal"]),
            ("measure", &["clock", "measure"]),
            ("target", &["clock", "target"]),
            ("elapsed", &["clock", "elapsed"]),
            ("remaining", &["clock", "remaining"]),
            ("percent", &["clock", "percent"]),
            ("policyId", &["clock", "policyId"]),
            ("policyVersion", &["clock", "policyVersion"]),
            ("rule", &["clock", "rule"]),
            ("unit", &["unit"]),
            ("category", &["category"]),
            ("priority", &["priority"]),
            ("channel", &["channel"]),
            ("tier", &["tier"]),
        ],
    },
    Report {
        name: "breaches",
        document: "query($after: String, $filter: SlaBreachFilterInput) \
                   { slaBreaches(first: 100, after: $after, filter: $filter) \
                   { pageInfo { hasNextPage endCursor } nodes { eventId caseId case { reference } clock \
                   metric policyId policyVersion rule startedAt dueAt stoppedAt recordedAt unit category \
                   priority channel silent actions } } }",
        field: "slaBreaches",
        paging: Paging::Connection,
        parameters: &[
            ("from", &["filter", "dueAt", "gte"], One),
            ("to", &["filter", "dueAt", "lt"], One),
            ("metric", &["filter", "metric"], List),
            ("policy", &["filter", "policy", "in"], List),
            ("unit", &["filter", "unit", "in"], List),
            ("caseId", &["filter", "caseId"], One),
        ],
        columns: &[
            ("eventId", &["eventId"]),
            ("caseId", &["caseId"]),
            ("reference", &["case", "reference"]),
            ("clock", &["clock"]),
            ("metric", &["metric"]),
            ("policyId", &["policyId"]),
            ("policyVersion", &["policyVersion"]),
            ("rule", &["rule"]),
            ("startedAt", &["startedAt"]),
            ("dueAt", &["dueAt"]),
            ("stoppedAt", &["stoppedAt"]),
            ("recordedAt", &["recordedAt"]),
            ("unit", &["unit"]),
            ("category", &["category"]),
            ("priority", &["priority"]),
            ("channel", &["channel"]),
            ("silent", &["silent"]),
            ("actions", &["actions"]),
        ],
    },
    Report {
        name: "attribution",
        document: "query($from: DateTime!, $to: DateTime!, $by: SlaAttributeBy!, \
                   $filter: SlaComplianceFilterInput) \
                   { slaAttribution(from: $from, to: $to, by: $by, filter: $filter) \
                   { value metric measure clocks counted wallClock } }",
        field: "slaAttribution",
        paging: Paging::None,
        parameters: &[
            ("from", &["from"], One),
            ("to", &["to"], One),
            ("by", &["by"], One),
            ("agreement", &["filter", "agreement", "in"], List),
            ("metric", &["filter", "metric"], List),
            ("policy", &["filter", "policy", "in"], List),
            ("unit", &["filter", "unit", "in"], List),
            ("category", &["filter", "category", "in"], List),
            ("priority", &["filter", "priority"], List),
            ("channel", &["filter", "channel"], List),
            ("tier", &["filter", "tier", "in"], List),
        ],
        columns: &[
            ("value", &["value"]),
            ("metric", &["metric"]),
            ("measure", &["measure"]),
            ("clocks", &["clocks"]),
            ("counted", &["counted"]),
            ("wallClock", &["wallClock"]),
        ],
    },
];

impl Report {
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        REPORTS.iter().find(|report| report.name == name)
    }

    pub(super) fn names() -> impl Iterator<Item = &'static str> {
        REPORTS.iter().map(|report| report.name)
    }

    /// The variables of the query. A list can be given by commas, by repeating its parameter, or both.
    pub(super) fn variables(&self, query_string: &str) -> Result<Map<String, Value>, RequestError> {
        let pairs =
            web::Query::<Vec<(String, String)>>::from_query(query_string).map_err(|_| {
                RequestError::bad_input("the address", "has parameters that are not usable")
            })?;
        let mut variables = json!({});
        for (name, text) in pairs.into_inner() {
            let known = self.parameters.iter().find(|(known, ..)| *known == name);
            let Some((_, path, form)) = known else {
                let known = self.parameters.iter().map(|(name, ..)| *name).collect::<Vec<_>>();
                let problem =
                    format!("is no parameter of this report; there are {}", known.join(", "));
                return Err(RequestError::bad_input(&name, &problem));
            };
            let mut place = &mut variables;
            for step in *path {
                place = &mut place[*step];
            }
            match form {
                List => {
                    let values = text.split(',').filter(|value| !value.is_empty());
                    let mut all = place.as_array().cloned().unwrap_or_default();
                    all.extend(values.map(|value| Value::from(value.trim())));
                    *place = all.into();
                }
                One | Integer if !place.is_null() => {
                    return Err(RequestError::bad_input(&name, "is given twice"));
                }
                One => *place = text.into(),
                Integer => {
                    let whole = text.parse::<i32>();
                    let bad = |_| RequestError::bad_input(&name, "must be a whole number");
                    *place = whole.map_err(bad)?.into();
                }
            }
        }
        let Value::Object(variables) = variables else { return Ok(Map::new()) };
        Ok(variables)
    }

    /// The names of the columns.
    pub(super) fn header(&self, variables: &Map<String, Value>) -> Vec<String> {
        let groups = groups(variables).filter_map(Value::as_str).map(csv::quoted);
        groups.chain(self.columns.iter().map(|(name, _)| csv::quoted(name))).collect()
    }

    /// The cells of a row.
    pub(super) fn cells(&self, variables: &Map<String, Value>, row: &Value) -> Vec<String> {
        let groups = groups(variables).enumerate();
        let groups = groups.map(|(index, _)| csv::cell(&row["group"][index]["value"]));
        let values = self
            .columns
            .iter()
            .map(|(_, path)| csv::cell(path.iter().fold(row, |value, step| &value[*step])));
        groups.chain(values).collect()
    }
}

fn groups(variables: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    variables.get(GROUP_BY).and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_come_by_commas_and_by_repetition() {
        let report = Report::named("compliance").unwrap();
        let variables =
            report.variables("unit=care,technical&unit=%D9%85%D8%A7%D9%84%DB%8C&groupBy=UNIT");
        let variables = Value::Object(variables.unwrap());
        let expected = json!({ "filter": { "unit": { "in": ["care", "technical", "مالی"] } }, "groupBy": ["UNIT"] });
        assert_eq!(variables, expected);
    }

    #[test]
    fn a_parameter_that_is_unknown_given_twice_or_no_number_is_refused_by_name() {
        let report = Report::named("at-risk").unwrap();
        for (query, named) in [
            ("from=x", "from"),
            ("minPercent=1&minPercent=2", "minPercent"),
            ("minPercent=x", "minPercent"),
        ] {
            let error = report.variables(query).unwrap_err();
            assert!(error.message.starts_with(named), "{}", error.message);
        }
    }
}
