//! `parvandeh keys`, as people run it: the built program, its output and its exit code.

use std::fs;
use std::path::Path;
use std::process::Command;

use parvandeh::vault::{Keyring, Opened, Vault};
use parvandeh_domain::id::{CustomerId, DataSubject};
use tempfile::TempDir;
use uuid::Uuid;

const DONE: i32 = 0;
const FAILED: i32 = 1;
const IN_USE: i32 = 4;
const NOT_FOUND: i32 = 6;

fn parvandeh(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_parvandeh"));
    command.args(arguments).arg("--data-directory").arg(data);
    command.env_remove("PARVANDEH_VAULT_KEYS").env_remove("PARVANDEH_KEYRING");
    command
}

/// What was printed, after a run that ended so.
#[track_caller]
fn printed(mut command: Command, exit: i32) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(exit), "{said}{error}");
    said + &error
}

fn subject() -> DataSubject {
    DataSubject::Customer(CustomerId(Uuid::from_u128(1)))
}

#[test]
fn a_rotation_wraps_every_key_anew_and_shows_no_secret() {
    let data = TempDir::new().unwrap();
    let keyring = data.path().join("keyring");
    let open = || Vault::open(data.path(), Keyring::at(&keyring)).unwrap();
    let vault = open();
    let sealed = vault.seal(subject(), Uuid::nil(), b"{}").unwrap();

    let refused = printed(parvandeh(data.path(), &["keys", "rotate"]), IN_USE);
    assert!(refused.contains("erased.jsonl is in use by another process"), "{refused}");
    let status = printed(parvandeh(data.path(), &["keys", "status"]), DONE);
    assert!(status.contains("data keys        3 wrapped with version 1\n"), "{status}");
    drop(vault);

    let rotated = printed(parvandeh(data.path(), &["keys", "rotate"]), DONE);
    assert!(
        rotated.contains(
            "Version 2 of the key-encryption key wraps all data keys now; 3 were wrapped anew."
        ),
        "{rotated}"
    );
    assert!(rotated.contains("Next: back up the keyring"), "{rotated}");
    let status = printed(parvandeh(data.path(), &["keys", "status"]), DONE);
    assert!(status.contains("current version  2\n"), "{status}");
    assert!(status.contains("data keys        3 wrapped with version 2\n"), "{status}");
    assert!(status.contains("erased subjects  0\n"), "{status}");
    for line in fs::read_to_string(keyring.join("vault.keys")).unwrap().lines() {
        let (_, secret) = line.split_once(' ').unwrap();
        assert!(!rotated.contains(secret) && !status.contains(secret));
    }
    let opened = open().open_envelope(&sealed.envelope).unwrap();
    assert_eq!(opened, Opened::Known { subject: subject(), plaintext: b"{}".to_vec().into() });
}

#[test]
fn a_rotation_that_was_interrupted_after_its_new_key_draws_no_second_one() {
    let data = TempDir::new().unwrap();
    let keyring = data.path().join("keyring");
    drop(Vault::open(data.path(), Keyring::at(&keyring)).unwrap());
    parvandeh::vault::add_key_encryption_key(&Keyring::at(&keyring)).unwrap();
    let status = printed(parvandeh(data.path(), &["keys", "status"]), DONE);
    assert!(status.contains("A rotation is not finished"), "{status}");
    let rotated = printed(parvandeh(data.path(), &["keys", "rotate"]), DONE);
    assert!(rotated.contains("Version 2 of"), "{rotated}");
    assert_eq!(fs::read_to_string(keyring.join("vault.keys")).unwrap().lines().count(), 2);
}

#[test]
fn the_keyring_is_where_the_setting_says_and_keys_of_the_environment_are_its_owners() {
    let (data, keyring) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let nothing = printed(parvandeh(data.path(), &["keys", "status"]), NOT_FOUND);
    assert!(nothing.contains("has no keys.db"), "{nothing}");
    let elsewhere = keyring.path().join("ring");
    drop(Vault::open(data.path(), Keyring::at(&elsewhere)).unwrap());

    let lost = printed(parvandeh(data.path(), &["keys", "rotate"]), FAILED);
    assert!(lost.contains("restore the keyring from a backup"), "{lost}");
    assert!(!data.path().join("keyring").exists(), "nothing is made in the wrong place");
    let mut by_environment = parvandeh(data.path(), &["keys", "rotate"]);
    by_environment.env("PARVANDEH_KEYRING", &elsewhere);
    printed(by_environment, DONE);
    let flag = elsewhere.display().to_string();
    let by_flag = parvandeh(data.path(), &["keys", "status", "--keyring", &flag]);
    assert!(printed(by_flag, DONE).contains("current version  2\n"));

    let keys = fs::read_to_string(elsewhere.join("vault.keys")).unwrap();
    let mut own = parvandeh(data.path(), &["keys", "rotate"]);
    own.env("PARVANDEH_KEYRING", &elsewhere).env("PARVANDEH_VAULT_KEYS", keys);
    let refused = printed(own, FAILED);
    assert!(refused.contains("which only you can change"), "{refused}");
}

#[test]
fn the_keyring_of_replicas_is_made_grows_and_is_rotated_over_the_cluster() {
    let double = kurrentdb_double::Double::start(kurrentdb_double::Options::default()).unwrap();
    let (data, keyring) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let run = |arguments: &[&str], exit| {
        let mut command = parvandeh(data.path(), arguments);
        command.arg("--keyring").arg(keyring.path());
        command.args(["--store", &double.connection_string()]);
        printed(command, exit)
    };
    run(&["keys", "create"], DONE);
    let refused = run(&["keys", "create"], FAILED);
    assert!(refused.contains("has keys already"), "{refused}");

    // The first replica draws the vault's own two keys.
    let rotated = run(&["keys", "rotate"], DONE);
    assert!(
        rotated.contains(
            "Version 1 of the key-encryption key wraps all data keys now; 0 were wrapped anew."
        ),
        "{rotated}"
    );
    let added = run(&["keys", "add"], DONE);
    assert!(added.contains("Version 2 of the key-encryption key is in"), "{added}");
    let rotated = run(&["keys", "rotate"], DONE);
    assert!(
        rotated.contains(
            "Version 2 of the key-encryption key wraps all data keys now; 2 were wrapped anew."
        ),
        "{rotated}"
    );
    for name in ["vault-blind-index", "vault-digest"] {
        let stream = double.events_of(&format!("parvandeh.vault-key-{name}"));
        assert_eq!(stream.len(), 2, "the first wrapping of {name} and the second");
    }
}
