//! Issuing and replacing cards: numbers that nobody has and nobody guesses, and two cards that change places.
//!
//! A number that is not given follows from the command by a key, so a command that is repeated issues the same card. To replace a card
//! writes two streams: first the new card is issued, in the place of the old one; then the old one is given up. A process that ends in between
//! goes on at its next start ([`Cards::resume`]).

use std::sync::Arc;

use parvandeh_domain::card::command::{IssueCard, ReplaceCard};
use parvandeh_domain::card::{
    Card, CardCommand, CardNumber, CardRefusal, CardStatus, IssuerPrefix,
};
use parvandeh_domain::decider::{Actor, ActorKind};
use parvandeh_domain::id::{CardId, CommandId, CustomerId, derived};
use parvandeh_domain::pii::Pii;
use parvandeh_projections::cards;

use super::handler::{CommandError, CommandHandler, CommandMetadata, Executed};
use crate::sign_in::codes;
use crate::store::StreamId;
use crate::subscription::read_models::{QueryError, ReadModels};
use crate::vault::Vault;

/// How many numbers are tried that may be taken. Two would do: a billion are there.
const NUMBERS_TRIED_MAX: u32 = 8;

/// Why replacements that were under way could not be finished.
#[derive(Debug, thiserror::Error)]
pub enum ReplacementError {
    /// They could not be found.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// One could not be given up.
    #[error("giving up a card that was replaced")]
    Command(#[from] CommandError<CardRefusal>),
}

/// Issues and replaces cards.
#[derive(Clone)]
pub struct Cards {
    /// Executes commands.
    pub commands: Arc<CommandHandler>,
    /// Makes ids of numbers.
    pub vault: Arc<Vault>,
    /// With what numbers begin.
    pub issuer_prefix: IssuerPrefix,
}

/// A card that was issued.
pub struct Issued {
    /// Its id.
    pub id: CardId,
    /// Its number.
    pub number: CardNumber,
    /// What became of the command.
    pub executed: Executed,
}

impl Cards {
    /// Issues a card with this number, or with one that nobody has.
    ///
    /// # Errors
    /// As [`CommandHandler::execute`]; [`CardRefusal::NumberTaken`] where the number that was given is another card's.
    pub async fn issue(
        &self,
        customer_id: CustomerId,
        number: Option<CardNumber>,
        replaces: Option<CardId>,
        metadata: CommandMetadata,
    ) -> Result<Issued, CommandError<CardRefusal>> {
        let mut attempt = 0;
        loop {
            let tried = self.number_of(&metadata, number.as_ref(), attempt);
            let id = codes::card_id(&self.vault, &tried);
            let command = CardCommand::Issue(IssueCard {
                customer_id,
                number: Pii::new(tried.digits().to_owned()),
                replaces,
            });
            match self.execute(id, metadata.clone(), command).await {
                Ok(executed) => return Ok(Issued { id, number: tried, executed }),
                Err(CommandError::Refused(CardRefusal::NumberTaken))
                    if number.is_none() && attempt < NUMBERS_TRIED_MAX =>
                {
                    attempt += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Issues a card in the place of another, which is given up.
    ///
    /// # Errors
    /// As [`Cards::issue`], and where the other cannot be given up.
    pub async fn replace(
        &self,
        old: CardId,
        number: Option<CardNumber>,
        metadata: CommandMetadata,
    ) -> Result<Issued, CommandError<CardRefusal>> {
        let state = self.commands.state::<Card>(&stream(old)).await?;
        let customer_id = state.customer_id.ok_or(CommandError::NotFound)?;
        let first = self.number_of(&metadata, number.as_ref(), 0);
        let is_repeated = state.replaced_by == Some(codes::card_id(&self.vault, &first));
        match state.status {
            Some(CardStatus::Replaced) if !is_repeated => {
                return Err(CommandError::Refused(CardRefusal::Replaced));
            }
            Some(CardStatus::Expired) => return Err(CommandError::Refused(CardRefusal::Expired)),
            _ => {}
        }
        let cards = self.clone();
        // A caller who goes away takes their future along; the new card must not be left beside the old one.
        let replaced = tokio::spawn(async move {
            let actor = metadata.actor.clone();
            let issued = cards.issue(customer_id, number, Some(old), metadata).await?;
            let executed = cards.give_up(old, issued.id, actor.clone()).await;
            if let Err(CommandError::Refused(_)) = executed {
                // Somebody else was quicker; this one is not to be left over.
                let metadata = reaction("too late", issued.id, actor);
                cards.execute(issued.id, metadata, CardCommand::Expire).await?;
            }
            Ok(Issued { executed: executed?, ..issued })
        });
        // Nobody aborts the task, so it ends without a value only by a panic, which goes on here.
        replaced.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
    }

    /// Gives up the cards in whose place others were issued by a process that ended before it came to that; answers how many.
    ///
    /// # Errors
    /// When the read models or the log cannot be read or written.
    pub async fn resume(&self, read_models: &ReadModels) -> Result<usize, ReplacementError> {
        let unfinished = read_models.query(cards::unfinished_replacements).await?;
        let actor = Actor { kind: ActorKind::System, id: "cards".to_owned() };
        for (old, new) in &unfinished {
            match self.give_up(*old, *new, actor.clone()).await {
                // It was given up for another one meanwhile.
                Ok(_) | Err(CommandError::Refused(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(unfinished.len())
    }

    /// The number of the card that a command issues: the given one, or that of this attempt.
    fn number_of(
        &self,
        metadata: &CommandMetadata,
        given: Option<&CardNumber>,
        attempt: u32,
    ) -> CardNumber {
        given.cloned().unwrap_or_else(|| {
            let account = codes::account_number(&self.vault, metadata.command_id.0, attempt);
            CardNumber::of(&self.issuer_prefix, account)
        })
    }

    async fn give_up(
        &self,
        old: CardId,
        by: CardId,
        actor: Actor,
    ) -> Result<Executed, CommandError<CardRefusal>> {
        let command = CardCommand::Replace(ReplaceCard { by });
        self.execute(old, reaction("replaced", by, actor), command).await
    }

    async fn execute(
        &self,
        id: CardId,
        metadata: CommandMetadata,
        command: CardCommand,
    ) -> Result<Executed, CommandError<CardRefusal>> {
        self.commands.execute::<Card>(&stream(id), vec![(metadata, command)], None, |_| true).await
    }
}

/// What follows from the issue of a card has an id that follows from the card's.
fn reaction(step: &str, new: CardId, actor: Actor) -> CommandMetadata {
    let command_id = CommandId(derived(&["card", step, &new.to_string()]));
    CommandMetadata {
        command_id,
        digest: None,
        actor,
        occurred_at: None,
        correlation_id: command_id.0,
        subject: None,
    }
}

fn stream(id: CardId) -> StreamId {
    StreamId::new(&format!("card-{id}")).expect("a UUID is a well-formed stream id")
}
