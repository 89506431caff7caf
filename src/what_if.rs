//! What-if: the histories of all cases replayed under draft policies and calendars. What a replay of one case is stands in
//! `parvandeh_domain::sla::Simulation`; here is how the cases come to it.
//!
//! [`Beside`] works beside a server's other work and must not slow it: it reads on a connection of its own, some cases at a time, so
//! that no view of the tables is held for long; it uses one thread, and rests after each portion as long as that took. It ends with
//! the future that drives it. [`at_full_speed`] uses the whole machine: for the command line, which reads the grounds from tables of
//! its own that [`fold`] makes of the log.
//!
//! Cases are read one after the other while work goes on, and each is judged by what was known of it when it was read.

use std::num::NonZero;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use jiff::Timestamp;
use parvandeh_domain::sla::{Drafts, InvalidDrafts, Simulation};
use parvandeh_projections::ReadModel;
use parvandeh_projections::sla_clocks::{self, CaseRange, GroundPlace, SlaClocks, StoredGround};
use parvandeh_projections::sla_reference::{ReferenceData, SlaReference, reference_data};
use rusqlite::Connection;
use tokio::sync::watch;

use crate::store::sqlite::LogReader;
use crate::store::{Position, ReadError};
use crate::subscription::generation::Entry;
use crate::subscription::projector::entry;
use crate::subscription::read_models::{OwnReader, QueryError};

/// Cases that are replayed between two rests: some ten milliseconds of work.
const PORTION_CASES: usize = 100;
/// Entries of the log read at once.
const PAGE_SIZE: usize = 4_096;
/// Entries whose cases are written together.
const FLUSH_ENTRIES: usize = 65_536;
/// Portions that may wait between two threads.
const QUEUED_MAX: usize = 8;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// The drafts.
    pub drafts: Drafts,
    /// The cases that are looked at.
    pub range: CaseRange,
    /// The moment at which the clocks are judged.
    pub now: Timestamp,
}

/// How far a simulation has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Cases replayed.
    pub done: u64,
    /// Cases that there were at the beginning.
    pub total: u64,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum WhatIfError {
    /// The drafts cannot be simulated.
    #[error(transparent)]
    Drafts(#[from] InvalidDrafts),
    /// The log could not be read.
    #[error("reading the log")]
    Log(#[from] ReadError),
    /// The read models could not be read.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The tables could not be written or read.
    #[error("the tables of the simulation")]
    Tables(#[from] rusqlite::Error),
    /// What is stored of a case could not be understood.
    #[error("what is stored of case {case_id}")]
    Ground {
        /// The case.
        case_id: uuid::Uuid,
        /// Why.
        source: serde_json::Error,
    },
    /// The program is stopping.
    #[error("the program is stopping")]
    Stopping,
}

/// The published policies and calendars, and the same with the drafts.
struct Sides {
    published: Arc<ReferenceData>,
    drafted: ReferenceData,
}

impl Sides {
    fn new(published: Arc<ReferenceData>, drafts: &Drafts) -> Result<Self, InvalidDrafts> {
        let drafted = published.with_drafts(drafts);
        drafts.check(&drafted)?;
        Ok(Self { published, drafted })
    }

    fn replay(
        &self,
        question: &Question,
        stored: &StoredGround,
        into: &mut Simulation,
    ) -> Result<(), WhatIfError> {
        let case_id = stored.case_id;
        let ground = stored.decode().map_err(|source| WhatIfError::Ground { case_id, source })?;
        let sides = (&*self.published, &self.drafted);
        ground.simulate(case_id, &question.drafts, sides, question.now, into);
        Ok(())
    }
}

/// A simulation beside the other work of a server.
pub struct Beside {
    question: Question,
    reader: OwnReader,
    sides: Option<Sides>,
    reached: Option<GroundPlace>,
    sum: Simulation,
    is_done: bool,
}

impl Beside {
    /// Prepares it. Nothing is read yet.
    pub fn new(reader: OwnReader, question: Question) -> Self {
        let sum = Simulation::default();
        Self { question, reader, sides: None, reached: None, sum, is_done: false }
    }

    /// Replays the cases to the end. Dropped before that, it ends after the portion that is being replayed.
    pub async fn run(self, progress: watch::Sender<Progress>) -> Result<Simulation, WhatIfError> {
        let range = self.question.range.clone();
        let (mut work, total) = on_thread(self, move |work| {
            Ok(work.reader.query(|db| sla_clocks::case_count(db, &range))?)
        })
        .await?;
        loop {
            let begun = Instant::now();
            (work, ()) = on_thread(work, Self::portion).await?;
            progress.send_replace(Progress { done: work.sum.cases, total });
            if work.is_done {
                return Ok(work.sum);
            }
            tokio::time::sleep(begun.elapsed()).await;
        }
    }

    fn portion(&mut self) -> Result<(), WhatIfError> {
        let (range, reached) = (&self.question.range, self.reached);
        // One view for both, so that every policy that a case is bound to is known.
        let (published, grounds) = self
            .reader
            .query_with_reference(|db| sla_clocks::grounds(db, range, reached, PORTION_CASES))?;
        let sides = match self.sides.take() {
            Some(sides) if Arc::ptr_eq(&sides.published, &published) => sides,
            _ => Sides::new(published, &self.question.drafts)?,
        };
        for stored in &grounds {
            sides.replay(&self.question, stored, &mut self.sum)?;
        }
        self.sides = Some(sides);
        self.reached = grounds.last().map(StoredGround::place);
        self.is_done = grounds.len() < PORTION_CASES;
        Ok(())
    }
}

/// Runs a portion where it may block.
async fn on_thread<T: Send + 'static>(
    mut work: Beside,
    portion: impl FnOnce(&mut Beside) -> Result<T, WhatIfError> + Send + 'static,
) -> Result<(Beside, T), WhatIfError> {
    let portion = tokio::task::spawn_blocking(move || {
        let answer = portion(&mut work)?;
        Ok((work, answer))
    });
    portion.await.map_err(|_| WhatIfError::Stopping)?
}

/// Replays the cases with every processor of the machine.
pub fn at_full_speed(
    db: &Connection,
    question: &Question,
    progress: impl Fn(Progress),
) -> Result<Simulation, WhatIfError> {
    let sides = Sides::new(Arc::new(reference_data(db)?), &question.drafts)?;
    let total = sla_clocks::case_count(db, &question.range)?;
    let (sender, receiver) = sync_channel::<Vec<StoredGround>>(QUEUED_MAX);
    let receiver = Arc::new(Mutex::new(receiver));
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                let receiver = Arc::clone(&receiver);
                scope.spawn(|| replay_all(&sides, question, receiver))
            })
            .collect();
        // The workers alone hold it from here on: when all of them have failed, sending fails too.
        drop(receiver);
        let (mut reached, mut done) = (None, 0);
        loop {
            let grounds = sla_clocks::grounds(db, &question.range, reached, PORTION_CASES)?;
            let Some(last) = grounds.last() else { break };
            reached = Some(last.place());
            done += grounds.len() as u64;
            if sender.send(grounds).is_err() {
                break;
            }
            progress(Progress { done, total });
        }
        drop(sender);
        let mut sum = Simulation::default();
        for worker in workers {
            sum.merge(worker.join().expect("replaying does not panic")?);
        }
        Ok(sum)
    })
}

fn replay_all(
    sides: &Sides,
    question: &Question,
    portions: Arc<Mutex<Receiver<Vec<StoredGround>>>>,
) -> Result<Simulation, WhatIfError> {
    let mut sum = Simulation::default();
    loop {
        let portion = portions.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(portion) = portion else { return Ok(sum) };
        for stored in &portion {
            sides.replay(question, stored, &mut sum)?;
        }
    }
}

/// Folds a log into tables of the simulation's own: the grounds of all cases, with the policies and calendars. The database is a
/// temporary one that SQLite keeps in memory as far as it fits and on the disk beyond that, and deletes at the end. `progress` is told
/// each position reached.
pub fn fold(log: &LogReader, progress: impl Fn(u64) + Sync) -> Result<Connection, WhatIfError> {
    let (sender, receiver) = sync_channel(QUEUED_MAX);
    std::thread::scope(|scope| {
        let folding = scope.spawn(|| fold_all(receiver, &progress));
        let mut after: Option<Position> = None;
        loop {
            let page = log.read_all(after, PAGE_SIZE)?;
            let Some(last) = page.last() else { break };
            after = Some(last.position);
            if sender.send(page.iter().map(entry).collect()).is_err() {
                break;
            }
        }
        drop(sender);
        Ok(folding.join().expect("folding does not panic")?)
    })
}

fn fold_all(pages: Receiver<Vec<Entry>>, progress: &impl Fn(u64)) -> rusqlite::Result<Connection> {
    let db = Connection::open("")?;
    let mut models: [Box<dyn ReadModel>; 2] =
        [Box::new(SlaReference::default()), Box::new(SlaClocks::grounds_only())];
    db.set_prepared_statement_cache_capacity(64);
    db.execute_batch(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -65536;",
    )?;
    for model in &models {
        db.execute_batch(model.tables())?;
    }
    let mut waiting = 0;
    let write = |models: &mut [Box<dyn ReadModel>; 2]| {
        models.iter_mut().try_for_each(|model| model.flush(&db))
    };
    db.execute_batch("BEGIN")?;
    for page in pages {
        for entry in &page {
            if let Entry::Event(event) = entry {
                models.iter_mut().try_for_each(|model| model.apply(&db, event))?;
            }
        }
        waiting += page.len();
        if waiting >= FLUSH_ENTRIES {
            write(&mut models)?;
            waiting = 0;
        }
        progress(page.last().map_or(0, Entry::position));
    }
    write(&mut models)?;
    for model in &models {
        db.execute_batch(model.indexes())?;
    }
    db.execute_batch("COMMIT")?;
    Ok(db)
}
