//! Certificates: what a clock came to, with an account of every minute of it.
//!
//! A certificate is a document that stands alone. It holds the policy and calendar versions that counted, cuts the clock's whole time
//! into *parts* at every change, at every change of a calendar's version and at every local midnight, and names for each part the event,
//! the rule and the calendar version behind it. It can be checked in two ways: [`Certificate::check`] counts the parts again by the
//! calendars in the document and sums them up, without anything else; [`Certificate::first_difference`] compares it with the
//! certificate that the log gives ([`issue`]), which nobody can have doctored together with the document.
//!
//! A certificate tells what was known at one moment, its `as_of`: what had been recorded by then. Issued again for the same moment it
//! is the same, however much has been recorded since.

mod check;
mod issue;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cause, ClockKey, ClockState, IntervalCourse, Metric};
use crate::{
    calendar::{CalendarDocument, Measure},
    case::attribute::HoldReason,
    id::{CalendarId, CaseId, EventId, PolicyId, StaffId, UnitId},
    policy::{Goal, PolicyDocument},
};

pub use check::Discrepancy;
pub use issue::{CertificateRefusal, Evidence, issue};

/// What stands in [`Certificate::format`].
pub const CERTIFICATE_FORMAT: &str = "parvandeh.sla-certificate";
/// What stands in [`Certificate::version`].
pub const CERTIFICATE_VERSION: u32 = 1;

/// What one clock came to, with an account of every minute. Durations are ISO 8601 (`PT4H30M`); of working days, `PT24H` stands for one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// Always `parvandeh.sla-certificate`.
    pub format: String,
    /// The version of this shape: 1.
    pub version: u32,
    /// The case.
    pub case_id: CaseId,
    /// Its short form, for people.
    pub case_reference: String,
    /// Which clock of the case.
    pub clock: ClockKey,
    /// What it measures.
    pub metric: Metric,
    /// The moment for which the certificate speaks: all that had been recorded and had happened by then.
    pub as_of: Timestamp,
    /// How the clock stood then.
    pub verdict: ClockState,
    /// The policy whose rule governs the clock; the last that did, when it has stopped.
    pub policy_id: PolicyId,
    /// The version of that policy.
    pub policy_version: u32,
    /// The name of the rule.
    pub rule: String,
    /// What the rule promises; absent when it only measures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<Goal>,
    /// The same in words.
    pub promise: String,
    /// How much may elapse, with bonus and extensions; absent when the promise is a moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<SignedDuration>,
    /// What elapsed and paused time are counted in.
    pub measure: Measure,
    /// How many extensions were granted.
    pub extensions: u32,
    /// When the clock started.
    pub started_at: Timestamp,
    /// When it got its target: later than the start when a rule brought it late.
    pub attached_at: Timestamp,
    /// The moment at which the target is used up, or the moment agreed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// When it stopped; absent while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_at: Option<Timestamp>,
    /// What the parts add up to.
    pub sums: Sums,
    /// The clock's whole time, each part beginning where the one before it ends.
    pub parts: Vec<Part>,
    /// What is on record of the clock.
    pub facts: Vec<FactOnRecord>,
    /// The policy versions that counted.
    pub policies: Vec<PolicyUsed>,
    /// The calendar versions that counted.
    pub calendars: Vec<CalendarUsed>,
    /// Facts of the case that found no room in its history. Above zero, the clock may not tell all.
    pub facts_left_out: u32,
    /// The SHA-256 of the certificate without this field, as canonical JSON: keys sorted, no white space, in hexadecimal digits.
    pub digest: String,
}

/// What the parts of a clock add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sums {
    /// What elapsed while it ran, in the clock's measure. This is held against the target.
    pub elapsed: SignedDuration,
    /// How long it was paused, in the clock's measure.
    pub paused: SignedDuration,
    /// All parts, by the wall clock: from the start to the end.
    pub wall_clock: SignedDuration,
    /// The running parts, by the wall clock.
    pub running_wall_clock: SignedDuration,
}

/// A part of a clock's time, at most a day of its calendar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Its beginning.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
    /// What the clock did.
    pub course: IntervalCourse,
    /// How long it is by the wall clock.
    pub wall_clock: SignedDuration,
    /// What it counts in the clock's measure: of a running part towards the target, of a paused one towards the pause. Closed hours count
    /// nothing.
    pub counted: SignedDuration,
    /// What brought the clock into this course.
    pub cause: Cause,
    /// The event behind that.
    pub event: EventReference,
    /// The reason of the hold in which the part lies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<HoldReason>,
    /// The unit that owned the case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<UnitId>,
    /// Whom it was assigned to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<StaffId>,
    /// The policy that governed.
    pub policy_id: PolicyId,
    /// Its version.
    pub policy_version: u32,
    /// The name of its rule.
    pub rule: String,
    /// The calendar that counted; absent for the wall clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<CalendarReference>,
}

/// The version of a calendar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CalendarReference {
    /// The calendar.
    pub id: CalendarId,
    /// The version that held.
    pub version: u32,
    /// The zone in which its hours were meant.
    pub time_zone: String,
}

/// An event of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventReference {
    /// Its id.
    pub id: EventId,
    /// The stream that holds it.
    pub stream: String,
    /// Its place in the stream: 0, 1, 2 ...
    pub revision: u64,
    /// When it happened. Clocks run on this.
    pub occurred_at: Timestamp,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

/// A fact about the clock on record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FactOnRecord {
    /// The type of the event: `SlaBreached`.
    pub fact: String,
    /// The event.
    pub event: EventReference,
}

/// A policy version, whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyUsed {
    /// The policy.
    pub id: PolicyId,
    /// Its version.
    pub version: u32,
    /// From when it held.
    pub effective_from: Timestamp,
    /// Its publication.
    pub event: EventReference,
    /// What it says.
    pub document: PolicyDocument,
}

/// A calendar version, whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CalendarUsed {
    /// The calendar.
    pub id: CalendarId,
    /// Its version.
    pub version: u32,
    /// From when it held.
    pub effective_from: Timestamp,
    /// Its publication.
    pub event: EventReference,
    /// What it says.
    pub document: CalendarDocument,
}

/// The JSON Schema of a certificate.
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(Certificate)
}

#[cfg(test)]
mod tests;
