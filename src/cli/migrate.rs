//! `parvandeh migrate`: a log of an earlier release, with personal data as plain text, becomes one whose personal data are sealed.

use std::collections::HashMap;
use std::path::Path;

use parvandeh_domain::case::CaseEvent;
use parvandeh_domain::customer::CustomerEvent;
use parvandeh_domain::decider::{ActorKind, Metadata};
use parvandeh_domain::event::{EventType, StoredEvent};
use parvandeh_domain::id::{CaseId, CustomerId, DataSubject, EventId};
use parvandeh_domain::log::{DomainEvent, UnknownEntry};
use parvandeh_domain::sla::SlaEvent;

use super::progress::bar;
use super::{Exit, Failure};
use crate::config::Config;
use crate::sealing::Draft;
use crate::store::sqlite::migration;
use crate::store::{LoggedEvent, NewEvent};
use crate::vault::{SealError, Vault};

/// Rewrites the log where that is needed.
pub fn migrate(config: &Config) -> Result<Exit, Failure> {
    let directory = &config.data_directory;
    if !migration::needs_migration(directory)? {
        println!("There is nothing to migrate in {}.", directory.display());
        return Ok(Exit::Done);
    }
    let progress = bar("sealing", "events", 0);
    let events = seal_log(directory, &Vault::open(directory, config.keyring())?, |position| {
        progress.set_position(position);
    })?;
    progress.finish_and_clear();
    println!(
        "{events} events of {} have their personal data in the vault now. Backups made before have them as plain text: \
         replace and destroy them.",
        directory.display()
    );
    Ok(Exit::Done)
}

/// Why an event could not be sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealLogError {
    /// The event is not understood, so what in it is personal is not known.
    #[error(transparent)]
    Event(#[from] UnknownEntry),
    /// What is recorded beside it is not understood.
    #[error("the event's metadata does not have its shape")]
    Metadata(#[from] serde_json::Error),
    /// It could not be encrypted.
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// Seals every event of the log in a directory.
pub fn seal_log(
    directory: &Path,
    vault: &Vault,
    progress: impl FnMut(u64),
) -> Result<u64, migration::MigrationError<SealLogError>> {
    let mut customers = HashMap::new();
    migration::migrate(directory, |logged| seal(vault, logged, &mut customers), progress)
}

/// The event as it would be written today, at the latest version of its type.
fn seal(
    vault: &Vault,
    logged: &LoggedEvent,
    customers: &mut HashMap<CaseId, CustomerId>,
) -> Result<NewEvent, SealLogError> {
    let stream = logged.stream.as_str();
    let event = DomainEvent::decode(stream, &logged.type_name, logged.version, &logged.data)?;
    let mut meta: Metadata = serde_json::from_slice(&logged.metadata)?;
    // It could be tried against texts that somebody guesses. A retry of so old a request is told from others by its key alone.
    meta.command_digest = None;
    if let DomainEvent::Case(id, CaseEvent::Opened(opened)) = &event
        && let Some(customer_id) = opened.customer_id
    {
        customers.insert(*id, customer_id);
    }
    let of_case = |id: &CaseId| match customers.get(id) {
        Some(customer_id) => DataSubject::Customer(*customer_id),
        None => DataSubject::Case(*id),
    };
    let subject = match &event {
        DomainEvent::Case(id, _) | DomainEvent::Clock(id, _) => Some(of_case(id)),
        DomainEvent::Customer(id, _) => Some(DataSubject::Customer(*id)),
        DomainEvent::Policy(..)
        | DomainEvent::Calendar(..)
        | DomainEvent::Attachment(..)
        | DomainEvent::Access(..)
        | DomainEvent::Segmentation(..)
        | DomainEvent::Account(..)
        | DomainEvent::Redress(..)
        | DomainEvent::Fee(..)
        | DomainEvent::Payment(..)
        | DomainEvent::Card(..)
        | DomainEvent::SignIn(..)
        | DomainEvent::Unit(..) => None,
    };
    // What the identity provider called a customer may be an address; today they are named by their own id.
    if let (ActorKind::Customer, Some(DataSubject::Customer(id))) = (meta.actor.kind, subject) {
        meta.actor.id = id.to_string();
    }
    let (event_type, json) = latest(&event);
    Ok(Draft { id: EventId(logged.id), event_type, meta, json, subject }.seal(vault)?)
}

fn latest(event: &DomainEvent) -> (EventType, Vec<u8>) {
    let json = match event {
        DomainEvent::Case(_, event) => CaseEvent::to_json(event),
        DomainEvent::Customer(_, event) => CustomerEvent::to_json(event),
        DomainEvent::Clock(_, event) => SlaEvent::to_json(event),
        DomainEvent::Policy(_, event) => event.to_json(),
        DomainEvent::Segmentation(_, event) => event.to_json(),
        DomainEvent::Calendar(_, event) => event.to_json(),
        DomainEvent::Attachment(_, event) => event.to_json(),
        DomainEvent::Access(_, event) => event.to_json(),
        DomainEvent::Account(_, event) => event.to_json(),
        DomainEvent::Redress(_, event) => event.to_json(),
        DomainEvent::Fee(_, event) => event.to_json(),
        DomainEvent::Payment(_, event) => event.to_json(),
        DomainEvent::Card(_, event) => event.to_json(),
        DomainEvent::SignIn(_, event) => event.to_json(),
        DomainEvent::Unit(_, event) => event.to_json(),
    };
    (event.event_type(), json)
}
