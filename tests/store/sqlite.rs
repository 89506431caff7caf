//! What only the embedded store must do: survive crashes, name damage, keep others out, copy
//! itself.

use std::{
    fs::{self, File, OpenOptions},
    io::{BufRead, BufReader, Read, Seek, SeekFrom, Write},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use super::support::{batch, event, ids, log_of, small, stream, stream_of};
use parvandeh::store::{
    AppendError, EventStore, Expect, NewEvent, Position, ReadError,
    sqlite::{BackupError, OpenError, SqliteOptions, SqliteStore, backup},
};
use rusqlite::Connection;
use tempfile::{TempDir, tempdir};
use tokio::task::JoinSet;
use uuid::Uuid;

fn open(directory: &Path) -> Result<SqliteStore, OpenError> {
    SqliteStore::open_with(directory, &small())
}

/// The error of an opening that must fail, with its message.
fn refusal(directory: &Path) -> (OpenError, String) {
    let error = open(directory).err().expect("it must not open");
    let message = error.to_string();
    (error, message)
}

/// A closed data directory with so many appends of one to three events on ten streams.
async fn filled(appends: usize) -> (TempDir, Vec<Uuid>) {
    let directory = tempdir().unwrap();
    let store: Arc<dyn EventStore> = Arc::new(open(directory.path()).unwrap());
    fill(&store, appends).await;
    let written = ids(&log_of(&store).await);
    (directory, written)
}

async fn fill(store: &Arc<dyn EventStore>, appends: usize) {
    for number in 0..appends {
        let case = stream(&format!("case-{}", number % 10));
        store.append(&case, Expect::Any, batch(1 + number % 3)).await.unwrap();
    }
}

fn copy_files(from: &Path, to: &Path, names: &[&str]) {
    for name in names {
        fs::copy(from.join(name), to.join(name)).unwrap();
    }
}

#[tokio::test]
async fn a_reopened_store_goes_on_where_it_was() {
    let (directory, written) = filled(50).await;
    let id = open(directory.path()).unwrap().id();
    let store = Arc::new(open(directory.path()).unwrap());
    assert_eq!(store.id(), id);
    assert_eq!(store.head(), Some(Position(written.len() as u64)));
    let port: Arc<dyn EventStore> = store.clone();
    assert_eq!(ids(&log_of(&port).await), written);
    let appended = store.append(&stream("case-0"), Expect::At(8), batch(2)).await;
    assert_eq!(appended.unwrap().position, Some(Position(written.len() as u64 + 2)));
    assert_eq!(store.check().unwrap().streams, 10);
}

#[tokio::test]
async fn retries_succeed_across_a_restart() {
    let directory = tempdir().unwrap();
    let (exact, any) = (batch(2), batch(2));
    let store = open(directory.path()).unwrap();
    let first = store.append(&stream("case-1"), Expect::NoStream, exact.clone()).await.unwrap();
    let second = store.append(&stream("case-2"), Expect::Any, any.clone()).await.unwrap();
    drop(store);
    let store = open(directory.path()).unwrap();
    assert_eq!(store.append(&stream("case-1"), Expect::NoStream, exact).await, Ok(first));
    assert_eq!(store.append(&stream("case-2"), Expect::Any, any).await, Ok(second));
    assert_eq!(store.head(), Some(Position(4)));
}

#[tokio::test]
async fn everything_acknowledged_is_there_after_a_kill() {
    // The files as they are while the store is open are what a kill leaves behind.
    let directory = tempdir().unwrap();
    let store: Arc<dyn EventStore> = Arc::new(open(directory.path()).unwrap());
    for round in 0..4 {
        fill(&store, 30).await;
        let copy = tempdir().unwrap();
        let names = ["log.db", "log.db-wal", "stream-index.db", "stream-index.db-wal"];
        copy_files(directory.path(), copy.path(), &names[..if round % 2 == 0 { 2 } else { 4 }]);

        let survivor = Arc::new(open(copy.path()).unwrap());
        let port: Arc<dyn EventStore> = survivor.clone();
        assert_eq!(ids(&log_of(&port).await), ids(&log_of(&store).await));
        assert_eq!(ids(&stream_of(&port, "case-3").await), ids(&stream_of(&store, "case-3").await));
        fill(&port, 10).await;
        survivor.check().unwrap();
    }
}

/// Not a test of its own: what the next one kills.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "runs as the child of everything_acknowledged_survives_kill_9"]
async fn appends_until_it_is_killed() {
    let Some(directory) = std::env::var_os("STORE_TEST_DIRECTORY") else { return };
    let store = Arc::new(open(Path::new(&directory)).unwrap());
    let mut writers = JoinSet::new();
    for writer in 0..16 {
        let store = store.clone();
        writers.spawn(async move {
            let case = stream(&format!("case-{writer}"));
            loop {
                let events = batch(2);
                let id = events[1].id;
                let appended = store.append(&case, Expect::Any, events).await.unwrap();
                // One write call, so that a line is there in whole or not at all.
                let line = format!("acknowledged {} {id}\n", appended.position.unwrap());
                std::io::stdout().write_all(line.as_bytes()).unwrap();
            }
        });
    }
    writers.join_all().await;
}

#[test]
fn everything_acknowledged_survives_kill_9() {
    let directory = tempdir().unwrap();
    let child = concat!(module_path!(), "::appends_until_it_is_killed");
    let (_crate, child) = child.split_once("::").unwrap();
    let mut acknowledged: Vec<(u64, Uuid)> = Vec::new();
    for lines_max in [100, 1_000, 3_000] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", child, "--ignored", "--nocapture"])
            .env("STORE_TEST_DIRECTORY", directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut seen = 0;
        for line in lines {
            let line = line.unwrap();
            let mut words = line.split(' ').skip_while(|word| !word.ends_with("acknowledged"));
            if let (Some(_), Some(position), Some(id)) = (words.next(), words.next(), words.next())
            {
                acknowledged.push((position.parse().unwrap(), id.parse().unwrap()));
                seen += 1;
            }
            // What it still says after the kill has been acknowledged as well.
            if seen == lines_max {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(seen >= lines_max, "the child ended by itself");

        let store = open(directory.path()).unwrap();
        store.check().unwrap();
        for (position, id) in &acknowledged {
            let found = store.scan(Some(Position(position - 1)), 1).unwrap();
            assert_eq!(found[0].id, *id, "at position {position}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_index_takes_over_from_memory_without_losing_a_revision() {
    const WRITERS: usize = 64;
    const EACH: usize = 1_100;
    let directory = tempdir().unwrap();
    let store = Arc::new(open(directory.path()).unwrap());
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let store = store.clone();
        writers.spawn(async move {
            for append in 0..EACH {
                let case = stream(&format!("case-{writer}-{}", append % 40));
                let expect = match append / 40 {
                    0 => Expect::NoStream,
                    earlier => Expect::At(earlier as u64 - 1),
                };
                store.append(&case, expect, batch(1)).await.unwrap();
                if append % 100 == 99 {
                    let read = store.read_stream(&case, None, 1_000).await.unwrap();
                    assert_eq!(read.len(), append / 40 + 1);
                }
            }
        });
    }
    writers.join_all().await;
    let checked = store.check().unwrap();
    assert_eq!((checked.events, checked.streams), ((WRITERS * EACH) as u64, WRITERS as u64 * 40));
    drop(store);
    // The index file has all of it now.
    let index = Connection::open(directory.path().join("stream-index.db")).unwrap();
    let appends: i64 =
        index.query_row("SELECT count(*) FROM stream_index", [], |row| row.get(0)).unwrap();
    assert_eq!(appends, (WRITERS * EACH) as i64);
    drop(index);
    open(directory.path()).unwrap().check().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_wal_keeps_its_size_while_it_is_written_many_times_over() {
    let directory = tempdir().unwrap();
    let store: Arc<dyn EventStore> = Arc::new(open(directory.path()).unwrap());
    let wal = directory.path().join("log.db-wal");
    assert_eq!(fs::metadata(&wal).unwrap().len(), small().wal_size_bytes);
    const EVENT_SIZE_BYTES: u64 = 10_000;
    let text = "x".repeat(EVENT_SIZE_BYTES as usize);
    // Where the thread that empties the WAL gets no processor, the WAL grows for a while, and then keeps that size; without wrapping it would
    // hold all that was ever written.
    let mut events = 0;
    let keeps_its_size = loop {
        let mut writers = JoinSet::new();
        for writer in 0..8 {
            let (store, text) = (store.clone(), text.clone());
            writers.spawn(async move {
                for _ in 0..100 {
                    let data = format!(r#"{{"text":"{text}"}}"#).into();
                    let large = NewEvent { data, ..event() };
                    let case = stream(&format!("case-{writer}"));
                    store.append(&case, Expect::Any, vec![large]).await.unwrap();
                }
            });
        }
        writers.join_all().await;
        events += 800;
        let size_bytes = fs::metadata(&wal).unwrap().len();
        if events * EVENT_SIZE_BYTES >= 4 * size_bytes {
            break true;
        }
        if events == 16_000 {
            break false;
        }
    };
    assert!(keeps_its_size, "{events} events, {:?}", fs::metadata(&wal));
    assert_eq!(store.head(), Some(Position(events)));
    drop(store);
    open(directory.path()).unwrap().check().unwrap();
}

#[tokio::test]
async fn a_second_opening_is_refused_and_names_the_process() {
    let directory = tempdir().unwrap();
    let store = open(directory.path()).unwrap();
    let (error, message) = refusal(directory.path());
    let own = std::process::id();
    assert!(matches!(error, OpenError::Locked { pid: Some(pid), .. } if pid == own), "{message}");
    drop(store);
    open(directory.path()).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_stops_appends_but_not_reads_and_loses_nothing() {
    let directory = tempdir().unwrap();
    let full = SqliteOptions { log_size_bytes_max: Some(40 * 8_192), ..small() };
    let store = Arc::new(SqliteStore::open_with(directory.path(), &full).unwrap());
    let mut writers = JoinSet::new();
    for writer in 0..8 {
        let store = store.clone();
        writers.spawn(async move {
            let case = stream(&format!("case-{writer}"));
            let mut acknowledged = Vec::new();
            loop {
                let events = batch(3);
                let written: Vec<Uuid> = events.iter().map(|event| event.id).collect();
                match store.append(&case, Expect::Any, events).await {
                    Ok(_) => acknowledged.extend(written),
                    Err(error) => return (acknowledged, error),
                }
            }
        });
    }
    let outcomes = writers.join_all().await;
    let stopped =
        |error: &AppendError| matches!(error, AppendError::NotWritten(_) | AppendError::Stopped(_));
    assert!(outcomes.iter().all(|(_, error)| stopped(error)), "{outcomes:?}");
    assert!(outcomes.iter().any(|(_, error)| matches!(error, AppendError::NotWritten(_))));
    let later = store.append(&stream("case-9"), Expect::NoStream, batch(1)).await;
    assert!(
        matches!(&later, Err(AppendError::Stopped(reason)) if reason.contains("full")),
        "{later:?}"
    );

    let mut acknowledged: Vec<Uuid> = outcomes.into_iter().flat_map(|(ids, _)| ids).collect();
    let port: Arc<dyn EventStore> = store.clone();
    let mut readable = ids(&log_of(&port).await);
    assert_eq!(stream_of(&port, "case-1").await.len() % 3, 0);
    store.check().unwrap();
    drop((port, store));

    // With room again the log holds just what was acknowledged, and goes on.
    let store: Arc<dyn EventStore> = Arc::new(open(directory.path()).unwrap());
    let mut reopened = ids(&log_of(&store).await);
    for ids in [&mut acknowledged, &mut readable, &mut reopened] {
        ids.sort_unstable();
    }
    assert!(!acknowledged.is_empty());
    assert_eq!(acknowledged, readable);
    assert_eq!(acknowledged, reopened);
    store.append(&stream("case-9"), Expect::NoStream, batch(1)).await.unwrap();
}

#[test]
fn a_path_that_cannot_be_a_directory_is_named() {
    let directory = tempdir().unwrap();
    let file = directory.path().join("data");
    File::create(&file).unwrap();
    let (error, message) = refusal(&file);
    assert!(matches!(error, OpenError::Directory { .. }), "{message}");
    assert!(message.contains(file.to_str().unwrap()), "{message}");
}

#[test]
fn a_log_file_that_cannot_be_opened_is_named() {
    let directory = tempdir().unwrap();
    fs::create_dir(directory.path().join("log.db")).unwrap();
    let (error, message) = refusal(directory.path());
    assert!(matches!(error, OpenError::Directory { .. }), "{message}");
    assert!(message.contains("log.db"), "{message}");
}

#[tokio::test]
async fn a_log_cut_short_is_refused() {
    for share in [0, 1, 3, 7] {
        let (directory, _) = filled(400).await;
        let path = directory.path().join("log.db");
        checkpoint(&path);
        let size_bytes = fs::metadata(&path).unwrap().len();
        OpenOptions::new()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(size_bytes * share / 8)
            .unwrap();
        let (error, message) = refusal(directory.path());
        assert!(matches!(error, OpenError::Corrupt(_)), "{message}");
        assert!(message.contains("restore a backup"), "{message}");
    }
}

#[tokio::test]
async fn a_log_cut_short_beneath_its_wal_is_refused() {
    let (directory, _) = filled(2_000).await;
    let path = directory.path().join("log.db");
    let pages = fs::metadata(&path).unwrap().len() / 8_192;
    assert!(pages > 20, "most of the log must have left the WAL");
    OpenOptions::new().write(true).open(&path).unwrap().set_len(pages / 2 * 8_192).unwrap();
    let (error, message) = refusal(directory.path());
    assert!(matches!(error, OpenError::Corrupt(_)), "{message}");
}

#[tokio::test]
async fn a_log_cut_by_a_few_pages_before_what_the_wal_holds_is_refused() {
    // Neither the index nor the latest events reach back to them.
    let directory = tempdir().unwrap();
    let path = directory.path().join("log.db");
    let size_bytes = || fs::metadata(&path).unwrap().len();
    // Half of this WAL is never full here, so nothing is moved out of it unless we do it.
    let large = SqliteOptions { wal_size_bytes: 64 * 1024 * 1024, ..small() };
    let data = format!(r#"{{"text":"{}"}}"#, "x".repeat(100_000));
    let fill = async |appends| {
        let store = SqliteStore::open_with(directory.path(), &large).unwrap();
        for _ in 0..appends {
            let events = vec![NewEvent { data: data.clone().into(), ..event() }];
            store.append(&stream("case-1"), Expect::Any, events).await.unwrap();
        }
    };
    fill(20).await;
    checkpoint(&path);
    let size_bytes_moved = size_bytes();
    assert!(size_bytes_moved > 1_000_000);
    fill(120).await;
    assert_eq!(size_bytes(), size_bytes_moved, "the last 12 MB are in the WAL alone");
    OpenOptions::new()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(size_bytes_moved - 8 * 8_192)
        .unwrap();
    let (error, message) = refusal(directory.path());
    assert!(matches!(error, OpenError::Corrupt(_)), "{message}");
}

/// Moves all of the WAL into the log file of a closed store, and empties it.
fn checkpoint(path: &Path) {
    let log = Connection::open(path).unwrap();
    log.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
}

#[tokio::test]
async fn a_log_that_a_crash_caught_in_a_checkpoint_is_whole() {
    // Its header is the new one already, the pages at its end are in the WAL alone: this one is
    // large enough for all of them.
    let directory = tempdir().unwrap();
    let large = SqliteOptions { wal_size_bytes: 32 * 1024 * 1024, ..small() };
    let store = SqliteStore::open_with(directory.path(), &large).unwrap();
    let store: Arc<dyn EventStore> = Arc::new(store);
    fill(&store, 400).await;
    let copy = tempdir().unwrap();
    copy_files(directory.path(), copy.path(), &["log.db", "log.db-wal"]);
    let whole = ids(&log_of(&store).await);
    drop(store);
    let path = directory.path().join("log.db");
    checkpoint(&path);
    let mut header = vec![0; 8_192];
    File::open(&path).unwrap().read_exact(&mut header).unwrap();
    let interrupted = copy.path().join("log.db");
    let pages = fs::metadata(&interrupted).unwrap().len() / 8_192;
    assert!(pages < fs::metadata(&path).unwrap().len() / 8_192);
    OpenOptions::new().write(true).open(&interrupted).unwrap().write_all(&header).unwrap();

    let store: Arc<dyn EventStore> = Arc::new(open(copy.path()).unwrap());
    assert_eq!(ids(&log_of(&store).await), whole);
}

#[tokio::test]
async fn a_file_of_noise_in_place_of_the_log_is_refused() {
    let directory = tempdir().unwrap();
    fs::write(directory.path().join("log.db"), [7; 20_000]).unwrap();
    let (error, message) = refusal(directory.path());
    assert!(matches!(error, OpenError::Corrupt(_)), "{message}");
}

#[test]
fn another_programs_database_is_refused_and_left_alone() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("log.db");
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch("CREATE TABLE notes (text TEXT); INSERT INTO notes VALUES ('یادداشت')")
        .unwrap();
    let (error, message) = refusal(directory.path());
    assert!(matches!(error, OpenError::NotALog { .. }), "{message}");
    let notes: String = other.query_row("SELECT text FROM notes", [], |row| row.get(0)).unwrap();
    assert_eq!(notes, "یادداشت");
}

#[tokio::test]
async fn a_missing_log_beside_its_companions_is_refused() {
    let (directory, _) = filled(10).await;
    fs::remove_file(directory.path().join("log.db")).unwrap();
    let (error, message) = refusal(directory.path());
    assert!(matches!(error, OpenError::Corrupt(_)), "{message}");
}

#[tokio::test]
async fn a_later_schema_is_refused() {
    let (directory, _) = filled(3).await;
    let log = Connection::open(directory.path().join("log.db")).unwrap();
    log.execute_batch("PRAGMA user_version = 99").unwrap();
    drop(log);
    let (error, message) = refusal(directory.path());
    assert!(matches!(error, OpenError::NewerSchema { found: 99, .. }), "{message}");
}

#[tokio::test]
async fn a_flipped_byte_is_found_by_reads_and_by_the_check() {
    let (directory, written) = filled(9_000).await;
    let path = directory.path().join("log.db");
    checkpoint(&path);
    flip(&path, written[0].to_string().as_bytes());
    let store = open(directory.path()).unwrap();
    let damaged = |error: ReadError| {
        assert!(error.to_string().contains("restore a backup"), "{error}");
        matches!(error, ReadError::Corrupt { position: Position(1), .. })
    };
    assert!(damaged(store.read_all(None, 10).await.unwrap_err()));
    assert!(damaged(store.read_stream(&stream("case-0"), None, 10).await.unwrap_err()));
    assert!(damaged(store.scan(None, 10).unwrap_err()));
    assert!(damaged(store.check().unwrap_err()));
    // What is not damaged can be read, and the retry of what is damaged is not answered wrongly.
    assert_eq!(store.read_all(Some(Position(1)), 2).await.unwrap().len(), 2);
    let retry = store.append(&stream("case-0"), Expect::NoStream, batch(1)).await;
    assert!(matches!(retry, Err(AppendError::OutcomeUnknown(_))), "{retry:?}");
}

#[tokio::test]
async fn a_flipped_byte_near_the_end_is_found_at_opening() {
    let (directory, written) = filled(50).await;
    let path = directory.path().join("log.db");
    checkpoint(&path);
    flip(&path, written[written.len() - 1].to_string().as_bytes());
    let (error, message) = refusal(directory.path());
    assert!(matches!(error, OpenError::Corrupt(_)), "{message}");
}

/// Changes one byte behind a text that stands in the file's table.
fn flip(path: &Path, text: &[u8]) {
    let content = fs::read(path).unwrap();
    let place = content.windows(text.len()).rposition(|window| window == text).unwrap();
    let mut file = OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(place as u64)).unwrap();
    file.write_all(&[content[place] ^ 1]).unwrap();
}

#[tokio::test]
async fn missing_rows_are_found() {
    let (directory, _) = filled(60).await;
    let log = Connection::open(directory.path().join("log.db")).unwrap();
    log.execute(
        "DELETE FROM log WHERE position IN (SELECT position FROM log LIMIT 1 OFFSET 20)",
        [],
    )
    .unwrap();
    drop(log);
    let store = open(directory.path()).unwrap();
    let error = store.check().unwrap_err();
    assert!(matches!(error, ReadError::Corrupt { .. }), "{error}");
    drop(store);
    // Without an index to begin from, the opening itself reads the place.
    fs::remove_file(directory.path().join("stream-index.db")).unwrap();
    let (error, message) = refusal(directory.path());
    assert!(matches!(error, OpenError::Corrupt(_)), "{message}");
}

#[tokio::test]
async fn a_missing_damaged_or_foreign_index_is_built_anew() {
    let (other, _) = filled(20).await;
    let (directory, written) = filled(50).await;
    let index = directory.path().join("stream-index.db");
    for damage in ["missing", "noise", "cut", "foreign", "ahead"] {
        match damage {
            "missing" => fs::remove_file(&index).unwrap(),
            "noise" => fs::write(&index, [7; 20_000]).unwrap(),
            "cut" => OpenOptions::new().write(true).open(&index).unwrap().set_len(5_000).unwrap(),
            "foreign" => drop(fs::copy(other.path().join("stream-index.db"), &index).unwrap()),
            _ => {
                let file = Connection::open(&index).unwrap();
                let later =
                    "UPDATE watermark SET position = position + 5, row_position = row_position + 5";
                file.execute_batch(later).unwrap();
            }
        }
        let store = Arc::new(open(directory.path()).unwrap());
        store.check().unwrap_or_else(|error| panic!("{damage}: {error}"));
        let port: Arc<dyn EventStore> = store;
        assert_eq!(ids(&log_of(&port).await), written, "{damage}");
        assert_eq!(stream_of(&port, "case-0").await.len(), 9, "{damage}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_taken_while_appends_go_on_is_whole_and_opens() {
    let directory = tempdir().unwrap();
    let store = Arc::new(open(directory.path()).unwrap());
    fill(&(store.clone() as Arc<dyn EventStore>), 300).await;
    let (stop, mut stopped) = tokio::sync::watch::channel(false);
    let writer = tokio::spawn({
        let store = store.clone();
        async move {
            while !*stopped.borrow_and_update() {
                store.append(&stream("case-0"), Expect::Any, batch(3)).await.unwrap();
            }
        }
    });
    let before = store.head().unwrap();
    let target = tempdir().unwrap();
    let path = target.path().join("copy");
    let made = tokio::task::spawn_blocking({
        let (store, path) = (store.clone(), path.clone());
        move || {
            let mut seen = Vec::new();
            let made = store.backup(&path, |progress| seen.push(progress)).unwrap();
            let last = seen.last().unwrap();
            assert_eq!(last.copied_bytes, last.total_bytes);
            made
        }
    });
    let made = made.await.unwrap();
    stop.send_replace(true);
    writer.await.unwrap();
    assert!(made.head.unwrap() >= before);

    let copy = open(&path).unwrap();
    assert_eq!(copy.head(), made.head);
    assert_eq!(copy.id(), store.id());
    assert_eq!(copy.check().unwrap().events, made.head.unwrap().0);
    let copied = copy.scan(None, 10_000).unwrap();
    assert_eq!(ids(&copied), ids(&store.scan(None, copied.len()).unwrap()));
}

#[tokio::test]
async fn a_backup_never_overwrites() {
    let (directory, _) = filled(3).await;
    let target = tempdir().unwrap();
    fs::write(target.path().join("note"), "مهم").unwrap();
    let refused = backup(directory.path(), target.path(), |_| {});
    assert!(matches!(refused, Err(BackupError::NotEmpty(_))), "{refused:?}");
    assert_eq!(fs::read_dir(target.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn any_tool_reads_the_log() {
    let directory = tempdir().unwrap();
    let store = open(directory.path()).unwrap();
    let note = NewEvent { data: r#"{"note":"پیگیری شد"}"#.into(), ..event() };
    store.append(&stream("case-1"), Expect::NoStream, vec![event(), note]).await.unwrap();
    let tool = Connection::open(directory.path().join("log.db")).unwrap();
    let question = "SELECT log.position + event.key, event.value ->> '$.data.note'
        FROM log, json_each(log.events) AS event WHERE event.value ->> '$.data.note' IS NOT NULL";
    let answer: (i64, String) =
        tool.query_row(question, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(answer, (2, "پیگیری شد".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_takes_the_events_of_its_log_at_their_positions_and_no_others() {
    let (directory, written) = filled(30).await;
    let source = open(directory.path()).unwrap();
    let events = source.read_all(None, 1_000).await.unwrap();
    let copied = tempdir().unwrap();
    let copy = Arc::new(SqliteStore::open_copy(copied.path(), &small(), source.id()).unwrap());
    assert_eq!(copy.id(), source.id());

    let (mirror, all) = (copy.clone(), events.clone());
    tokio::task::spawn_blocking(move || {
        mirror.mirror(&all[..7]).unwrap();
        mirror.mirror(&all[7..40]).unwrap();
        // Again, with a gap, and with a gap in a stream alone.
        assert!(matches!(mirror.mirror(&all[30..50]), Err(AppendError::NotWritten(_))));
        assert!(matches!(mirror.mirror(&all[41..]), Err(AppendError::NotWritten(_))));
        let mut gap = all[40].clone();
        gap.revision += 1;
        assert!(matches!(mirror.mirror(&[gap]), Err(AppendError::Conflict { .. })));
        assert_eq!(mirror.head(), Some(Position(40)));
        mirror.mirror(&all[40..]).unwrap();
    })
    .await
    .unwrap();
    let port: Arc<dyn EventStore> = copy.clone();
    assert_eq!(ids(&log_of(&port).await), written);
    assert_eq!(format!("{:?}", log_of(&port).await), format!("{events:?}"));
    copy.check().unwrap();
    drop((copy, port));

    let error = SqliteStore::open_copy(copied.path(), &small(), Uuid::new_v4()).err().unwrap();
    assert!(matches!(error, OpenError::AnotherLog { .. }), "{error}");
    assert!(error.to_string().contains("name another data directory"), "{error}");
    SqliteStore::open_copy(copied.path(), &small(), source.id()).unwrap();
}
