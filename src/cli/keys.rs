//! `parvandeh keys`: the keys of personal data.

use clap::Subcommand;

use super::progress::bar;
use super::{Exit, Failure};
use crate::app::App;
use crate::config::Config;
use crate::proof;
use crate::sign_in;
use crate::vault::{self, KeyStore, Rotated, Status, Vault, VaultError};

const KEYS_FROM_ENVIRONMENT: &str = "the key-encryption keys come from PARVANDEH_VAULT_KEYS, which only you can change: add a last line \
     with the next version and the output of `openssl rand -base64 32`, then run this again";

/// What can be done with keys.
#[derive(Subcommand)]
pub enum KeysCommand {
    /// Make the keyring that the replicas of a cluster will share: a key-encryption key, and the keys that sign
    /// checkpoints and tokens of card holders. They only read it.
    Create,
    /// Draw a further key-encryption key and nothing more: for the keyring that replicas share. Give it to all of them, then run `rotate`.
    Add,
    /// Draw a new key-encryption key and wrap every data key with it. Run again after an interruption, it goes on where it was.
    /// With a cluster as the store no key is drawn (see `add`), and a data directory that no server uses becomes a replica's for the time.
    Rotate,
    /// Say which versions of the key-encryption key are in use, and how many were erased. Shows no secret; works beside a running server.
    Status,
}

/// Runs a command on keys.
pub async fn keys(config: &Config, command: &KeysCommand) -> Result<Exit, Failure> {
    match command {
        KeysCommand::Create => return create(config),
        KeysCommand::Add => return add(config),
        KeysCommand::Rotate if config.cluster()?.is_some() => return rotate_cluster(config).await,
        KeysCommand::Rotate | KeysCommand::Status => {}
    }
    if !KeyStore::exists(&config.data_directory) {
        let directory = config.data_directory.display();
        let message = format!(
            "{directory} has no keys.db: keys are made when personal data are first stored. \
             Is this the right --data-directory?"
        );
        return Err(Failure::new(Exit::NotFound, message));
    }
    if matches!(command, KeysCommand::Rotate) { rotate(config) } else { status(config) }
}

fn create(config: &Config) -> Result<Exit, Failure> {
    let keyring = config.keyring();
    vault::create_key_encryption_key(&keyring)?;
    proof::key::create_key(&keyring)?;
    sign_in::token::create_key(&keyring)?;
    let directory = keyring.directory().display();
    println!(
        "{directory} has the keys that all replicas need. Keep a copy of it apart from every backup of the log: without it no personal \
         data can be read, and with it and a backup all of them can."
    );
    Ok(Exit::Done)
}

fn add(config: &Config) -> Result<Exit, Failure> {
    let Some(version) = vault::add_key_encryption_key(&config.keyring())? else {
        return Err(Failure::new(Exit::Failed, KEYS_FROM_ENVIRONMENT));
    };
    println!(
        "Version {version} of the key-encryption key is in {}. Give the keyring to all replicas; then run `parvandeh keys rotate`.",
        config.keyring_directory().display()
    );
    Ok(Exit::Done)
}

async fn rotate_cluster(config: &Config) -> Result<Exit, Failure> {
    let app = App::open_configured(config, |_| {}).await?;
    let vault = app.vault.clone();
    let rotated = tokio::task::spawn_blocking(move || rewrap(&vault)).await??;
    app.stop().await;
    tell(&rotated);
    Ok(Exit::Done)
}

fn rewrap(vault: &Vault) -> Result<Rotated, VaultError> {
    let progress = bar("wrapping anew", "keys", 0);
    let rotated = vault.rotate(|rotated| {
        progress.set_length(rotated.total);
        progress.set_position(rotated.rewrapped);
    })?;
    progress.finish_and_clear();
    Ok(rotated)
}

fn tell(rotated: &Rotated) {
    println!(
        "Version {} of the key-encryption key wraps all data keys now; {} were wrapped anew.",
        rotated.version, rotated.rewrapped
    );
}

fn status(config: &Config) -> Result<Exit, Failure> {
    let status = vault::status(&config.data_directory, &config.keyring())?;
    let current = status.current_version;
    println!("keyring          {}", config.keyring_directory().display());
    match current {
        Some(version) => println!("current version  {version}"),
        None => println!("current version  none: the keyring has no key-encryption key"),
    }
    for (version, count) in &status.keys_by_version {
        let current = if Some(*version) == current { "" } else { " (not the current one)" };
        println!("data keys        {count} wrapped with version {version}{current}");
    }
    println!("erased subjects  {}", status.tombstones);
    if is_unfinished(&status) {
        println!("A rotation is not finished: run `parvandeh keys rotate`.");
    }
    Ok(Exit::Done)
}

fn rotate(config: &Config) -> Result<Exit, Failure> {
    // Opened once before anything is changed: nobody else may have the vault, and the keys must be the right ones.
    drop(Vault::open(&config.data_directory, config.keyring())?);
    let before = vault::status(&config.data_directory, &config.keyring())?;
    if is_unfinished(&before) {
        println!("An earlier rotation was not finished; no new key is drawn.");
    } else if vault::add_key_encryption_key(&config.keyring())?.is_none() {
        return Err(Failure::new(Exit::Failed, KEYS_FROM_ENVIRONMENT));
    }
    tell(&rewrap(&Vault::open(&config.data_directory, config.keyring())?)?);
    println!(
        "Next: back up the keyring {}. Backups of keys.db from before now still need the earlier lines of its keys: \
         delete these lines when no such backup is left.",
        config.keyring_directory().display()
    );
    Ok(Exit::Done)
}

/// Whether some data keys are not wrapped with the current version.
fn is_unfinished(status: &Status) -> bool {
    status.keys_by_version.iter().any(|(version, _)| Some(*version) != status.current_version)
}
