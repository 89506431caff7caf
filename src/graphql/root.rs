//! The roots of the schema: what can be asked, and what can be followed.

use async_graphql::{Context, ID, Interface, Json, MergedObject, Object, Subscription};
use futures_util::Stream;
use serde_json::Value;

use super::access_log::{self, AccessLogFilterInput, AccessRecordConnection};
use super::account_mutations::AccountMutation;
use super::attachment::{self, Attachment};
use super::card::{self, Card};
use super::card_mutations::CardMutation;
use super::case::{
    self, Case, CaseConnection, CaseFilterInput, CaseSort, CodeFilter, UnansweredCaseFilterInput,
};
use super::case_events::{self, CaseEvent};
use super::case_mutations::CaseMutation;
use super::complaint_mutations::ComplaintMutation;
use super::context::refused;
use super::customer::{self, Customer, CustomerConnection, CustomerFilterInput};
use super::customer_mutations::CustomerMutation;
use super::customer_records::CustomerRecordMutation;
use super::fact_feed::{self, SlaBreachEvent, SlaFactEvent};
use super::fee::FeeMutation;
use super::follow_up::{
    self, FollowUpConnection, FollowUpReminder, FollowUpsDueFilterInput, MissedFollowUpFilterInput,
};
use super::global_id::{self, NodeType};
use super::management_review::{self, ManagementReview};
use super::match_proposals::{self, MatchProposal};
use super::notification::{self, NotificationEvent, NotificationMutation};
use super::operations::OperationsMutation;
use super::paging::PageArguments;
use super::payment::PaymentMutation;
use super::preferences::PreferencesMutation;
use super::privacy_mutations::PrivacyMutation;
use super::proof::{self, ConsistencyProof, InclusionProof, ProofCheckpoint};
use super::reconciliation::{self, Reconciliation};
use super::redress::RedressMutation;
use super::reference_data::{self, CalendarVersion, ReferenceDataMutation, SlaPolicyVersion};
use super::referral_mutations::ReferralMutation;
use super::scalar::DateTime;
use super::segmentation::{
    self, AssetMatrixCell, SegmentationDraft, SegmentationMutation, SegmentationVersion,
};
use super::sla_at_risk::{self, SlaAtRiskPage};
use super::sla_attribution::{self, SlaAttributeBy, SlaAttribution};
use super::sla_breach::{self, SlaBreachConnection, SlaBreachFilterInput};
use super::sla_compliance::{self, SlaCompliance, SlaComplianceFilterInput, SlaGroupBy};
use super::sla_fact::{self, SlaFactConnection, SlaFactFilterInput};
use super::sla_mutations::SlaMutation;
use super::sla_simulation::{self, DraftArguments, SlaSimulationBy, SlaSimulationUpdate};
use super::staff_case::{self, StaffCase, StaffCaseMutation};
use super::survey::{self, Satisfaction, SatisfactionBy, SurveyMutation};
use super::unit::{self, Unit, UnitMutation};
use super::verification_mutations::VerificationMutation;
use super::viewer::{self, Viewer};
use super::voice::{self, VoiceConnection, VoiceFilterInput};
use crate::error::RequestError;
use crate::http::transport::ResumeAfter;

/// The most ids of one `nodes`.
const NODES_MAX: usize = 100;

/// Anything with a global id.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "&ID", desc = "Global id."))]
pub enum Node {
    /// A case.
    Case(Box<Case>),
    /// A customer.
    Customer(Box<Customer>),
    /// A file that stands with a case.
    Attachment(Box<Attachment>),
    /// A card.
    Card(Box<Card>),
}

/// What can be asked.
pub struct Query;

#[Object]
impl Query {
    /// One case: as it stands, or as it was known at a moment. Null when there is none that you may know of.
    async fn case(
        &self,
        ctx: &Context<'_>,
        id: ID,
        as_of: Option<DateTime>,
    ) -> async_graphql::Result<Option<Case>> {
        let id = global_id::decode("id", NodeType::Case, &id).map_err(refused)?;
        match as_of {
            None => case::find(ctx, id).await,
            Some(moment) => case::find_as_of(ctx, id, moment.0).await,
        }
    }

    /// The cases that you may know of.
    #[allow(clippy::too_many_arguments, reason = "the arguments of a connection")]
    async fn cases(
        &self,
        ctx: &Context<'_>,
        filter: Option<CaseFilterInput>,
        #[graphql(default)] sort: CaseSort,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> async_graphql::Result<CaseConnection> {
        let page = PageArguments { first, after, last, before };
        case::list(ctx, filter.unwrap_or_default(), sort, page).await
    }

    /// One customer. Null when there is none that you may know of.
    async fn customer(&self, ctx: &Context<'_>, id: ID) -> async_graphql::Result<Option<Customer>> {
        let id = global_id::decode("id", NodeType::Customer, &id).map_err(refused)?;
        customer::find(ctx, id).await
    }

    /// The customers that you may know of, the newest first.
    async fn customers(
        &self,
        ctx: &Context<'_>,
        filter: Option<CustomerFilterInput>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> async_graphql::Result<CustomerConnection> {
        let page = PageArguments { first, after, last, before };
        customer::list(ctx, filter.unwrap_or_default(), page).await
    }

    /// The records that may be the same person's as this customer's, the most alike first, at most 20. Nothing is merged by it: see
    /// `mergeCustomer`. Empty when there is no such customer that you may know of.
    async fn match_proposals(
        &self,
        ctx: &Context<'_>,
        customer_id: ID,
    ) -> async_graphql::Result<Vec<MatchProposal>> {
        match_proposals::proposals(ctx, &customer_id).await
    }

    /// How the promises stand that fall due from `from` to before `to`, one row a group. A promise belongs to the period in which it
    /// falls due; a clock that stopped while it was paused, and one that only measures, to the period in which it stopped.
    async fn sla_compliance(
        &self,
        ctx: &Context<'_>,
        from: Option<DateTime>,
        to: Option<DateTime>,
        #[graphql(default)] group_by: Vec<SlaGroupBy>,
        filter: Option<SlaComplianceFilterInput>,
    ) -> async_graphql::Result<Vec<SlaCompliance>> {
        sla_compliance::compliance(ctx, from, to, group_by, filter.unwrap_or_default()).await
    }

    /// Open clocks whose due moment is to come, the nearest first; with `minPercent`, those that have used so many hundredths of their
    /// target.
    async fn sla_at_risk(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        min_percent: Option<i32>,
        filter: Option<SlaComplianceFilterInput>,
    ) -> async_graphql::Result<SlaAtRiskPage> {
        sla_at_risk::at_risk(ctx, first, after, min_percent, filter.unwrap_or_default()).await
    }

    /// Where the time of clocks went from `from` to before `to`: what elapsed, by unit or by person, or what was paused, by the reason of
    /// the hold. Refused with REPORT_TOO_LARGE where more than 20,000 cases have clocks in the period.
    async fn sla_attribution(
        &self,
        ctx: &Context<'_>,
        from: DateTime,
        to: DateTime,
        by: SlaAttributeBy,
        filter: Option<SlaComplianceFilterInput>,
    ) -> async_graphql::Result<Vec<SlaAttribution>> {
        sla_attribution::attribution(ctx, from, to, by, filter.unwrap_or_default()).await
    }

    /// The breaches on record, in the order in which they were recorded.
    async fn sla_breaches(
        &self,
        ctx: &Context<'_>,
        filter: Option<SlaBreachFilterInput>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> async_graphql::Result<SlaBreachConnection> {
        let page = PageArguments { first, after, last, before };
        sla_breach::breaches(ctx, filter.unwrap_or_default(), page).await
    }

    /// The facts on record about clocks (warnings, verdicts, corrections, extensions, waivers), in the order in which they were recorded.
    async fn sla_facts(
        &self,
        ctx: &Context<'_>,
        filter: Option<SlaFactFilterInput>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> async_graphql::Result<SlaFactConnection> {
        let page = PageArguments { first, after, last, before };
        sla_fact::facts(ctx, filter.unwrap_or_default(), page).await
    }

    /// Every version of every SLA policy, in the order of publication.
    async fn sla_policies(
        &self,
        ctx: &Context<'_>,
    ) -> async_graphql::Result<Vec<SlaPolicyVersion>> {
        reference_data::policies(ctx).await
    }

    /// Every version of every calendar, in the order of publication.
    async fn calendars(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<CalendarVersion>> {
        reference_data::calendars(ctx).await
    }

    /// The last signed checkpoint of the log. Null before the first one, a second after the first start.
    async fn proof_checkpoint(&self, ctx: &Context<'_>) -> Option<ProofCheckpoint> {
        proof::checkpoint(ctx)
    }

    /// The proof that an event, by its id or its position, is under the root of the first `treeSize` events, by default those of the
    /// checkpoint. Null where the checkpoint covers no such event (yet).
    async fn inclusion_proof(
        &self,
        ctx: &Context<'_>,
        event_id: Option<ID>,
        position: Option<u64>,
        tree_size: Option<u64>,
    ) -> async_graphql::Result<Option<InclusionProof>> {
        proof::inclusion(ctx, event_id, position, tree_size).await
    }

    /// The proof that the first `from` events are the beginning of the first `to`, by default those of the checkpoint. Null before the
    /// first checkpoint.
    async fn consistency_proof(
        &self,
        ctx: &Context<'_>,
        from: u64,
        to: Option<u64>,
    ) -> async_graphql::Result<Option<ConsistencyProof>> {
        proof::consistency(ctx, from, to).await
    }

    /// Who read whose personal data, when and what for, the newest first. Reading this is recorded as well.
    async fn access_log(
        &self,
        ctx: &Context<'_>,
        filter: Option<AccessLogFilterInput>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> async_graphql::Result<AccessRecordConnection> {
        let page = PageArguments { first, after, last, before };
        access_log::list(ctx, filter.unwrap_or_default(), page).await
    }

    /// Suggestions, criticisms and praise that you may know of, and what became of them, the newest first.
    async fn voices(
        &self,
        ctx: &Context<'_>,
        filter: Option<VoiceFilterInput>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> async_graphql::Result<VoiceConnection> {
        let page = PageArguments { first, after, last, before };
        voice::list(ctx, filter.unwrap_or_default(), page).await
    }

    /// The cases that you raised as a member of staff, in your own name, the newest first; at most 100.
    async fn my_staff_cases(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20)] first: i32,
    ) -> async_graphql::Result<Vec<StaffCase>> {
        staff_case::own(ctx, first).await
    }

    /// The anonymous case of a code, as its author sees it. Null when the code is none. Stands alone in its operation.
    async fn anonymous_case(
        &self,
        ctx: &Context<'_>,
        code: String,
    ) -> async_graphql::Result<Option<StaffCase>> {
        staff_case::of_code(ctx, &code).await
    }

    /// Every version of every segmentation, in the order of publication.
    async fn segmentations(
        &self,
        ctx: &Context<'_>,
    ) -> async_graphql::Result<Vec<SegmentationVersion>> {
        segmentation::versions(ctx).await
    }

    /// What a draft of a segmentation would change among the customers that you may know of. Nothing is written.
    async fn draft_segmentation(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The segmentation in whose place the draft stands; `default` where absent."
        )]
        id: Option<String>,
        #[graphql(desc = "The whole draft, as it would be published.")] document: Json<Value>,
    ) -> async_graphql::Result<SegmentationDraft> {
        segmentation::draft(ctx, id, document.0).await
    }

    /// The customer-asset matrix over the customers that you may know of, by the lines that the segmentation `default` draws; empty where
    /// it draws none.
    async fn asset_matrix(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<AssetMatrixCell>> {
        segmentation::matrix(ctx).await
    }

    /// The payment provider's books of a day against the ledger, payment by payment. Null where there is no provider.
    async fn reconciliation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The day (UTC), as in 2026-03-21.")] day: String,
    ) -> async_graphql::Result<Option<Reconciliation>> {
        reconciliation::of_day(ctx, &day).await
    }

    /// The customer who asks, with all that their own page shows. Null for staff and programs.
    async fn viewer(&self, ctx: &Context<'_>) -> Option<Viewer> {
        viewer::of(ctx)
    }

    /// The promises to customers that are on record as missed, the longest overdue first.
    async fn missed_follow_ups(
        &self,
        ctx: &Context<'_>,
        filter: Option<MissedFollowUpFilterInput>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> async_graphql::Result<FollowUpConnection> {
        let page = PageArguments { first, after, last, before };
        follow_up::missed(ctx, filter.unwrap_or_default(), page).await
    }

    /// The promises to customers that fall due soon and wait to be kept, the earliest due first: those of which a reminder is on record.
    async fn follow_ups_due(
        &self,
        ctx: &Context<'_>,
        filter: Option<FollowUpsDueFilterInput>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> async_graphql::Result<FollowUpConnection> {
        let page = PageArguments { first, after, last, before };
        follow_up::due(ctx, filter.unwrap_or_default(), page).await
    }

    /// How content customers are with the handling of their cases: those who were asked from `from` to before `to`. The greatest groups
    /// first, at most 1000.
    async fn satisfaction(
        &self,
        ctx: &Context<'_>,
        by: SatisfactionBy,
        from: Option<DateTime>,
        to: Option<DateTime>,
    ) -> async_graphql::Result<Vec<Satisfaction>> {
        survey::satisfaction(ctx, by, from, to).await
    }

    /// How complaints were handled from `from` to before `to`, at most two years later, beside the period of the same length just before:
    /// the pack for management's review (ISO 10002:2018, 9.5).
    async fn management_review(
        &self,
        ctx: &Context<'_>,
        from: DateTime,
        to: DateTime,
        #[graphql(
            desc = "Within how many minutes of its receipt a complaint is to be acknowledged.",
            default = 1440
        )]
        acknowledged_within_minutes: i32,
    ) -> async_graphql::Result<ManagementReview> {
        management_review::management_review(ctx, from, to, acknowledged_within_minutes).await
    }

    /// The cases whose customer's last word (the opening, a message, a reopening) no person has answered, the longest waiting first.
    /// Automatic messages are no answers. Merged cases are answered where they went on, but what a customer writes to one afterwards is
    /// answered there.
    async fn unanswered_cases(
        &self,
        ctx: &Context<'_>,
        filter: Option<UnansweredCaseFilterInput>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> async_graphql::Result<CaseConnection> {
        let page = PageArguments { first, after, last, before };
        case::unanswered(ctx, filter.unwrap_or_default(), page).await
    }

    /// All units, in the order of their codes: as they are, or as they were known at a moment.
    async fn units(
        &self,
        ctx: &Context<'_>,
        as_of: Option<DateTime>,
    ) -> async_graphql::Result<Vec<Unit>> {
        unit::units(ctx, as_of).await
    }

    /// Anything by its global id. Null when there is nothing that you may know of.
    async fn node(&self, ctx: &Context<'_>, id: ID) -> async_graphql::Result<Option<Node>> {
        node(ctx, "id", &id).await
    }

    /// Several things by their global ids, in the order of the ids; at most 100.
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        ids: Vec<ID>,
    ) -> async_graphql::Result<Vec<Option<Node>>> {
        if ids.len() > NODES_MAX {
            let problem = format!("must have at most {NODES_MAX} entries");
            return Err(refused(RequestError::bad_input("ids", &problem)));
        }
        let mut found = Vec::with_capacity(ids.len());
        for id in &ids {
            found.push(node(ctx, "ids", id).await?);
        }
        Ok(found)
    }
}

async fn node(ctx: &Context<'_>, field: &str, id: &ID) -> async_graphql::Result<Option<Node>> {
    match global_id::decode_any(field, id).map_err(refused)? {
        (NodeType::Case, id) => {
            Ok(case::find(ctx, id).await?.map(|case| Node::Case(Box::new(case))))
        }
        (NodeType::Customer, id) => {
            Ok(customer::find(ctx, id).await?.map(|found| Node::Customer(Box::new(found))))
        }
        (NodeType::Attachment, id) => {
            Ok(attachment::find(ctx, id).await?.map(|found| Node::Attachment(Box::new(found))))
        }
        (NodeType::Card, id) => {
            Ok(card::find(ctx, id).await?.map(|found| Node::Card(Box::new(found))))
        }
    }
}

/// What can be done with what is known of customers, and with what is theirs. A group of its own, because the compiler follows a list of
/// merged objects to a limited depth.
#[derive(MergedObject, Default)]
pub struct CustomerSideMutation(
    CustomerMutation,
    CustomerRecordMutation,
    PrivacyMutation,
    PreferencesMutation,
    NotificationMutation,
    CardMutation,
    VerificationMutation,
    AccountMutation,
    RedressMutation,
    FeeMutation,
    PaymentMutation,
);

/// What can be done.
#[derive(MergedObject, Default)]
pub struct Mutation(
    CustomerSideMutation,
    CaseMutation,
    SlaMutation,
    ReferenceDataMutation,
    OperationsMutation,
    StaffCaseMutation,
    SegmentationMutation,
    ComplaintMutation,
    ReferralMutation,
    UnitMutation,
    SurveyMutation,
);

/// What can be followed.
pub struct Subscription;

#[Subscription]
impl Subscription {
    /// What happens to a case, its files, its redress, its fees and their payments, as its timeline shows it to you: first what has happened
    /// after the cursor, then what comes. Resumed with its last cursor, the feed has no gap. Facts about its clocks come by `slaFacts`.
    async fn case_events<'a>(
        &self,
        ctx: &Context<'a>,
        case_id: ID,
        after: Option<String>,
    ) -> async_graphql::Result<impl Stream<Item = async_graphql::Result<CaseEvent>> + 'a> {
        case_events::follow(ctx, case_id, resume(ctx, after)).await
    }

    /// What you are told of on your own page: first what came after the cursor, or without one what you have not read, then each as it
    /// comes. Resumed with its last cursor, the feed has no gap. What you do not wish to be told of is left out.
    async fn notifications<'a>(
        &self,
        ctx: &Context<'a>,
        after: Option<String>,
    ) -> async_graphql::Result<impl Stream<Item = async_graphql::Result<NotificationEvent>> + 'a>
    {
        notification::follow(ctx, resume(ctx, after)).await
    }

    /// Breaches: first those on record after the cursor, then each as it is recorded. Resumed with its last cursor, the feed has no gap.
    async fn sla_breaches<'a>(
        &self,
        ctx: &Context<'a>,
        after: Option<String>,
        filter: Option<SlaBreachFilterInput>,
    ) -> async_graphql::Result<impl Stream<Item = async_graphql::Result<SlaBreachEvent>> + 'a> {
        fact_feed::breaches(ctx, resume(ctx, after), filter.unwrap_or_default()).await
    }

    /// Facts about clocks: first those on record after the cursor, then each as it is recorded. Resumed with its last cursor, the feed
    /// has no gap.
    async fn sla_facts<'a>(
        &self,
        ctx: &Context<'a>,
        after: Option<String>,
        filter: Option<SlaFactFilterInput>,
    ) -> async_graphql::Result<impl Stream<Item = async_graphql::Result<SlaFactEvent>> + 'a> {
        fact_feed::facts(ctx, resume(ctx, after), filter.unwrap_or_default()).await
    }

    /// Reminders of promises to customers that fall due: first those on record after the cursor, then each as it is recorded. Resumed with
    /// its last cursor, the feed has no gap, and tells nothing twice.
    async fn follow_up_reminders<'a>(
        &self,
        ctx: &Context<'a>,
        after: Option<String>,
        unit: Option<CodeFilter>,
    ) -> async_graphql::Result<impl Stream<Item = async_graphql::Result<FollowUpReminder>> + 'a>
    {
        follow_up::follow_reminders(ctx, resume(ctx, after), unit).await
    }

    /// What drafts would change: the histories of the cases that you may know of, opened from `from` to before `to`, are replayed as if the
    /// drafts had been in force at their opening. Tells how far it has come, and at last the report. Nothing is written. The server does one
    /// simulation at a time.
    #[allow(clippy::too_many_arguments, reason = "two documents, a period and the groups")]
    async fn simulate_sla<'a>(
        &self,
        ctx: &Context<'a>,
        #[graphql(
            desc = "The policy in whose place the draft stands; an id that is not known yet adds a policy. Required with `policy`."
        )]
        policy_id: Option<String>,
        #[graphql(desc = "The whole draft policy, as it would be published.")] policy: Option<
            Json<Value>,
        >,
        #[graphql(
            desc = "The calendar in whose place the draft stands, for all time. Required with `calendar`."
        )]
        calendar_id: Option<String>,
        #[graphql(desc = "The whole draft calendar, as it would be published.")] calendar: Option<
            Json<Value>,
        >,
        #[graphql(desc = "Only cases opened from this moment on.")] from: Option<DateTime>,
        #[graphql(desc = "Only cases opened before this moment.")] to: Option<DateTime>,
        #[graphql(
            desc = "By what the report tells clocks apart.",
            default_with = "sla_simulation::default_groups()"
        )]
        group_by: Vec<SlaSimulationBy>,
    ) -> async_graphql::Result<impl Stream<Item = async_graphql::Result<SlaSimulationUpdate>> + 'a>
    {
        let drafts = DraftArguments { policy_id, policy, calendar_id, calendar };
        sla_simulation::simulate(ctx, drafts, from, to, group_by).await
    }
}

/// An event stream that a browser resumes by itself names its last event beside the query; that is later than the query's own cursor.
fn resume(ctx: &Context<'_>, after: Option<String>) -> Option<String> {
    ctx.data_opt::<ResumeAfter>().map(|resume| resume.0.clone()).or(after)
}
