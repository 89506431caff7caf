//! What may be done with a card, as a table of every command in every status.

use jiff::Timestamp;

use super::attribute::{BlockReason, CardStatus};
use super::command::{BlockCard, CardCommand, IssueCard, ReplaceCard};
use super::event::CardEvent;
use super::{Card, CardRefusal, CardState};
use crate::decider::{Actor, ActorKind, Context, Decider};
use crate::event::StoredEvent;
use crate::id::{CardId, CommandId, CustomerId, derived};
use crate::pii::Pii;

const HOLDER: CustomerId = CustomerId(uuid::Uuid::from_u128(1));
const OTHER: CardId = CardId(uuid::Uuid::from_u128(2));

fn events(state: &CardState, command: CardCommand) -> Result<Vec<CardEvent>, CardRefusal> {
    let now: Timestamp = "2026-03-21T08:00:00Z".parse().unwrap();
    let actor = Actor { kind: ActorKind::Staff, id: "agent-1".to_owned() };
    let command_id = CommandId(derived(&["test"]));
    let context = Context { command_id, occurred_at: now, recorded_at: now, actor };
    Card::decide(state, command, &context)
}

/// The stored name of the event that follows from a command.
fn decide(state: &CardState, command: CardCommand) -> Result<Option<&'static str>, CardRefusal> {
    let events = events(state, command)?;
    assert!(events.len() < 2);
    Ok(events.first().map(|event| event.event_type().name))
}

fn commands() -> [CardCommand; 5] {
    let number = Pii::new("9364000000000001".to_owned());
    [
        CardCommand::Issue(IssueCard { customer_id: HOLDER, number, replaces: None }),
        CardCommand::Activate,
        CardCommand::Block(BlockCard { reason: BlockReason::Lost }),
        CardCommand::Replace(ReplaceCard { by: OTHER }),
        CardCommand::Expire,
    ]
}

fn standing(status: CardStatus) -> CardState {
    let replaced_by = (status == CardStatus::Replaced).then_some(CardId(uuid::Uuid::from_u128(3)));
    CardState { status: Some(status), customer_id: Some(HOLDER), replaced_by }
}

#[test]
fn every_command_in_every_status_is_done_or_refused_as_the_table_says() {
    use CardRefusal::{Blocked, Expired, NotFound, NumberTaken, Replaced};
    let (done, nothing) = (|name| Ok(Some(name)), Ok(None));
    #[rustfmt::skip]
    let table = [
        // issue, activate, block, replace, expire
        (None, [done("CardIssued"), Err(NotFound), Err(NotFound), Err(NotFound), Err(NotFound)]),
        (Some(CardStatus::Issued), [Err(NumberTaken), done("CardActivated"), done("CardBlocked"), done("CardReplaced"), done("CardExpired")]),
        (Some(CardStatus::Active), [Err(NumberTaken), nothing, done("CardBlocked"), done("CardReplaced"), done("CardExpired")]),
        (Some(CardStatus::Blocked), [Err(NumberTaken), Err(Blocked), nothing, done("CardReplaced"), done("CardExpired")]),
        (Some(CardStatus::Replaced), [Err(NumberTaken), Err(Replaced), Err(Replaced), Err(Replaced), Err(Replaced)]),
        (Some(CardStatus::Expired), [Err(NumberTaken), Err(Expired), Err(Expired), Err(Expired), nothing]),
    ];
    for (status, expected) in table {
        let state = status.map_or_else(CardState::default, standing);
        for (command, expected) in commands().into_iter().zip(expected) {
            let name = Card::name(&command);
            assert_eq!(decide(&state, command), expected, "{name} when {status:?}");
        }
    }
}

#[test]
fn a_replacement_that_is_repeated_changes_nothing() {
    let state = CardState { replaced_by: Some(OTHER), ..standing(CardStatus::Replaced) };
    let again = CardCommand::Replace(ReplaceCard { by: OTHER });
    assert_eq!(decide(&state, again), Ok(None));
}

#[test]
fn the_holder_of_an_active_card_alone_may_sign_in() {
    for status in CardStatus::ALL {
        let holder = standing(*status).active_holder();
        assert_eq!(holder.is_some(), *status == CardStatus::Active, "{status}");
    }
    assert_eq!(CardState::default().active_holder(), None);
}

#[test]
fn what_happened_to_a_card_is_known_from_then_on() {
    let [issue, activate, block, replace, expire] = commands();
    let after = |said: &[&CardCommand]| {
        said.iter().fold(CardState::default(), |state, command| {
            let events = events(&state, (*command).clone()).unwrap();
            events.iter().fold(state, CardState::evolve)
        })
    };
    let active = after(&[&issue, &activate]);
    assert_eq!(active.active_holder(), Some(HOLDER));
    assert_eq!(decide(&active, activate.clone()), Ok(None));
    let blocked = after(&[&issue, &activate, &block]);
    assert_eq!(blocked.status, Some(CardStatus::Blocked));
    let replaced = after(&[&issue, &block, &replace]);
    assert_eq!(replaced.replaced_by, Some(OTHER));
    assert_eq!(decide(&replaced, replace), Ok(None), "said again");
    assert_eq!(decide(&replaced, activate), Err(CardRefusal::Replaced));
    assert_eq!(after(&[&issue, &expire]).status, Some(CardStatus::Expired));
}
