//! A replica's vault becomes one that stands alone: its record of erasures moves from the data directory to the keyring.

use std::fs::{self, File};
use std::path::Path;

use super::keyring::Keyring;
use super::tombstones::{FILE, TombstoneFile, Tombstones};
use super::{KeyringError, VaultError};

/// Makes the vault of a data directory, which was a replica's, one that stands alone. The keyring must have its key-encryption keys, and
/// may have a record of erasures of its own, which is kept. Answers how many erasures there are. Nothing may have it open.
///
/// # Errors
/// When it is no replica's, or a file cannot be written. It is a replica's then as before.
pub fn stand_alone(data_directory: &Path, keyring: &Keyring) -> Result<usize, VaultError> {
    let path = data_directory.join(FILE);
    if !path.exists() {
        return Err(VaultError::NotAReplica(data_directory.to_owned()));
    }
    let learned = Tombstones::read(data_directory)?;
    let (mut file, known) = TombstoneFile::open(keyring.directory(), true)?;
    let is_new = |tombstone: &&super::Tombstone| {
        let told = known.of(tombstone.subject).is_some();
        !told || tombstone.keys.iter().any(|key| !known.has_key(*key))
    };
    let new: Vec<_> = learned.all().iter().filter(is_new).cloned().collect();
    file.append(&new)?;
    let failed = |source| KeyringError::File { path: path.clone(), source };
    // Only now: until the keyring has them all, the data directory is a replica's.
    fs::remove_file(&path).map_err(failed)?;
    File::open(data_directory).and_then(|directory| directory.sync_all()).map_err(failed)?;
    Ok(learned.all().len())
}
