//! The desk: sends codes, looks at those that are said, and gives tokens.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use parvandeh_domain::card::Card;
use parvandeh_domain::customer::Customer;
use parvandeh_domain::customer::state::Erasure;
use parvandeh_domain::decider::{Actor, ActorKind, Decider};
use parvandeh_domain::event::StoredEvent;
use parvandeh_domain::id::{CardId, CommandId, CustomerId};
use parvandeh_domain::sign_in::command::{Enter, IssueCode};
use parvandeh_domain::sign_in::{SignIn, SignInCommand};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::token::{Token, TokenKey};
use super::{SignInConfig, codes};
use crate::clock::Clock;
use crate::command::handler::{CommandError, CommandHandler, CommandMetadata, Executed};
use crate::delivery::{CodePurpose, Message, Outbox};
use crate::error::chain;
use crate::metrics::SignInOutcome;
use crate::store::{EventStore, StreamId};
use crate::vault::Vault;

/// Requests for a code that may wait.
const QUEUED_MAX: usize = 1_024;
/// Codes that are made at once.
const UNDER_WAY_MAX: usize = 4;
/// Codes that are looked at at once.
const ENTERING_MAX: usize = 256;

/// Too many ask at once. It is the same for everybody, whatever card they name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeskBusy;

/// Where holders of cards sign in. Clones share everything; with the last of them its work ends.
#[derive(Clone)]
pub struct Desk {
    work: Arc<Work>,
    queue: mpsc::Sender<CardId>,
    entering: Arc<Semaphore>,
}

/// What the desk works with.
struct Work {
    commands: Arc<CommandHandler>,
    store: Arc<dyn EventStore>,
    vault: Arc<Vault>,
    outbox: Outbox,
    key: TokenKey,
    clock: Arc<dyn Clock>,
    config: SignInConfig,
}

impl Desk {
    /// A desk over these parts. `clock` is that by which tokens are verified. Must be called where tasks can be spawned.
    pub fn new(
        commands: Arc<CommandHandler>,
        store: Arc<dyn EventStore>,
        vault: Arc<Vault>,
        outbox: Outbox,
        key: TokenKey,
        clock: Arc<dyn Clock>,
        config: SignInConfig,
    ) -> Self {
        let work = Arc::new(Work { commands, store, vault, outbox, key, clock, config });
        let (queue, asked) = mpsc::channel(QUEUED_MAX);
        tokio::spawn(send_codes(work.clone(), asked));
        Self { work, queue, entering: Arc::new(Semaphore::new(ENTERING_MAX)) }
    }

    /// The id of the card that somebody names.
    pub fn card_id(&self, said: &str) -> CardId {
        codes::card_id_said(&self.work.vault, said)
    }

    /// Has a code sent to the holder of a card, if there is such a card and its holder can be reached. Nobody has looked when this returns.
    ///
    /// # Errors
    /// When too many ask.
    pub fn ask_for_code(&self, card_id: CardId) -> Result<(), DeskBusy> {
        self.queue.try_send(card_id).map_err(|_| DeskBusy)
    }

    /// A token for whoever says the right code for a card; `None` for everybody else, for whatever reason, at the same time after the
    /// question. Goes on where its caller goes away, so that a wrong code counts.
    ///
    /// # Errors
    /// When too many ask.
    pub async fn enter(
        &self,
        card_id: CardId,
        code: Zeroizing<String>,
    ) -> Result<Option<Token>, DeskBusy> {
        let asked_at = Instant::now();
        let permit = self.entering.clone().try_acquire_owned().map_err(|_| {
            SignInOutcome::Busy.count();
            DeskBusy
        })?;
        let work = self.work.clone();
        let entered = tokio::spawn(async move {
            let _permit = permit;
            let entered = work.enter(card_id, &code).await;
            entered.as_ref().map_or_else(|outcome| *outcome, |_| SignInOutcome::SignedIn).count();
            entered.ok()
        });
        let token = entered.await.unwrap_or(None);
        tokio::time::sleep_until(answer_at(asked_at, Instant::now(), self.answer_time())).await;
        Ok(token)
    }

    fn answer_time(&self) -> Duration {
        Duration::from_millis(self.work.config.answer_milliseconds.max(1).into())
    }
}

/// The first moment from now on that lies a multiple of the answer time after the question.
fn answer_at(asked_at: Instant, now: Instant, answer_time: Duration) -> Instant {
    let taken = now.duration_since(asked_at).as_nanos();
    let times = taken.div_ceil(answer_time.as_nanos()).max(1);
    asked_at + answer_time * u32::try_from(times).unwrap_or(u32::MAX)
}

async fn send_codes(work: Arc<Work>, mut asked: mpsc::Receiver<CardId>) {
    let under_way = Arc::new(Semaphore::new(UNDER_WAY_MAX));
    while let Some(card_id) = asked.recv().await {
        let Ok(permit) = under_way.clone().acquire_owned().await else { return };
        let work = work.clone();
        tokio::spawn(async move {
            let _permit = permit;
            work.send_code(card_id).await;
        });
    }
}

impl Work {
    async fn send_code(&self, card_id: CardId) {
        let card = self.state::<Card>(card_id.0).await;
        let Some(holder) = card.and_then(|card| card.active_holder()) else { return };
        let Some(customer) = self.state::<Customer>(holder.0).await else { return };
        let Some(contact_point) = customer.sign_in_contact_point() else { return };
        let Some((kind, address)) = customer.contact_point(contact_point) else { return };
        let (Some(address), Some(language)) = (address.reveal(), customer.language) else { return };
        let code = codes::draw();
        let code_hash = codes::of_sign_in(&self.vault, card_id, &code);
        let issue = IssueCode { customer_id: holder, contact_point, code_hash };
        let issued = self.execute(card_id, SignInCommand::IssueCode(issue), true).await;
        if !issued.is_ok_and(|issued| issued.event_count > 0) {
            return;
        }
        let address = Zeroizing::new(address.clone());
        let (kind, purpose) = (*kind, CodePurpose::SignIn);
        if let Err(error) = self.outbox.send(Message { kind, address, language, purpose, code }) {
            tracing::warn!(%error, "a sign-in code is not sent");
        }
    }

    /// Does the same for every card, whether there is one, and for every code.
    async fn enter(&self, card_id: CardId, code: &str) -> Result<Token, SignInOutcome> {
        let code_hash = codes::of_sign_in(&self.vault, card_id, code);
        let card = self.state::<Card>(card_id.0).await.unwrap_or_default();
        let holder = card.active_holder();
        let customer_id = holder.unwrap_or(CustomerId(Uuid::nil()));
        let customer = self.state::<Customer>(customer_id.0).await.unwrap_or_default();
        let may = holder.is_some() && customer.name.is_some() && customer.erasure == Erasure::None;
        let command = SignInCommand::Enter(Enter { customer_id, code_hash });
        let executed = self.execute(card_id, command, may).await;
        // The command says that something was written; what it was, the log says.
        let written = executed.as_ref().ok().filter(|executed| executed.event_count == 1);
        let revision = written.and_then(|executed| executed.revision);
        let before = revision.and_then(|revision| revision.checked_sub(1));
        let written = self.store.read_stream(&stream("signin", card_id.0), before, 1).await;
        executed?;
        let written = written.map_err(|error| {
            failed(&error);
            SignInOutcome::Failed
        })?;
        revision.ok_or(SignInOutcome::Refused)?;
        if written.first().is_none_or(|event| &*event.type_name != "SignedIn") {
            return Err(SignInOutcome::WrongCode);
        }
        let life = SignedDuration::from_secs(self.config.token_life_seconds.into());
        Ok(self.key.issue(customer_id, self.clock.now(), life))
    }

    async fn state<D>(&self, id: Uuid) -> Option<D::State>
    where
        D: Decider + 'static,
        D::Event: StoredEvent,
    {
        let state = self.commands.state::<D>(&stream(D::CATEGORY, id)).await;
        state.map_err(|error| failed(&error)).ok()
    }

    async fn execute(
        &self,
        card_id: CardId,
        command: SignInCommand,
        may: bool,
    ) -> Result<Executed, SignInOutcome> {
        let command_id = CommandId(Uuid::new_v4());
        let metadata = CommandMetadata {
            command_id,
            digest: None,
            // Who it is has not been shown yet.
            actor: Actor { kind: ActorKind::System, id: "sign-in".to_owned() },
            occurred_at: None,
            correlation_id: command_id.0,
            subject: None,
        };
        let (stream, batch) = (stream("signin", card_id.0), vec![(metadata, command)]);
        match self.commands.execute::<SignIn>(&stream, batch, None, |_| may).await {
            Ok(executed) => Ok(executed),
            Err(CommandError::Refused(_) | CommandError::NotFound | CommandError::Contended) => {
                Err(SignInOutcome::Refused)
            }
            Err(error) => {
                failed(&error);
                Err(SignInOutcome::Failed)
            }
        }
    }
}

/// Somebody who signs in is told the same as for a wrong code: else an outage would tell which cards there are.
fn failed(error: &(dyn std::error::Error + 'static)) {
    tracing::error!(error = chain(error), "somebody could not sign in because of a fault of ours");
}

fn stream(category: &str, id: Uuid) -> StreamId {
    StreamId::new(&format!("{category}-{id}")).expect("a UUID is a well-formed stream id")
}

#[cfg(test)]
mod tests;
