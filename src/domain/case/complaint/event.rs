//! What the handling of a complaint adds to what may happen to a case. The field comments are the published descriptions.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::case::attribute::{Channel, Complexity, Impact, Outcome, Severity};
use crate::id::{CaseId, RootCauseId};
use crate::pii::Pii;

/// The customer was told that it was received.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaseAcknowledged {
    /// The channel by which they were told.
    pub channel: Channel,
}

/// It was weighed for the first time, or anew. What it does to the case's severity and priority stands in a `CaseClassified` beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaseAssessed {
    /// How bad it is for the customer.
    pub severity: Severity,
    /// Whether somebody's safety or health is touched: it then comes before all others.
    #[serde(default)]
    pub safety: bool,
    /// How hard it is to look into.
    pub complexity: Complexity,
    /// How many it touches.
    pub impact: Impact,
    /// What must be done at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub immediate_action: Option<Pii<String>>,
}

/// The investigation found something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FindingRecorded {
    /// What was found.
    pub finding: Pii<String>,
    /// Where the evidence lies: a document's key, a recording, a witness.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Pii<String>>,
}

/// It was decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaseDecided {
    /// 1 for the first decision, 2 for the one on the first appeal ...
    pub level: u32,
    /// Whether the complaint was right.
    pub outcome: Outcome,
    /// Why it was decided so.
    pub reasons: Pii<String>,
    /// Until when the customer may appeal; absent when the decision is the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appeal_until: Option<Timestamp>,
    /// To whom they appeal; absent when the decision is the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appeal_to: Option<String>,
}

/// The customer does not accept the decision and asks for another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaseAppealed {
    /// The level that decides next: 2 after the first decision.
    pub level: u32,
    /// Why they do not accept it.
    pub grounds: Pii<String>,
}

/// The customer is content with the decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DecisionAccepted {
    /// The channel by which they said so.
    pub channel: Channel,
}

/// The customer was told what else they can do, inside the organisation and outside of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AlternativesOffered {
    /// What they were told.
    pub alternatives: Pii<String>,
}

/// It was found what brought the matter about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RootCauseRecorded {
    /// The cause, from the organisation's list.
    pub cause: RootCauseId,
    /// More about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Pii<String>>,
}

/// Another case removes the cause, so that the matter does not come back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CorrectiveActionLinked {
    /// The case in which that is done.
    pub case_id: CaseId,
}
