//! The composition root: a data directory becomes a running system.

mod cluster;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use parvandeh_domain::card::IssuerPrefix;
use parvandeh_domain::decider::{Actor, ActorKind, Metadata};
use parvandeh_domain::id::{CommandId, derived};
use parvandeh_domain::policy::{
    DEFAULT_POLICY, Policy, PolicyCommand, PolicyRefusal, PublishPolicy,
};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use crate::access::AccessLog;
use crate::attachments::Attachments;
use crate::clock::{Clock, MonotoneClock, SystemClock};
use crate::command::anonymous::AnonymousBudget;
use crate::command::cards::{Cards, ReplacementError};
use crate::command::erasure::{Eraser, ErasureError};
use crate::command::handler::{CommandError, CommandHandler, CommandMetadata};
use crate::command::idempotency::Idempotency;
use crate::command::merge::Merges;
use crate::command::payments::PaymentKeeper;
use crate::command::points_expiry::PointsExpiry;
use crate::command::promise_monitor::PromiseMonitor;
use crate::command::settlement::Settlement;
use crate::command::sla_monitor::SlaMonitor;
use crate::command::survey_monitor::SurveyMonitor;
use crate::command::tier_keeper::TierKeeper;
use crate::config::{Config, ConfigError, PromisesConfig, RedressLimits, SurveysConfig};
use crate::delivery::Outbox;
use crate::graphql::recorded::Recorded;
use crate::graphql::{self, Services};
use crate::payment::Payments;
use crate::proof::service::Proof;
use crate::replica::Members;
use crate::sign_in::SignInConfig;
use crate::store::kurrent::ConnectError;
use crate::store::sqlite::{OpenError, SqliteStore};
use crate::store::{EventStore, Position, ReadError, StreamId};
use crate::subject_export::SubjectExporter;
use crate::subscription::fact_ring::FactRing;
use crate::subscription::notification_watch::NotificationWatch;
use crate::subscription::projector::{ProjectorError, Source};
use crate::subscription::read_models::ReadModels;
use crate::subscription::reminder_watch::ReminderWatch;
use crate::subscription::stream_watch::StreamWatch;
use crate::vault::{KeyStore, Keyring, Vault, VaultError};
use cluster::Cluster;
pub use cluster::ReplicaWatch;

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
    /// What is configured cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The cluster could not be used.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The system gives no thread.
    #[error("following the cluster's log")]
    Follow(#[from] std::io::Error),
    /// The cluster's log was followed no more before it was caught up with.
    #[error("the cluster's log is followed no more; the program's own log says why")]
    Ended,
    /// The read models could not be built.
    #[error("building the read models")]
    Project(#[from] ProjectorError),
    /// An erasure that was under way could not be carried out.
    #[error("going on with an erasure")]
    Erasure(#[from] ErasureError),
    /// A replacement of a card that was under way could not be finished.
    #[error("going on with a card's replacement")]
    Replacement(#[from] ReplacementError),
    /// The first policy could not be published.
    #[error("publishing the first policy")]
    FirstPolicy(#[from] CommandError<PolicyRefusal>),
}

/// What a system is put together from.
struct Parts<'a> {
    directory: &'a Path,
    keyring: Keyring,
    log: Arc<SqliteStore>,
    store: Arc<dyn EventStore>,
    vault: Arc<Vault>,
    clock: Arc<dyn Clock>,
    members: watch::Receiver<Members>,
    cluster: Option<Cluster>,
}

/// A running system over one data directory.
pub struct App {
    /// Where events are appended, and read as they stand now.
    pub store: Arc<dyn EventStore>,
    /// The log's file on this machine.
    pub log: Arc<SqliteStore>,
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
    /// The replicas that serve this log.
    members: watch::Receiver<Members>,
    /// What follows the cluster's log, where there is one.
    cluster: Option<Cluster>,
    /// Tells the time, never backwards.
    pub clock: Arc<dyn Clock>,
    /// Proves what is in the log.
    pub proof: Arc<Proof>,
    /// With what the numbers of new cards begin.
    pub issuer_prefix: IssuerPrefix,
    /// Sends codes to customers; without one no contact point is verified, and nobody signs in with a card.
    pub outbox: Option<Outbox>,
    /// How holders of cards sign in.
    pub sign_in: SignInConfig,
    /// The organisation's time zone, whose days customers are shown.
    pub time_zone: TimeZone,
    directory: PathBuf,
    keyring: Keyring,
    stop: watch::Sender<bool>,
    monitor: Option<JoinHandle<()>>,
    tier_keeper: Option<JoinHandle<()>>,
    points_expiry: Option<JoinHandle<()>>,
    settlement: Option<JoinHandle<()>>,
    payment_keeper: Option<JoinHandle<()>>,
    /// By whom customers pay, where that is configured.
    pub payments: Option<Payments>,
    /// Who may approve redress up to what.
    pub redress_limits: RedressLimits,
    /// When those who keep promises are reminded.
    pub promises: PromisesConfig,
    /// When customers are asked how content they are.
    pub surveys: SurveysConfig,
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
        let log = tokio::task::spawn_blocking(move || SqliteStore::open(&path))
            .await
            .expect("opening does not panic")?;
        let log = Arc::new(log);
        if log.head().is_some() && !KeyStore::exists(directory) {
            return Err(StartError::KeysMissing { directory: directory.to_owned() });
        }
        let vault = open_vault(directory, keyring.clone()).await?;
        let store: Arc<dyn EventStore> = log.clone();
        let floor = latest_recorded_at(&store).await?;
        Self::assemble(Parts {
            directory,
            keyring,
            log,
            store,
            vault,
            clock: Arc::new(MonotoneClock::new(clock, floor)),
            members: watch::channel(Members::alone()).1,
            cluster: None,
        })
        .await
    }

    /// Opens what is configured. `progress` is told each position that a replica's copy reaches.
    pub async fn open_configured(
        config: &Config,
        progress: impl FnMut(u64),
    ) -> Result<Self, StartError> {
        let (directory, keyring) = (&config.data_directory, config.keyring());
        let mut app = match config.cluster()? {
            None => Self::open_with(directory, keyring, SystemClock).await,
            Some(options) => {
                Self::open_replica(directory, keyring, options, SystemClock, progress).await
            }
        }?;
        app.redress_limits = config.redress.clone();
        (app.promises, app.surveys) = (config.promises, config.surveys);
        Ok(app)
    }

    /// Puts the parts together.
    async fn assemble(parts: Parts<'_>) -> Result<Self, StartError> {
        let Parts { directory, keyring, log, store, vault, clock, members, cluster } = parts;
        let commands = Arc::new(CommandHandler::new(store.clone(), vault.clone(), clock.clone()));
        // Replicas that begin at once all publish the same command.
        if store.head().is_none() {
            publish_first_policy(&commands).await?;
        }
        let access_log = AccessLog::new(store.clone(), clock.clone());
        Ok(Self {
            read_models: ReadModels::new(
                directory,
                Source { store: store.clone(), vault: Some(vault.clone()) },
            ),
            access_log: Arc::new(access_log),
            merges: Merges::new(commands.clone()),
            proof: Arc::new(Proof::new(log.clone(), directory)),
            store,
            log,
            vault,
            commands,
            members,
            cluster,
            clock,
            issuer_prefix: IssuerPrefix::default(),
            outbox: None,
            sign_in: SignInConfig::default(),
            time_zone: TimeZone::UTC,
            directory: directory.to_owned(),
            keyring,
            stop: watch::channel(false).0,
            monitor: None,
            tier_keeper: None,
            points_expiry: None,
            settlement: None,
            payment_keeper: None,
            payments: None,
            redress_limits: RedressLimits::default(),
            promises: PromisesConfig::default(),
            surveys: SurveysConfig::default(),
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
        let replaced = self.cards().resume(&self.read_models).await?;
        if replaced > 0 {
            tracing::info!(replaced, "cards whose replacement was under way are given up");
        }
        // What another replica erases is taken out of the copy, which is not appended to.
        let here = Eraser { store: self.log.clone(), ..self.eraser() };
        if let Some(cluster) = &self.cluster {
            cluster.start_forgetting(here, self.eraser());
        }
        Ok(())
    }

    /// How this replica stands to its cluster; `None` where the log is its own.
    pub fn replica(&self) -> Option<ReplicaWatch> {
        self.cluster.as_ref().map(Cluster::watch)
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

    /// What issues and replaces cards.
    pub fn cards(&self) -> Cards {
        Cards {
            commands: self.commands.clone(),
            vault: self.vault.clone(),
            issuer_prefix: self.issuer_prefix.clone(),
        }
    }

    /// Lets the monitors record what falls due (clocks, promises to customers, referrals), ask whom there is to ask, and record what expires, what is to be settled, and where customers belong.
    pub fn start_monitor(&mut self) {
        let keeper = TierKeeper {
            commands: self.commands.clone(),
            read_models: self.read_models.clone(),
            clock: self.clock.clone(),
        };
        self.tier_keeper = Some(tokio::spawn(keeper.run(self.stop.subscribe())));
        let monitor = SlaMonitor {
            commands: self.commands.clone(),
            read_models: self.read_models.clone(),
            store: self.store.clone(),
            clock: self.clock.clone(),
            members: self.members.clone(),
            started_at: self.clock.now(),
        };
        let promises = PromiseMonitor {
            commands: self.commands.clone(),
            read_models: self.read_models.clone(),
            store: self.store.clone(),
            clock: self.clock.clone(),
            members: self.members.clone(),
            remind_before: SignedDuration::from_mins(self.promises.remind_minutes_before.into()),
        };
        let surveys = self.surveys.ask_minutes_after.map(|minutes| SurveyMonitor {
            commands: self.commands.clone(),
            read_models: self.read_models.clone(),
            store: self.store.clone(),
            clock: self.clock.clone(),
            members: self.members.clone(),
            ask_after: SignedDuration::from_mins(minutes.into()),
        });
        let (stop, stop_promises) = (self.stop.subscribe(), self.stop.subscribe());
        let stop_surveys = self.stop.subscribe();
        let surveys = async move {
            if let Some(surveys) = surveys {
                surveys.run(stop_surveys).await;
            }
        };
        self.monitor = Some(tokio::spawn(async move {
            tokio::join!(monitor.run(stop), promises.run(stop_promises), surveys);
        }));
        let expiry = PointsExpiry {
            commands: self.commands.clone(),
            read_models: self.read_models.clone(),
            clock: self.clock.clone(),
        };
        self.points_expiry = Some(tokio::spawn(expiry.run(self.stop.subscribe())));
        let settlement = self.settlement().run(self.stop.subscribe());
        self.settlement = Some(tokio::spawn(settlement));
        let payments = self.payment_keeper().run(self.stop.subscribe());
        self.payment_keeper = Some(tokio::spawn(payments));
    }

    /// What keeps payments.
    pub fn payment_keeper(&self) -> PaymentKeeper {
        let (commands, read_models) = (self.commands.clone(), self.read_models.clone());
        PaymentKeeper::new(commands, read_models, self.clock.clone(), self.payments.clone())
    }

    /// What settles what is owed and given.
    fn settlement(&self) -> Settlement {
        let (commands, read_models) = (self.commands.clone(), self.read_models.clone());
        Settlement::new(commands, read_models)
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
            cards: self.cards(),
            outbox: self.outbox.clone(),
            eraser: self.eraser(),
            idempotency: Idempotency::new(self.read_models.clone(), self.vault.clone()),
            read_models: self.read_models.clone(),
            fact_ring: FactRing::new(&self.read_models),
            stream_watch: StreamWatch::new(self.store.clone()),
            notification_watch: NotificationWatch::new(&self.read_models),
            reminder_watch: ReminderWatch::new(&self.read_models),
            time_zone: self.time_zone.clone(),
            settlement: Arc::new(self.settlement()),
            payments: self.payment_keeper(),
            redress_limits: self.redress_limits.clone(),
            clock: self.clock.clone(),
            proof: self.proof.clone(),
            simulations: Arc::new(Semaphore::new(1)),
            reviews: Arc::new(Semaphore::new(1)),
            anonymous: AnonymousBudget::default(),
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

    /// What takes in files and gives them out.
    pub fn attachments(&self) -> Attachments {
        let idempotency = Idempotency::new(self.read_models.clone(), self.vault.clone());
        Attachments {
            store: self.store.clone(),
            vault: self.vault.clone(),
            access_log: self.access_log.clone(),
            commands: self.commands.clone(),
            read_models: self.read_models.clone(),
            idempotency: Arc::new(idempotency),
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
            tracing::error!(%error, "the monitors ended badly");
        }
        if let Some(keeper) = self.tier_keeper.take()
            && let Err(error) = keeper.await
        {
            tracing::error!(%error, "the keeper of tiers ended badly");
        }
        if let Some(expiry) = self.points_expiry.take()
            && let Err(error) = expiry.await
        {
            tracing::error!(%error, "the recording of expired points ended badly");
        }
        if let Some(settlement) = self.settlement.take()
            && let Err(error) = settlement.await
        {
            tracing::error!(%error, "the settlement ended badly");
        }
        if let Some(keeper) = self.payment_keeper.take()
            && let Err(error) = keeper.await
        {
            tracing::error!(%error, "the keeper of payments ended badly");
        }
        self.read_models.stop().await;
        // Last of those that follow the log, so that a checkpoint covers what the others have written.
        self.stop_proof.send_replace(true);
        if let Some(builder) = self.proof_builder.take()
            && !matches!(tokio::task::spawn_blocking(move || builder.join()).await, Ok(Ok(())))
        {
            tracing::error!("the thread of the proof ended badly");
        }
        if let Some(cluster) = self.cluster.take() {
            cluster.stop().await;
        }
        let Self { store, log, commands, merges, read_models, access_log, proof, .. } = self;
        drop((store, commands, merges, read_models, access_log, proof));
        match Arc::into_inner(log) {
            // Closing waits for the log's threads.
            Some(log) => {
                if let Err(error) = tokio::task::spawn_blocking(move || drop(log)).await {
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
    let metadata = CommandMetadata {
        command_id,
        digest: None,
        actor: Actor { kind: ActorKind::System, id: "setup".to_owned() },
        occurred_at: None,
        correlation_id: command_id.0,
        subject: None,
    };
    let stream = StreamId::new(&format!("policy-{DEFAULT_POLICY}"))
        .expect("a code of ASCII letters is a well-formed stream id");
    commands.execute::<Policy>(&stream, vec![(metadata, command)], None, |_| true).await?;
    Ok(())
}
