//! `parvandeh migrate-store`: a log moves from a data directory into a cluster, or from a cluster into a data directory.
//!
//! The events keep their order, ids, metadata and sealed personal data, the log its id, and the keys come along. Interrupted, it goes on
//! when it is started again. At the end both sides are read from the beginning and must give the same root.

use std::sync::Arc;

use clap::Args;

use super::progress::bar;
use super::{Exit, Failure};
use crate::clock::SystemClock;
use crate::config::{Config, ConfigError, StoreAddress};
use crate::store::EventStore;
use crate::store::kurrent::migration::{Migration, MigrationError};
use crate::store::kurrent::{KurrentOptions, KurrentStore};
use crate::store::sqlite::SqliteStore;
use crate::vault::{self, KeyStore, Vault, VaultError};

/// What is moved where. How the cluster is used says the configuration's table `[kurrentdb]`.
#[derive(Args)]
pub struct MigrateStoreArguments {
    /// Move the log of the data directory into this cluster: `kurrentdb://host1:2113,host2:2113`.
    #[arg(long, value_name = "ADDRESS", required_unless_present = "from", conflicts_with = "from")]
    to: Option<String>,
    /// Move the log of this cluster into the data directory, which must be empty or of an interrupted move.
    #[arg(long, value_name = "ADDRESS")]
    from: Option<String>,
}

/// Moves the log.
pub async fn migrate_store(
    config: &Config,
    arguments: MigrateStoreArguments,
) -> Result<Exit, Failure> {
    let MigrateStoreArguments { to, from } = arguments;
    let is_from = from.is_some();
    let address = to.or(from).map(StoreAddress::from).unwrap_or_default();
    let cluster = Config { store: address, ..config.clone() }.cluster()?;
    let options = cluster.ok_or(ConfigError::Store)?;
    if is_from {
        into_directory(config, options).await
    } else {
        into_cluster(config, options).await
    }
}

async fn into_cluster(config: &Config, options: KurrentOptions) -> Result<Exit, Failure> {
    let directory = config.data_directory.clone();
    if !KeyStore::exists(&directory) {
        let message = format!("{} has no log with its keys to move", directory.display());
        return Err(Failure::new(Exit::NotFound, message));
    }
    let hosts = options.hosts();
    let source = blocking(move || SqliteStore::open(&directory)).await?;
    let migration = Migration::into_cluster(options, source.id()).await?;

    let progress = bar("moving keys", "keys", 0);
    let (directory, keyring, key_log) =
        (config.data_directory.clone(), config.keyring(), migration.key_log());
    let shown = progress.clone();
    let moved = blocking(move || {
        let vault = match Vault::open(&directory, keyring.clone()) {
            // What a replica had of a cluster that is gone is a log of its own from here on.
            Err(VaultError::ReplicaDirectory(_)) => {
                vault::stand_alone(&directory, &keyring)?;
                Vault::open(&directory, keyring)?
            }
            vault => vault?,
        };
        vault.publish_all(&directory, &*key_log, |moved| shown.set_position(moved.keys))
    })
    .await?;
    progress.finish_and_clear();

    let events = source.head().map_or(0, |head| head.0);
    let progress = bar("moving events", "events", events);
    migration.write(&source, |position| progress.set_position(position)).await?;
    progress.finish_and_clear();
    let progress = bar("comparing", "events", events);
    let root = migration.verify(&source, |position| progress.set_position(position)).await?;
    progress.finish_and_clear();
    println!(
        "{events} events, {} keys and {} erasures are in the cluster at {hosts}, which gives the same root as this log: {}.\n\
         Start replicas with an empty data directory of their own and the same key-encryption keys. {} is not used any more; keep it \
         until you are sure, and never serve from it again.",
        moved.keys,
        moved.erasures,
        hexadecimal(&root),
        config.data_directory.display(),
    );
    Ok(Exit::Done)
}

async fn into_directory(config: &Config, options: KurrentOptions) -> Result<Exit, Failure> {
    let (directory, hosts) = (config.data_directory.clone(), options.hosts());
    let store = KurrentStore::connect(&directory, options.clone(), Arc::new(SystemClock)).await?;
    let (keyring, key_log) = (config.keyring(), store.key_log());
    let vault = blocking(move || Vault::open_replica(&directory, keyring, key_log)).await?;
    store.follow(Arc::new(vault))?;
    let progress = bar("moving events", "events", 0);
    store.caught_up(|position| progress.set_position(position)).await?;
    // Whatever anybody was told is written by now.
    let head = store.sync().await?;
    store.stop().await;
    progress.finish_and_clear();

    let events = head.map_or(0, |head| head.0);
    let progress = bar("comparing", "events", events);
    let migration = Migration::into_cluster(options, store.id()).await?;
    let root = migration
        .verify(store.copy(), |position| progress.set_position(position))
        .await
        .map_err(|error: MigrationError| Failure::new(Exit::Failed, error.to_string()))?;
    progress.finish_and_clear();
    drop(store);
    let (directory, keyring) = (config.data_directory.clone(), config.keyring());
    let erasures = blocking(move || vault::stand_alone(&directory, &keyring)).await?;
    println!(
        "{events} events are in {directory} with their keys and {erasures} erasures; they have the same root as the cluster at {hosts} \
         gives: {}.\nServe from it with `store = \"sqlite\"`, and stop all replicas first: what they are told after this is not here.",
        hexadecimal(&root),
        directory = config.data_directory.display(),
    );
    Ok(Exit::Done)
}

async fn blocking<T, E>(work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: Send + 'static,
{
    tokio::task::spawn_blocking(work).await.expect("it does not panic")
}

fn hexadecimal(hash: &[u8]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
