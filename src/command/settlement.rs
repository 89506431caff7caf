//! Settlement: what follows on one stream of money from what happened on another.
//!
//! - Redress that was accepted is posted to the customer's account, and the redress is told that it is paid.
//! - A fee for which credit was taken is told that it is paid.
//! - Credit that was taken for a fee that was waived meanwhile, or is refunded, is given back.
//!
//! Each posting has an id that follows from what it is for, so it is made once, however often and by however many replicas it is tried. What is
//! to be done is read from events alone: a process that was killed between two steps, or another one, goes on where it was. What cannot be
//! done, because an account is full, rests for a while and keeps nothing else waiting.

use std::sync::Arc;
use std::time::Duration;

use parvandeh_domain::account::command::{EarnPoints, GrantCredit, ReversePosting};
use parvandeh_domain::account::{Account, AccountCommand, AccountRefusal};
use parvandeh_domain::decider::{Actor, ActorKind, Decider};
use parvandeh_domain::event::StoredEvent;
use parvandeh_domain::fee::decide::{POSTING_KIND as FEE, RETURN_KIND};
use parvandeh_domain::fee::{Fee, FeeCommand, FeeRefusal};
use parvandeh_domain::id::{CommandId, FeeId, PostingId, RedressId, derived};
use parvandeh_domain::redress::decide::POSTING_KIND as REDRESS;
use parvandeh_domain::redress::{Redress, RedressCommand, RedressRefusal, RedressValue};
use parvandeh_projections::fee::{self, FeeDue, FeeRow};
use parvandeh_projections::redress::{self, RedressRow};
use rusqlite::Connection;
use tokio::sync::watch;
use uuid::Uuid;

use super::handler::{CommandError, CommandHandler, CommandMetadata};
use super::points_expiry;
use super::resting::{Resting, Turn};
use crate::error::chain;
use crate::store::{Position, StreamId};
use crate::subscription::read_models::{QueryError, ReadModels};

/// How many of each sort are looked up at once.
const PAGE_SIZE: usize = 200;
/// How long it rests where nothing moves.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long it rests in any case, so that a busy log does not make it look without end.
const REST: Duration = Duration::from_millis(20);
/// How long what failed is left alone: after the first time, and at most.
pub(super) const FAILED_REST: Duration = Duration::from_secs(1);
pub(super) const FAILED_REST_MAX: Duration = Duration::from_secs(5 * 60);

/// Settles what is to be settled.
pub struct Settlement {
    commands: Arc<CommandHandler>,
    read_models: Arc<ReadModels>,
    resting: Resting<Uuid>,
}

/// Why something could not be settled. It stays to be done.
#[derive(Debug, thiserror::Error)]
pub enum SettlementError {
    /// It could not be looked up.
    #[error("looking up what is to be settled")]
    Query(#[from] QueryError),
    /// The account was not posted to.
    #[error("posting to the account")]
    Account(#[from] CommandError<AccountRefusal>),
    /// The redress was not told.
    #[error("telling a redress that it is paid")]
    Redress(#[from] CommandError<RedressRefusal>),
    /// The fee was not told.
    #[error("telling a fee that it is paid")]
    Fee(#[from] CommandError<FeeRefusal>),
}

impl Settlement {
    /// What settles by these commands what is looked up there.
    pub fn new(commands: Arc<CommandHandler>, read_models: Arc<ReadModels>) -> Self {
        let resting = Resting::between(FAILED_REST, FAILED_REST_MAX);
        Self { commands, read_models, resting }
    }

    /// Settles until `stop` becomes true.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut moved = self.read_models.position_changes();
        while !*stop.borrow() {
            moved.borrow_and_update();
            if let Err(error) = self.settle().await {
                tracing::error!(error = %chain(&error), "settling will be tried again");
            }
            tokio::select! {
                () = tokio::time::sleep(INTERVAL) => {}
                () = async { let _ = moved.changed().await; tokio::time::sleep(REST).await } => {}
                _ = stop.wait_for(|stop| *stop) => {}
            }
        }
    }

    /// Settles all that is to be settled now. One thing that fails does not keep the others from being done.
    ///
    /// # Errors
    /// When it cannot be looked up what is to be done.
    pub async fn settle(&self) -> Result<(), SettlementError> {
        let reached = self.pay_all().await?.max(self.settle_fees().await?);
        if let Some(position) = reached {
            self.read_models.wait_for(position).await?;
        }
        Ok(())
    }

    async fn pay_all(&self) -> Result<Option<Position>, QueryError> {
        let (mut after, mut reached) = (None, None);
        loop {
            let page = move |db: &Connection| redress::accepted(db, after, PAGE_SIZE);
            let rows = self.read_models.query(page).await?;
            let Some(last) = rows.last() else { return Ok(reached) };
            after = Some((last.updated_at, last.id));
            for row in rows {
                let id = row.id.0;
                if self.resting.turn(&id) != Turn::Later {
                    reached = reached.max(self.done(id, self.pay(row).await));
                }
            }
        }
    }

    async fn settle_fees(&self) -> Result<Option<Position>, QueryError> {
        let (mut after, mut reached) = (None, None);
        loop {
            let page = move |db: &Connection| fee::due(db, after, PAGE_SIZE);
            let rows = self.read_models.query(page).await?;
            let Some(last) = rows.last() else { return Ok(reached) };
            after = Some((last.updated_at, last.id));
            for row in rows {
                let id = row.id.0;
                if self.resting.turn(&id) != Turn::Later {
                    reached = reached.max(self.done(id, self.settle_fee(&row).await));
                }
            }
        }
    }

    /// What was reached; a failure is logged, and tried again later.
    fn done(
        &self,
        id: Uuid,
        settled: Result<Option<Position>, SettlementError>,
    ) -> Option<Position> {
        match settled {
            Ok(position) => {
                self.resting.done(&id);
                position
            }
            Err(error) => {
                tracing::warn!(%id, error = %chain(&error), "this is not settled yet");
                self.resting.failed(id);
                None
            }
        }
    }

    async fn pay(&self, row: RedressRow) -> Result<Option<Position>, SettlementError> {
        let RedressRow { id, case_id, customer_id, value, .. } = row;
        let posting_id = PostingId::of_system(REDRESS, id.0);
        let (paid_by, case_id) = (posting_id.clone(), Some(case_id));
        let command = match value {
            RedressValue::Money(money) => {
                AccountCommand::GrantCredit(GrantCredit { posting_id, money, case_id })
            }
            RedressValue::Points(points) => AccountCommand::EarnPoints(EarnPoints {
                posting_id,
                points,
                expires_at: None,
                case_id,
            }),
        };
        self.send::<Account>(&points_expiry::stream(customer_id), &paid_by, command).await?;
        let confirm = RedressCommand::ConfirmPaid(paid_by.clone());
        Ok(self.send::<Redress>(&redress_stream(id), &paid_by, confirm).await?)
    }

    async fn settle_fee(&self, row: &FeeRow) -> Result<Option<Position>, SettlementError> {
        let paid_by = PostingId::of_system(FEE, row.id.0);
        match row.due() {
            None => Ok(None),
            Some(FeeDue::Confirm) => {
                let confirm = FeeCommand::ConfirmPaid(paid_by.clone());
                Ok(self.send::<Fee>(&fee_stream(row.id), &paid_by, confirm).await?)
            }
            Some(FeeDue::Return) => {
                let posting_id = PostingId::of_system(RETURN_KIND, row.id.0);
                let command = AccountCommand::ReversePosting(ReversePosting {
                    posting_id: posting_id.clone(),
                    reversed: paid_by,
                });
                let stream = points_expiry::stream(row.customer_id);
                Ok(self.send::<Account>(&stream, &posting_id, command).await?)
            }
        }
    }

    async fn send<D>(
        &self,
        stream: &StreamId,
        posting: &PostingId,
        command: D::Command,
    ) -> Result<Option<Position>, CommandError<D::Refusal>>
    where
        D: Decider + 'static,
        D::Command: Clone,
        D::Event: StoredEvent,
        D::State: Send + Sync,
    {
        let command_id = CommandId(derived(&[
            "settlement",
            stream.as_str(),
            posting.as_str(),
            D::name(&command),
        ]));
        let metadata = CommandMetadata {
            command_id,
            digest: None,
            actor: Actor { kind: ActorKind::System, id: "settlement".to_owned() },
            occurred_at: None,
            correlation_id: command_id.0,
            subject: None,
        };
        let executed =
            self.commands.execute::<D>(stream, vec![(metadata, command)], None, |_| true).await?;
        Ok(executed.position)
    }
}

/// The stream of a redress.
pub fn redress_stream(id: RedressId) -> StreamId {
    StreamId::new(&format!("redress-{id}")).expect("a UUID is a well-formed stream id")
}

/// The stream of a fee.
pub fn fee_stream(id: FeeId) -> StreamId {
    StreamId::new(&format!("fee-{id}")).expect("a UUID is a well-formed stream id")
}
