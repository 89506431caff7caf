//! The proof of a running system: its checkpoint, its tree, and the thread that builds them.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::SystemTime;

use tokio::sync::watch;
use uuid::Uuid;

use super::builder::{self, Setup};
use super::checkpoint::{Folder, SignedCheckpoint};
use super::leaf::Leaves;
use super::merkle::{self, Hash};
use super::note::VerifierKey;
use super::tree::{Tree, TreeError};
use crate::store::sqlite::SqliteStore;
use crate::store::{EventStore, LoggedEvent, Position, ReadError};
use crate::vault::Keyring;

/// The last checkpoint of a running system.
#[derive(Debug)]
pub struct Signed {
    /// What was signed.
    pub checkpoint: SignedCheckpoint,
    /// The key that signed it.
    pub key: VerifierKey,
    /// When it was stored.
    pub stored_at: SystemTime,
}

impl Signed {
    pub(super) fn new(
        checkpoint: SignedCheckpoint,
        key: VerifierKey,
        stored_at: SystemTime,
    ) -> Self {
        Self { checkpoint, key, stored_at }
    }

    /// How long ago it was stored, in whole seconds.
    pub fn age_seconds(&self) -> u64 {
        self.stored_at.elapsed().map_or(0, |age| age.as_secs())
    }

    /// How many events it is over.
    pub fn size(&self) -> u64 {
        self.checkpoint.checkpoint.size
    }
}

/// How the thread stands, for those who look on.
#[derive(Debug)]
pub(super) struct Status {
    built: AtomicU64,
    signed: watch::Sender<Option<Arc<Signed>>>,
    stopped: OnceLock<String>,
}

impl Status {
    pub(super) fn built(&self, size: u64) {
        self.built.store(size, Ordering::Release);
    }

    pub(super) fn signed(&self, signed: Signed) {
        self.signed.send_replace(Some(Arc::new(signed)));
    }

    pub(super) fn stop(&self, reason: &str) {
        let _ = self.stopped.set(reason.to_owned());
    }
}

/// Why a question about the proof is not answered.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// No checkpoint is signed yet.
    #[error("no checkpoint is signed yet; try again in a few seconds")]
    NotYet,
    /// The question is about more than the checkpoint covers, or about nothing.
    #[error("{field} {problem}")]
    OutOfRange {
        /// The argument.
        field: &'static str,
        /// What is wrong with it, for people.
        problem: String,
    },
    /// The tree's files fail.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The log fails.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The tree and the log disagree.
    #[error("the tree does not hold the log's event at position {0}: run `parvandeh verify`")]
    Disagrees(u64),
}

/// An event's place in the tree, with the proof.
#[derive(Clone, Debug)]
pub struct Inclusion {
    /// The index of the leaf, from 0.
    pub index: u64,
    /// How many leaves the tree of the proof has.
    pub size: u64,
    /// The leaf.
    pub leaf: String,
    /// The hashes from the leaf up.
    pub hashes: Vec<Hash>,
    /// The root that they lead to.
    pub root: Hash,
}

/// The proof of a running system.
pub struct Proof {
    store: Arc<SqliteStore>,
    data_directory: PathBuf,
    folder: Folder,
    tree: Tree,
    status: Arc<Status>,
}

impl Proof {
    /// Of a log and its data directory. Nothing is built before [`Proof::start`].
    pub fn new(store: Arc<SqliteStore>, data_directory: &Path) -> Self {
        let folder = Folder::of(data_directory);
        let status = Status {
            built: AtomicU64::new(0),
            signed: watch::Sender::new(None),
            stopped: OnceLock::new(),
        };
        Self {
            store,
            data_directory: data_directory.to_owned(),
            tree: Tree::of(folder.path()),
            folder,
            status: Arc::new(status),
        }
    }

    /// Starts the thread that builds and signs, until `stop` becomes true.
    pub fn start(
        &self,
        keyring: &Keyring,
        stop: watch::Receiver<bool>,
    ) -> std::io::Result<JoinHandle<()>> {
        builder::start(Setup {
            store: self.store.clone(),
            data_directory: self.data_directory.clone(),
            keyring: keyring.clone(),
            status: self.status.clone(),
            stop,
        })
    }

    /// Why no more checkpoints are signed; `None` while they are.
    pub fn stopped(&self) -> Option<&str> {
        self.status.stopped.get().map(String::as_str)
    }

    /// The last checkpoint.
    pub fn signed(&self) -> Option<Arc<Signed>> {
        self.status.signed.borrow().clone()
    }

    /// Waits for a checkpoint over at least so many events.
    pub async fn wait_for(&self, size: u64) -> Option<Arc<Signed>> {
        let mut signed = self.status.signed.subscribe();
        let reached = |signed: &Option<Arc<Signed>>| {
            signed.as_ref().is_some_and(|signed| signed.size() >= size)
        };
        signed.wait_for(reached).await.ok().and_then(|signed| signed.clone())
    }

    /// How many events no checkpoint covers yet.
    pub fn lag(&self) -> u64 {
        let head = self.store.head().map_or(0, |head| head.0);
        head.saturating_sub(self.signed().map_or(0, |signed| signed.size()))
    }

    /// How many events are in the tree.
    pub fn built(&self) -> u64 {
        self.status.built.load(Ordering::Acquire)
    }

    /// The checkpoint as it is published: with the lines of witnesses who have signed the same.
    pub fn published(&self) -> Result<String, ProofError> {
        let signed = self.signed().ok_or(ProofError::NotYet)?;
        let mut note = signed.checkpoint.note.clone();
        if let Ok(Some(witnessed)) = self.folder.witnessed()
            && witnessed.note.text == note.text
        {
            let more = witnessed.note.signatures.into_iter();
            let known = note.signatures.clone();
            note.signatures.extend(more.filter(|line| !known.contains(line)));
        }
        Ok(note.to_string())
    }

    /// The tree's files.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The position of the event with this id, among those that the checkpoint covers. Blocks.
    pub fn position_of(&self, id: Uuid) -> Result<Option<u64>, ProofError> {
        let size = self.signed().ok_or(ProofError::NotYet)?.size();
        for index in self.tree.candidates(id, size)? {
            if self.events(index, 1)?.first().is_some_and(|event| event.id == id) {
                return Ok(Some(index + 1));
            }
        }
        Ok(None)
    }

    /// Proves that the event at a position stands in the tree of the first `size` events, by default those of the checkpoint. Blocks.
    pub fn inclusion(&self, position: u64, size: Option<u64>) -> Result<Inclusion, ProofError> {
        let size = self.size("treeSize", size)?;
        let outside = || ProofError::OutOfRange {
            field: "position",
            problem: format!("must be from 1 to {size}, the size of the tree"),
        };
        let index = position.checked_sub(1).filter(|index| *index < size).ok_or_else(outside)?;
        let mut leaves = Leaves::of(EventStore::id(&*self.store));
        let events = self.events(index, 1)?;
        let leaf = events.first().map(|event| leaves.text(event).to_vec()).unwrap_or_default();
        let hashes = merkle::inclusion_proof(&self.tree, index, size)?;
        let root = merkle::root(&self.tree, size)?;
        let hash = merkle::leaf_hash(&leaf);
        if !merkle::verify_inclusion(&hash, index, size, &hashes, &root) {
            return Err(ProofError::Disagrees(position));
        }
        let leaf = String::from_utf8(leaf).map_err(|_| ProofError::Disagrees(position))?;
        Ok(Inclusion { index, size, leaf, hashes, root })
    }

    /// Proves that the first `from` events are the beginning of the first `to`, by default those of the checkpoint; with both roots. Blocks.
    pub fn consistency(
        &self,
        from: u64,
        to: Option<u64>,
    ) -> Result<(u64, Vec<Hash>, [Hash; 2]), ProofError> {
        let to = self.size("to", to)?;
        if from == 0 || from > to {
            let problem = format!("must be from 1 to {to}, the size of the later tree");
            return Err(ProofError::OutOfRange { field: "from", problem });
        }
        let hashes = merkle::consistency_proof(&self.tree, from, to)?;
        Ok((to, hashes, [merkle::root(&self.tree, from)?, merkle::root(&self.tree, to)?]))
    }

    /// At most `limit` events from an index on. Blocks.
    pub fn events(&self, index: u64, limit: usize) -> Result<Vec<LoggedEvent>, ProofError> {
        Ok(self.store.scan((index > 0).then_some(Position(index)), limit)?)
    }

    /// The log's id.
    pub fn store_id(&self) -> Uuid {
        EventStore::id(&*self.store)
    }

    fn size(&self, field: &'static str, wanted: Option<u64>) -> Result<u64, ProofError> {
        let signed = self.signed().ok_or(ProofError::NotYet)?.size();
        let size = wanted.unwrap_or(signed);
        if size == 0 || size > signed {
            let problem = format!("must be from 1 to {signed}, the size of the checkpoint");
            return Err(ProofError::OutOfRange { field, problem });
        }
        Ok(size)
    }
}
