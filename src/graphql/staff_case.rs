//! Cases that staff raise: by name, or anonymously with a code.
//!
//! An author sees their case as a customer would see theirs: what was said between the two sides, how it stands and what became of it.
//! Authors read what they wrote and what was written to them, so their reading is not recorded, as that of customers is not. For an
//! anonymous author this is more than a courtesy: a record of who read the case would be the author's name. For the same reason the
//! fields for anonymous authors stand alone in their operation; admission sees to that ([`ANONYMOUS_FIELDS`]).

use std::collections::VecDeque;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use parvandeh_domain::case::command::{RaiseByStaff, RecordInteraction};
use parvandeh_domain::case::voice::StaffAuthor;
use parvandeh_domain::case::{
    Case as CaseAggregate, CaseCommand, CaseEvent, CaseState, Channel as DomainChannel,
    Direction as DomainDirection, Status as DomainStatus,
};
use parvandeh_domain::decider::Recorded;
use parvandeh_domain::id::{CaseId, derived};
use parvandeh_domain::log::DomainEvent;
use parvandeh_domain::pii::{Envelope, Pii};
use parvandeh_projections::voices;

use super::case::{self, Case};
use super::context::{failure, principal, query, refused, services};
use super::global_id::{self, NodeType};
use super::payload::{
    Common, Failed, UserError, check_key, claim, code_option, execute, executed_with, payload,
};
use super::scalar::DateTime;
use super::vocabulary::{Became, CaseKind, Channel, Status};
use crate::command::anonymous::AnonymousCode;
use crate::command::handler::CommandMetadata;
use crate::command::policy;
use crate::error::RequestError;
use crate::sealing;
use crate::store::{Position, StreamId};
use crate::subscription::generation::Entry;
use crate::subscription::projector::entry;

/// The fields of the roots that stand alone in their operation, because nothing that is recorded of another field may tell who asked.
pub const ANONYMOUS_FIELDS: &[&str] =
    &["anonymousCase", "drawAnonymousCode", "openAnonymousCase", "writeToAnonymousCase"];

/// The most messages that an author is shown: the newest.
const MESSAGES_MAX: usize = 200;
/// The most cases of one author that are listed: the newest.
const OWN_CASES_MAX: i32 = 100;
const PAGE_SIZE: usize = 500;

/// A case that staff raised, as its author sees it.
#[derive(SimpleObject)]
pub struct StaffCase {
    /// The global id; null where the author is anonymous, who has the code in its place.
    pub id: Option<ID>,
    /// The short reference by which people speak of the case.
    pub reference: String,
    /// What sort of voice it is.
    pub kind: CaseKind,
    /// The matter in one line.
    pub subject: Option<String>,
    /// The matter in full.
    pub description: Option<String>,
    /// Whether its author is anonymous.
    pub anonymous: bool,
    /// Where it stands.
    pub status: Status,
    /// The stage that was told to its author.
    pub stage: Option<String>,
    /// When it was opened.
    pub opened_at: DateTime,
    /// What became of it, as its author was told last; null until they were.
    pub became: Option<Became>,
    /// When its author was told what became of it.
    pub told_at: Option<DateTime>,
    /// What was written from either side, the oldest first: the newest 200 messages.
    pub messages: Vec<StaffCaseMessage>,
}

/// A message between the author of a case and those who work on it.
#[derive(SimpleObject)]
pub struct StaffCaseMessage {
    /// When it was written.
    pub at: DateTime,
    /// Whether the author wrote it.
    pub from_author: bool,
    /// Whether a machine wrote it.
    pub automatic: bool,
    /// What was written.
    pub body: Option<String>,
}

/// What staff raise: a suggestion, a criticism or praise.
#[derive(InputObject)]
pub struct OpenStaffCaseInput {
    /// What sort of voice: SUGGESTION, CRITICISM or PRAISE.
    pub kind: CaseKind,
    /// The matter in one line.
    pub subject: String,
    /// The matter in full.
    pub description: Option<String>,
    /// Its subject category.
    pub category: Option<String>,
    /// The unit that is to look at it; the intake where absent.
    pub unit: Option<String>,
    /// Your own name for this request: sent again with the same name, it is done once.
    pub idempotency_key: Option<String>,
}

/// What staff raise without their name. The code makes it safe to send it again.
#[derive(InputObject)]
pub struct OpenAnonymousCaseInput {
    /// The code that was drawn for this case. Keep it: nobody can give it to you again.
    pub code: String,
    /// What sort of voice: SUGGESTION, CRITICISM or PRAISE.
    pub kind: CaseKind,
    /// The matter in one line.
    pub subject: String,
    /// The matter in full.
    pub description: Option<String>,
    /// Its subject category.
    pub category: Option<String>,
    /// The unit that is to look at it; the intake where absent.
    pub unit: Option<String>,
}

/// A message of an author to those who work on their case.
#[derive(InputObject)]
pub struct WriteToStaffCaseInput {
    /// The global id of the case.
    pub case_id: ID,
    /// The message.
    pub body: String,
    /// Your own name for this request: sent again with the same name, it is done once.
    pub idempotency_key: Option<String>,
}

/// A message of an anonymous author to those who work on their case.
#[derive(InputObject)]
pub struct WriteToAnonymousCaseInput {
    /// The code of the case.
    pub code: String,
    /// The message.
    pub body: String,
    /// A name for this request that tells nothing of you: sent again with the same name, it is done once.
    pub idempotency_key: Option<String>,
}

/// What became of a suggestion, a criticism or praise.
#[derive(InputObject)]
pub struct TellAuthorInput {
    /// The global id of the case.
    pub case_id: ID,
    /// What became of it.
    pub became: Became,
    /// What was done, in the words that its author reads.
    pub what_was_done: String,
    /// The way by which they are told; PORTAL for staff.
    pub channel: Channel,
    /// The revision of the case that you have seen: the command is refused when it has changed since.
    pub expected_revision: Option<i64>,
    /// Your own name for this request: sent again with the same name, it is done once.
    pub idempotency_key: Option<String>,
    /// When it happened, where that was not just now.
    pub occurred_at: Option<DateTime>,
}

payload!(OpenStaffCasePayload, staff_case: StaffCase);
payload!(OpenAnonymousCasePayload, staff_case: StaffCase);
payload!(WriteToStaffCasePayload, staff_case: StaffCase);
payload!(WriteToAnonymousCasePayload, staff_case: StaffCase);
payload!(TellAuthorPayload, case: Case);

/// A code for an anonymous case.
#[derive(SimpleObject)]
pub struct DrawAnonymousCodePayload {
    /// The code. It is shown this once and kept nowhere: whoever has it reads the answers, and whoever loses it does not.
    pub code: String,
}

/// Mutations of staff who raise something, and of those who answer them.
#[derive(Default)]
pub struct StaffCaseMutation;

#[Object]
impl StaffCaseMutation {
    /// Raises a suggestion, a criticism or praise in your own name.
    async fn open_staff_case(
        &self,
        ctx: &Context<'_>,
        input: OpenStaffCaseInput,
    ) -> async_graphql::Result<OpenStaffCasePayload> {
        OpenStaffCasePayload::answer(open(ctx, input).await)
    }

    /// Draws a code for a case that is to be anonymous. Nothing is written.
    async fn draw_anonymous_code(
        &self,
        ctx: &Context<'_>,
    ) -> async_graphql::Result<DrawAnonymousCodePayload> {
        take_use(ctx).map_err(refused)?;
        Ok(DrawAnonymousCodePayload { code: AnonymousCode::draw().text(&services(ctx).vault) })
    }

    /// Raises a suggestion, a criticism or praise without your name, with a code drawn before. Stands alone in its operation.
    async fn open_anonymous_case(
        &self,
        ctx: &Context<'_>,
        input: OpenAnonymousCaseInput,
    ) -> async_graphql::Result<OpenAnonymousCasePayload> {
        OpenAnonymousCasePayload::answer(open_anonymously(ctx, input).await)
    }

    /// Writes to those who work on a case that you raised in your own name.
    async fn write_to_staff_case(
        &self,
        ctx: &Context<'_>,
        input: WriteToStaffCaseInput,
    ) -> async_graphql::Result<WriteToStaffCasePayload> {
        WriteToStaffCasePayload::answer(write(ctx, input).await)
    }

    /// Writes to those who work on the anonymous case of a code. Stands alone in its operation.
    async fn write_to_anonymous_case(
        &self,
        ctx: &Context<'_>,
        input: WriteToAnonymousCaseInput,
    ) -> async_graphql::Result<WriteToAnonymousCasePayload> {
        WriteToAnonymousCasePayload::answer(write_anonymously(ctx, input).await)
    }

    /// Tells the author of a suggestion, a criticism or praise what became of it: both are recorded, and the author reads the words.
    async fn tell_author(
        &self,
        ctx: &Context<'_>,
        input: TellAuthorInput,
    ) -> async_graphql::Result<TellAuthorPayload> {
        TellAuthorPayload::answer(tell(ctx, input).await)
    }
}

async fn open(ctx: &Context<'_>, input: OpenStaffCaseInput) -> Result<Option<StaffCase>, Failed> {
    let common = Common { idempotency_key: input.idempotency_key, ..Common::default() };
    let command = CaseCommand::RaiseByStaff(RaiseByStaff {
        kind: input.kind.into(),
        subject: Pii::new(input.subject),
        description: input.description.map(Pii::new),
        category: code_option("category", input.category)?,
        unit: code_option("unit", input.unit)?,
        author: Some(principal(ctx).subject.clone()),
    });
    let identity = claim(ctx, None, &command, &common).await?;
    let id = CaseId(derived(&["case", &identity.command_id.to_string()]));
    let executed =
        execute::<CaseAggregate>(ctx, &stream(id), identity, &common, command, |_| true).await?;
    shown(ctx, id, executed.position).await
}

async fn open_anonymously(
    ctx: &Context<'_>,
    input: OpenAnonymousCaseInput,
) -> Result<Option<StaffCase>, Failed> {
    take_use(ctx)?;
    let vault = &services(ctx).vault;
    let Some(code) = AnonymousCode::read(&input.code, vault) else {
        let message = "this is no code that was drawn here; draw one, and copy it whole";
        return Err(UserError::new("CODE_NOT_DRAWN", Some("code"), message).into());
    };
    let command = CaseCommand::RaiseByStaff(RaiseByStaff {
        kind: input.kind.into(),
        subject: Pii::new(input.subject),
        description: input.description.map(Pii::new),
        category: code_option("category", input.category)?,
        unit: code_option("unit", input.unit)?,
        author: None,
    });
    let metadata = code.opening(vault, &command);
    let id = code.case_id(vault);
    let opened = execute_anonymously(ctx, id, metadata, command, |_| true).await;
    let position = opened.map_err(|failed| match failed {
        Failed::User(error) if error.code == "IDEMPOTENCY_KEY_REUSED" => {
            let message = "this code opened a case already; draw a new one for another case";
            UserError::new("CODE_USED", Some("code"), message).into()
        }
        failed => failed,
    })?;
    shown(ctx, id, position).await
}

async fn write(
    ctx: &Context<'_>,
    input: WriteToStaffCaseInput,
) -> Result<Option<StaffCase>, Failed> {
    let id = CaseId(global_id::decode("caseId", NodeType::Case, &input.case_id)?);
    let common = Common { idempotency_key: input.idempotency_key, ..Common::default() };
    let command = message(input.body);
    let identity = claim(ctx, Some(id.0), &command, &common).await?;
    let author = &principal(ctx).subject;
    let permit = |state: &CaseState| state.voice.is_raised_by(author);
    let executed =
        execute::<CaseAggregate>(ctx, &stream(id), identity, &common, command, permit).await?;
    shown(ctx, id, executed.position).await
}

async fn write_anonymously(
    ctx: &Context<'_>,
    input: WriteToAnonymousCaseInput,
) -> Result<Option<StaffCase>, Failed> {
    take_use(ctx)?;
    check_key(input.idempotency_key.as_deref())?;
    let unknown = || UserError::new("CASE_NOT_FOUND", Some("code"), "there is no such case");
    let vault = &services(ctx).vault;
    let code = AnonymousCode::read(&input.code, vault).ok_or_else(unknown)?;
    let id = code.case_id(vault);
    services(ctx).anonymous.take_message(id).map_err(too_often)?;
    let command = message(input.body);
    let metadata = code.message(vault, input.idempotency_key.as_deref(), &command);
    let permit = |state: &CaseState| state.voice.raised_by == Some(StaffAuthor::Anonymous);
    let executed = execute_anonymously(ctx, id, metadata, command, permit).await;
    let position = executed.map_err(|failed| match failed {
        // Whoever has no id is told of the code.
        Failed::User(error) if error.code == "CASE_NOT_FOUND" => unknown().into(),
        failed => failed,
    })?;
    shown(ctx, id, position).await
}

async fn tell(ctx: &Context<'_>, input: TellAuthorInput) -> Result<Option<Case>, Failed> {
    let id = global_id::decode("caseId", NodeType::Case, &input.case_id)?;
    let common = Common {
        expected_revision: input.expected_revision,
        idempotency_key: input.idempotency_key,
        occurred_at: input.occurred_at,
        ..Common::default()
    };
    let command = CaseCommand::TellAuthor(parvandeh_domain::case::command::TellAuthor {
        became: input.became.into(),
        what_was_done: Pii::new(input.what_was_done),
        channel: input.channel.into(),
    });
    let identity = claim(ctx, Some(id), &command, &common).await?;
    let caller = principal(ctx);
    let permit = |state: &CaseState| policy::may_touch(caller, state);
    let executed =
        execute::<CaseAggregate>(ctx, &stream(CaseId(id)), identity, &common, command, permit)
            .await?;
    case::after_write(ctx, id, executed.position).await.map_err(Failed::Failure)
}

/// An author stands where the customer stands in other cases.
fn message(body: String) -> CaseCommand {
    CaseCommand::RecordInteraction(RecordInteraction {
        direction: DomainDirection::Inbound,
        channel: DomainChannel::Portal,
        body: Pii::new(body),
        automatic: false,
    })
}

/// Executes a command with metadata that name nobody, past the keeper of idempotency keys, who knows callers by their names.
async fn execute_anonymously(
    ctx: &Context<'_>,
    id: CaseId,
    metadata: CommandMetadata,
    command: CaseCommand,
    permit: impl Fn(&CaseState) -> bool,
) -> Result<Option<Position>, Failed> {
    let commands = &services(ctx).commands;
    let batch = vec![(metadata, command)];
    let executed = commands.execute::<CaseAggregate>(&stream(id), batch, None, permit).await;
    executed_with::<CaseAggregate>(executed).map(|executed| executed.position)
}

fn take_use(ctx: &Context<'_>) -> Result<(), RequestError> {
    services(ctx).anonymous.take(&principal(ctx).subject).map_err(too_often)
}

fn too_often(wait: std::time::Duration) -> RequestError {
    RequestError::rate_limited("Codes are being used too often. Wait a little.", wait)
}

fn stream(id: CaseId) -> StreamId {
    StreamId::new(&format!("case-{id}")).expect("a UUID is a well-formed stream id")
}

/// The anonymous case of a code; `None` where there is none, and where the code is none.
pub async fn of_code(ctx: &Context<'_>, code: &str) -> async_graphql::Result<Option<StaffCase>> {
    take_use(ctx).map_err(refused)?;
    let vault = &services(ctx).vault;
    let Some(code) = AnonymousCode::read(code, vault) else { return Ok(None) };
    let told = tale(ctx, code.case_id(vault)).await?;
    told.filter(|told| told.state.voice.raised_by == Some(StaffAuthor::Anonymous))
        .map(|told| told.open(ctx))
        .transpose()
}

/// The cases that the caller raised by name, the newest first.
pub async fn own(ctx: &Context<'_>, first: i32) -> async_graphql::Result<Vec<StaffCase>> {
    let count = usize::try_from(first).ok().filter(|_| (1..=OWN_CASES_MAX).contains(&first));
    let count = count.ok_or_else(|| {
        refused(RequestError::bad_input("first", &format!("must be between 1 and {OWN_CASES_MAX}")))
    })?;
    let author = principal(ctx).subject.clone();
    let ids = query(ctx, move |db| voices::of_author(db, &author, count)).await?;
    let mut own = Vec::with_capacity(ids.len());
    for id in ids {
        if let Some(told) = tale(ctx, CaseId(id)).await? {
            own.push(told.open(ctx)?);
        }
    }
    Ok(own)
}

/// A case as its author sees it after their command, once whoever asks the read models sees it too.
async fn shown(
    ctx: &Context<'_>,
    id: CaseId,
    position: Option<Position>,
) -> Result<Option<StaffCase>, Failed> {
    if let Some(position) = position {
        let caught_up = services(ctx).read_models.wait_for(position).await;
        caught_up.map_err(|error| Failed::Failure(failure(&error)))?;
    }
    let told = tale(ctx, id).await.map_err(Failed::Failure)?;
    told.map(|told| told.open(ctx)).transpose().map_err(Failed::Failure)
}

/// What the stream of a case tells its author, sealed.
struct Tale {
    id: CaseId,
    state: CaseState,
    kind: CaseKind,
    opened_at: DateTime,
    opening: Option<Envelope>,
    told_at: Option<DateTime>,
    messages: VecDeque<SealedMessage>,
}

struct SealedMessage {
    at: DateTime,
    from_author: bool,
    automatic: bool,
    envelope: Option<Envelope>,
}

/// Reads a case's own stream, so that an author sees at once what they wrote.
async fn tale(ctx: &Context<'_>, id: CaseId) -> async_graphql::Result<Option<Tale>> {
    let (stream, mut after, mut tale) = (stream(id), None, None);
    loop {
        let page = services(ctx).store.read_stream(&stream, after, PAGE_SIZE).await;
        let page = page.map_err(|error| failure(&error))?;
        after = page.last().map(|logged| logged.revision);
        for logged in &page {
            let Entry::Event(recorded) = entry(logged) else { continue };
            Tale::take_in(&mut tale, id, *recorded);
        }
        if page.len() < PAGE_SIZE {
            return Ok(tale);
        }
    }
}

impl Tale {
    fn take_in(tale: &mut Option<Self>, id: CaseId, recorded: Recorded<DomainEvent>) {
        let Recorded { meta, event, envelope, .. } = recorded;
        let DomainEvent::Case(_, event) = event else { return };
        let at = DateTime(meta.occurred_at);
        let Some(tale) = tale else {
            let CaseEvent::Opened(opened) = &event else { return };
            *tale = Some(Self {
                id,
                kind: opened.kind.into(),
                state: CaseState::default().evolve(&event, &meta),
                opened_at: at,
                opening: envelope,
                told_at: None,
                messages: VecDeque::new(),
            });
            return;
        };
        match &event {
            CaseEvent::InteractionRecorded(said) if said.direction != DomainDirection::Internal => {
                if tale.messages.len() == MESSAGES_MAX {
                    tale.messages.pop_front();
                }
                tale.messages.push_back(SealedMessage {
                    at,
                    from_author: said.direction == DomainDirection::Inbound,
                    automatic: said.automatic,
                    envelope,
                });
            }
            CaseEvent::AuthorTold(_) => tale.told_at = Some(at),
            _ => {}
        }
        tale.state = std::mem::take(&mut tale.state).evolve(&event, &meta);
    }

    /// Opens what was said, without a note for the access log: an author reads their own.
    fn open(self, ctx: &Context<'_>) -> async_graphql::Result<StaffCase> {
        let text = |envelope: &Option<Envelope>, field: &str| -> async_graphql::Result<_> {
            let Some(envelope) = envelope else { return Ok(None) };
            let opened = sealing::open(&services(ctx).vault, &envelope.0);
            let opened = opened.map_err(|error| failure(&error))?;
            Ok(opened.and_then(|(_, fields)| fields.text(field)))
        };
        let anonymous = self.state.voice.raised_by == Some(StaffAuthor::Anonymous);
        let messages = self.messages.iter().map(|message| {
            Ok(StaffCaseMessage {
                at: message.at,
                from_author: message.from_author,
                automatic: message.automatic,
                body: text(&message.envelope, "body")?,
            })
        });
        Ok(StaffCase {
            id: (!anonymous).then(|| global_id::encode(NodeType::Case, self.id.0)),
            reference: self.id.reference(),
            kind: self.kind,
            subject: text(&self.opening, "subject")?,
            description: text(&self.opening, "description")?,
            anonymous,
            status: self.state.status.unwrap_or(DomainStatus::Open).into(),
            stage: self.state.stage,
            opened_at: self.opened_at,
            became: self.state.voice.became.map(Into::into),
            told_at: self.told_at,
            messages: messages.collect::<async_graphql::Result<_>>()?,
        })
    }
}
