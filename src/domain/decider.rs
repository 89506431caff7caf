//! The shape of every aggregate: a *decider*.
//!
//! A command meets the state and is either decided, which gives events, or refused, which gives an answer for the caller.
//! Events fold into the state. Both functions are pure: time, actor and ids come in as arguments.

use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use uuid::Uuid;

use crate::id::{CommandId, DataSubject, EventId};
use crate::pii::{BlindIndex, Envelope, Seal};

/// One aggregate: what may be asked of it, what may happen to it, what it knows.
pub trait Decider {
    /// What may be asked.
    type Command;
    /// What may happen.
    type Event;
    /// What is known; `Default` is the state before the first event.
    type State: Default + Clone;
    /// Why a command was not done.
    type Refusal: Refusal;

    /// The first part of the stream's name: `case` in `case-0198...`.
    const CATEGORY: &'static str;

    /// Whether decisions look at personal fields: these are opened only where they do.
    const READS_PERSONAL_DATA: bool = false;

    /// Whom the personal fields of this aggregate's events are about; `id` is the second part of the stream's name. Nobody, for
    /// aggregates whose events have none.
    fn data_subject(_state: &Self::State, _id: Uuid) -> Option<DataSubject> {
        None
    }

    /// The command's name, for those who run the program: it says what is asked, and nothing of whom or about what.
    fn name(command: &Self::Command) -> &'static str;

    /// What follows from the command. No events means that there is nothing to do, and is not a refusal.
    fn decide(
        state: &Self::State,
        command: Self::Command,
        context: &Context,
    ) -> Result<Vec<Self::Event>, Self::Refusal>;

    /// The state after the event. Total: an event that happened cannot be refused.
    fn evolve(state: Self::State, event: &Self::Event, meta: &Metadata) -> Self::State;
}

/// The state after all of `events`, from the beginning.
pub fn fold<'a, D: Decider>(
    events: impl IntoIterator<Item = (&'a D::Event, &'a Metadata)>,
) -> D::State
where
    D::Event: 'a,
{
    events
        .into_iter()
        .fold(D::State::default(), |state, (event, meta)| D::evolve(state, event, meta))
}

/// An answer to a command that was not done: data with a stable code, not a failure.
pub trait Refusal: fmt::Display + fmt::Debug + Send + Sync + 'static {
    /// A stable code in capitals, such as `CASE_CLOSED`. Clients may branch on it.
    fn code(&self) -> &'static str;

    /// The command's field that the refusal concerns, in snake_case, where there is one.
    fn field(&self) -> Option<&'static str> {
        None
    }
}

/// What surrounds a decision.
#[derive(Clone, Debug)]
pub struct Context {
    /// The command being decided.
    pub command_id: CommandId,
    /// When what the command tells of happened.
    pub occurred_at: Timestamp,
    /// Now: when we learn of it.
    pub recorded_at: Timestamp,
    /// Who asks.
    pub actor: Actor,
}

/// Who did something.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Actor {
    /// In which capacity.
    pub kind: ActorKind,
    /// Their name in the identity provider (the token's `sub`), or the name of the part of the system that acted.
    pub id: String,
}

/// In which capacity somebody acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// The customer.
    Customer,
    /// Somebody who acts for the customer, by a right that is on record: the id is that of their own record as a customer. For whom they act
    /// is told by what they act on.
    Representative,
    /// A member of staff.
    Staff,
    /// Another program, such as an import.
    Service,
    /// A part of this system, such as the SLA monitor.
    System,
}

/// What is recorded beside every event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Metadata {
    /// When it happened. SLA clocks run on this time.
    pub occurred_at: Timestamp,
    /// When it was recorded. "As of" views ask what was known at this time.
    pub recorded_at: Timestamp,
    /// Who did it.
    pub actor: Actor,
    /// The command that caused the event.
    pub causation_id: CommandId,
    /// Shared by all that came of one request: for a reaction, the correlation of the event that it reacts to.
    pub correlation_id: uuid::Uuid,
    /// A digest of the command, so that the same idempotency key with another request can be refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command_digest: Option<String>,
    /// What vouches for the event's personal fields, where it has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub personal: Option<Seal>,
}

/// An event as it stands in the log, decoded to its latest shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded<E> {
    /// The event's own id.
    pub id: EventId,
    /// Its place in its stream: 0, 1, 2 ...
    pub revision: u64,
    /// Its place in the log.
    pub position: u64,
    /// What is recorded beside it.
    pub meta: Metadata,
    /// What happened.
    pub event: E,
    /// Its personal fields; `None` where it has none or they were erased.
    pub envelope: Option<Envelope>,
    /// By what the customer is found whom it names; `None` where it names none, and where nobody searches.
    pub blind_index: Option<BlindIndex>,
    /// By what the customer is looked up whose name it says in whatever spelling; `None` as above, and of short names.
    pub sound_index: Option<BlindIndex>,
}
