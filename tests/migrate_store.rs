//! `parvandeh migrate-store`, as people run it, with a double of a cluster: there and back again.

use std::fs;
use std::path::Path;
use std::process::Command;

use jiff::Timestamp;
use kurrentdb_double::{Double, Options};
use parvandeh::store::sqlite::SqliteStore;
use parvandeh::store::{EventStore, Expect, NewEvent, StreamId};
use parvandeh::vault::{Keyring, Opened, Vault};
use parvandeh_domain::id::{CustomerId, DataSubject};
use tempfile::TempDir;
use uuid::Uuid;

fn subject(number: u128) -> DataSubject {
    DataSubject::Customer(CustomerId(Uuid::from_u128(number)))
}

/// Runs the program; answers what it said and its exit code.
fn migrate(data: &Path, arguments: &[&str]) -> (String, Option<i32>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_parvandeh"));
    command.arg("migrate-store").args(arguments).arg("--data-directory").arg(data);
    command.env_remove("PARVANDEH_VAULT_KEYS").env_remove("PARVANDEH_KEYRING");
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (String::from_utf8(said).unwrap(), output.status.code())
}

/// The line's last word that ends with a full stop: the root.
fn root(said: &str) -> &str {
    let line = said.lines().find(|line| line.contains("same root")).unwrap();
    line.trim_end_matches('.').rsplit(' ').next().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_and_its_keys_move_into_a_cluster_and_back() {
    let double = Double::start(Options::default()).unwrap();
    let address = double.connection_string();
    let (data, back) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let store = SqliteStore::open(data.path()).unwrap();
    let vault = Vault::open(data.path(), Keyring::at(data.path().join("keyring"))).unwrap();
    for number in 0..20_u128 {
        let id = Uuid::from_u128(number);
        let sealed = vault.seal(subject(number), id, br#"{"name":"x"}"#).unwrap();
        let event = NewEvent {
            id,
            type_name: "CustomerRegistered",
            version: 1,
            metadata: "{}".into(),
            data: format!(r#"{{"number":{number}}}"#).into(),
            envelope: Some(sealed.envelope),
        };
        let stream = StreamId::new(&format!("customer-{id}")).unwrap();
        store.append(&stream, Expect::NoStream, vec![event]).await.unwrap();
    }
    vault.erase(subject(3), Timestamp::UNIX_EPOCH, Uuid::nil()).unwrap();
    let (id, before) = (store.id(), format!("{:?}", store.read_all(None, 100).await.unwrap()));
    drop((store, vault));

    let (there, exit) = migrate(data.path(), &["--to", &address]);
    assert_eq!(exit, Some(0), "{there}");
    assert!(there.contains("20 events, 21 keys and 1 erasures are in the cluster"), "{there}");
    let (again, exit) = migrate(data.path(), &["--to", &address]);
    assert_eq!((exit, root(&again)), (Some(0), root(&there)), "{again}");
    assert_eq!(double.events_of("parvandeh.customer-").len(), 20);

    // The keys that open data keys are given to whoever comes; nothing else is.
    let keyring = back.path().join("keyring");
    fs::create_dir(&keyring).unwrap();
    fs::copy(data.path().join("keyring/vault.keys"), keyring.join("vault.keys")).unwrap();
    let (here, exit) = migrate(back.path(), &["--from", &address]);
    assert_eq!((exit, root(&here)), (Some(0), root(&there)), "{here}");
    let store = SqliteStore::open(back.path()).unwrap();
    assert_eq!(store.id(), id);
    assert_eq!(format!("{:?}", store.read_all(None, 100).await.unwrap()), before);
    let vault = Vault::open(back.path(), Keyring::at(keyring)).unwrap();
    assert!(vault.is_erased(subject(3)));
    for event in store.read_all(None, 100).await.unwrap() {
        let opened = vault.open_envelope(&event.envelope.unwrap()).unwrap();
        let expected = match event.id.as_u128() {
            3 => Opened::Erased,
            number => {
                let plaintext = br#"{"name":"x"}"#.to_vec().into();
                Opened::Known { subject: subject(number), plaintext }
            }
        };
        assert!(opened == expected);
    }
}

#[test]
fn what_cannot_be_moved_is_said_without_secrets() {
    let data = TempDir::new().unwrap();
    let (said, exit) = migrate(data.path(), &[]);
    assert_eq!(exit, Some(2), "{said}");
    let secret = "kurrentdb://admin:changeit-7@localhost:2113?tlsVerifyCert=false";
    let (said, exit) = migrate(data.path(), &["--to", secret]);
    assert_eq!(exit, Some(5), "{said}");
    assert!(said.contains("tlsVerifyCert") && !said.contains("changeit"), "{said}");
    let (said, exit) = migrate(data.path(), &["--to", "kurrentdb://localhost:1?tls=false"]);
    assert_eq!(exit, Some(6), "{said}");
    assert!(said.contains("has no log with its keys to move"), "{said}");
}
