//! Tampering: whatever somebody with access to the files changes is found, and the first bad position is named.
//!
//! A small data directory is made by a real system, stopped, and copied; in each copy one thing is changed at a random place, as damage
//! would, or as somebody would who knows the format and mends the checksums behind him.

mod checkpoints;
mod derived;
mod log;
mod raw;
mod vault;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::{SignedDuration, Timestamp};
use parvandeh::clock::SystemClock;
use parvandeh::principal::Role;
use parvandeh::proof::verify::{Report, Trust, directory};
use parvandeh_domain::case::Case;
use rusqlite::Connection;
use serde::de::IgnoredAny;
use serde_json::json;
use tempfile::TempDir;

use crate::harness::random::Random;
use crate::harness::work::{case_command, metadata, numbered_case, open_case, stream};
use crate::harness::{System, released};

/// Random places of each kind that are tried.
const PLACES: u64 = 200;

/// A row of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    position: i64,
    stream: String,
    revision: i64,
    events: Vec<u8>,
}

impl Row {
    /// Where each event stands in `events`.
    fn places(&self) -> Vec<std::ops::Range<usize>> {
        let (mut places, mut start) = (Vec::new(), 1);
        while start < self.events.len() {
            let rest = &self.events[start..];
            let mut elements = serde_json::Deserializer::from_slice(rest).into_iter::<IgnoredAny>();
            elements.next().unwrap().unwrap();
            let end = start + elements.byte_offset();
            places.push(start..end);
            // Behind a comma, or the end.
            start = end + 1;
        }
        places
    }

    fn count(&self) -> i64 {
        self.places().len() as i64
    }

    fn checksum(&self) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(self.stream.as_bytes());
        hasher.update(&self.events);
        hasher.finalize()
    }
}

/// A data directory that holds, to be copied.
struct Original {
    directory: TempDir,
    rows: Vec<Row>,
    size: u64,
}

/// A copy of it, to be changed.
struct Copy(TempDir);

impl Original {
    /// Some hundred events by a real system: appends of one and of several events, customers, one of them erased.
    async fn build() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let system = System::start_in(directory.path(), SystemClock).await;
        let commands = system.app.commands.clone();
        let mut random = Random::of(7);
        let begin = Timestamp::now() - SignedDuration::from_hours(2_000);
        for number in 0..30_u8 {
            let id = numbered_case(number);
            let at = |step: i64| begin + SignedDuration::from_hours(step + i64::from(number));
            let mut batches = vec![vec![open_case(number, at(0))]];
            for step in 1..14 {
                let (kind, argument) = (random.below(16) as u8, random.below(200) as u8);
                let first = case_command(kind, argument, at(step));
                let several = (random.below(4) == 0).then(|| case_command(2, argument, at(step)));
                batches.push([first].into_iter().chain(several).collect());
            }
            for (step, batch) in batches.into_iter().enumerate() {
                let batch =
                    batch.into_iter().map(|command| (metadata(Some(at(step as i64))), command));
                // Some are refused, as random work is.
                let _ = commands
                    .execute::<Case>(&stream("case", id), batch.collect(), None, |_| true)
                    .await;
            }
        }
        let mut customers = Vec::new();
        for name in ["مریم", "Sara", "علی"] {
            let input = json!({ "kind": "INDIVIDUAL", "name": name, "language": "PERSIAN" });
            let done = system
                .caller(Role::Agent)
                .mutate("registerCustomer", "customer { id }", input)
                .await;
            customers.push(done["customer"]["id"].clone());
        }
        let input = json!({ "customerId": customers[1], "ground": "SUBJECT_REQUEST" });
        system
            .caller(Role::PrivacyOfficer)
            .mutate("eraseCustomer", "userErrors { code }", input)
            .await;
        drop(commands);
        system.stop().await;
        released(directory.path()).await;
        // Started once more, for the checkpoint over the very end.
        let system = System::start_in(directory.path(), SystemClock).await;
        let size = system.app.store.head().unwrap().0;
        system.app.proof.wait_for(size).await.unwrap();
        system.stop().await;
        released(directory.path()).await;

        let log = Connection::open(directory.path().join("log.db")).unwrap();
        // All of it into the one file, so that it can be copied and its bytes be changed.
        log.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        let rows = rows(&log).unwrap();
        assert!(size > 300 && rows.iter().any(|row| row.count() > 1), "{size}");
        Self { directory, rows, size }
    }

    fn copy(&self) -> Copy {
        let copy = tempfile::tempdir().unwrap();
        let (from, to) = (self.directory.path(), copy.path());
        fs::copy(from.join("log.db"), to.join("log.db")).unwrap();
        fs::create_dir(to.join("proof")).unwrap();
        for entry in fs::read_dir(from.join("proof")).unwrap() {
            let name = entry.unwrap().file_name();
            fs::copy(from.join("proof").join(&name), to.join("proof").join(&name)).unwrap();
        }
        Copy(copy)
    }

    /// A row that is not the last.
    fn some_row(&self, random: &mut Random) -> usize {
        random.below(self.rows.len() as u64 - 1) as usize
    }
}

impl Copy {
    fn path(&self) -> &Path {
        self.0.path()
    }

    fn proof(&self, name: &str) -> PathBuf {
        self.path().join("proof").join(name)
    }

    fn log(&self) -> Connection {
        let log = Connection::open(self.path().join("log.db")).unwrap();
        // Nothing here needs to outlive a power failure.
        log.execute_batch("PRAGMA synchronous = OFF").unwrap();
        log
    }

    fn verify(&self) -> Report {
        directory::verify(self.path(), &Trust::default(), |_, _| {})
    }

    /// Puts these rows in the place of all that are there, with checksums that match.
    fn rewrite(&self, rows: &[Row]) {
        let mut log = self.log();
        let transaction = log.transaction().unwrap();
        transaction.execute("DELETE FROM log", []).unwrap();
        for row in rows {
            insert(&transaction, row);
        }
        transaction.commit().unwrap();
    }

    /// What was changed must be found, and first at one of these positions.
    #[track_caller]
    fn is_found_at(&self, positions: std::ops::RangeInclusive<u64>, what: &str) -> Report {
        let report = self.verify();
        assert!(!report.holds(), "{what}: not found");
        let first = report.first().unwrap();
        let position = first.position.unwrap_or_else(|| panic!("{what}: no position: {report:#?}"));
        assert!(positions.contains(&position), "{what}: expected {positions:?}, found {report:#?}");
        report
    }
}

fn insert(log: &Connection, row: &Row) {
    let events = String::from_utf8_lossy(&row.events);
    log.execute(
        "INSERT INTO log (position, stream, revision, events, checksum) VALUES (?1, ?2, ?3, ?4, ?5)",
        (row.position, &row.stream, row.revision, &*events, row.checksum()),
    )
    .unwrap();
}

fn rows(log: &Connection) -> rusqlite::Result<Vec<Row>> {
    let mut statement =
        log.prepare("SELECT position, stream, revision, events FROM log ORDER BY position")?;
    let rows = statement.query_map([], |row| {
        Ok(Row {
            position: row.get(0)?,
            stream: row.get(1)?,
            revision: row.get(2)?,
            events: row.get::<_, String>(3)?.into_bytes(),
        })
    })?;
    rows.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_of_a_data_directory_is_found_and_its_first_position_named() {
    let original = Original::build().await;
    let mut random = Random::printed();
    let report = original.copy().verify();
    assert!(report.holds(), "untouched: {report:#?}");
    assert_eq!((report.events, report.events_not_covered), (original.size, 0));
    assert!(report.envelopes > 100, "{report:#?}");

    let kinds: [fn(&Original, &mut Random); 21] = [
        log::bytes_flipped,
        log::columns_changed,
        log::rows_dropped,
        log::events_dropped,
        log::rows_inserted,
        log::rows_swapped,
        log::log_truncated,
        raw::bytes_flipped,
        raw::file_truncated,
        vault::envelopes_flipped,
        vault::envelopes_dropped,
        vault::envelopes_swapped,
        vault::envelopes_inserted,
        derived::level_0_flipped,
        derived::level_1_flipped,
        derived::entries_swapped,
        derived::files_truncated,
        derived::entries_added,
        checkpoints::bytes_flipped,
        checkpoints::log_and_files_rewritten_together,
        checkpoints::signed_anew,
    ];
    // As many at once as there are processors, each with choices of its own that follow from the seed.
    let next = AtomicUsize::new(0);
    let seeds: Vec<u64> = kinds.iter().map(|_| random.number()).collect();
    tokio::task::block_in_place(|| {
        std::thread::scope(|scope| {
            for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
                scope.spawn(|| {
                    loop {
                        let kind = next.fetch_add(1, Ordering::Relaxed);
                        let Some(change) = kinds.get(kind) else { break };
                        change(&original, &mut Random::of(seeds[kind]));
                    }
                });
            }
        });
    });
}
