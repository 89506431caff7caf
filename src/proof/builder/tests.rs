//! The builder against kills, damage, and logs that are not the ones that it signed for.

use std::fs;

use bytes::Bytes;

use super::*;
use crate::proof::interrupt;
use crate::store::StreamId;

/// A log in memory.
struct Log {
    id: Uuid,
    events: Vec<LoggedEvent>,
}

impl Log {
    fn of(size: u64) -> Self {
        let mut log = Self { id: Uuid::from_u128(42), events: Vec::new() };
        log.grow(size);
        log
    }

    fn grow(&mut self, size: u64) {
        for position in self.events.len() as u64 + 1..=size {
            self.events.push(LoggedEvent {
                position: Position(position),
                stream: StreamId::new("case-1").unwrap(),
                revision: position - 1,
                id: Uuid::from_u64_pair(position, position),
                type_name: "CaseNoteAdded".into(),
                version: 1,
                metadata: Bytes::from_static(b"{}"),
                data: format!(r#"{{"n":{position}}}"#).into(),
                envelope: None,
            });
        }
    }
}

impl Source for Log {
    fn id(&self) -> Uuid {
        self.id
    }

    fn size(&self) -> u64 {
        self.events.len() as u64
    }

    fn scan(&self, after: u64, limit: usize) -> Result<Vec<LoggedEvent>, ReadError> {
        Ok(self.events.iter().skip(after as usize).take(limit).cloned().collect())
    }
}

/// Takes all of the log in, batch by batch, signing after each as a busy server would.
fn build(log: &Log, directory: &Path) -> Result<SignedCheckpoint, BuildError> {
    let keyring = Keyring::at(directory.join("keyring"));
    let mut builder = Builder::open(log, directory, &keyring, None)?;
    while builder.advance(97)? > 0 {
        if builder.is_unsigned() {
            builder.sign()?;
        }
    }
    Ok(builder.promised().unwrap().clone())
}

fn disagreement(outcome: Result<SignedCheckpoint, BuildError>) -> String {
    match outcome {
        Err(BuildError::Disagrees(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_builder_that_is_ended_between_any_two_writes_goes_on_to_the_same_root() {
    let log = Log::of(700);
    let whole = tempfile::tempdir().unwrap();
    let expected = build(&log, whole.path()).unwrap().checkpoint;
    let mut places = 0;
    loop {
        let directory = tempfile::tempdir().unwrap();
        // The same key each time, so that roots and signatures can be compared.
        let keys = whole.path().join("keyring");
        fs::create_dir(directory.path().join("keyring")).unwrap();
        fs::copy(keys.join("checkpoint.key"), directory.path().join("keyring/checkpoint.key"))
            .unwrap();
        interrupt::after(Some(places));
        let ended = build(&log, directory.path());
        interrupt::after(None);
        let promised = Folder::of(directory.path()).checkpoint().unwrap();
        let again = build(&log, directory.path()).unwrap();
        assert_eq!(again.checkpoint, expected, "after {places} places");
        if let Some(promised) = promised {
            let tree = Tree::of(Folder::of(directory.path()).path());
            let root = merkle::root(&tree, promised.checkpoint.size).unwrap();
            assert_eq!(
                root, promised.checkpoint.root,
                "what was released stands, after {places} places"
            );
        }
        if ended.is_ok() {
            break;
        }
        places += 1;
    }
    assert!(places > 50, "only {places} places");
}

#[test]
fn damaged_or_missing_files_are_built_anew_and_give_the_signed_root() {
    let log = Log::of(700);
    let directory = tempfile::tempdir().unwrap();
    let before = build(&log, directory.path()).unwrap();
    let folder = Folder::of(directory.path());
    let level = |level: usize| folder.path().join(format!("level-{level}"));
    let flip = |path: PathBuf, at: usize| {
        let mut bytes = fs::read(&path).unwrap();
        bytes[at] ^= 1;
        fs::write(path, bytes).unwrap();
    };
    let cut = |path: PathBuf| {
        let bytes = fs::read(&path).unwrap();
        fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
    };
    let damages: [&dyn Fn(); 7] = [
        &|| fs::remove_file(level(0)).unwrap(),
        &|| fs::remove_file(level(1)).unwrap(),
        &|| cut(level(0)),
        &|| cut(level(1)),
        &|| flip(level(0), 700 * 32 - 1),
        &|| flip(level(0), 10),
        &|| flip(level(1), 10),
    ];
    for (number, damage) in damages.iter().enumerate() {
        damage();
        assert_eq!(build(&log, directory.path()).unwrap(), before, "damage {number}");
        Tree::of(folder.path()).check(700).unwrap();
    }
}

#[test]
fn nothing_is_signed_for_a_log_that_is_not_the_one_that_was_signed_before() {
    let mut log = Log::of(700);
    let directory = tempfile::tempdir().unwrap();
    build(&log, directory.path()).unwrap();
    let folder = Folder::of(directory.path());
    let signed = fs::read(folder.path().join("checkpoint")).unwrap();

    let mut other = Log::of(700);
    other.events.truncate(699);
    assert!(disagreement(build(&other, directory.path())).contains("ends at position 699"));
    other.grow(900);
    other.events[699].data = Bytes::from_static(b"{}");
    assert!(disagreement(build(&other, directory.path())).contains("the event at position 700"));
    // A change in the middle is found when the files are built anew; until then, by `parvandeh verify`.
    log.grow(900);
    log.events[300].data = Bytes::from_static(b"{}");
    fs::remove_file(folder.path().join("level-0")).unwrap();
    assert!(disagreement(build(&log, directory.path())).contains("another root"));
    assert!(disagreement(build(&log, directory.path())).contains("another root"), "and still");
    let another = Log { id: Uuid::from_u128(43), ..Log::of(900) };
    assert!(disagreement(build(&another, directory.path())).contains("is about parvandeh/"));
    assert_eq!(fs::read(folder.path().join("checkpoint")).unwrap(), signed);

    let log = Log::of(900);
    assert_eq!(build(&log, directory.path()).unwrap().checkpoint.size, 900);
}

#[test]
fn a_key_that_is_lost_or_another_stops_the_builder() {
    let log = Log::of(10);
    let directory = tempfile::tempdir().unwrap();
    build(&log, directory.path()).unwrap();
    let key = directory.path().join("keyring/checkpoint.key");
    let good = fs::read(&key).unwrap();
    fs::remove_file(&key).unwrap();
    assert!(matches!(build(&log, directory.path()), Err(BuildError::Key(KeyError::Missing(_)))));
    let seed = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let keyring = Keyring::at(directory.path().join("keyring"));
    let other = Builder::open(&log, directory.path(), &keyring, Some(seed)).map(|_| ());
    assert!(
        matches!(other, Err(BuildError::Disagrees(reason)) if reason.contains("bring the key back"))
    );
    fs::write(&key, "not a key").unwrap();
    std::os::unix::fs::PermissionsExt::set_mode(
        &mut fs::metadata(&key).unwrap().permissions(),
        0o600,
    );
    let outcome = build(&log, directory.path());
    assert!(matches!(outcome, Err(BuildError::Key(_))), "{outcome:?}");
    fs::write(&key, good).unwrap();
}

#[test]
fn a_checkpoint_that_cannot_be_read_is_not_replaced() {
    let log = Log::of(10);
    let directory = tempfile::tempdir().unwrap();
    build(&log, directory.path()).unwrap();
    let path = Folder::of(directory.path()).path().join("checkpoint");
    fs::write(&path, "").unwrap();
    let error = build(&log, directory.path()).unwrap_err();
    assert!(error.is_final(), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"");
}
