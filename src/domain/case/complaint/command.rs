//! What may be asked in the handling of a complaint.

use jiff::Timestamp;
use serde::Serialize;

use crate::case::attribute::{Channel, Complexity, Impact, Outcome, Severity};
use crate::id::{CaseId, RootCauseId};
use crate::pii::Pii;

/// What may be asked in the handling of a complaint.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum ComplaintCommand {
    /// Tell the customer that it was received.
    Acknowledge(AcknowledgeCase),
    /// Weigh it.
    Assess(AssessCase),
    /// Record what the investigation found.
    RecordFinding(RecordFinding),
    /// Decide it.
    Decide(DecideCase),
    /// Ask for another decision.
    Appeal(AppealCase),
    /// Be content with the decision.
    AcceptDecision(AcceptDecision),
    /// Tell the customer what else they can do.
    OfferAlternatives(OfferAlternatives),
    /// Record what brought it about.
    RecordRootCause(RecordRootCause),
    /// Link the case that removes the cause.
    LinkCorrectiveAction(LinkCorrectiveAction),
}

impl ComplaintCommand {
    /// The command's name, for those who run the program.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Acknowledge(_) => "acknowledge",
            Self::Assess(_) => "assess",
            Self::RecordFinding(_) => "record_finding",
            Self::Decide(_) => "decide",
            Self::Appeal(_) => "appeal",
            Self::AcceptDecision(_) => "accept_decision",
            Self::OfferAlternatives(_) => "offer_alternatives",
            Self::RecordRootCause(_) => "record_root_cause",
            Self::LinkCorrectiveAction(_) => "link_corrective_action",
        }
    }
}

/// Tell the customer that it was received.
#[derive(Clone, Debug, Serialize)]
pub struct AcknowledgeCase {
    /// By which channel.
    pub channel: Channel,
}

/// Weigh it.
#[derive(Clone, Debug, Serialize)]
pub struct AssessCase {
    /// How bad it is for the customer.
    pub severity: Severity,
    /// Whether somebody's safety or health is touched.
    pub safety: bool,
    /// How hard it is to look into.
    pub complexity: Complexity,
    /// How many it touches.
    pub impact: Impact,
    /// What must be done at once.
    pub immediate_action: Option<Pii<String>>,
}

/// Record what the investigation found.
#[derive(Clone, Debug, Serialize)]
pub struct RecordFinding {
    /// What was found.
    pub finding: Pii<String>,
    /// Where the evidence lies.
    pub evidence: Option<Pii<String>>,
}

/// Decide it.
#[derive(Clone, Debug, Serialize)]
pub struct DecideCase {
    /// Whether the complaint was right.
    pub outcome: Outcome,
    /// Why.
    pub reasons: Pii<String>,
    /// Until when the customer may appeal.
    pub appeal_until: Option<Timestamp>,
    /// To whom.
    pub appeal_to: Option<String>,
    /// The channel by which the decision and its reasons go to the customer now; absent where they are told later.
    pub channel: Option<Channel>,
}

/// Ask for another decision.
#[derive(Clone, Debug, Serialize)]
pub struct AppealCase {
    /// Why.
    pub grounds: Pii<String>,
}

/// Be content with the decision.
#[derive(Clone, Debug, Serialize)]
pub struct AcceptDecision {
    /// The channel by which the customer said so.
    pub channel: Channel,
}

/// Tell the customer what else they can do.
#[derive(Clone, Debug, Serialize)]
pub struct OfferAlternatives {
    /// What they are told.
    pub alternatives: Pii<String>,
}

/// Record what brought it about.
#[derive(Clone, Debug, Serialize)]
pub struct RecordRootCause {
    /// The cause, from the organisation's list.
    pub cause: RootCauseId,
    /// More about it.
    pub explanation: Option<Pii<String>>,
}

/// Link the case that removes the cause.
#[derive(Clone, Debug, Serialize)]
pub struct LinkCorrectiveAction {
    /// That case. Whoever sends the command looks whether it is there, and whether it is another.
    pub case_id: CaseId,
}
