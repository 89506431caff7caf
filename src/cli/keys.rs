//! `parvandeh keys`: the keys of personal data.

use clap::Subcommand;

use super::progress::bar;
use super::{Exit, Failure};
use crate::config::Config;
use crate::proof;
use crate::vault::{self, KeyStore, Status, Vault};

/// What can be done with keys.
#[derive(Subcommand)]
pub enum KeysCommand {
    /// Make the keyring that the replicas of a cluster will share: a key-encryption key and a key for checkpoints. They only read it.
    Create,
    /// Draw a new key-encryption key and wrap every data key with it. Run again after an interruption, it goes on where it was.
    Rotate,
    /// Say which versions of the key-encryption key are in use, and how many were erased. Shows no secret; works beside a running server.
    Status,
}

/// Runs a command on keys.
pub fn keys(config: &Config, command: &KeysCommand) -> Result<Exit, Failure> {
    if matches!(command, KeysCommand::Create) {
        return create(config);
    }
    if !KeyStore::exists(&config.data_directory) {
        let directory = config.data_directory.display();
        let message = format!(
            "{directory} has no keys.db: keys are made when personal data are first stored. \
             Is this the right --data-directory?"
        );
        return Err(Failure::new(Exit::NotFound, message));
    }
    match command {
        KeysCommand::Create => create(config),
        KeysCommand::Rotate => rotate(config),
        KeysCommand::Status => status(config),
    }
}

fn create(config: &Config) -> Result<Exit, Failure> {
    let keyring = config.keyring();
    vault::create_key_encryption_key(&keyring)?;
    proof::key::create_key(&keyring)?;
    let directory = keyring.directory().display();
    println!(
        "{directory} has the keys that all replicas need. Keep a copy of it apart from every backup of the log: without it no personal \
         data can be read, and with it and a backup all of them can."
    );
    Ok(Exit::Done)
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
        let message = "the key-encryption keys come from PARVANDEH_VAULT_KEYS, which only you can change: add a last line \
                       with the next version and the output of `openssl rand -base64 32`, then run this again";
        return Err(Failure::new(Exit::Failed, message));
    }
    let vault = Vault::open(&config.data_directory, config.keyring())?;
    let progress = bar("wrapping anew", "keys", 0);
    let rotated = vault.rotate(|rotated| {
        progress.set_length(rotated.total);
        progress.set_position(rotated.rewrapped);
    })?;
    progress.finish_and_clear();
    println!(
        "Version {} of the key-encryption key wraps all data keys now; {} were wrapped anew.",
        rotated.version, rotated.rewrapped
    );
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
