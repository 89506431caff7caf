//! Tombstones: who was erased, when, and which keys died. A subject with a tombstone never gets a key again.
//!
//! The file `erased.jsonl` of the keyring has one JSON object a line and only ever grows. A line is on the disk before the first key is
//! deleted, so a crash in between is finished at the next opening, and a `keys.db` that is restored from an old backup loses the erased
//! keys again. A last line without its end was never acknowledged, and is cut off. The open file is locked: one process erases at a time.
//!
//! A replica has the file in its data directory: there it is a copy of what the log of keys says, and the keyring is only read.

use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use parvandeh_domain::id::DataSubject;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::VaultError;
use super::keyring::{self, KeyringError};

pub(super) const FILE: &str = "erased.jsonl";

/// The record of an erasure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tombstone {
    /// Who was erased.
    pub subject: DataSubject,
    /// When.
    pub erased_at: Timestamp,
    /// The erasure that this was part of.
    pub erasure_id: Uuid,
    /// The data keys that died with it.
    pub keys: Vec<Uuid>,
}

/// All tombstones, in the order in which subjects were first erased.
#[derive(Debug, Default)]
pub(super) struct Tombstones {
    all: Vec<Tombstone>,
    by_subject: HashMap<DataSubject, usize>,
    keys: HashSet<Uuid>,
}

impl Tombstones {
    pub(super) fn all(&self) -> &[Tombstone] {
        &self.all
    }

    pub(super) fn of(&self, subject: DataSubject) -> Option<&Tombstone> {
        self.by_subject.get(&subject).map(|&index| &self.all[index])
    }

    pub(super) fn has_key(&self, key: Uuid) -> bool {
        self.keys.contains(&key)
    }

    /// A second line of a subject adds keys that came back from a backup; the erasure stays the first one.
    pub(super) fn add(&mut self, tombstone: Tombstone) {
        self.keys.extend(&tombstone.keys);
        match self.by_subject.get(&tombstone.subject) {
            Some(&index) => {
                let known = &mut self.all[index].keys;
                let further = tombstone.keys.into_iter().filter(|key| !known.contains(key));
                let further: Vec<_> = further.collect();
                known.extend(further);
            }
            None => {
                self.by_subject.insert(tombstone.subject, self.all.len());
                self.all.push(tombstone);
            }
        }
    }

    /// Reads what is there without touching it, beside the process that may be adding to it.
    pub(super) fn read(directory: &Path) -> Result<Self, KeyringError> {
        let path = directory.join(FILE);
        match std::fs::read(&path) {
            Ok(bytes) => Self::parse(&path, &bytes).map(|(tombstones, _)| tombstones),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(KeyringError::File { path, source }),
        }
    }

    /// The tombstones of whole lines, and how many bytes these have.
    fn parse(path: &Path, bytes: &[u8]) -> Result<(Self, usize), KeyringError> {
        let whole_bytes = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        let mut tombstones = Self::default();
        let lines = bytes[..whole_bytes].split_inclusive(|&byte| byte == b'\n');
        for (index, line) in lines.enumerate() {
            let tombstone = serde_json::from_slice(line)
                .map_err(|_| KeyringError::Tombstone { path: path.to_owned(), line: index + 1 })?;
            tombstones.add(tombstone);
        }
        Ok((tombstones, whole_bytes))
    }
}

/// Copies the file of a replica's data directory, where there is one, for a backup. Its last line may be cut short, as after a crash.
pub(super) fn copy(data_directory: &Path, target: &Path) -> Result<(), KeyringError> {
    let (source, path) = (data_directory.join(FILE), target.join(FILE));
    let copy = || {
        let mut file = match File::open(&source) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened?,
        };
        let mut options = OpenOptions::new();
        let mut copy = options.write(true).create_new(true).mode(0o600).open(&path)?;
        io::copy(&mut file, &mut copy)?;
        copy.sync_all()?;
        File::open(target)?.sync_all()
    };
    copy().map_err(|source| KeyringError::File { path: path.clone(), source })
}

/// The open and locked file.
pub(super) struct TombstoneFile {
    path: PathBuf,
    file: File,
    size_bytes: u64,
    /// Set when the file's end is not known any more: what a failed write or fsync has left there.
    failed: bool,
}

impl TombstoneFile {
    /// Opens the file, locks it, reads it and mends its end. Where it is missing it is created, if it may be: only before there
    /// are data keys, because the file is as old as they are.
    pub(super) fn open(
        directory: &Path,
        may_create: bool,
    ) -> Result<(Self, Tombstones), VaultError> {
        let path = directory.join(FILE);
        if !may_create && !path.exists() {
            return Err(KeyringError::NoTombstones(path).into());
        }
        keyring::create_directory(directory)?;
        let failed = |source| KeyringError::File { path: path.clone(), source };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(may_create).truncate(false).mode(0o600);
        let mut file = options.open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(VaultError::InUse(path)),
            Err(TryLockError::Error(source)) => return Err(failed(source).into()),
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let (tombstones, whole_bytes) = Tombstones::parse(&path, &bytes)?;
        if whole_bytes < bytes.len() {
            tracing::warn!(
                path = %path.display(),
                "the last tombstone was not written to its end, and never acknowledged; it is cut off"
            );
            file.set_len(whole_bytes as u64).and_then(|()| file.sync_all()).map_err(failed)?;
        }
        // The entry of a new file is durable only when its directory is.
        let sync = File::open(directory).and_then(|directory| directory.sync_all());
        sync.map_err(failed)?;
        Ok((Self { path, file, size_bytes: whole_bytes as u64, failed: false }, tombstones))
    }

    /// Appends a line for each; they are durable when this returns.
    pub(super) fn append(&mut self, tombstones: &[Tombstone]) -> Result<(), VaultError> {
        if self.failed {
            return Err(VaultError::Stopped);
        }
        if tombstones.is_empty() {
            return Ok(());
        }
        let mut lines = Vec::new();
        for tombstone in tombstones {
            serde_json::to_writer(&mut lines, tombstone).expect("a tombstone is plain JSON");
            lines.push(b'\n');
        }
        let written = self.file.seek(SeekFrom::Start(self.size_bytes)).and_then(|_| {
            self.file.write_all(&lines)?;
            self.file.sync_all()
        });
        if let Err(source) = written {
            // Whether the lines are on the disk is unknown: the next opening reads what is there.
            self.failed = true;
            return Err(KeyringError::File { path: self.path.clone(), source }.into());
        }
        self.size_bytes += lines.len() as u64;
        Ok(())
    }

    /// As after a write that failed.
    #[cfg(test)]
    pub(super) fn fail(&mut self) {
        self.failed = true;
    }
}
