//! Ordering that one person's data are erased, whatever records they have.
//!
//! Records that were merged are one person's, so one order concerns them all, and a legal hold on one of them refuses it for all. The event stands
//! in the record that was named and names the others. What follows is for [`super::erasure`]: it orders the same in each of them and carries
//! it out, and goes on with that after whatever interrupts it, by what the event says.
//!
//! The holds stand in other streams. So whoever orders has the turn of [`Merges`] from the look at them until the order stands in every
//! record, and whoever places a hold, merges or undoes a merge waits for that turn. The turn is one program's: of two on one log, one could
//! place a hold between the look of the other and its order. That record is then kept, and the erasure of the person stays without a receipt
//! until it is released. Likewise one could merge a record into one that is just being erased, whose order does not name it: asked for
//! once more, the erasure is ordered in what the first order left out.

use std::collections::BTreeSet;

use parvandeh_domain::customer::command::{HeldRecord, OrderErasure};
use parvandeh_domain::customer::state::Erasure;
use parvandeh_domain::customer::{Customer, CustomerCommand, CustomerRefusal, CustomerState};
use parvandeh_domain::id::{CommandId, CustomerId, derived};
use tokio::sync::OwnedMutexGuard;

use super::erasure::{Eraser, ErasureError};
use super::handler::{CommandError, CommandMetadata, Executed};
use super::merge::Merges;
use crate::error::chain;
use crate::store::StreamId;

/// The turn of whoever changes what several records of one person have to do with each other.
pub struct Turn(
    #[allow(dead_code, reason = "held for as long as the turn lasts")] OwnedMutexGuard<()>,
);

impl Merges {
    /// Waits for the turn. Until it is dropped, nothing is merged, no hold is placed and no erasure ordered.
    pub async fn turn(&self) -> Turn {
        Turn(self.turn.clone().lock_owned().await)
    }

    /// Orders that a customer's data are erased, and those of the other records of the same person. What `order` says of these holds is not
    /// believed but looked up. Where the customer's own record had its order before, what that one does not name is ordered beside it.
    ///
    /// Answers what became of the command on the customer's record, and in which other records orders of their own stand, which are to be
    /// carried out with the customer's.
    ///
    /// # Errors
    /// As [`super::handler::CommandHandler::execute`].
    pub async fn order_erasure(
        &self,
        turn: Turn,
        eraser: Eraser,
        id: CustomerId,
        metadata: CommandMetadata,
        order: OrderErasure,
        expected: Option<u64>,
    ) -> Result<(Executed, Vec<CustomerId>), CommandError<CustomerRefusal>> {
        let commands = self.commands.clone();
        // A caller who goes away takes their future along, but not an append that is under way. The turn must outlast it.
        let ordered = tokio::spawn(async move {
            let _turn = turn;
            let ground = order.ground;
            let Others { with, held, .. } = Others::of(&eraser, id, &order.with).await?;
            let asked = OrderErasure { ground, with, held };
            let permit = |state: &CustomerState| state.name.is_some();
            let batch = vec![(metadata.clone(), CustomerCommand::OrderErasure(asked))];
            let executed =
                commands.execute::<Customer>(&stream(id), batch, expected, permit).await?;
            // The customer's order, and those that are found or made beside it, each for what those before it do not name.
            let (mut orders, mut named) = (vec![id], BTreeSet::new());
            for _ in 0..=order.with.len() {
                let last = orders[orders.len() - 1];
                // It may be an earlier order, or another program's a moment ago: what counts is what it says. What it names is from here on the
                // matter of whoever carries it out, also where that fails now.
                let standing = eraser.state(last).await?.erasure_order;
                named.extend(standing.into_iter().flat_map(|order| order.with));
                if let Err(error) = eraser.order_with(last).await {
                    incomplete(&error);
                }
                let Others { with, unordered, held } = Others::of(&eraser, id, &order.with).await?;
                let left: Vec<_> =
                    unordered.into_iter().filter(|other| !named.contains(other)).collect();
                let [first, rest @ ..] = &left[..] else {
                    let beside =
                        |other: &CustomerId| orders.contains(other) || !named.contains(other);
                    return Ok((executed, with.into_iter().filter(beside).collect()));
                };
                if let Some(HeldRecord { customer_id, matter }) = held {
                    let refusal = CustomerRefusal::RecordUnderLegalHold { customer_id, matter };
                    return Err(CommandError::Refused(refusal));
                }
                // A command of its own: sent again, it finds itself in this record, whichever of them is the first by then.
                let asked = metadata.command_id.to_string();
                let command_id = CommandId(derived(&["erasure", &asked, &first.to_string()]));
                let metadata = CommandMetadata { command_id, digest: None, ..metadata.clone() };
                let order = OrderErasure { ground, with: rest.to_vec(), held: None };
                match eraser.order_in(id, *first, metadata, order).await {
                    Ok(true) => orders.push(*first),
                    // Another program took it out, or placed a hold on it: the next look tells.
                    Ok(false) | Err(CommandError::Refused(CustomerRefusal::LegalHold { .. })) => {}
                    Err(error) => return Err(error),
                }
            }
            Err(CommandError::Contended)
        });
        // Nobody aborts the task, so it ends without a value only by a panic, which goes on here.
        ordered.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
    }

    /// Executes a command on a customer's record while nobody else has the turn.
    ///
    /// # Errors
    /// As [`super::handler::CommandHandler::execute`].
    pub async fn execute_in_turn(
        &self,
        id: CustomerId,
        metadata: CommandMetadata,
        command: CustomerCommand,
        expected: Option<u64>,
    ) -> Result<Executed, CommandError<CustomerRefusal>> {
        let this = self.clone();
        let executed = tokio::spawn(async move {
            let _turn = this.turn().await;
            let permit = |state: &CustomerState| state.name.is_some();
            let batch = vec![(metadata, command)];
            this.commands.execute::<Customer>(&stream(id), batch, expected, permit).await
        });
        executed.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
    }
}

/// Whoever carries the erasure out orders the rest.
fn incomplete(error: &ErasureError) {
    tracing::error!(error = %chain(error), "an erasure is ordered, but not yet in all records of the person");
}

/// How the other records of a person stand who is to be erased, each list beginning with what is nearest to the record that was named.
#[derive(Default)]
struct Others {
    /// Those in which the erasure is not done.
    with: Vec<CustomerId>,
    /// Those in which it is not even ordered.
    unordered: Vec<CustomerId>,
    /// One that is under legal hold.
    held: Option<HeldRecord>,
}

impl Others {
    /// Looks at these records. One that is not the person's is passed over: its merge was undone since they were listed.
    async fn of(
        eraser: &Eraser,
        id: CustomerId,
        records: &[CustomerId],
    ) -> Result<Self, CommandError<CustomerRefusal>> {
        let mut found = Vec::new();
        for other in records {
            let distance = eraser.distance(id, *other).await?;
            let state = eraser.state(*other).await?;
            let is_unordered = state.erasure == Erasure::None;
            if state.name.is_none()
                || state.erasure == Erasure::Done
                || (is_unordered && distance.is_none())
            {
                continue;
            }
            found.push((distance, *other, is_unordered, state.legal_hold));
        }
        found.sort_unstable();
        let mut others = Self::default();
        for (_, other, is_unordered, hold) in found {
            others.with.push(other);
            if is_unordered {
                others.unordered.push(other);
            }
            if let Some(matter) = hold {
                others.held = others.held.or(Some(HeldRecord { customer_id: other, matter }));
            }
        }
        Ok(others)
    }
}

fn stream(id: CustomerId) -> StreamId {
    StreamId::new(&format!("customer-{id}")).expect("a UUID is a well-formed stream id")
}
