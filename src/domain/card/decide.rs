//! What may be done with a card.

use uuid::Uuid;

use super::Card;
use super::attribute::CardStatus::{Active, Blocked, Expired, Issued, Replaced};
use super::command::CardCommand;
use super::error::CardRefusal;
use super::event::{CardActivated, CardBlocked, CardEvent, CardExpired, CardIssued, CardReplaced};
use super::state::CardState;
use crate::decider::{Context, Decider, Metadata};
use crate::id::DataSubject;

impl Decider for Card {
    type Command = CardCommand;
    type Event = CardEvent;
    type State = CardState;
    type Refusal = CardRefusal;

    const CATEGORY: &'static str = "card";

    fn data_subject(state: &CardState, _: Uuid) -> Option<DataSubject> {
        state.customer_id.map(DataSubject::Customer)
    }

    fn name(command: &CardCommand) -> &'static str {
        match command {
            CardCommand::Issue(_) => "issue",
            CardCommand::Activate => "activate",
            CardCommand::Block(_) => "block",
            CardCommand::Replace(_) => "replace",
            CardCommand::Expire => "expire",
        }
    }

    fn decide(
        state: &CardState,
        command: CardCommand,
        _context: &Context,
    ) -> Result<Vec<CardEvent>, CardRefusal> {
        let Some(status) = state.status else {
            let CardCommand::Issue(issue) = command else { return Err(CardRefusal::NotFound) };
            let (customer_id, number, replaces) = (issue.customer_id, issue.number, issue.replaces);
            return Ok(vec![CardIssued { customer_id, number, replaces }.into()]);
        };
        match (command, status) {
            (CardCommand::Issue(_), _) => Err(CardRefusal::NumberTaken),
            (CardCommand::Replace(replace), Replaced) if state.replaced_by == Some(replace.by) => {
                Ok(vec![])
            }
            (_, Replaced) => Err(CardRefusal::Replaced),
            (CardCommand::Expire, Expired)
            | (CardCommand::Activate, Active)
            | (CardCommand::Block(_), Blocked) => Ok(vec![]),
            (_, Expired) => Err(CardRefusal::Expired),
            (CardCommand::Activate, Blocked) => Err(CardRefusal::Blocked),
            (CardCommand::Activate, Issued) => Ok(vec![CardActivated {}.into()]),
            (CardCommand::Block(block), Issued | Active) => {
                Ok(vec![CardBlocked { reason: block.reason }.into()])
            }
            (CardCommand::Replace(replace), Issued | Active | Blocked) => {
                Ok(vec![CardReplaced { by: replace.by }.into()])
            }
            (CardCommand::Expire, Issued | Active | Blocked) => Ok(vec![CardExpired {}.into()]),
        }
    }

    fn evolve(state: CardState, event: &CardEvent, _: &Metadata) -> CardState {
        state.evolve(event)
    }
}
