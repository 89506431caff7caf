//! One event of a scenario: `{at: 2026-01-02 10:00, held: awaiting_customer}`.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{ScenarioError, story::Story};
use crate::{
    case::attribute::{CaseKind, Channel, Priority},
    sla::{AnswerKind, Fact, FactKind, FactSource, Opening},
};

impl Story {
    /// The fact that an event tells of. `field` is where it stands: `events[2]`.
    pub(super) fn fact(
        &self,
        revision: u64,
        written: &Value,
        field: &str,
    ) -> Result<Fact, ScenarioError> {
        let wrong = |message: &str| ScenarioError::new(field, message);
        let fields =
            written.as_object().ok_or_else(|| wrong("an event is {at: TIME, NAME: VALUE}"))?;
        let event = Written { story: self, value: written, field: field.to_owned() };
        let occurred_at =
            event.moment("at")?.ok_or_else(|| wrong("`at` is missing: when did it happen?"))?;
        let recorded_at = event.moment("recorded")?.unwrap_or(occurred_at);
        let mut names = fields.keys().filter(|name| !matches!(name.as_str(), "at" | "recorded"));
        let (Some(name), None) = (names.next(), names.next()) else {
            return Err(wrong("one thing happens in an event: name it beside `at`"));
        };
        let event = Written { value: &fields[name], field: format!("{field}.{name}"), ..event };
        let kind = event.kind(name)?;
        let source = match kind {
            FactKind::CustomerChanged { .. } => FactSource::Customer(revision),
            FactKind::Extended { .. } | FactKind::Waived { .. } => FactSource::Clock(revision),
            _ => FactSource::Case(revision),
        };
        Ok(Fact { occurred_at, source, recorded_at, kind })
    }
}

/// The value of an event, and where it stands.
struct Written<'a> {
    story: &'a Story,
    value: &'a Value,
    field: String,
}

impl Written<'_> {
    fn kind(&self, name: &str) -> Result<FactKind, ScenarioError> {
        Ok(match name {
            "opened" => FactKind::Opened(Opening {
                kind: self.read("kind")?.unwrap_or(CaseKind::Complaint),
                channel: self.read("channel")?.or(Some(Channel::Email)),
                category: self.read("category")?,
                priority: self.read("priority")?.or(Some(Priority::Normal)),
                severity: self.read("severity")?,
                unit: self.read("unit")?,
                tier: self.read("tier")?,
                customer_kind: self.read("customer_kind")?,
                due_at: self.moment("due_at")?,
            }),
            "classified" => FactKind::Classified {
                category: self.read("category")?,
                priority: self.read("priority")?,
                severity: self.read("severity")?,
            },
            "customer" => {
                FactKind::CustomerChanged { tier: self.read("tier")?, kind: self.read("kind")? }
            }
            "referred" => FactKind::Referred {
                unit: self
                    .read("unit")?
                    .ok_or_else(|| ScenarioError::new(&self.field, "`unit` is missing"))?,
                answer_due_at: self.moment("answer_due")?,
            },
            "returned" => FactKind::Returned { unit: self.read("unit")? },
            "assigned" => FactKind::Assigned { assignee: self.whole()? },
            "stage_entered" => FactKind::StageEntered { stage: self.whole()? },
            "customer_message" => FactKind::CustomerMessage,
            "response" => FactKind::Answered { kind: AnswerKind::Public, by: self.text() },
            "automatic_reply" => {
                FactKind::Answered { kind: AnswerKind::Automatic, by: self.text() }
            }
            "internal_note" => FactKind::NoteAdded,
            "held" => FactKind::Held { reason: self.whole()? },
            "resumed" => FactKind::Resumed,
            "due_date_set" => {
                FactKind::DueDateSet { due_at: self.story.time(&self.text(), &self.field)? }
            }
            "resolved" => FactKind::Resolved,
            "closed" => FactKind::Closed,
            "reopened" => FactKind::Reopened,
            "merged" => FactKind::Merged,
            "unmerged" => FactKind::Unmerged,
            "activity" => FactKind::ActivityRecorded,
            "extended" => FactKind::Extended { clock: self.whole()? },
            "waived" => FactKind::Waived { clock: self.whole()? },
            _ => return Err(ScenarioError::new(&self.field, "no event has this name")),
        })
    }

    /// The whole value.
    fn whole<T: DeserializeOwned>(&self) -> Result<T, ScenarioError> {
        serde_json::from_value(self.value.clone())
            .map_err(|error| ScenarioError::new(&self.field, error))
    }

    /// One of its fields.
    fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, ScenarioError> {
        let value = self.value.get(name).filter(|value| !value.is_null());
        value
            .map(|value| serde_json::from_value(value.clone()))
            .transpose()
            .map_err(|error| ScenarioError::new(format!("{}.{name}", self.field), error))
    }

    /// One of its fields as a moment.
    fn moment(&self, name: &str) -> Result<Option<jiff::Timestamp>, ScenarioError> {
        let text: Option<String> = self.read(name)?;
        let field = format!("{}.{name}", self.field);
        text.map(|text| self.story.time(&text, &field)).transpose()
    }

    fn text(&self) -> String {
        self.value.as_str().unwrap_or_default().to_owned()
    }
}
