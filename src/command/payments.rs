//! Payments: what a provider tells is recorded, and what follows from it is done.
//!
//! - Money that came is posted to the customer's account as credit; where it is for a fee, the fee is paid out of it in the same append.
//! - A refund takes the credit back first, and the provider is asked after. Where the credit is spent, the refund is declined.
//! - A payment of which nothing is heard is given up when its time is over.
//!
//! Each posting has an id that follows from the payment, and each command one that follows from what it is for: whatever is told twice, tried
//! by two replicas, or broken off by a kill is done once. What is to be done is read from events alone. The provider is asked for a
//! refund until it says that it is made; it is asked under the same id, and makes it once. One that it does not make keeps no other waiting.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use parvandeh_domain::account::command::{GrantCredit, ReversePosting, SpendCredit};
use parvandeh_domain::account::{Account, AccountCommand, AccountRefusal};
use parvandeh_domain::decider::{Actor, ActorKind, Decider};
use parvandeh_domain::event::StoredEvent;
use parvandeh_domain::fee::decide::POSTING_KIND as FEE;
use parvandeh_domain::id::{CommandId, PaymentId, PostingId, derived};
use parvandeh_domain::payment::command::ConfirmPayment;
use parvandeh_domain::payment::decide::{POSTING_KIND, RETURN_KIND};
use parvandeh_domain::payment::{Payment, PaymentCommand, PaymentRefusal};
use parvandeh_projections::payment::{self, PaymentDue, PaymentRow};
use rusqlite::Connection;
use tokio::sync::watch;

use super::handler::{CommandError, CommandHandler, CommandMetadata, Executed};
use super::points_expiry;
use super::resting::{Resting, Turn};
use super::settlement::{FAILED_REST, FAILED_REST_MAX};
use crate::clock::Clock;
use crate::error::chain;
use crate::metrics::{PAYMENT_DAYS_NOT_COMPARED, PAYMENT_DIFFERENCES};
use crate::payment::callback::{Callback, Told};
use crate::payment::compared_days::ComparedDays;
use crate::payment::reconciliation::{ReconciliationError, reconcile};
use crate::payment::{Payments, ProviderError};
use crate::store::{Position, StreamId};
use crate::subscription::read_models::{QueryError, ReadModels};

/// How many of each sort are looked up at once.
const PAGE_SIZE: usize = 200;
/// How long it rests where nothing moves.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long it rests in any case, so that a busy log does not make it look without end.
const REST: Duration = Duration::from_millis(20);
/// How long a provider is left alone with a payment that it has not given back: after the first time, and at most.
const PROVIDER_REST: Duration = Duration::from_secs(30);
const PROVIDER_REST_MAX: Duration = Duration::from_secs(15 * 60);
/// For how many payments of one turn it is asked at once.
const ASKED_AT_ONCE: usize = 4;
/// How often it is looked whether a day is over that was not compared yet.
const DAY_CHECK: Duration = Duration::from_secs(60);

/// Records what is told of payments, and does what follows.
#[derive(Clone)]
pub struct PaymentKeeper {
    commands: Arc<CommandHandler>,
    read_models: Arc<ReadModels>,
    /// Tells what "now" is.
    pub clock: Arc<dyn Clock>,
    /// The provider; without one, what was begun is still brought to accounts.
    pub payments: Option<Payments>,
    /// What could not be brought to an account.
    resting: Arc<Resting<PaymentId>>,
}

/// Why something could not be done. It stays to be done.
#[derive(Debug, thiserror::Error)]
pub enum PaymentError {
    /// It could not be looked up.
    #[error("looking up what is to be done about payments")]
    Query(#[from] QueryError),
    /// The account was not posted to.
    #[error("posting a payment to the account")]
    Account(#[from] CommandError<AccountRefusal>),
    /// The payment was not told.
    #[error("recording what became of a payment")]
    Payment(#[from] CommandError<PaymentRefusal>),
    /// The money was not given back yet.
    #[error("having a payment given back")]
    Provider(#[from] ProviderError),
}

impl PaymentKeeper {
    /// What keeps payments by these commands, with this provider, where there is one.
    pub fn new(
        commands: Arc<CommandHandler>,
        read_models: Arc<ReadModels>,
        clock: Arc<dyn Clock>,
        payments: Option<Payments>,
    ) -> Self {
        let resting = Arc::new(Resting::between(FAILED_REST, FAILED_REST_MAX));
        Self { commands, read_models, clock, payments, resting }
    }

    /// Does what is to be done until `stop` becomes true.
    pub async fn run(self, stop: watch::Receiver<bool>) {
        let settling = self.follow(stop.clone());
        tokio::join!(settling, self.give_back_until(stop.clone()), self.compare_days(stop));
    }

    /// Posts to accounts as the log moves.
    async fn follow(&self, mut stop: watch::Receiver<bool>) {
        let mut moved = self.read_models.position_changes();
        while !*stop.borrow() {
            moved.borrow_and_update();
            if let Err(error) = self.settle().await {
                tracing::error!(error = %chain(&error), "payments will be looked at again");
            }
            tokio::select! {
                () = tokio::time::sleep(INTERVAL) => {}
                () = async { let _ = moved.changed().await; tokio::time::sleep(REST).await } => {}
                _ = stop.wait_for(|stop| *stop) => {}
            }
        }
    }

    /// Has the provider give back what is to be given back. It is slow, and nothing else waits for it; nor does what it was not asked for yet
    /// wait for what it did not give back before.
    async fn give_back_until(&self, stop: watch::Receiver<bool>) {
        if let Err(error) = self.warn_of_other_providers().await {
            tracing::error!(error = %chain(&error), "it is not known whether another provider owes");
        }
        let Some(payments) = &self.payments else { return };
        let kept = Resting::between(PROVIDER_REST, PROVIDER_REST_MAX);
        tokio::join!(
            self.give_back_in_turn(payments, Turn::First, &kept, stop.clone()),
            self.give_back_in_turn(payments, Turn::Again, &kept, stop),
        );
    }

    async fn give_back_in_turn(
        &self,
        payments: &Payments,
        turn: Turn,
        kept: &Resting<PaymentId>,
        mut stop: watch::Receiver<bool>,
    ) {
        while !*stop.borrow() {
            if let Err(error) = self.give_back(payments, turn, kept, &stop).await {
                tracing::error!(error = %chain(&error), "refunds will be looked at again");
            }
            tokio::select! {
                () = tokio::time::sleep(INTERVAL) => {}
                _ = stop.wait_for(|stop| *stop) => {}
            }
        }
    }

    /// What another provider is to give back is given back when that one is configured again, and no sooner.
    async fn warn_of_other_providers(&self) -> Result<(), QueryError> {
        let provider = self.payments.as_ref().map(|payments| payments.id().to_string());
        let count = self
            .read_models
            .query(move |db| payment::to_refund_elsewhere(db, provider.as_deref()))
            .await?;
        if count > 0 {
            tracing::warn!(
                count,
                "refunds are up to a provider that is not configured: nobody gives this money back"
            );
        }
        Ok(())
    }

    /// Compares each day with the provider's books when it is over.
    async fn compare_days(&self, mut stop: watch::Receiver<bool>) {
        if self.payments.is_none() {
            return;
        }
        let mut days = ComparedDays::default();
        while !*stop.borrow() {
            tokio::select! {
                () = self.compare_due(&mut days) => {}
                _ = stop.wait_for(|stop| *stop) => break,
            }
            let now = self.clock.now();
            let gauge = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
            PAYMENT_DIFFERENCES.set(gauge(days.differences(now)));
            PAYMENT_DAYS_NOT_COMPARED.set(gauge(days.owed(now)));
            tokio::select! {
                () = tokio::time::sleep(DAY_CHECK) => {}
                _ = stop.wait_for(|stop| *stop) => {}
            }
        }
    }

    /// Compares the days that are due. One whose books cannot be had stays due, and keeps no other from being compared.
    pub async fn compare_due(&self, days: &mut ComparedDays) {
        let Some(payments) = &self.payments else { return };
        for day in days.due(self.clock.now()) {
            match self.compare(payments, day).await {
                Ok(differences) => days.compared(day, differences, self.clock.now()),
                Err(error) => {
                    tracing::warn!(%day, error = %chain(&error), "payments will be compared later");
                }
            }
        }
    }

    async fn compare(
        &self,
        payments: &Payments,
        day: jiff::civil::Date,
    ) -> Result<usize, ReconciliationError> {
        let compared = reconcile(&self.read_models, payments, day).await?;
        let differences = compared.differences();
        if differences > 0 {
            tracing::warn!(
                %day,
                differences,
                "the payment provider's books and the ledger do not agree: ask `reconciliation` for this day"
            );
        } else {
            let lines = compared.lines.len();
            tracing::info!(%day, lines, "the payment provider's books and the ledger agree");
        }
        Ok(differences)
    }

    /// Records what a provider tells; answers whether it was news.
    ///
    /// # Errors
    /// When there is no such payment, when it contradicts what is on record, or when it cannot be recorded.
    pub async fn record(
        &self,
        provider: &str,
        callback: Callback,
    ) -> Result<bool, CommandError<PaymentRefusal>> {
        let (id, command, said) = match callback.told {
            Told::Paid { payment_id, reference, money } => {
                let said = format!("{reference} {} {}", money.minor_units, money.currency);
                let confirm = ConfirmPayment { money, provider_reference: reference };
                (payment_id, PaymentCommand::Confirm(confirm), said)
            }
            Told::Failed { payment_id, reason } => {
                (payment_id, PaymentCommand::Fail(reason), reason.to_string())
            }
        };
        let stream = payment_stream(id);
        let name = Payment::name(&command);
        let command_id = CommandId(derived(&["payment callback", stream.as_str(), name, &said]));
        let actor = Actor { kind: ActorKind::Service, id: provider.to_owned() };
        let metadata = CommandMetadata {
            occurred_at: self.not_in_future(callback.timestamp),
            ..metadata(command_id, actor)
        };
        let executed =
            self.commands.execute::<Payment>(&stream, vec![(metadata, command)], None, |_| true);
        Ok(executed.await?.event_count > 0)
    }

    /// Does now all for which the provider need not be asked. One thing that fails does not keep the others from being done.
    ///
    /// # Errors
    /// When it cannot be looked up what is to be done.
    pub async fn settle(&self) -> Result<(), PaymentError> {
        let now = self.clock.now();
        let overdue = move |db: &Connection| payment::overdue(db, now, PAGE_SIZE);
        let mut reached = None;
        for id in self.read_models.query(overdue).await? {
            reached = reached.max(self.done(id, self.tell(id, PaymentCommand::Expire, "").await));
        }
        reached = reached.max(self.post_all().await?);
        if let Some(payments) = &self.payments {
            reached = reached.max(self.take_back_all(payments).await?);
        }
        if let Some(position) = reached {
            self.read_models.wait_for(position).await?;
        }
        Ok(())
    }

    async fn post_all(&self) -> Result<Option<Position>, QueryError> {
        let (mut after, mut reached) = (-1, None);
        loop {
            let page = move |db: &Connection| payment::to_post(db, after, PAGE_SIZE);
            let rows = self.read_models.query(page).await?;
            let Some(last) = rows.last() else { return Ok(reached) };
            after = last.position;
            for row in &rows {
                if self.resting.turn(&row.id) != Turn::Later {
                    reached = reached.max(self.done(row.id, self.post(row).await));
                }
            }
        }
    }

    /// Takes back the credit of what this provider can give back. Of another's payments the customer keeps the credit until that one is there.
    async fn take_back_all(&self, payments: &Payments) -> Result<Option<Position>, QueryError> {
        let (mut after, mut reached) = (-1, None);
        loop {
            let provider = payments.id().to_string();
            let page = move |db: &Connection| {
                payment::to_refund(db, PaymentDue::TakeBack, &provider, after, PAGE_SIZE)
            };
            let rows = self.read_models.query(page).await?;
            let Some(last) = rows.last() else { return Ok(reached) };
            after = last.position;
            for row in &rows {
                if self.resting.turn(&row.id) != Turn::Later {
                    reached = reached.max(self.done(row.id, self.take_back(row).await));
                }
            }
        }
    }

    /// What was reached; a failure is logged, and tried again later.
    fn done(
        &self,
        id: PaymentId,
        settled: Result<Option<Position>, PaymentError>,
    ) -> Option<Position> {
        match settled {
            Ok(position) => {
                self.resting.done(&id);
                position
            }
            Err(error) => {
                tracing::warn!(%id, error = %chain(&error), "this payment is not settled yet");
                self.resting.failed(id);
                None
            }
        }
    }

    /// Has the provider give back what was taken back and whose turn it is, a few at a time. What it does not give back is `kept`, and rests.
    async fn give_back(
        &self,
        payments: &Payments,
        turn: Turn,
        kept: &Resting<PaymentId>,
        stop: &watch::Receiver<bool>,
    ) -> Result<(), QueryError> {
        let (mut after, mut reached) = (-1, None);
        loop {
            let provider = payments.id().to_string();
            let page = move |db: &Connection| {
                payment::to_refund(db, PaymentDue::GiveBack, &provider, after, PAGE_SIZE)
            };
            let mut rows = self.read_models.query(page).await?;
            let Some(last) = rows.last() else { break };
            after = last.position;
            rows.retain(|row| kept.turn(&row.id) == turn);
            let ask = |row: PaymentRow| async move {
                if *stop.borrow() {
                    return None;
                }
                Some((row.id, self.give_back_one(payments, &row).await))
            };
            let asked: Vec<_> = rows.into_iter().map(ask).collect();
            let mut asked = stream::iter(asked).buffer_unordered(ASKED_AT_ONCE);
            while let Some(Some((id, given_back))) = asked.next().await {
                match given_back {
                    Ok(position) => {
                        kept.done(&id);
                        reached = reached.max(position);
                    }
                    Err(error) => {
                        tracing::warn!(%id, error = %chain(&error), "money is not given back yet");
                        kept.failed(id);
                    }
                }
            }
            if *stop.borrow() {
                return Ok(());
            }
        }
        if let Some(position) = reached {
            self.read_models.wait_for(position).await?;
        }
        Ok(())
    }

    async fn give_back_one(
        &self,
        payments: &Payments,
        row: &PaymentRow,
    ) -> Result<Option<Position>, PaymentError> {
        let Some(reference) = &row.provider_reference else { return Ok(None) };
        let refund = payments.refund(row.id, row.money, reference).await?;
        let command = PaymentCommand::ConfirmRefund(refund.reference);
        self.tell_at(row.id, command, "", self.not_in_future(refund.at)).await
    }

    /// Posts money that came. Where it is for a fee, the fee is paid in the same append: nothing can be bought with it in between. Where the fee
    /// is paid already, nothing is; where it was waived meanwhile, the settlement of fees gives it back as credit.
    async fn post(&self, row: &PaymentRow) -> Result<Option<Position>, PaymentError> {
        let posting_id = PostingId::of_system(POSTING_KIND, row.id.0);
        let stream = points_expiry::stream(row.customer_id);
        let grant = GrantCredit { posting_id: posting_id.clone(), money: row.money, case_id: None };
        let grant = AccountCommand::GrantCredit(grant);
        let mut batch = vec![(of_posting::<Account>(&stream, &posting_id, &grant), grant)];
        if let Some(fee_id) = row.fee_id {
            let spent_by = PostingId::of_system(FEE, fee_id.0);
            let spend = SpendCredit { posting_id: spent_by, money: row.money };
            let spend = AccountCommand::SpendCredit(spend);
            batch.push((of_posting::<Account>(&stream, &posting_id, &spend), spend));
        }
        let executed = self.commands.execute::<Account>(&stream, batch, None, |_| true).await?;
        Ok(executed.position)
    }

    async fn take_back(&self, row: &PaymentRow) -> Result<Option<Position>, PaymentError> {
        let posting_id = PostingId::of_system(RETURN_KIND, row.id.0);
        let stream = points_expiry::stream(row.customer_id);
        let reverse = AccountCommand::ReversePosting(ReversePosting {
            posting_id: posting_id.clone(),
            reversed: PostingId::of_system(POSTING_KIND, row.id.0),
        });
        let metadata = of_posting::<Account>(&stream, &posting_id, &reverse);
        let reversed =
            self.commands.execute::<Account>(&stream, vec![(metadata, reverse)], None, |_| true);
        match reversed.await {
            Ok(executed) => Ok(executed.position),
            Err(CommandError::Refused(AccountRefusal::CreditTooLow { .. })) => {
                // It may be requested, and declined, again: the revision tells these apart.
                let revision = row.revision.to_string();
                self.tell(row.id, PaymentCommand::DeclineRefund, &revision).await
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn tell(
        &self,
        id: PaymentId,
        command: PaymentCommand,
        about: &str,
    ) -> Result<Option<Position>, PaymentError> {
        self.tell_at(id, command, about, None).await
    }

    async fn tell_at(
        &self,
        id: PaymentId,
        command: PaymentCommand,
        about: &str,
        occurred_at: Option<Timestamp>,
    ) -> Result<Option<Position>, PaymentError> {
        let stream = payment_stream(id);
        let name = Payment::name(&command);
        let command_id = CommandId(derived(&["payments", stream.as_str(), name, about]));
        let metadata = CommandMetadata { occurred_at, ..metadata(command_id, keeper()) };
        let executed =
            self.commands.execute::<Payment>(&stream, vec![(metadata, command)], None, |_| true);
        let Executed { position, .. } = executed.await?;
        Ok(position)
    }

    /// When something happened by somebody else's clock, which may be ahead of ours.
    fn not_in_future(&self, moment: Timestamp) -> Option<Timestamp> {
        (moment < self.clock.now()).then_some(moment)
    }
}

fn keeper() -> Actor {
    Actor { kind: ActorKind::System, id: "payments".to_owned() }
}

fn metadata(command_id: CommandId, actor: Actor) -> CommandMetadata {
    CommandMetadata {
        command_id,
        digest: None,
        actor,
        occurred_at: None,
        correlation_id: command_id.0,
        subject: None,
    }
}

/// The identity of a command that follows from a posting.
fn of_posting<D: Decider>(
    stream: &StreamId,
    posting: &PostingId,
    command: &D::Command,
) -> CommandMetadata
where
    D::Event: StoredEvent,
{
    let name = D::name(command);
    let id = derived(&["payments", stream.as_str(), posting.as_str(), name]);
    metadata(CommandId(id), keeper())
}

/// The stream of a payment.
pub fn payment_stream(id: PaymentId) -> StreamId {
    StreamId::new(&format!("payment-{id}")).expect("a UUID is a well-formed stream id")
}
