//! Checkpoints: "this log has so many events, and this is the root over them", signed.
//!
//! The text is C2SP's *tlog-checkpoint*: the log's origin, the size, the root in base64. The last checkpoint is stored before anybody is
//! shown it, so that the program can never be led to sign another history behind it. What witnesses have signed is kept beside it, because
//! a witness answers when the log has already grown on.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use uuid::Uuid;

use super::merkle::Hash;
use super::note::{NOTE_BYTES_MAX, Note, NoteError, VerifierKey};

/// The folder of a data directory that holds what is derived from the log for proofs.
pub const PROOF_FOLDER: &str = "proof";
const CHECKPOINT_FILE: &str = "checkpoint";
const WITNESSED_FILE: &str = "checkpoint.witnessed";
const KEY_FILE: &str = "verifier-key";

/// What a checkpoint says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log it is about.
    pub origin: String,
    /// How many events are under the root.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

/// The origin of the log with this id.
pub fn origin(store: Uuid) -> String {
    format!("parvandeh/{store}")
}

impl Checkpoint {
    /// The text to be signed.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, BASE64.encode(self.root))
    }

    /// Reads the text of a note; lines after the root are allowed and left alone.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let wrong = NoteError::Note("its text is not a checkpoint: origin, size, root");
        let mut lines = text.lines();
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next())
        else {
            return Err(wrong);
        };
        let number = size.parse::<u64>().ok().filter(|number| number.to_string() == size);
        let root = BASE64.decode(root).ok().and_then(|root| Hash::try_from(root).ok());
        match (number, root) {
            (Some(size), Some(root)) if !origin.is_empty() => {
                Ok(Self { origin: origin.to_owned(), size, root })
            }
            _ => Err(wrong),
        }
    }
}

/// A checkpoint with the note that it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// Its text and signatures.
    pub note: Note,
}

impl SignedCheckpoint {
    /// Reads a note; verifies no signature.
    pub fn parse(note: &str) -> Result<Self, NoteError> {
        let note: Note = note.parse()?;
        Ok(Self { checkpoint: Checkpoint::parse(&note.text)?, note })
    }

    /// Verifies the signature of the log's own key, whose name is the origin.
    pub fn verify(&self, key: &VerifierKey) -> Result<(), NoteError> {
        if key.name() != self.checkpoint.origin {
            return Err(NoteError::Unsigned(key.name().to_owned()));
        }
        key.verify(&self.note).map(drop)
    }
}

/// Why a file of the folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It does not hold what it should.
    #[error("{}: {source}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: NoteError,
    },
}

/// The folder of a data directory with checkpoints, the public key, and the tree's files.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// That of a data directory, which need not exist yet.
    pub fn of(data_directory: &Path) -> Self {
        Self(data_directory.join(PROOF_FOLDER))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The last checkpoint, with the lines of witnesses who have signed the same; `None` before the first one.
    pub fn checkpoint(&self) -> Result<Option<SignedCheckpoint>, FolderError> {
        let Some(mut stored) = self.note(CHECKPOINT_FILE)? else { return Ok(None) };
        if let Ok(Some(witnessed)) = self.note(WITNESSED_FILE)
            && witnessed.note.text == stored.note.text
        {
            for line in witnessed.note.signatures {
                if !stored.note.signatures.contains(&line) {
                    stored.note.signatures.push(line);
                }
            }
        }
        Ok(Some(stored))
    }

    /// When the last checkpoint was stored.
    pub fn checkpoint_stored_at(&self) -> Option<SystemTime> {
        fs::metadata(self.0.join(CHECKPOINT_FILE)).and_then(|metadata| metadata.modified()).ok()
    }

    /// The last checkpoint that a witness has signed.
    pub fn witnessed(&self) -> Result<Option<SignedCheckpoint>, FolderError> {
        self.note(WITNESSED_FILE)
    }

    /// The public key that stands beside the checkpoints: good for finding damage; whoever suspects the operator brings their own.
    pub fn verifier_key(&self) -> Result<Option<VerifierKey>, FolderError> {
        let path = self.0.join(KEY_FILE);
        let Some(text) = read(&path)? else { return Ok(None) };
        text.parse().map(Some).map_err(|source| FolderError::Content { path, source })
    }

    /// Stores a checkpoint durably in place of the last one.
    pub fn store_checkpoint(&self, note: &Note) -> Result<(), FolderError> {
        self.replace(CHECKPOINT_FILE, &note.to_string())
    }

    /// Stores a checkpoint with the lines of witnesses.
    pub fn store_witnessed(&self, note: &Note) -> Result<(), FolderError> {
        self.replace(WITNESSED_FILE, &note.to_string())
    }

    /// Stores the public key.
    pub fn store_verifier_key(&self, key: &VerifierKey) -> Result<(), FolderError> {
        self.replace(KEY_FILE, &format!("{key}\n"))
    }

    fn note(&self, name: &str) -> Result<Option<SignedCheckpoint>, FolderError> {
        let path = self.0.join(name);
        let Some(text) = read(&path)? else { return Ok(None) };
        let parsed = SignedCheckpoint::parse(&text);
        parsed.map(Some).map_err(|source| FolderError::Content { path, source })
    }

    /// A reader sees the old file or the new one, and a crash leaves one of them whole.
    fn replace(&self, name: &str, content: &str) -> Result<(), FolderError> {
        let (path, new) = (self.0.join(name), self.0.join(format!("{name}.new")));
        let write = || {
            let mut file = File::create(&new)?;
            super::interrupt::point()?;
            file.write_all(content.as_bytes())?;
            super::interrupt::point()?;
            file.sync_all()?;
            super::interrupt::point()?;
            fs::rename(&new, &path)?;
            super::interrupt::point()?;
            File::open(&self.0)?.sync_all()
        };
        write().map_err(|source| FolderError::File { path: path.clone(), source })
    }
}

/// A small text file; `None` where there is none.
fn read(path: &Path) -> Result<Option<String>, FolderError> {
    let failed = |source| FolderError::File { path: path.to_owned(), source };
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file.map_err(failed)?,
    };
    let mut bytes = Vec::new();
    file.take(NOTE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    let source = NoteError::Note("it is not UTF-8");
    let text = String::from_utf8(bytes)
        .map_err(|_| FolderError::Content { path: path.to_owned(), source })?;
    Ok(Some(text))
}

#[cfg(test)]
mod tests;
