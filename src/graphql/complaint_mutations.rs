//! Mutations on complaints: one for each step of their handling. `docs/complaints.md` tells what follows on what.

use async_graphql::{Context, ID, InputObject, Object};
use parvandeh_domain::case::CaseCommand;
use parvandeh_domain::case::command::{self as domain, ComplaintCommand};
use parvandeh_domain::pii::Pii;

use super::case::Case;
use super::case_mutations::{case_input, change, known_case};
use super::payload::{Common, Failed, UserError, code, payload};
use super::scalar::DateTime;
use super::vocabulary::{Channel, Complexity, Impact, Outcome, Severity};

case_input!(
    /// A case whose receipt is acknowledged.
    AcknowledgeCaseInput {
        /// The channel by which the customer was told.
        channel: Channel,
    }
);

case_input!(
    /// What a complaint weighs.
    AssessCaseInput {
        /// How bad it is for the customer. The case has this severity from now on.
        severity: Severity,
        /// Whether somebody's safety or health is touched: the case then becomes urgent.
        safety: bool,
        /// How hard it is to look into.
        complexity: Complexity,
        /// How many it touches.
        impact: Impact,
        /// What must be done at once.
        immediate_action: Option<String>,
    }
);

case_input!(
    /// Something that the investigation found.
    RecordFindingInput {
        /// What was found.
        finding: String,
        /// Where the evidence lies: a document's key, a recording, a witness.
        evidence: Option<String>,
    }
);

case_input!(
    /// The decision on a complaint.
    DecideCaseInput {
        /// Whether the complaint was right: UPHELD, PARTLY_UPHELD or NOT_UPHELD.
        outcome: Outcome,
        /// Why it is decided so, in words for the customer.
        reasons: String,
        /// Until when the customer may appeal. With `appealTo`, or neither: the decision is then the last.
        appeal_until: Option<DateTime>,
        /// To whom they appeal.
        appeal_to: Option<String>,
        /// The channel by which the decision and its reasons go to the customer now: they are then recorded as an answer. Leave it out
        /// where the customer is told later.
        channel: Option<Channel>,
    }
);

case_input!(
    /// A decision that the customer does not accept.
    AppealCaseInput {
        /// Why not.
        grounds: String,
    }
);

case_input!(
    /// A decision that the customer is content with.
    AcceptDecisionInput {
        /// The channel by which they said so.
        channel: Channel,
    }
);

case_input!(
    /// What else the customer can do.
    OfferAlternativesInput {
        /// What they were told.
        alternatives: String,
    }
);

case_input!(
    /// What brought the matter about.
    RecordRootCauseInput {
        /// The cause, from the organisation's list.
        cause: String,
        /// More about it.
        explanation: Option<String>,
    }
);

case_input!(
    /// The case in which the cause is removed.
    LinkCorrectiveActionInput {
        /// That case (a global id).
        corrective_case_id: ID,
    }
);

payload!(AcknowledgeCasePayload, case: Case);
payload!(AssessCasePayload, case: Case);
payload!(RecordFindingPayload, case: Case);
payload!(DecideCasePayload, case: Case);
payload!(AppealCasePayload, case: Case);
payload!(AcceptDecisionPayload, case: Case);
payload!(OfferAlternativesPayload, case: Case);
payload!(RecordRootCausePayload, case: Case);
payload!(LinkCorrectiveActionPayload, case: Case);

/// Mutations on complaints.
#[derive(Default)]
pub struct ComplaintMutation;

#[Object]
impl ComplaintMutation {
    /// Records that the customer was told that their case was received. From then on a complaint is under the process.
    async fn acknowledge_case(
        &self,
        ctx: &Context<'_>,
        input: AcknowledgeCaseInput,
    ) -> async_graphql::Result<AcknowledgeCasePayload> {
        let (common, channel) = (input.common(), input.channel.into());
        let step = || Ok(ComplaintCommand::Acknowledge(domain::AcknowledgeCase { channel }));
        AcknowledgeCasePayload::answer(handle(ctx, &input.case_id, common, step).await)
    }

    /// Weighs a complaint. Where safety is touched, the case becomes urgent.
    async fn assess_case(
        &self,
        ctx: &Context<'_>,
        input: AssessCaseInput,
    ) -> async_graphql::Result<AssessCasePayload> {
        let common = input.common();
        let step = || {
            Ok(ComplaintCommand::Assess(domain::AssessCase {
                severity: input.severity.into(),
                safety: input.safety,
                complexity: input.complexity.into(),
                impact: input.impact.into(),
                immediate_action: input.immediate_action.map(Pii::new),
            }))
        };
        AssessCasePayload::answer(handle(ctx, &input.case_id, common, step).await)
    }

    /// Records what the investigation found, with its evidence.
    async fn record_finding(
        &self,
        ctx: &Context<'_>,
        input: RecordFindingInput,
    ) -> async_graphql::Result<RecordFindingPayload> {
        let common = input.common();
        let step = || {
            Ok(ComplaintCommand::RecordFinding(domain::RecordFinding {
                finding: Pii::new(input.finding),
                evidence: input.evidence.map(Pii::new),
            }))
        };
        RecordFindingPayload::answer(handle(ctx, &input.case_id, common, step).await)
    }

    /// Decides an assessed complaint, with reasons and the way to appeal. The case is resolved by it.
    async fn decide_case(
        &self,
        ctx: &Context<'_>,
        input: DecideCaseInput,
    ) -> async_graphql::Result<DecideCasePayload> {
        let common = input.common();
        let step = || {
            Ok(ComplaintCommand::Decide(domain::DecideCase {
                outcome: input.outcome.into(),
                reasons: Pii::new(input.reasons),
                appeal_until: input.appeal_until.map(|moment| moment.0),
                appeal_to: input.appeal_to,
                channel: input.channel.map(Into::into),
            }))
        };
        DecideCasePayload::answer(handle(ctx, &input.case_id, common, step).await)
    }

    /// Asks for another decision, at the next level. The case is reopened by it.
    async fn appeal_case(
        &self,
        ctx: &Context<'_>,
        input: AppealCaseInput,
    ) -> async_graphql::Result<AppealCasePayload> {
        let common = input.common();
        let step = || {
            let grounds = Pii::new(input.grounds);
            Ok(ComplaintCommand::Appeal(domain::AppealCase { grounds }))
        };
        AppealCasePayload::answer(handle(ctx, &input.case_id, common, step).await)
    }

    /// Records that the customer is content with the decision. The case can then be closed.
    async fn accept_decision(
        &self,
        ctx: &Context<'_>,
        input: AcceptDecisionInput,
    ) -> async_graphql::Result<AcceptDecisionPayload> {
        let (common, channel) = (input.common(), input.channel.into());
        let step = || Ok(ComplaintCommand::AcceptDecision(domain::AcceptDecision { channel }));
        AcceptDecisionPayload::answer(handle(ctx, &input.case_id, common, step).await)
    }

    /// Records that the customer was told what else they can do, inside the organisation and outside of it.
    async fn offer_alternatives(
        &self,
        ctx: &Context<'_>,
        input: OfferAlternativesInput,
    ) -> async_graphql::Result<OfferAlternativesPayload> {
        let common = input.common();
        let step = || {
            let alternatives = Pii::new(input.alternatives);
            Ok(ComplaintCommand::OfferAlternatives(domain::OfferAlternatives { alternatives }))
        };
        OfferAlternativesPayload::answer(handle(ctx, &input.case_id, common, step).await)
    }

    /// Records what brought the matter about.
    async fn record_root_cause(
        &self,
        ctx: &Context<'_>,
        input: RecordRootCauseInput,
    ) -> async_graphql::Result<RecordRootCausePayload> {
        let common = input.common();
        let step = || {
            Ok(ComplaintCommand::RecordRootCause(domain::RecordRootCause {
                cause: code("cause", input.cause)?,
                explanation: input.explanation.map(Pii::new),
            }))
        };
        RecordRootCausePayload::answer(handle(ctx, &input.case_id, common, step).await)
    }

    /// Links the case in which the cause is removed, so that the matter does not come back.
    async fn link_corrective_action(
        &self,
        ctx: &Context<'_>,
        input: LinkCorrectiveActionInput,
    ) -> async_graphql::Result<LinkCorrectiveActionPayload> {
        LinkCorrectiveActionPayload::answer(link(ctx, input).await)
    }
}

async fn link(ctx: &Context<'_>, input: LinkCorrectiveActionInput) -> Result<Option<Case>, Failed> {
    const FIELD: &str = "correctiveCaseId";
    let common = input.common();
    // Whoever may not know of the one case learns nothing about the other.
    if known_case(ctx, "caseId", Some(&input.case_id))?.is_some()
        && input.case_id == input.corrective_case_id
    {
        let message = "a case cannot be its own corrective action; open one for it";
        return Err(UserError::new("CORRECTIVE_ACTION_ITSELF", Some(FIELD), message).into());
    }
    let known = known_case(ctx, FIELD, Some(&input.corrective_case_id))?;
    let step = || {
        let case_id = known.expect("a named case is known or refused");
        Ok(ComplaintCommand::LinkCorrectiveAction(domain::LinkCorrectiveAction { case_id }))
    };
    handle(ctx, &input.case_id, common, step).await
}

async fn handle(
    ctx: &Context<'_>,
    case_id: &ID,
    common: Common,
    step: impl FnOnce() -> Result<ComplaintCommand, UserError>,
) -> Result<Option<Case>, Failed> {
    change(ctx, case_id, common, || Ok(CaseCommand::Complaint(step()?))).await
}
