//! Taking two records for one person's, one merge at a time.
//!
//! As with cases, the event is written to the record that is given up and depends on another stream, so a merge holds the turn of
//! [`Merges`] from its look at the survivor until its event is written.

use parvandeh_domain::customer::command::{MergeCustomer, Survivor};
use parvandeh_domain::customer::state::Erasure;
use parvandeh_domain::customer::{Customer, CustomerCommand, CustomerRefusal, CustomerState};
use parvandeh_domain::id::CustomerId;

use super::handler::{CommandError, CommandMetadata, Executed};
use super::merge::Merges;
use crate::store::StreamId;

impl Merges {
    /// Merges a customer's record into another. `is_full` says that the survivor stands for as many records as one may. What `merge` says
    /// of the survivor is not believed but looked up.
    ///
    /// # Errors
    /// As [`super::handler::CommandHandler::execute`].
    pub async fn merge_customer(
        &self,
        id: CustomerId,
        metadata: CommandMetadata,
        merge: MergeCustomer,
        expected: Option<u64>,
        is_full: bool,
    ) -> Result<Executed, CommandError<CustomerRefusal>> {
        let (commands, turn) = (self.commands.clone(), self.turn.clone());
        // A caller who goes away takes their future along, but not an append that is under way. The turn must outlast it.
        let merged = tokio::spawn(async move {
            let _turn = turn.lock().await;
            let survivor = if merge.into == id {
                Survivor::Itself
            } else {
                let state = commands.state::<Customer>(&stream(merge.into)).await?;
                match state.merged_into {
                    _ if state.name.is_none() => Survivor::Unknown,
                    _ if state.erasure != Erasure::None => Survivor::Erased,
                    Some(into) => Survivor::MergedInto(into),
                    None if is_full => Survivor::Full,
                    None => Survivor::Standing,
                }
            };
            let command = CustomerCommand::Merge(MergeCustomer { survivor, ..merge });
            let permit = |state: &CustomerState| state.name.is_some();
            let batch = vec![(metadata, command)];
            commands.execute::<Customer>(&stream(id), batch, expected, permit).await
        });
        // Nobody aborts the task, so it ends without a value only by a panic, which goes on here.
        merged.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
    }
}

fn stream(id: CustomerId) -> StreamId {
    StreamId::new(&format!("customer-{id}")).expect("a UUID is a well-formed stream id")
}
