//! Merging cases, one merge at a time.
//!
//! A merge is written to the stream of the case that is given up, and depends on another stream: the surviving case must not itself be
//! given up. Two people who merge A into B and B into A at the same moment would each find the other case standing, and both would
//! be gone. So a merge holds a turn from its look at the survivor until its event is written; the second of the two then finds that
//! its survivor was given up, and is refused. Merges are people's work and rare, so one turn for all of them is enough.
//!
//! The turn is one program's, and ends with an append even where its outcome stays unknown. So with several programs on one log, or a log
//! that cannot be written for a while, a ring could come to be. Nothing is lost by it: links are followed one step at a time, both cases
//! stand in the lists as merged, and undoing either merge mends it.

use std::sync::Arc;

use parvandeh_domain::case::command::{MergeCase, Survivor};
use parvandeh_domain::case::{Case, CaseCommand, CaseRefusal, CaseState, Status};
use parvandeh_domain::id::CaseId;

use super::handler::{CommandError, CommandHandler, CommandMetadata, Executed};
use crate::store::StreamId;

/// Executes merges. Clones share the turn.
#[derive(Clone)]
pub struct Merges {
    pub(super) commands: Arc<CommandHandler>,
    pub(super) turn: Arc<tokio::sync::Mutex<()>>,
}

impl Merges {
    /// Merges by these commands. A log has one of these and its clones, so that there is one turn.
    pub fn new(commands: Arc<CommandHandler>) -> Self {
        Self { commands, turn: Arc::default() }
    }

    /// Merges a case into another. `permit` says of either case whether the caller may touch it; a survivor that they may not touch is
    /// refused as one that is not there. What `merge` says of the survivor is not believed but looked up.
    ///
    /// # Errors
    /// As [`CommandHandler::execute`].
    pub async fn execute(
        &self,
        id: CaseId,
        metadata: CommandMetadata,
        merge: MergeCase,
        expected: Option<u64>,
        permit: impl Fn(&CaseState) -> bool + Send + Sync + 'static,
    ) -> Result<Executed, CommandError<CaseRefusal>> {
        let (commands, turn) = (self.commands.clone(), self.turn.clone());
        // A caller who goes away takes their future along, but not an append that is under way. The turn must outlast it.
        let merged = tokio::spawn(async move {
            let _turn = turn.lock().await;
            let survivor = if merge.into == id {
                Survivor::Itself
            } else {
                let state = commands.state::<Case>(&stream(merge.into)).await?;
                match (state.merged, state.status) {
                    _ if !permit(&state) => Survivor::Unknown,
                    (Some(merge), _) => Survivor::MergedInto(merge.into),
                    (None, Some(Status::Resolved | Status::Closed)) => Survivor::Ended,
                    (None, _) => Survivor::Standing { customer_id: state.customer_id },
                }
            };
            let command = CaseCommand::Merge(MergeCase { survivor, ..merge });
            let batch = vec![(metadata, command)];
            commands.execute::<Case>(&stream(id), batch, expected, permit).await
        });
        // Nobody aborts the task, so it ends without a value only by a panic, which goes on here.
        merged.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
    }
}

fn stream(id: CaseId) -> StreamId {
    StreamId::new(&format!("case-{id}")).expect("a UUID is a well-formed stream id")
}
