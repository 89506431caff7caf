//! The composition root: a data directory becomes a running system.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use parvandeh_domain::decider::{Actor, ActorKind, Metadata};
use parvandeh_domain::id::{CommandId, derived};
use parvandeh_domain::policy::{
    DEFAULT_POLICY, Policy, PolicyCommand, PolicyRefusal, PublishPolicy,
};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use crate::access::AccessLog;
use crate::clock::{Clock, MonotoneClock, SystemClock};
use crate::command::erasure::{Eraser, ErasureError};
use crate::command::handler::{CommandError, CommandHandler, Envelope};
use crate::command::idempotency::Idempotency;
use crate::command::merge::Merges;
use crate::command::sla_monitor::SlaMonitor;
use crate::graphql::recorded::Recorded;
use crate::graphql::{self, Services};
use crate::proof::service::Proof;
use crate::store::sqlite::{OpenError, SqliteStore};
use crate::store::{EventStore, Position, ReadError, StreamId};
use crate::subject_export::SubjectExporter;
use crate::subscription::projector::{ProjectorError, Source};
use crate::subscription::read_models::ReadModels;
use crate::vault::{KeyStore, Keyring, Vault, VaultError};

/// Why the system could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The log could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The log could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// There is a log and there are no keys: personal data in it could not be read.
    #[error(
        "{} has a log and no keys.db: put the keys of that log beside it, from the same backup or a later one",
        directory.display()
    )]
    KeysMissing {
        /// The data directory.
        directory: PathBuf,
    },
    /// The keys of personal data could not be had.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The read models could not be built.
    #[error("building the read models")]
    Project(#[from] ProjectorError),
    /// An erasure that was under way could not be carried out.
    #[error("going on with an erasure")]
    Erasure(#[from] ErasureError),
    /// The first policy could not be published.
    #[error("publishing the first policy")]
    FirstPolicy(#[from] CommandError<PolicyRefusal>),
}

/// A running system over one data directory.
pub struct App {
    /// The log.
    pub store: Arc<SqliteStore>,
    /// Seals and opens personal data.
    pub vault: Arc<Vault>,
    /// Records who read whose personal data.
    pub access_log: Arc<AccessLog>,
    /// Executes commands.
    pub commands: Arc<CommandHandler>,
    /// Executes merges of cases.
    merges: Merges,
    /// Answers queries.
    pub read_models: Arc<ReadModels>,
    /// Tells the time, never backwards.
    pub clock: Arc<dyn Clock>,
    /// Proves what is in the log.
    pub proof: Arc<Proof>,
    directory: PathBuf,
    keyring: Keyring,
    stop: watch::Sender<bool>,
    monitor: Option<JoinHandle<()>>,
    stop_proof: watch::Sender<bool>,
    proof_builder: Option<std::thread::JoinHandle<()>>,
}

impl App {
    /// Opens a data directory, creating what is not there, with the machine's clock.
    pub async fn open(directory: &Path) -> Result<Self, StartError> {
        Self::open_with_clock(directory, SystemClock).await
    }

    /// Opens a data directory with another clock.
    pub async fn open_with_clock(directory: &Path, clock: impl Clock) -> Result<Self, StartError> {
        Self::open_with(directory, Keyring::at(directory.join("keyring")), clock).await
    }

    /// Opens a data directory whose keyring stands elsewhere. The read models are not started yet.
    pub async fn open_with(
        directory: &Path,
        keyring: Keyring,
        clock: impl Clock,
    ) -> Result<Self, StartError> {
        let path = directory.to_owned();
        let store = tokio::task::spawn_blocking(move || SqliteStore::open(&path))
            .await
            .expect("opening does not panic")?;
        let store = Arc::new(store);
        if store.head().is_some() && !KeyStore::exists(directory) {
            return Err(StartError::KeysMissing { directory: directory.to_owned() });
        }
        let vault = open_vault(directory, keyring.clone()).await?;
        let port: Arc<dyn EventStore> = store.clone();
        let floor = latest_recorded_at(&port).await?;
        let clock: Arc<dyn Clock> = Arc::new(MonotoneClock::new(clock, floor));
        let commands = Arc::new(CommandHandler::new(port.clone(), vault.clone(), clock.clone()));
        if store.head().is_none() {
            publish_first_policy(&commands).await?;
        }
        let access_log = AccessLog::new(port.clone(), clock.clone());
        Ok(Self {
            read_models: ReadModels::new(
                directory,
                Source { store: port, vault: Some(vault.clone()) },
            ),
            access_log: Arc::new(access_log),
            merges: Merges::new(commands.clone()),
            proof: Arc::new(Proof::new(store.clone(), directory)),
            store,
            vault,
            commands,
            clock,
            directory: directory.to_owned(),
            keyring,
            stop: watch::channel(false).0,
            monitor: None,
            stop_proof: watch::channel(false).0,
            proof_builder: None,
        })
    }

    /// Brings the read models up to the log's head, building them where there are none; then they follow the log, and erasures that
    /// were under way are carried out. `progress` is told each position reached on the way.
    pub async fn start_read_models(
        &self,
        progress: impl Fn(u64) + Send + 'static,
    ) -> Result<(), StartError> {
        self.read_models.start(progress).await?;
        let resumed = self.eraser().resume().await?;
        if resumed > 0 {
            tracing::info!(resumed, "erasures that were under way are done");
        }
        Ok(())
    }

    /// What carries erasures out over this system.
    pub fn eraser(&self) -> Eraser {
        Eraser {
            store: self.store.clone(),
            vault: self.vault.clone(),
            commands: self.commands.clone(),
            read_models: self.read_models.clone(),
            clock: self.clock.clone(),
        }
    }

    /// Lets the SLA monitor record what falls due.
    pub fn start_monitor(&mut self) {
        let monitor = SlaMonitor {
            commands: self.commands.clone(),
            read_models: self.read_models.clone(),
            store: self.store.clone(),
            clock: self.clock.clone(),
            started_at: self.clock.now(),
        };
        self.monitor = Some(tokio::spawn(monitor.run(self.stop.subscribe())));
    }

    /// Lets a thread follow the log and sign checkpoints of it.
    pub fn start_proof(&mut self) -> std::io::Result<()> {
        self.proof_builder = Some(self.proof.start(&self.keyring, self.stop_proof.subscribe())?);
        Ok(())
    }

    /// The GraphQL schema over this system.
    pub fn schema(&self) -> Recorded {
        graphql::schema(Services {
            store: self.store.clone(),
            vault: self.vault.clone(),
            access_log: self.access_log.clone(),
            commands: self.commands.clone(),
            merges: self.merges.clone(),
            eraser: self.eraser(),
            idempotency: Idempotency::new(self.read_models.clone(), self.vault.clone()),
            read_models: self.read_models.clone(),
            clock: self.clock.clone(),
            proof: self.proof.clone(),
            simulations: Arc::new(Semaphore::new(1)),
        })
    }

    /// What exports everything about one customer.
    pub fn subject_exporter(&self) -> SubjectExporter {
        SubjectExporter {
            store: self.store.clone(),
            vault: self.vault.clone(),
            access_log: self.access_log.clone(),
            read_models: self.read_models.clone(),
            clock: self.clock.clone(),
        }
    }

    /// Where the keys of personal data are.
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// The data directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Ends the monitor, the read models and the proof's thread, and closes the log unless somebody still reads it.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        if let Some(monitor) = self.monitor.take()
            && let Err(error) = monitor.await
        {
            tracing::error!(%error, "the SLA monitor ended badly");
        }
        self.read_models.stop().await;
        // Last of those that follow the log, so that a checkpoint covers what the others have written.
        self.stop_proof.send_replace(true);
        if let Some(builder) = self.proof_builder.take()
            && !matches!(tokio::task::spawn_blocking(move || builder.join()).await, Ok(Ok(())))
        {
            tracing::error!("the thread of the proof ended badly");
        }
        let Self { store, commands, merges, read_models, access_log, proof, .. } = self;
        drop((commands, merges, read_models, access_log, proof));
        match Arc::into_inner(store) {
            // Closing waits for the store's threads.
            Some(store) => {
                if let Err(error) = tokio::task::spawn_blocking(move || drop(store)).await {
                    tracing::error!(%error, "the log was not closed in order");
                }
            }
            None => tracing::debug!("the log is still being read and closes with its last reader"),
        }
    }
}

/// Opens the vault beside the log.
async fn open_vault(directory: &Path, keyring: Keyring) -> Result<Arc<Vault>, VaultError> {
    let directory = directory.to_owned();
    let vault = tokio::task::spawn_blocking(move || Vault::open(&directory, keyring))
        .await
        .expect("opening does not panic")?;
    Ok(Arc::new(vault))
}

/// When the last event of the log was recorded.
async fn latest_recorded_at(store: &Arc<dyn EventStore>) -> Result<Timestamp, ReadError> {
    let Some(head) = store.head() else { return Ok(Timestamp::UNIX_EPOCH) };
    let before = head.0.checked_sub(1).filter(|before| *before > 0).map(Position);
    let last = store.read_all(before, 1).await?;
    let meta =
        last.first().and_then(|logged| serde_json::from_slice::<Metadata>(&logged.metadata).ok());
    Ok(meta.map_or(Timestamp::UNIX_EPOCH, |meta| meta.recorded_at))
}

/// Publishes the policy that a new data directory begins with. It promises nothing but the dates that cases are given, so that these are
/// watched from the first case on.
async fn publish_first_policy(
    commands: &CommandHandler,
) -> Result<(), CommandError<PolicyRefusal>> {
    let document = serde_json::from_value(serde_json::json!({
        "name": "Dates are kept",
        "rules": [{ "name": "any case with a date", "targets": [{ "metric": "due_date" }] }],
    }));
    let command = PolicyCommand::Publish(PublishPolicy {
        document: document.expect("the policy is written here and tested"),
        // From before any case, so that imported cases are bound to it too.
        effective_from: Some(Timestamp::constant(-2_208_988_800, 0)),
    });
    let command_id = CommandId(derived(&["first policy"]));
    let envelope = Envelope {
        command_id,
        digest: None,
        actor: Actor { kind: ActorKind::System, id: "setup".to_owned() },
        occurred_at: None,
        correlation_id: command_id.0,
        subject: None,
    };
    let stream = StreamId::new(&format!("policy-{DEFAULT_POLICY}"))
        .expect("a code of ASCII letters is a well-formed stream id");
    commands.execute::<Policy>(&stream, vec![(envelope, command)], None, |_| true).await?;
    Ok(())
}
