//! `parvandeh proof` and `parvandeh verify`, as people run them: the built program, its output and its exit code.

use std::path::Path;
use std::process::{Command, Output};

use parvandeh::proof::note::{KeyKind, Note, SignerKey};

use super::*;

fn run(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_parvandeh"));
    command.arg("--data-directory").arg(directory).args(arguments).output().unwrap()
}

#[track_caller]
fn printed(directory: &Path, arguments: &[&str], exit: i32) -> String {
    let output = run(directory, arguments);
    let said = String::from_utf8(output.stdout).unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(exit), "{said}{error}");
    if said.is_empty() { error } else { said }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_auditor_keeps_a_checkpoint_and_verifies_with_it_later() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let system = System::start_in(&data, SystemClock).await;
    work(&system, 0..3).await;
    signed(&system).await;
    let kept = directory.path().join("kept");
    let key = directory.path().join("key");
    std::fs::write(&kept, printed(&data, &["proof", "checkpoint"], 0)).unwrap();
    std::fs::write(&key, printed(&data, &["proof", "key"], 0)).unwrap();
    let (kept, key) = (kept.to_str().unwrap(), key.to_str().unwrap());
    work(&system, 3..6).await;
    signed(&system).await;

    let trusted = ["verify", "--key", key, "--checkpoint", kept];
    assert!(printed(&data, &trusted, 0).contains("VERIFIED: nothing was changed"));
    let report: Value =
        serde_json::from_str(&printed(&data, &["verify", "--format", "json"], 0)).unwrap();
    assert_eq!((&report["verified"], &report["findings"]), (&json!(true), &json!([])));
    let proof: Value =
        serde_json::from_str(&printed(&data, &["proof", "inclusion", "5"], 0)).unwrap();
    let leaf = leaf_hash(proof["leaf"].as_str().unwrap().as_bytes());
    let (size, root) = (proof["treeSize"].as_u64().unwrap(), hash(&proof["root"]));
    assert!(verify_inclusion(&leaf, 4, size, &hashes(&proof["hashes"]), &root));
    let said: Value = serde_json::from_str(proof["leaf"].as_str().unwrap()).unwrap();
    let by_id = printed(&data, &["proof", "inclusion", said["id"].as_str().unwrap()], 0);
    assert_eq!(serde_json::from_str::<Value>(&by_id).unwrap()["position"], 5);
    printed(&data, &["proof", "inclusion", "999999"], 6);
    printed(&data, &["proof", "consistency", kept], 0);
    let token = system.caller(Role::Auditor).token;
    let address = system.url("");
    printed(&data, &["verify", &address, "--token", &token, "--checkpoint", kept], 0);
    printed(&data, &["verify", &address], 1);
    system.stop().await;

    let log = rusqlite::Connection::open(data.join("log.db")).unwrap();
    let changed = "UPDATE log SET events = replace(events, 'tester', 'nobody') WHERE position = 4";
    assert_eq!(log.execute(changed, []).unwrap(), 1);
    drop(log);
    let said = printed(&data, &trusted, 1);
    assert!(said.contains("NOT VERIFIED") && said.contains("First: position 4:"), "{said}");
    printed(&data, &["proof", "inclusion", "4"], 1);
    printed(&data, &["verify", "/nowhere"], 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_signature_of_a_witness_is_kept_and_can_be_demanded() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let system = System::start_in(&data, SystemClock).await;
    work(&system, 0..2).await;
    signed(&system).await;
    let witness = SignerKey::from_seed("witness.example", KeyKind::Cosignature, &[5; 32]).unwrap();
    let key = witness.verifier().to_string();
    let demanded = ["verify", "--witness-key", &key];
    assert!(printed(&data, &demanded, 1).contains("no checkpoint is witnessed by witness.example"));

    let note: Note = printed(&data, &["proof", "checkpoint"], 0).parse().unwrap();
    let line = witness.sign(&note.text, 1_800_000_000).to_string();
    printed(&data, &["proof", "cosign", "--signature", &line, "--witness-key", &key], 0);
    assert!(printed(&data, &["proof", "checkpoint"], 0).contains(&line));
    assert!(
        String::from_utf8(fetch(&system, Role::Auditor, "/proof/checkpoint").await.1)
            .unwrap()
            .contains(&line)
    );
    printed(&data, &demanded, 0);
    let other = SignerKey::from_seed("witness.example", KeyKind::Cosignature, &[6; 32]).unwrap();
    let forged = other.sign(&note.text, 1_800_000_000).to_string();
    printed(&data, &["proof", "cosign", "--signature", &forged, "--witness-key", &key], 1);
    printed(&data, &["verify", "--witness-key", &other.verifier().to_string()], 1);

    // The log goes on, the witness answers for what it has seen: as a whole note.
    work(&system, 2..3).await;
    signed(&system).await;
    printed(&data, &demanded, 0);
    let late = directory.path().join("late");
    let mut signed_late = note.clone();
    signed_late.signatures.push(other.sign(&note.text, 1_800_000_060));
    std::fs::write(&late, signed_late.to_string()).unwrap();
    printed(&data, &["proof", "cosign", "--note", late.to_str().unwrap()], 0);
    printed(
        &data,
        &["verify", "--witness-key", &key, "--witness-key", &other.verifier().to_string()],
        0,
    );
    system.stop().await;
}
