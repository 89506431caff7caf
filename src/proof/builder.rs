//! Following the log: its events become leaves, and about every second a checkpoint is signed.
//!
//! A thread of its own, so that appends never wait for it. What it does at its start decides whom it may be trusted by: a checkpoint that
//! was signed once binds for ever. If the log is shorter than the stored checkpoint says, or has another event where it ends, or gives
//! another root, the builder stops, says why, and signs nothing. The tree's files count for nothing: where they do not give the
//! checkpoint's root they are built anew from the log, and the log must give it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use tokio::runtime::Runtime;
use tokio::sync::watch;
use uuid::Uuid;

use super::checkpoint::{Checkpoint, Folder, FolderError, SignedCheckpoint, origin};
use super::key::{self, KEY_VARIABLE, KeyError};
use super::leaf::Leaves;
use super::merkle;
use super::note::{Note, SignerKey};
use super::service::{Signed, Status};
use super::tree::{NewLeaf, Tree, TreeError, TreeWriter};
use crate::store::sqlite::SqliteStore;
use crate::store::{EventStore, LoggedEvent, Position, ReadError};
use crate::vault::{Keyring, KeyringError};

/// Events that become leaves at once.
const BATCH_EVENTS: usize = 1_024;
/// A checkpoint is signed at most so often.
const SIGNING_INTERVAL: Duration = Duration::from_secs(1);
/// How long the builder waits after a failure that may pass, such as a full disk.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Where events come from.
pub trait Source {
    /// The log's id.
    fn id(&self) -> Uuid;
    /// How many events there are.
    fn size(&self) -> u64;
    /// At most `limit` events after the first `after`, in order.
    fn scan(&self, after: u64, limit: usize) -> Result<Vec<LoggedEvent>, ReadError>;
}

impl Source for SqliteStore {
    fn id(&self) -> Uuid {
        EventStore::id(self)
    }

    fn size(&self) -> u64 {
        self.head().map_or(0, |head| head.0)
    }

    fn scan(&self, after: u64, limit: usize) -> Result<Vec<LoggedEvent>, ReadError> {
        Self::scan(self, (after > 0).then_some(Position(after)), limit)
    }
}

/// Why the builder cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// What was signed and what is stored do not agree. Nothing but a person can mend that.
    #[error("{0}")]
    Disagrees(String),
    /// The tree's files.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The folder's other files.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The log.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl BuildError {
    /// Whether trying again cannot help.
    fn is_final(&self) -> bool {
        match self {
            Self::Disagrees(_) | Self::Folder(FolderError::Content { .. }) => true,
            Self::Key(error) => !matches!(error, KeyError::Keyring(KeyringError::File { .. })),
            Self::Read(error) => matches!(error, ReadError::Corrupt { .. }),
            Self::Tree(_) | Self::Folder(FolderError::File { .. }) => false,
        }
    }
}

/// Builds the tree of one log and signs its checkpoints.
pub struct Builder<'a, S> {
    source: &'a S,
    folder: Folder,
    signer: SignerKey,
    leaves: Leaves,
    tree: TreeWriter,
    /// The last checkpoint that was signed; it binds.
    promised: Option<SignedCheckpoint>,
}

impl<'a, S: Source> Builder<'a, S> {
    /// Looks at what was signed before, and at the log and the tree's files in its light.
    pub fn open(
        source: &'a S,
        data_directory: &Path,
        keyring: &Keyring,
        key_variable: Option<&str>,
    ) -> Result<Self, BuildError> {
        let folder = Folder::of(data_directory);
        let promised = folder.checkpoint()?;
        let origin = origin(source.id());
        let signer = key::signer(keyring, key_variable, &origin, promised.is_none())?;
        if let Some(promised) = &promised {
            binds(promised, &origin, &signer, source.size())?;
        }
        let size = promised.as_ref().map_or(0, |promised| promised.checkpoint.size);
        let tree = match promised.as_ref().map(|promised| reopen(&folder, &promised.checkpoint)) {
            Some(Ok(tree)) => tree,
            None => TreeWriter::open(folder.path(), 0)?,
            Some(Err(error @ TreeError::Damaged { .. })) => {
                tracing::warn!(%error, "the tree is built anew from the log");
                TreeWriter::open(folder.path(), 0)?
            }
            Some(Err(error)) => return Err(error.into()),
        };
        let mut leaves = Leaves::of(source.id());
        if tree.size() > 0 {
            let known = Tree::of(folder.path()).hashes(0, size - 1, 1)?;
            let last = source.scan(size - 1, 1)?;
            if last.first().map(|event| leaves.hash(event)) != known.first().copied() {
                let reason = format!(
                    "the event at position {size} is not the one that was there when the stored checkpoint of {size} events was signed; \
                     {ADVICE}"
                );
                return Err(BuildError::Disagrees(reason));
            }
        }
        if folder.verifier_key().ok().flatten().as_ref() != Some(signer.verifier()) {
            folder.store_verifier_key(signer.verifier())?;
        }
        Ok(Self { source, folder, signer, leaves, tree, promised })
    }

    /// How many events are in the tree.
    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    /// The last checkpoint.
    pub fn promised(&self) -> Option<&SignedCheckpoint> {
        self.promised.as_ref()
    }

    /// Takes the next events in, at most `limit`; answers how many.
    pub fn advance(&mut self, limit: usize) -> Result<usize, BuildError> {
        let size = self.tree.size();
        let promised = self.promised.as_ref().map(|promised| &promised.checkpoint);
        // A tree that is built anew is compared where its checkpoint stands.
        let limit = match promised.and_then(|promised| promised.size.checked_sub(size)) {
            Some(left) if left > 0 => limit.min(usize::try_from(left).unwrap_or(usize::MAX)),
            _ => limit,
        };
        let events = self.source.scan(size, limit)?;
        let mut batch = Vec::with_capacity(events.len());
        for (event, position) in events.iter().zip(size + 1..) {
            if event.position.0 != position {
                let reason = format!("the log has no event at position {position}; {ADVICE}");
                return Err(BuildError::Disagrees(reason));
            }
            batch.push(NewLeaf { hash: self.leaves.hash(event), id: event.id });
        }
        if batch.is_empty() {
            return Ok(0);
        }
        self.tree.append(&batch)?;
        if let Some(promised) = promised.filter(|promised| promised.size == self.tree.size())
            && promised.root != self.tree.root()
        {
            let reason = format!(
                "the first {} events of the log have another root than the stored checkpoint; {ADVICE}",
                promised.size
            );
            return Err(BuildError::Disagrees(reason));
        }
        Ok(batch.len())
    }

    /// Whether there are events that no checkpoint covers.
    pub fn is_unsigned(&self) -> bool {
        let promised = self.promised.as_ref().map_or(0, |promised| promised.checkpoint.size);
        self.tree.size() > promised
    }

    /// Makes the tree durable, signs a checkpoint over it and stores that durably.
    pub fn sign(&mut self) -> Result<&SignedCheckpoint, BuildError> {
        self.tree.sync()?;
        let origin = self.signer.verifier().name().to_owned();
        let checkpoint = Checkpoint { origin, size: self.tree.size(), root: self.tree.root() };
        let text = checkpoint.text();
        let note = Note { signatures: vec![self.signer.sign(&text, 0)], text };
        self.folder.store_checkpoint(&note)?;
        Ok(self.promised.insert(SignedCheckpoint { checkpoint, note }))
    }
}

const ADVICE: &str = "nothing more is signed: run `parvandeh verify`, and bring the log back from a backup that holds all that was signed";

/// Whether the log can be the one that the stored checkpoint is about.
fn binds(
    promised: &SignedCheckpoint,
    origin: &str,
    signer: &SignerKey,
    log_size: u64,
) -> Result<(), BuildError> {
    let disagrees = |reason: String| Err(BuildError::Disagrees(reason));
    let Checkpoint { origin: signed_origin, size, .. } = &promised.checkpoint;
    if signed_origin != origin {
        return disagrees(format!(
            "the stored checkpoint is about {signed_origin}, and the log is {origin}; {ADVICE}"
        ));
    }
    if let Err(error) = promised.verify(signer.verifier()) {
        return disagrees(format!(
            "the stored checkpoint was not signed with the keyring's key ({error}); bring the key back that signed it, or the checkpoint"
        ));
    }
    if *size > log_size {
        return disagrees(format!(
            "the log ends at position {log_size}, and the stored checkpoint is over {size} events; {ADVICE}"
        ));
    }
    Ok(())
}

/// The tree's files as they were when the checkpoint was signed.
fn reopen(folder: &Folder, promised: &Checkpoint) -> Result<TreeWriter, TreeError> {
    let tree = TreeWriter::open(folder.path(), promised.size)?;
    Tree::of(folder.path()).check(promised.size)?;
    if tree.root() != promised.root
        || merkle::root(&Tree::of(folder.path()), promised.size)? != promised.root
    {
        let reason = "they do not give the root of the stored checkpoint".to_owned();
        return Err(TreeError::Damaged { folder: folder.path().to_owned(), reason });
    }
    Ok(tree)
}

/// What the thread needs.
pub(super) struct Setup {
    pub(super) store: Arc<SqliteStore>,
    pub(super) data_directory: PathBuf,
    pub(super) keyring: Keyring,
    pub(super) status: Arc<Status>,
    pub(super) stop: watch::Receiver<bool>,
}

/// Starts the thread. It ends when `stop` becomes true, or when what was signed and what is stored do not agree.
pub(super) fn start(setup: Setup) -> std::io::Result<JoinHandle<()>> {
    // Of its own, so that the thread may outlive the one that started it; it only waits.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    std::thread::Builder::new().name("proof-builder".into()).spawn(move || {
        let Setup { store, data_directory, keyring, status, mut stop } = setup;
        let variable = std::env::var(KEY_VARIABLE).ok();
        loop {
            let built = Builder::open(&*store, &data_directory, &keyring, variable.as_deref());
            let ended = built
                .and_then(|mut builder| follow(&mut builder, &store, &status, &mut stop, &runtime));
            let Err(error) = ended else { return };
            if error.is_final() {
                tracing::error!(%error, "no checkpoints are signed any more");
                status.stop(&error.to_string());
                return;
            }
            tracing::warn!(%error, "the proof cannot follow the log; it tries again");
            if runtime.block_on(async {
                tokio::time::timeout(RETRY_AFTER, stop.wait_for(|stop| *stop)).await.is_ok()
            }) {
                return;
            }
        }
    })
}

fn follow(
    builder: &mut Builder<'_, SqliteStore>,
    store: &SqliteStore,
    status: &Status,
    stop: &mut watch::Receiver<bool>,
    runtime: &Runtime,
) -> Result<(), BuildError> {
    let mut head = store.head_changes();
    let mut announced = false;
    let mut signed_at: Option<Instant> = None;
    loop {
        if let Some(promised) = builder.promised().filter(|it| it.checkpoint.size == builder.size())
            && !announced
        {
            let at = builder.folder.checkpoint_stored_at().unwrap_or_else(SystemTime::now);
            status.signed(Signed::new(promised.clone(), builder.signer.verifier().clone(), at));
            announced = true;
        }
        head.borrow_and_update();
        let taken = builder.advance(BATCH_EVENTS)?;
        status.built(builder.size());
        // Also where nobody is left who could say it.
        let stopping = *stop.borrow() || stop.has_changed().is_err();
        let due_at = signed_at.map(|at| at + SIGNING_INTERVAL);
        if builder.is_unsigned() && (stopping || due_at.is_none_or(|due| due <= Instant::now())) {
            let signed = builder.sign()?.clone();
            status.signed(Signed::new(
                signed,
                builder.signer.verifier().clone(),
                SystemTime::now(),
            ));
            signed_at = Some(Instant::now());
            announced = true;
        }
        if stopping {
            return Ok(());
        }
        if taken == 0 {
            let due = due_at.filter(|_| builder.is_unsigned());
            runtime.block_on(async {
                let signing = async {
                    match due {
                        Some(due) => tokio::time::sleep_until(due.into()).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    _ = head.changed() => {}
                    _ = stop.wait_for(|stop| *stop) => {}
                    () = signing => {}
                }
            });
        }
    }
}

#[cfg(test)]
mod tests;
