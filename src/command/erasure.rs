//! Erasing a customer's personal data.
//!
//! It is decided by a command on the customer's record ([`OrderErasure`]), which a legal hold refuses; from that event on nothing
//! personal can be said of them. Then it is carried out, in an order that leaves nothing to be undone at any point:
//!
//! 1. a tombstone, apart from the data directory, so that the keys cannot come back with a backup;
//! 2. the data keys: from here on nothing can be read any more, wherever it was copied to;
//! 3. what memory still holds;
//! 4. the envelopes in the log's vault;
//! 5. the event that tells that it is done. By it the read models give up their copies of the envelopes.
//!
//! Each step can be repeated. A process that ended in between goes on at its next start ([`Eraser::resume`]), and so does one whose
//! data directory was restored from a backup that is older than the erasure: the tombstone tells.
//!
//! A person who has several records, because they were merged, is erased in all of them: see [`super::erasure_order`].
//!
//! In a cluster one replica carries an erasure out. The first two steps are published, so that every replica's vault does the same; the
//! others take steps three and four by themselves when they learn of it ([`Eraser::forget`]). Where the replica dies that was to carry it
//! out, another one does ([`Eraser::finish_ordered`]).

use std::sync::Arc;

use parvandeh_domain::customer::command::{ConfirmErasure, OrderErasure};
use parvandeh_domain::customer::decide::MERGED_RECORDS_MAX;
use parvandeh_domain::customer::state::Erasure;
use parvandeh_domain::customer::{
    Customer, CustomerCommand, CustomerRefusal, CustomerState, ErasureGround,
};
use parvandeh_domain::decider::{Actor, ActorKind, Metadata};
use parvandeh_domain::id::{CommandId, CustomerId, DataSubject, derived};
use parvandeh_projections::{attachments, cards, case_summary, customer_merges, customer_profile};

use super::handler::{CommandError, CommandHandler, CommandMetadata, Executed};
use crate::clock::Clock;
use crate::error::chain;
use crate::store::{AppendError, EventStore, Position, ReadError, StreamId};
use crate::subscription::read_models::{QueryError, ReadModels};
use crate::vault::{Vault, VaultError};

const PAGE_SIZE: usize = 1_000;
/// How often a record is looked at again whose merges others change at the same moment.
const LOOKS_MAX: usize = 8;

/// Why an erasure could not be carried out. It stays ordered, and is tried again at the next start.
#[derive(Debug, thiserror::Error)]
pub enum ErasureError {
    /// The keys could not be destroyed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The log could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The envelopes could not be removed.
    #[error("removing envelopes")]
    Remove(#[from] AppendError),
    /// The customer's cases could not be found.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The order or the receipt could not be written.
    #[error("writing the order or the receipt")]
    Receipt(#[from] CommandError<CustomerRefusal>),
    /// A record of the same person was put under legal hold when the erasure was ordered already.
    #[error("customer {id}, a record of the same person, is under legal hold for {matter}")]
    Held {
        /// The record.
        id: CustomerId,
        /// The matter.
        matter: String,
        /// The other records of the person, in which the erasure is ordered.
        others: Vec<CustomerId>,
    },
}

/// Carries erasures out.
#[derive(Clone)]
pub struct Eraser {
    /// The log.
    pub store: Arc<dyn EventStore>,
    /// The keys.
    pub vault: Arc<Vault>,
    /// Executes commands.
    pub commands: Arc<CommandHandler>,
    /// Knows the customer's cases.
    pub read_models: Arc<ReadModels>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

impl Eraser {
    /// Destroys and removes what the order concerns, in all records that it names, and records that it is done. Done again, it does nothing
    /// more. The record in which the order stands is the last, so an order without a receipt is one that is to be gone on with.
    pub async fn carry_out(&self, id: CustomerId) -> Result<Executed, ErasureError> {
        let ordered = self.order_with(id).await;
        let with = match &ordered {
            Ok(with) => with.as_slice(),
            Err(ErasureError::Held { others, .. }) => others,
            Err(_) => &[],
        };
        for other in with {
            let confirm = self.erase(*other).await?;
            self.confirm(*other, confirm).await?;
        }
        let confirm = self.erase(id).await?;
        // One that must be kept, because of a hold that another program placed meanwhile, leaves the order without its receipt.
        ordered?;
        self.confirm(id, confirm).await
    }

    /// Orders what the order in a customer's record says of the other records of the same person, as far as it is not ordered there; answers
    /// which these are. A record that is not theirs any more, because the merge was undone before it was ordered there, is passed over.
    ///
    /// # Errors
    /// [`ErasureError::Held`] where one was put under legal hold since. All others are then ordered.
    pub async fn order_with(&self, id: CustomerId) -> Result<Vec<CustomerId>, ErasureError> {
        let Some(order) = self.state(id).await?.erasure_order else {
            return Ok(Vec::new());
        };
        let (mut others, mut held) = (Vec::new(), None);
        for other in order.with {
            let alone = OrderErasure { ground: order.ground, with: Vec::new(), held: None };
            match self.order_in(id, other, metadata(other, &format!("with {id}")), alone).await {
                Ok(true) => others.push(other),
                Ok(false) => {
                    tracing::info!(customer_id = %other, ordered_for = %id, "a record that was taken out of a merge is not erased with it");
                }
                Err(CommandError::Refused(CustomerRefusal::LegalHold { matter })) => {
                    held = Some((other, matter));
                }
                Err(error) => return Err(error.into()),
            }
        }
        match held {
            None => Ok(others),
            Some((id, matter)) => Err(ErasureError::Held { id, matter, others }),
        }
    }

    /// Orders the erasure in another record of the person in whose record `id` it is ordered; answers whether it is ordered there. It is not
    /// where the record is not theirs.
    ///
    /// Another program may merge and undo merges meanwhile. An order and the merge that it rests on stand in one stream, so a merge that is
    /// undone between the look and the order is seen; and what leads from here to there stays, once it is ordered in the records between:
    /// these come first (see [`Self::distance`]).
    pub(super) async fn order_in(
        &self,
        id: CustomerId,
        other: CustomerId,
        metadata: CommandMetadata,
        order: OrderErasure,
    ) -> Result<bool, CommandError<CustomerRefusal>> {
        for _ in 0..LOOKS_MAX {
            let seen = self.state(other).await?;
            if seen.erasure == Erasure::None && self.distance(id, other).await?.is_none() {
                return Ok(false);
            }
            let permit = |now: &CustomerState| {
                now.erasure != Erasure::None || now.merged_into == seen.merged_into
            };
            let batch = vec![(metadata.clone(), CustomerCommand::OrderErasure(order.clone()))];
            let stream = stream("customer", other);
            match self.commands.execute::<Customer>(&stream, batch, None, permit).await {
                Ok(_) => return Ok(true),
                // It was merged, or its merge undone, since the look.
                Err(CommandError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Err(CommandError::Contended)
    }

    /// A customer's record as the log has it now.
    pub(super) async fn state(
        &self,
        id: CustomerId,
    ) -> Result<CustomerState, CommandError<CustomerRefusal>> {
        self.commands.state::<Customer>(&stream("customer", id)).await
    }

    /// How many merges lie between two records; `None` where they are not one person's. Whatever lies between the two is nearer to either.
    pub(super) async fn distance(
        &self,
        from: CustomerId,
        to: CustomerId,
    ) -> Result<Option<usize>, CommandError<CustomerRefusal>> {
        let (from, to) = (self.chain(from).await?, self.chain(to).await?);
        let meet = |(up, link)| Some(up + from.iter().position(|other| other == link)?);
        Ok(to.iter().enumerate().find_map(meet))
    }

    /// A record and those in favour of which it was given up, one after the other: those of one person meet in the one that survives. (In a
    /// ring, which two programs on one log could make, they meet too.)
    async fn chain(
        &self,
        id: CustomerId,
    ) -> Result<Vec<CustomerId>, CommandError<CustomerRefusal>> {
        let mut chain = vec![id];
        let mut last = id;
        while chain.len() < MERGED_RECORDS_MAX
            && let Some(into) = self.state(last).await?.merged_into
            && !chain.contains(&into)
        {
            chain.push(into);
            last = into;
        }
        Ok(chain)
    }

    /// Destroys the keys of one record and removes what was sealed under them.
    async fn erase(&self, id: CustomerId) -> Result<ConfirmErasure, ErasureError> {
        let erasure_id = derived(&["erasure", &id.to_string()]);
        let (vault, now) = (self.vault.clone(), self.clock.now());
        let subject = DataSubject::Customer(id);
        let keys = tokio::task::spawn_blocking(move || vault.erase(subject, now, erasure_id))
            .await
            .expect("erasing does not panic")?;
        let envelope_count = self.forget(id).await?;
        Ok(ConfirmErasure {
            key_count: u32::try_from(keys.tombstone.keys.len()).unwrap_or(u32::MAX),
            envelope_count: u32::try_from(envelope_count).unwrap_or(u32::MAX),
        })
    }

    async fn confirm(
        &self,
        id: CustomerId,
        confirm: ConfirmErasure,
    ) -> Result<Executed, ErasureError> {
        self.execute(id, "confirm", CustomerCommand::ConfirmErasure(confirm)).await
    }

    /// The other records of the same person, as the log knows them by now: in a cluster also by the merges of other replicas.
    ///
    /// # Errors
    /// When the log cannot say how far it goes, or the read models cannot be asked.
    pub async fn other_records(&self, id: CustomerId) -> Result<Vec<CustomerId>, ErasureError> {
        self.store.sync().await?;
        self.catch_up().await?;
        let records = self.read_models.query(move |db| {
            let survivor = customer_merges::survivor(db, id.0)?;
            customer_merges::records(db, survivor)
        });
        let others = records.await?.into_iter().map(CustomerId);
        Ok(others.filter(|other| *other != id).collect())
    }

    /// Removes what memory and the log here still hold of a customer whose keys are destroyed; answers how many envelopes it removed. Done
    /// again, it does nothing more.
    ///
    /// A replica does this for each erasure that its vault has learned of, when its copy of the log has come as far; and once more
    /// [`crate::vault::STALENESS_MAX`] later. Until then another replica may not know of the erasure, and append something that it has sealed:
    /// nobody can read that, and it is not to lie about either.
    pub async fn forget(&self, id: CustomerId) -> Result<usize, ErasureError> {
        // The cases are found in the read models, so these must know all that was opened while there were keys. Of what is appended
        // from now on, whoever appends it sees the tombstone.
        self.catch_up().await?;
        let mut streams = vec![stream("customer", id)];
        let cases = self.read_models.query(move |db| {
            let cases = case_summary::cases_of_customer(db, id)?.into_iter();
            cases.map(|id| Ok((id, attachments::uploads_of_case(db, id)?))).collect()
        });
        let cases: Vec<(_, Vec<_>)> = cases.await?;
        for (case_id, uploads) in cases {
            streams.extend([stream("case", case_id), stream("clock", case_id)]);
            streams.extend(uploads.into_iter().map(|id| stream("attachment", id)));
        }
        let cards = self.read_models.query(move |db| cards::all_of_customer(db, id)).await?;
        streams.extend(cards.into_iter().map(|card_id| stream("card", card_id)));
        let mut envelope_count = 0;
        for stream in streams {
            self.commands.forget(&stream);
            envelope_count += self.remove_envelopes(&stream, DataSubject::Customer(id)).await?;
        }
        Ok(envelope_count)
    }

    /// Waits until the read models show all that is in the log.
    async fn catch_up(&self) -> Result<(), QueryError> {
        match self.store.head() {
            Some(head) => self.read_models.wait_for(head).await,
            None => Ok(()),
        }
    }

    /// Removes the envelopes of a stream's events that are about this person.
    async fn remove_envelopes(
        &self,
        stream: &StreamId,
        subject: DataSubject,
    ) -> Result<usize, ErasureError> {
        let (mut after, mut removed) = (None, 0);
        loop {
            let page = self.store.read_stream(stream, after, PAGE_SIZE).await?;
            let Some(last) = page.last() else { return Ok(removed) };
            after = Some(last.revision);
            let about_them = page.iter().filter(|logged| {
                let meta = serde_json::from_slice::<Metadata>(&logged.metadata);
                let seal = meta.ok().and_then(|meta| meta.personal);
                logged.envelope.is_some() && seal.is_some_and(|seal| seal.subject == subject)
            });
            let positions: Vec<Position> = about_them.map(|logged| logged.position).collect();
            if !positions.is_empty() {
                removed += self.store.remove_envelopes(positions).await?;
            }
        }
    }

    /// Goes on with what an earlier process began, and with what was erased after the backup that this log was restored from. Whoever
    /// asks after that is shown the receipts.
    pub async fn resume(&self) -> Result<usize, ErasureError> {
        self.catch_up().await?;
        if self.order_again().await? > 0 {
            // What was ordered just now is among those that are to be carried out.
            self.catch_up().await?;
        }
        self.finish_ordered().await
    }

    /// Carries out what was ordered, as far as the read models know, and has no receipt; answers how many erasures that were. Where another
    /// replica is just doing the same, both do it and one receipt is written.
    ///
    /// In a cluster every replica calls it about once a minute: the one that took the order may be gone.
    pub async fn finish_ordered(&self) -> Result<usize, ErasureError> {
        let unfinished = self.read_models.query(customer_profile::unfinished_erasures).await?;
        for id in &unfinished {
            match self.carry_out(*id).await {
                Ok(_) => {}
                Err(error @ ErasureError::Held { .. }) => {
                    tracing::warn!(customer_id = %id, error = %chain(&error), "an erasure waits for the end of a legal hold");
                }
                Err(error) => return Err(error),
            }
        }
        if !unfinished.is_empty() {
            self.catch_up().await?;
        }
        Ok(unfinished.len())
    }

    /// Orders erasures of which the log knows nothing, because it was restored from an earlier backup; answers how many.
    async fn order_again(&self) -> Result<usize, ErasureError> {
        let mut erased = Vec::new();
        for tombstone in self.vault.tombstones() {
            if let DataSubject::Customer(id) = tombstone.subject {
                erased.push(id);
            }
        }
        let forgotten = self.read_models.query(move |db| {
            let mut forgotten = Vec::new();
            for id in erased {
                if customer_profile::is_untouched(db, id)? {
                    forgotten.push(id);
                }
            }
            Ok(forgotten)
        });
        let forgotten = forgotten.await?;
        for id in &forgotten {
            // Why it was done once is not known here; that it was done is.
            let ground = ErasureGround::SubjectRequest;
            let order = OrderErasure { ground, with: Vec::new(), held: None };
            let command = CustomerCommand::OrderErasure(order);
            match self.execute(*id, "restored", command).await {
                Ok(_) => {}
                Err(ErasureError::Receipt(CommandError::Refused(refusal))) => {
                    tracing::warn!(customer_id = %id, %refusal, "an erasure that a backup had forgotten stays undone in the log; the keys are destroyed");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(forgotten.len())
    }

    async fn execute(
        &self,
        id: CustomerId,
        step: &str,
        command: CustomerCommand,
    ) -> Result<Executed, ErasureError> {
        let batch = vec![(metadata(id, step), command)];
        let executed =
            self.commands.execute::<Customer>(&stream("customer", id), batch, None, |_| true).await;
        Ok(executed?)
    }
}

/// The program's own command on a record: the same step is the same command.
fn metadata(id: CustomerId, step: &str) -> CommandMetadata {
    let command_id = CommandId(derived(&["erasure", &id.to_string(), step]));
    CommandMetadata {
        command_id,
        digest: None,
        actor: Actor { kind: ActorKind::System, id: "eraser".to_owned() },
        occurred_at: None,
        correlation_id: command_id.0,
        subject: None,
    }
}

fn stream(category: &str, id: impl std::fmt::Display) -> StreamId {
    StreamId::new(&format!("{category}-{id}")).expect("a UUID is a well-formed stream id")
}
