//! A log of the release before the vault, whose events say personal things in plain text, becomes one of this release.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use jiff::Timestamp;
use parvandeh::app::App;
use parvandeh::cli::migrate::seal_log;
use parvandeh::sealing;
use parvandeh::store::sqlite::{OpenError, SqliteStore};
use parvandeh::store::{EventStore, LoggedEvent};
use parvandeh::vault::{Keyring, Vault};
use parvandeh_domain::decider::Metadata;
use serde_json::{Value, json};

use crate::harness::random::Random;
use crate::harness::tables::{Tables, assert_same, tables_without};
use crate::harness::work::{KINDS, case_command, metadata, numbered_case, on_case, open_case};

/// What stands in some texts of the cases: see [`case_command`].
const SAID: &str = "تماس گرفتند";

/// Fills a directory as this release does.
async fn fill(directory: &Path) -> App {
    let app = App::open(directory).await.unwrap();
    let mut random = Random::printed();
    for number in 0..12 {
        let case = numbered_case(number);
        let now = Timestamp::now();
        on_case(&app.commands, case, metadata(None), open_case(number, now)).await.unwrap();
        for _ in 0..20 {
            let kind = random.below(KINDS.into()) as u8;
            let command = case_command(kind, random.below(256) as u8, now);
            // What does not fit the case as it stands is refused and leaves nothing.
            let _ = on_case(&app.commands, case, metadata(None), command).await;
        }
    }
    app
}

async fn log_of(store: &Arc<SqliteStore>) -> Vec<LoggedEvent> {
    store.read_all(None, 10_000).await.unwrap()
}

/// Writes the events as the earlier release did: in plain text, into a file of its version.
fn write_unsealed(directory: &Path, store_id: uuid::Uuid, vault: &Vault, log: &[LoggedEvent]) {
    fs::create_dir_all(directory).unwrap();
    let db = rusqlite::Connection::open(directory.join("log.db")).unwrap();
    db.execute_batch(
        "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL;
         CREATE TABLE store (id TEXT NOT NULL) STRICT;
         CREATE TABLE log (position INTEGER PRIMARY KEY, stream TEXT NOT NULL, revision INTEGER NOT NULL,
            events TEXT NOT NULL, checksum INTEGER NOT NULL) STRICT;
         PRAGMA application_id = 1347573326; PRAGMA user_version = 1;",
    )
    .unwrap();
    db.execute("INSERT INTO store VALUES (?)", [store_id.to_string()]).unwrap();
    for logged in log {
        let mut meta: Metadata = serde_json::from_slice(&logged.metadata).unwrap();
        meta.personal = None;
        meta.command_digest = Some("a digest of the plain request".to_owned());
        let data = sealing::opened_data(vault, logged).unwrap();
        let data: Value = serde_json::from_slice(&data).unwrap();
        let events = json!([{
            "id": logged.id, "type": &*logged.type_name, "version": logged.version,
            "metadata": meta, "data": data,
        }])
        .to_string();
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(logged.stream.as_str().as_bytes());
        checksum.update(events.as_bytes());
        db.execute(
            "INSERT INTO log VALUES (?, ?, ?, ?, ?)",
            (
                logged.position.0,
                logged.stream.as_str(),
                logged.revision,
                events,
                checksum.finalize(),
            ),
        )
        .unwrap();
    }
}

/// The read models without how what is personal is encrypted.
async fn read_models(directory: &Path) -> Tables {
    let app = App::open(directory).await.unwrap();
    app.start_read_models(|_| {}).await.unwrap();
    app.stop().await;
    let left_out = ["opening", "envelope", "blind_index", "sound_index", "name", "what", "digest"];
    tables_without(&directory.join("read-models.1.db"), &left_out)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_of_the_earlier_release_is_refused_until_it_is_migrated_and_then_says_the_same() {
    let home = tempfile::tempdir().unwrap();
    let (new, old) = (home.path().join("new"), home.path().join("old"));
    let app = fill(&new).await;
    let log = log_of(&app.log).await;
    write_unsealed(&old, app.store.id(), &app.vault, &log);
    let said = |path: &Path| {
        path.exists() && String::from_utf8_lossy(&fs::read(path).unwrap()).contains(SAID)
    };
    assert!(said(&old.join("log.db")) || said(&old.join("log.db-wal")), "it is plain text");

    let refused = SqliteStore::open(&old).err().expect("it is refused");
    assert!(matches!(refused, OpenError::Unsealed { .. }), "{refused}");
    assert!(refused.to_string().contains("parvandeh migrate"), "{refused}");

    // An attempt that ended half-way leaves something behind, which the next one does away with.
    fs::write(old.join("log.db.migrating"), "half of a log").unwrap();
    let migrate = || {
        let arguments = ["migrate", "--data-directory", old.to_str().unwrap()];
        let output =
            Command::new(env!("CARGO_BIN_EXE_parvandeh")).args(arguments).output().unwrap();
        let (out, lines) = (output.stdout, output.stderr);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&lines));
        String::from_utf8(out).unwrap()
    };
    assert!(migrate().starts_with(&format!("{} events", log.len())));
    assert!(migrate().starts_with("There is nothing to migrate"));

    for entry in fs::read_dir(&old).unwrap() {
        let path = entry.unwrap().path();
        assert!(path.is_dir() || !said(&path), "{}", path.display());
    }
    let migrated = App::open(&old).await.unwrap();
    assert_eq!(migrated.store.id(), app.store.id());
    migrated.log.check().unwrap();
    let again = log_of(&migrated.log).await;
    assert_eq!(again.len(), log.len());
    for (before, after) in log.iter().zip(&again) {
        assert_eq!((before.position, before.revision), (after.position, after.revision));
        assert_eq!((before.id, &before.stream), (after.id, &after.stream));
        let opened = |app: &App, logged: &LoggedEvent| -> Value {
            serde_json::from_slice(&sealing::opened_data(&app.vault, logged).unwrap()).unwrap()
        };
        assert_eq!(opened(&app, before), opened(&migrated, after), "{}", before.type_name);
        let meta = |logged: &LoggedEvent| -> Metadata {
            serde_json::from_slice(&logged.metadata).unwrap()
        };
        assert_eq!(meta(after).command_digest, None);
        assert_eq!(
            meta(before).personal.map(|seal| seal.subject),
            meta(after).personal.map(|seal| seal.subject)
        );
        assert_eq!(meta(before).occurred_at, meta(after).occurred_at);
    }
    app.stop().await;
    migrated.stop().await;
    assert_same(&read_models(&old).await, &read_models(&new).await, "the read models");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_with_an_event_that_is_not_understood_is_left_as_it_is() {
    let home = tempfile::tempdir().unwrap();
    let (new, old) = (home.path().join("new"), home.path().join("old"));
    let app = fill(&new).await;
    let mut log = log_of(&app.log).await;
    log[3].type_name = "CaseForetold".into();
    write_unsealed(&old, app.store.id(), &app.vault, &log);
    let vault = Vault::open(&old, Keyring::at(old.join("keyring"))).unwrap();
    let refused = seal_log(&old, &vault, |_| {}).unwrap_err();
    assert!(refused.to_string().contains("position 4"), "{refused}");
    assert!(matches!(SqliteStore::open(&old).err(), Some(OpenError::Unsealed { .. })));
    app.stop().await;
}
