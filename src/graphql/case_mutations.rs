//! Mutations on cases: one for each command.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object};
use parvandeh_domain::case::command as domain;
use parvandeh_domain::case::{Case as CaseAggregate, CaseCommand, CaseState};
use parvandeh_domain::id::{CaseId, CustomerId, derived};
use parvandeh_domain::pii::Pii;
use parvandeh_projections::scope::CaseScope;
use parvandeh_projections::{case_summary, customer_profile};
use uuid::Uuid;

use super::case::{self, Case};
use super::context::{case_scope, failure, own_case_scope, principal, query, query_now, services};
use super::global_id::{self, NodeType};
use super::payload::{
    Common, Failed, UserError, claim, code, code_option, execute, execute_with, not_for_customers,
    payload,
};
use super::scalar::DateTime;
use super::vocabulary::{CaseKind, Channel, Direction, HoldReason, Outcome, Priority, Severity};
use crate::command::{policy, representation};
use crate::principal::{Principal, Role};
use crate::store::StreamId;

/// Declares the input of a mutation on an existing case: its own fields and those that all of them have.
macro_rules! case_input {
    ($(#[$doc:meta])* $name:ident { $( $(#[$field_doc:meta])* $field:ident: $type:ty, )* }) => {
        $(#[$doc])*
        #[derive(InputObject)]
        pub struct $name {
            /// The global id of the case.
            pub case_id: ID,
            $( $(#[$field_doc])* pub $field: $type, )*
            /// The revision of the case that you have seen: the command is refused when it has changed since.
            pub expected_revision: Option<i64>,
            /// Your own name for this request: sent again with the same name, it is done once.
            pub idempotency_key: Option<String>,
            /// When it happened, where that was not just now.
            pub occurred_at: Option<DateTime>,
        }

        impl $name {
            fn common(&self) -> Common {
                Common {
                    expected_revision: self.expected_revision,
                    idempotency_key: self.idempotency_key.clone(),
                    occurred_at: self.occurred_at,
                    ..Common::default()
                }
            }
        }
    };
}

/// A case to be opened.
#[derive(InputObject)]
pub struct OpenCaseInput {
    /// What sort of matter it is.
    pub kind: CaseKind,
    /// The matter in one line.
    pub subject: String,
    /// The matter in full.
    pub description: Option<String>,
    /// Whose case it is (a global id); customers need not say.
    pub customer_id: Option<ID>,
    /// The channel by which it came.
    pub channel: Channel,
    /// Its subject category.
    pub category: Option<String>,
    /// How soon it must be attended to; NORMAL where absent.
    pub priority: Option<Priority>,
    /// How bad it is for the customer.
    pub severity: Option<Severity>,
    /// The unit that owns it.
    pub unit: Option<String>,
    /// The date promised or demanded.
    pub due_at: Option<DateTime>,
    /// The key by which another system knows it.
    pub external_reference: Option<String>,
    /// The case of which it was a part (a global id), where a matter turns out to be two.
    pub split_from: Option<ID>,
    /// What the customer asks for, to be content.
    pub remedy_sought: Option<String>,
    /// Your own name for this request: sent again with the same name, it is done once.
    pub idempotency_key: Option<String>,
    /// When it happened, where that was not just now.
    pub occurred_at: Option<DateTime>,
}

case_input!(
    /// A new classification. Give at least one of category, priority and severity.
    ClassifyCaseInput {
        /// The new category.
        category: Option<String>,
        /// The new priority.
        priority: Option<Priority>,
        /// The new severity.
        severity: Option<Severity>,
    }
);

case_input!(
    /// A case to be handed to a unit.
    ReferCaseInput {
        /// The unit that is responsible.
        unit: String,
        /// Why.
        reason: String,
        /// When the unit must have answered.
        answer_due_at: Option<DateTime>,
    }
);

case_input!(
    /// A case to be given to a member of staff.
    AssignCaseInput {
        /// Who, as the identity provider names them.
        assignee: String,
    }
);

case_input!(
    /// A stage that the customer is to see.
    EnterStageInput {
        /// The stage in the customer's words.
        stage: String,
    }
);

case_input!(
    /// An exchange to be recorded.
    RecordInteractionInput {
        /// Who spoke to whom.
        direction: Direction,
        /// By which channel.
        channel: Channel,
        /// What was said.
        body: String,
        /// Whether a machine wrote it: an automatic reply is not a first response.
        automatic: Option<bool>,
    }
);

case_input!(
    /// A note for colleagues.
    AddNoteInput {
        /// The note.
        body: String,
    }
);

case_input!(
    /// A case that is to wait.
    HoldCaseInput {
        /// For whom.
        reason: HoldReason,
        /// More about it.
        note: Option<String>,
    }
);

case_input!(
    /// A case on which work goes on.
    ResumeCaseInput {}
);

case_input!(
    /// A date that is promised.
    SetDueDateInput {
        /// The date.
        due_at: DateTime,
    }
);

case_input!(
    /// A case that is answered.
    ResolveCaseInput {
        /// What became of it.
        outcome: Outcome,
        /// The answer in short.
        summary: Option<String>,
    }
);

case_input!(
    /// A case that is not settled after all.
    ReopenCaseInput {
        /// Why.
        reason: String,
    }
);

case_input!(
    /// A case that is finished.
    CloseCaseInput {}
);

case_input!(
    /// A case that is given up in favour of another.
    MergeCaseInput {
        /// The case that survives (a global id).
        into: ID,
        /// Why.
        reason: String,
    }
);

case_input!(
    /// A merged case that is to be a case of its own again.
    UnmergeCaseInput {
        /// Why.
        reason: String,
    }
);

case_input!(
    /// A step of an imported log.
    RecordActivityInput {
        /// Its name in the source.
        name: String,
        /// Who did it, as the source names them.
        resource: Option<String>,
        /// Their group, as the source names it.
        group: Option<String>,
        /// The life-cycle transition, such as `complete`.
        transition: Option<String>,
    }
);

pub(super) use case_input;

payload!(OpenCasePayload, case: Case);
payload!(ClassifyCasePayload, case: Case);
payload!(ReferCasePayload, case: Case);
payload!(AssignCasePayload, case: Case);
payload!(EnterStagePayload, case: Case);
payload!(RecordInteractionPayload, case: Case);
payload!(AddNotePayload, case: Case);
payload!(HoldCasePayload, case: Case);
payload!(ResumeCasePayload, case: Case);
payload!(SetDueDatePayload, case: Case);
payload!(ResolveCasePayload, case: Case);
payload!(ReopenCasePayload, case: Case);
payload!(CloseCasePayload, case: Case);
payload!(MergeCasePayload, case: Case);
payload!(UnmergeCasePayload, case: Case);
payload!(RecordActivityPayload, case: Case);

/// Mutations on cases.
#[derive(Default)]
pub struct CaseMutation;

#[Object]
impl CaseMutation {
    /// Opens a case.
    async fn open_case(
        &self,
        ctx: &Context<'_>,
        input: OpenCaseInput,
    ) -> async_graphql::Result<OpenCasePayload> {
        OpenCasePayload::answer(open(ctx, input).await)
    }

    /// Decides a case's category, priority or severity; what is absent stays.
    async fn classify_case(
        &self,
        ctx: &Context<'_>,
        input: ClassifyCaseInput,
    ) -> async_graphql::Result<ClassifyCasePayload> {
        let common = input.common();
        let command = || {
            Ok(CaseCommand::Classify(domain::ClassifyCase {
                category: code_option("category", input.category)?,
                priority: input.priority.map(Into::into),
                severity: input.severity.map(Into::into),
            }))
        };
        ClassifyCasePayload::answer(change(ctx, &input.case_id, common, command).await)
    }

    /// Hands a case to the responsible unit.
    async fn refer_case(
        &self,
        ctx: &Context<'_>,
        input: ReferCaseInput,
    ) -> async_graphql::Result<ReferCasePayload> {
        let common = input.common();
        let command = || {
            Ok(CaseCommand::Refer(domain::ReferCase {
                unit: code("unit", input.unit)?,
                reason: Pii::new(input.reason),
                answer_due_at: input.answer_due_at.map(|moment| moment.0),
            }))
        };
        ReferCasePayload::answer(change(ctx, &input.case_id, common, command).await)
    }

    /// Gives a case to a member of staff.
    async fn assign_case(
        &self,
        ctx: &Context<'_>,
        input: AssignCaseInput,
    ) -> async_graphql::Result<AssignCasePayload> {
        let common = input.common();
        let command = || {
            let assignee = code("assignee", input.assignee)?;
            Ok(CaseCommand::Assign(domain::AssignCase { assignee }))
        };
        AssignCasePayload::answer(change(ctx, &input.case_id, common, command).await)
    }

    /// Moves a case to a stage that the customer sees.
    async fn enter_stage(
        &self,
        ctx: &Context<'_>,
        input: EnterStageInput,
    ) -> async_graphql::Result<EnterStagePayload> {
        let common = input.common();
        let command = || Ok(CaseCommand::EnterStage(domain::EnterStage { stage: input.stage }));
        EnterStagePayload::answer(change(ctx, &input.case_id, common, command).await)
    }

    /// Records an exchange with the customer, or among staff. A customer's message ends a wait for the customer.
    async fn record_interaction(
        &self,
        ctx: &Context<'_>,
        input: RecordInteractionInput,
    ) -> async_graphql::Result<RecordInteractionPayload> {
        let common = input.common();
        let by_customer = principal(ctx).role == Role::Customer;
        let command = || {
            if by_customer && input.direction != Direction::Inbound {
                return Err(not_for_customers("direction"));
            }
            if by_customer && input.automatic == Some(true) {
                return Err(not_for_customers("automatic"));
            }
            Ok(CaseCommand::RecordInteraction(domain::RecordInteraction {
                direction: input.direction.into(),
                channel: input.channel.into(),
                body: Pii::new(input.body),
                automatic: input.automatic.unwrap_or(false),
            }))
        };
        let done = change_or_represent(ctx, &input.case_id, common, command).await;
        RecordInteractionPayload::answer(done)
    }

    /// Writes something down for colleagues.
    async fn add_note(
        &self,
        ctx: &Context<'_>,
        input: AddNoteInput,
    ) -> async_graphql::Result<AddNotePayload> {
        let common = input.common();
        let command = || Ok(CaseCommand::AddNote(domain::AddNote { body: Pii::new(input.body) }));
        AddNotePayload::answer(change(ctx, &input.case_id, common, command).await)
    }

    /// Lets a case wait for somebody. Its clocks pause where their policy says so.
    async fn hold_case(
        &self,
        ctx: &Context<'_>,
        input: HoldCaseInput,
    ) -> async_graphql::Result<HoldCasePayload> {
        let common = input.common();
        let command = || {
            Ok(CaseCommand::Hold(domain::HoldCase {
                reason: input.reason.into(),
                note: input.note.map(Pii::new),
            }))
        };
        HoldCasePayload::answer(change(ctx, &input.case_id, common, command).await)
    }

    /// Goes on with a case that waited.
    async fn resume_case(
        &self,
        ctx: &Context<'_>,
        input: ResumeCaseInput,
    ) -> async_graphql::Result<ResumeCasePayload> {
        let common = input.common();
        let command = || Ok(CaseCommand::Resume);
        ResumeCasePayload::answer(change(ctx, &input.case_id, common, command).await)
    }

    /// Promises a date.
    async fn set_due_date(
        &self,
        ctx: &Context<'_>,
        input: SetDueDateInput,
    ) -> async_graphql::Result<SetDueDatePayload> {
        let common = input.common();
        let command = || Ok(CaseCommand::SetDueDate(domain::SetDueDate { due_at: input.due_at.0 }));
        SetDueDatePayload::answer(change(ctx, &input.case_id, common, command).await)
    }

    /// Answers a case.
    async fn resolve_case(
        &self,
        ctx: &Context<'_>,
        input: ResolveCaseInput,
    ) -> async_graphql::Result<ResolveCasePayload> {
        let common = input.common();
        let command = || {
            Ok(CaseCommand::Resolve(domain::ResolveCase {
                outcome: input.outcome.into(),
                summary: input.summary.map(Pii::new),
            }))
        };
        ResolveCasePayload::answer(change(ctx, &input.case_id, common, command).await)
    }

    /// Takes a resolved or closed case up again.
    async fn reopen_case(
        &self,
        ctx: &Context<'_>,
        input: ReopenCaseInput,
    ) -> async_graphql::Result<ReopenCasePayload> {
        let common = input.common();
        let command =
            || Ok(CaseCommand::Reopen(domain::ReopenCase { reason: Pii::new(input.reason) }));
        ReopenCasePayload::answer(change(ctx, &input.case_id, common, command).await)
    }

    /// Finishes a resolved case.
    async fn close_case(
        &self,
        ctx: &Context<'_>,
        input: CloseCaseInput,
    ) -> async_graphql::Result<CloseCasePayload> {
        let common = input.common();
        let command = || Ok(CaseCommand::Close);
        CloseCasePayload::answer(change(ctx, &input.case_id, common, command).await)
    }

    /// Gives a case up in favour of another, which deals with the matter from then on. What people said stays where it was said.
    async fn merge_case(
        &self,
        ctx: &Context<'_>,
        input: MergeCaseInput,
    ) -> async_graphql::Result<MergeCasePayload> {
        MergeCasePayload::answer(merge(ctx, input).await)
    }

    /// Undoes a merge: the case has the status again that it had before.
    async fn unmerge_case(
        &self,
        ctx: &Context<'_>,
        input: UnmergeCaseInput,
    ) -> async_graphql::Result<UnmergeCasePayload> {
        let common = input.common();
        let command =
            || Ok(CaseCommand::Unmerge(domain::UnmergeCase { reason: Pii::new(input.reason) }));
        UnmergeCasePayload::answer(change(ctx, &input.case_id, common, command).await)
    }

    /// Records a step of an imported log.
    async fn record_activity(
        &self,
        ctx: &Context<'_>,
        input: RecordActivityInput,
    ) -> async_graphql::Result<RecordActivityPayload> {
        let common = input.common();
        let command = || {
            Ok(CaseCommand::RecordActivity(domain::RecordActivity {
                name: input.name,
                resource: input.resource,
                group: input.group,
                transition: input.transition,
            }))
        };
        RecordActivityPayload::answer(change(ctx, &input.case_id, common, command).await)
    }
}

async fn open(ctx: &Context<'_>, input: OpenCaseInput) -> Result<Option<Case>, Failed> {
    let caller = principal(ctx);
    if caller.role == Role::Customer {
        let said_by_staff = [
            ("priority", input.priority.is_some()),
            ("severity", input.severity.is_some()),
            ("unit", input.unit.is_some()),
            ("dueAt", input.due_at.is_some()),
            ("externalReference", input.external_reference.is_some()),
            ("splitFrom", input.split_from.is_some()),
        ];
        if let Some((field, _)) = said_by_staff.into_iter().find(|(_, said)| *said) {
            return Err(not_for_customers(field).into());
        }
    }
    let customer_id = customer_of(ctx, input.customer_id.as_ref(), input.kind).await?;
    let split_from = known_case(ctx, "splitFrom", input.split_from.as_ref())?;
    let command = CaseCommand::Open(domain::OpenCase {
        kind: input.kind.into(),
        subject: Pii::new(input.subject),
        description: input.description.map(Pii::new),
        customer_id,
        channel: input.channel.into(),
        category: code_option("category", input.category)?,
        priority: input.priority.unwrap_or(Priority::Normal).into(),
        severity: input.severity.map(Into::into),
        unit: code_option("unit", input.unit)?,
        due_at: input.due_at.map(|moment| moment.0),
        external_reference: input.external_reference,
        split_from,
        remedy_sought: input.remedy_sought.map(Pii::new),
    });
    let common = Common {
        expected_revision: None,
        idempotency_key: input.idempotency_key,
        occurred_at: input.occurred_at,
        represents: caller.customer_id.is_some_and(|own| customer_id != Some(CustomerId(own))),
        ..Common::default()
    };
    let identity = claim(ctx, None, &command, &common).await?;
    // The id follows from the command, so that a retry finds the case that it opened.
    let id = CaseId(derived(&["case", &identity.command_id.to_string()]));
    let stream = stream(id.0);
    let executed =
        execute::<CaseAggregate>(ctx, &stream, identity, &common, command, |_| true).await?;
    case::after_write(ctx, id.0, executed.position).await.map_err(Failed::Failure)
}

/// Whose case is opened. Where the caller is a customer: their own, or that of somebody for whom they act in such cases. Else the named
/// one's, who must be known to the caller.
async fn customer_of(
    ctx: &Context<'_>,
    named: Option<&ID>,
    kind: CaseKind,
) -> Result<Option<CustomerId>, Failed> {
    let named = named
        .map(|id| global_id::decode("customerId", NodeType::Customer, id))
        .transpose()?
        .map(CustomerId);
    let unknown =
        || UserError::new("CUSTOMER_NOT_FOUND", Some("customerId"), "there is no such customer");
    let caller = principal(ctx);
    if caller.role == Role::Customer {
        let own = caller.customer_id.map(CustomerId);
        let Some(other) = named.filter(|_| named != own) else { return Ok(own) };
        let (commands, now) = (&services(ctx).commands, services(ctx).clock.now());
        let acts = representation::acts_for(commands, now, caller, other, kind.into()).await;
        let acts = acts.map_err(|error| Failed::Failure(failure(&error)))?;
        return if acts { Ok(named) } else { Err(unknown().into()) };
    }
    if let Some(CustomerId(id)) = named {
        // Staff may open a case for any registered customer: that is how a customer becomes known to a unit.
        let scope = policy::case_scope_after_write(caller);
        let known = query(ctx, move |db| customer_profile::customer(db, &scope, id)).await;
        known.map_err(Failed::Failure)?.ok_or_else(unknown)?;
    }
    Ok(named)
}

/// A case that an input names, which the caller must know of. Its status does not matter: a second matter may come to light when the
/// first is closed.
pub(super) fn known_case(
    ctx: &Context<'_>,
    field: &'static str,
    named: Option<&ID>,
) -> Result<Option<CaseId>, Failed> {
    let Some(named) = named else { return Ok(None) };
    let id = global_id::decode(field, NodeType::Case, named)?;
    let scope = case_scope(ctx);
    let known = query_now(ctx, |db| case_summary::case(db, &scope, id)).map_err(Failed::Failure)?;
    if known.is_none() {
        return Err(UserError::new("CASE_NOT_FOUND", Some(field), "there is no such case").into());
    }
    Ok(Some(CaseId(id)))
}

/// Merges a case into another; the caller must know of both.
async fn merge(ctx: &Context<'_>, input: MergeCaseInput) -> Result<Option<Case>, Failed> {
    let common = input.common();
    let id = global_id::decode("caseId", NodeType::Case, &input.case_id)?;
    let command = domain::MergeCase {
        into: CaseId(global_id::decode("into", NodeType::Case, &input.into)?),
        reason: Pii::new(input.reason),
        survivor: domain::Survivor::Unknown,
    };
    let identity = claim(ctx, Some(id), &CaseCommand::Merge(command.clone()), &common).await?;
    let caller = ctx.data_unchecked::<Arc<Principal>>().clone();
    let merges = &services(ctx).merges;
    let executed =
        execute_with::<CaseAggregate, _>(ctx, identity, &common, async |metadata, expected| {
            let permit = move |state: &CaseState| policy::may_touch(&caller, state);
            merges.execute(CaseId(id), metadata, command, expected, permit).await
        })
        .await?;
    case::after_write(ctx, id, executed.position).await.map_err(Failed::Failure)
}

/// Executes a command on an existing case inside the scope that the caller has in their own right.
pub(super) async fn change(
    ctx: &Context<'_>,
    case_id: &ID,
    common: Common,
    command: impl FnOnce() -> Result<CaseCommand, UserError>,
) -> Result<Option<Case>, Failed> {
    change_within(ctx, case_id, common, command, own_case_scope(ctx)).await
}

/// Executes a command that whoever acts for the customer of a case may give too.
async fn change_or_represent(
    ctx: &Context<'_>,
    case_id: &ID,
    mut common: Common,
    command: impl FnOnce() -> Result<CaseCommand, UserError>,
) -> Result<Option<Case>, Failed> {
    let id = CaseId(global_id::decode("caseId", NodeType::Case, case_id)?);
    let mut scope = own_case_scope(ctx);
    // Most customers act for nobody, and their cases are not looked at twice.
    if let CaseScope::Representative { .. } = case_scope(ctx) {
        let (commands, now) = (&services(ctx).commands, services(ctx).clock.now());
        let represented =
            representation::represented_by_case(commands, now, principal(ctx), id).await;
        if let Some(customer_id) = represented.map_err(|error| Failed::Failure(failure(&error)))? {
            // Whose case it is never changes.
            scope = CaseScope::Customer(customer_id.0);
            common.represents = true;
        }
    }
    change_within(ctx, case_id, common, command, scope).await
}

async fn change_within(
    ctx: &Context<'_>,
    case_id: &ID,
    common: Common,
    command: impl FnOnce() -> Result<CaseCommand, UserError>,
    scope: CaseScope,
) -> Result<Option<Case>, Failed> {
    let id = global_id::decode("caseId", NodeType::Case, case_id)?;
    let command = command()?;
    let identity = claim(ctx, Some(id), &command, &common).await?;
    let executed =
        execute::<CaseAggregate>(ctx, &stream(id), identity, &common, command, |state| {
            policy::is_inside(&scope, state)
        })
        .await?;
    case::after_write(ctx, id, executed.position).await.map_err(Failed::Failure)
}

fn stream(id: Uuid) -> StreamId {
    StreamId::new(&format!("case-{id}")).expect("a UUID is a well-formed stream id")
}
