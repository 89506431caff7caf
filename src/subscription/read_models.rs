//! Serving queries from read models, while they move, and while a new generation of them is built beside.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use parvandeh_projections::sla_reference::{ReferenceCache, ReferenceData};
use rusqlite::{Connection, OpenFlags};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{Instrument as _, debug_span};

use super::generation::{self, Generation};
use super::projector::{self, ProjectorError, Source};
use crate::metrics::READ_MODEL_FAILURES;
use crate::store::Position;

/// How many connections read at once.
const READERS_MAX: usize = 8;
/// How long the projector rests after a failure.
const REST_AFTER_FAILURE: Duration = Duration::from_secs(1);
/// How long a caller waits to read its own write before it is answered without it.
const CATCH_UP_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a query could not be answered.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The read models could not be opened or read.
    #[error("reading the read models")]
    Sqlite(#[from] rusqlite::Error),
    /// The read models did not come as far as the caller's own write in time.
    #[error("the read models are behind: at {reached}, wanted {wanted}")]
    Behind {
        /// The position they have reached.
        reached: u64,
        /// The position that the caller wanted to see.
        wanted: u64,
    },
    /// The program is stopping.
    #[error("the program is stopping")]
    Stopping,
}

/// One generation in service.
struct Serving {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    stop: watch::Sender<bool>,
    retired: AtomicBool,
}

impl Drop for Serving {
    /// The files of a retired generation go with its last reader, who may have come before it was retired and open it only now.
    fn drop(&mut self) {
        self.idle.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner()).clear();
        if self.retired.load(Ordering::Acquire) {
            generation::remove(&self.path);
        }
    }
}

impl Serving {
    fn new(path: &Path) -> Arc<Self> {
        Arc::new(Self {
            path: path.to_owned(),
            idle: Mutex::new(Vec::new()),
            stop: watch::channel(false).0,
            retired: AtomicBool::new(false),
        })
    }

    fn take(&self) -> rusqlite::Result<Connection> {
        let idle = self.idle.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).pop();
        if let Some(db) = idle {
            return Ok(db);
        }
        let db = self.open()?;
        db.set_prepared_statement_cache_capacity(128);
        db.execute_batch("PRAGMA cache_size = -8192; PRAGMA mmap_size = 1073741824;")?;
        Ok(db)
    }

    fn open(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Connection::open_with_flags(&self.path, flags)
    }

    fn put_back(&self, db: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if idle.len() < READERS_MAX {
            idle.push(db);
        }
    }
}

/// The read models of this process.
pub struct ReadModels {
    directory: PathBuf,
    source: Source,
    /// Policies and calendars as the tables have them, for whoever evaluates clocks.
    pub reference: Arc<ReferenceCache>,
    serving: RwLock<Option<Arc<Serving>>>,
    position: watch::Sender<u64>,
    readers: tokio::sync::Semaphore,
    rebuilding: tokio::sync::Mutex<()>,
    follower: Mutex<Option<JoinHandle<Option<Generation>>>>,
}

impl ReadModels {
    /// Opens the read models in `directory`, or prepares to build them. Nothing is served before [`ReadModels::start`].
    pub fn new(directory: &Path, source: impl Into<Source>) -> Arc<Self> {
        Arc::new(Self {
            directory: directory.to_owned(),
            source: source.into(),
            reference: Arc::default(),
            serving: RwLock::new(None),
            position: watch::channel(0).0,
            readers: tokio::sync::Semaphore::new(READERS_MAX),
            rebuilding: tokio::sync::Mutex::new(()),
            follower: Mutex::new(None),
        })
    }

    /// Brings the read models up to the log's head, building them where there are none, then serves and follows the log.
    ///
    /// `progress` is told each position reached on the way.
    pub async fn start(
        self: &Arc<Self>,
        progress: impl Fn(u64) + Send + 'static,
    ) -> Result<(), ProjectorError> {
        let (directory, log_id) = (self.directory.clone(), self.source.store.id());
        let generation = tokio::task::spawn_blocking(move || {
            Generation::open_newest(&directory, log_id)
                .map_or_else(|| Generation::create(&directory, log_id), Ok)
        })
        .await
        .expect("opening does not panic")?;
        let generation = projector::catch_up(self.source.clone(), generation, progress).await?;
        self.serve(generation);
        Ok(())
    }

    /// Builds a new generation from the beginning of the log while the present one serves, and changes over when it has caught up.
    /// Run it as a task of its own: dropped at the change, it would leave the present generation standing still.
    pub async fn rebuild(
        self: &Arc<Self>,
        progress: impl Fn(u64) + Send + 'static,
    ) -> Result<(), ProjectorError> {
        let _only_one = self.rebuilding.lock().await;
        let (directory, log_id) = (self.directory.clone(), self.source.store.id());
        let generation =
            tokio::task::spawn_blocking(move || Generation::create(&directory, log_id))
                .await
                .expect("creating does not panic")?;
        let generation = projector::catch_up(self.source.clone(), generation, progress).await?;
        // The log went on meanwhile. Readers must never see time go back, so the old generation stands still until the new one has
        // come as far.
        let old = self.stop_following().await;
        match projector::catch_up(self.source.clone(), generation, |_| {}).await {
            Ok(generation) => {
                self.serve(generation);
                Ok(())
            }
            Err(error) => {
                if let (Some(old), Some(serving)) = (old, self.current()) {
                    self.follow(&serving, old);
                }
                Err(error)
            }
        }
    }

    /// Puts a generation into service and lets it follow the log; the one before it is retired.
    fn serve(self: &Arc<Self>, generation: Generation) {
        let serving = Serving::new(generation.path());
        let retired = self
            .serving
            .write()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .replace(serving.clone());
        if let Some(retired) = retired {
            retired.retired.store(true, Ordering::Release);
        }
        self.reached(generation.position());
        self.follow(&serving, generation);
    }

    /// Lets the generation in service follow the log.
    fn follow(self: &Arc<Self>, serving: &Serving, generation: Generation) {
        serving.stop.send_replace(false);
        let follower =
            tokio::spawn(self.clone().keep_following(generation, serving.stop.subscribe()));
        *self.follower.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(follower);
    }

    /// Follows the log until `stop` becomes true; answers the generation at rest. After a failure (a full disk, say) the file is opened
    /// anew, because what is held in memory may not be what the file holds, and tried again.
    async fn keep_following(
        self: Arc<Self>,
        mut generation: Generation,
        mut stop: watch::Receiver<bool>,
    ) -> Option<Generation> {
        let path = generation.path().to_owned();
        loop {
            let progress = {
                let models = self.clone();
                move |position| models.reached(position)
            };
            let followed =
                projector::follow(self.source.clone(), generation, stop.clone(), progress).await;
            match followed {
                Ok(generation) => return Some(generation),
                Err(error) => {
                    READ_MODEL_FAILURES.inc();
                    let error = crate::error::chain(&error);
                    tracing::error!(%error, "the read models could not follow the log; trying again");
                }
            }
            tokio::select! {
                () = tokio::time::sleep(REST_AFTER_FAILURE) => {}
                _ = stop.wait_for(|stop| *stop) => {}
            }
            let (path, log_id) = (path.clone(), self.source.store.id());
            generation = tokio::task::spawn_blocking(move || Generation::open(&path, log_id))
                .await
                .expect("opening does not panic")?;
        }
    }

    fn reached(&self, position: u64) {
        self.position.send_if_modified(|reached| {
            let further = position > *reached;
            if further {
                *reached = position;
            }
            further
        });
    }

    /// Stops following the log, and waits until the last batch is committed.
    pub async fn stop(&self) {
        self.stop_following().await;
    }

    /// The generation in service, at rest; `None` where none follows the log.
    async fn stop_following(&self) -> Option<Generation> {
        if let Some(serving) = self.current() {
            serving.stop.send_replace(true);
        }
        let follower = self.follower.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        follower?.await.unwrap_or_else(|error| {
            tracing::error!(%error, "the read models ended badly");
            None
        })
    }

    fn current(&self) -> Option<Arc<Serving>> {
        self.serving.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// Whether queries are answered.
    pub fn is_serving(&self) -> bool {
        self.current().is_some()
    }

    /// The position up to which the read models are built.
    pub fn position(&self) -> u64 {
        *self.position.borrow()
    }

    /// Changes whenever the read models have moved.
    pub fn position_changes(&self) -> watch::Receiver<u64> {
        self.position.subscribe()
    }

    /// How many entries of the log the read models have not seen yet.
    pub fn lag(&self) -> u64 {
        self.source.store.head().map_or(0, |head| head.0).saturating_sub(self.position())
    }

    /// Waits until the read models show what stands at `position`.
    pub async fn wait_for(&self, position: Position) -> Result<(), QueryError> {
        let mut changes = self.position.subscribe();
        let reached = changes.wait_for(|reached| *reached >= position.0);
        match tokio::time::timeout(CATCH_UP_TIMEOUT, reached).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(QueryError::Stopping),
            Err(_) => Err(QueryError::Behind { reached: self.position(), wanted: position.0 }),
        }
    }

    /// Runs a query on a consistent view of all read models.
    pub async fn query<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, QueryError> {
        let _permit = self.readers.acquire().await.map_err(|_| QueryError::Stopping)?;
        let serving = self.current().ok_or(QueryError::Stopping)?;
        let answer = tokio::task::spawn_blocking(move || {
            let db = serving.take()?;
            // A transaction holds the view still while a query reads several times.
            let answer = db.unchecked_transaction().and_then(|view| query(&view));
            serving.put_back(db);
            answer
        });
        let answer = answer.instrument(debug_span!("read"));
        Ok(answer.await.map_err(|_| QueryError::Stopping)??)
    }

    /// Runs a query that reads a few rows by their keys, at once and on the caller's thread: to hand it over would take longer than
    /// the reading itself. A query that may have to look for its rows belongs to [`ReadModels::query`].
    pub fn query_now<T>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, QueryError> {
        let _read = debug_span!("read").entered();
        let serving = self.current().ok_or(QueryError::Stopping)?;
        let db = serving.take()?;
        let answer = query(&db);
        serving.put_back(db);
        Ok(answer?)
    }
}

/// A reader for long work beside the queries: a connection of its own with a small cache, and no permit that queries wait for.
pub struct OwnReader {
    models: Arc<ReadModels>,
    open: Option<(Connection, Arc<Serving>)>,
}

impl OwnReader {
    /// Nothing is opened yet.
    pub fn new(models: Arc<ReadModels>) -> Self {
        Self { models, open: None }
    }

    /// Runs a query, which should be short, on a consistent view of the read models as they are now. It blocks.
    pub fn query<T>(
        &mut self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, QueryError> {
        let serving = self.models.current().ok_or(QueryError::Stopping)?;
        if self.open.as_ref().is_none_or(|(_, opened)| !Arc::ptr_eq(opened, &serving)) {
            let db = serving.open()?;
            db.execute_batch("PRAGMA cache_size = -2048; PRAGMA mmap_size = 1073741824;")?;
            self.open = Some((db, serving));
        }
        let (db, _) = self.open.as_ref().expect("it was opened just now");
        Ok(db.unchecked_transaction().and_then(|view| query(&view))?)
    }

    /// The same, with the policies and calendars of the view.
    pub fn query_with_reference<T>(
        &mut self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<(Arc<ReferenceData>, T), QueryError> {
        let reference = Arc::clone(&self.models.reference);
        self.query(|db| Ok((reference.get(db)?, query(db)?)))
    }
}
