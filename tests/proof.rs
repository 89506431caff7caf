//! The proof of a running system, as auditors meet it: over HTTP, in GraphQL, on the command line, and in bundles.

mod bundles;
mod command_line;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::{SignedDuration, Timestamp};
use parvandeh::clock::SystemClock;
use parvandeh::principal::Role;
use parvandeh::proof::checkpoint::SignedCheckpoint;
use parvandeh::proof::merkle::{Hash, leaf_hash, verify_consistency, verify_inclusion};
use parvandeh::proof::verify::{Trust, directory, remote};
use serde_json::{Value, json};

use crate::harness::work::{case_command, metadata, numbered_case, on_case, open_case};
use crate::harness::{System, released};

/// Makes so many cases with some events each.
pub async fn work(system: &System, cases: std::ops::Range<u8>) {
    let begin = Timestamp::now() - SignedDuration::from_hours(500);
    for number in cases {
        let id = numbered_case(number);
        for step in 0..16_u8 {
            let at = begin + SignedDuration::from_hours(i64::from(step) + i64::from(number));
            let command = match step {
                0 => open_case(number, at),
                _ => case_command(step.wrapping_mul(7), number.wrapping_add(step), at),
            };
            // Some are refused, as random work is.
            let _ = on_case(&system.app.commands, id, metadata(Some(at)), command).await;
        }
    }
}

/// Waits for a checkpoint over all that is in the log now.
pub async fn signed(system: &System) -> u64 {
    let size = system.app.store.head().unwrap().0;
    system.app.proof.wait_for(size).await.unwrap().size()
}

fn hash(value: &Value) -> Hash {
    BASE64.decode(value.as_str().unwrap()).unwrap().try_into().unwrap()
}

fn hashes(value: &Value) -> Vec<Hash> {
    value.as_array().unwrap().iter().map(hash).collect()
}

async fn fetch(system: &System, role: Role, path: &str) -> (u16, Vec<u8>) {
    let token = system.caller(role).token;
    let request = reqwest::Client::new().get(system.url(path)).bearer_auth(token);
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.bytes().await.unwrap().to_vec())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_auditor_gets_proofs_that_verify_against_the_signed_checkpoint() {
    let system = System::start().await;
    work(&system, 0..3).await;
    let first = signed(&system).await;
    let auditor = system.caller(Role::Auditor);
    let kept = auditor.ask("{ proofCheckpoint { note size root verifierKey } }", json!({})).await;
    let kept = &kept["proofCheckpoint"];
    let key = kept["verifierKey"].as_str().unwrap().parse().unwrap();
    let checkpoint = SignedCheckpoint::parse(kept["note"].as_str().unwrap()).unwrap();
    checkpoint.verify(&key).unwrap();
    work(&system, 3..30).await;
    let size = signed(&system).await;
    assert!(size > 256 && first < size, "{first} {size}");

    let query = "query($position: Int, $eventId: ID, $treeSize: Int) { inclusionProof(position: $position, eventId: $eventId, \
                 treeSize: $treeSize) { position index treeSize leaf leafHash hashes root checkpoint { note root size } } }";
    for position in [1, 2, 100, 256, 257, size] {
        let answer = auditor.ask(query, json!({ "position": position })).await;
        let proof = &answer["inclusionProof"];
        let leaf = leaf_hash(proof["leaf"].as_str().unwrap().as_bytes());
        let root = hash(&proof["root"]);
        assert_eq!(
            (hash(&proof["leafHash"]), &proof["root"]),
            (leaf, &proof["checkpoint"]["root"])
        );
        let tree_size = proof["treeSize"].as_u64().unwrap();
        assert!(verify_inclusion(&leaf, position - 1, tree_size, &hashes(&proof["hashes"]), &root));
        let said: Value = serde_json::from_str(proof["leaf"].as_str().unwrap()).unwrap();
        assert_eq!(said["position"], position);
        // The same by its id, in the tree that was kept, where it is in that.
        let variables = json!({ "eventId": said["id"], "treeSize": first });
        let answer = auditor.send(query, variables).await;
        if position <= first {
            let proof = &answer["data"]["inclusionProof"];
            assert_eq!((&proof["position"], &proof["root"]), (&json!(position), &kept["root"]));
        } else {
            assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{answer}");
        }
    }
    let nobody = json!({ "eventId": "00000000-0000-0000-0000-000000000000" });
    assert_eq!(auditor.ask(query, nobody).await["inclusionProof"], Value::Null);

    let query = "query($from: Int!) { consistencyProof(from: $from) { from to fromRoot toRoot hashes checkpoint { root } } }";
    let proof = auditor.ask(query, json!({ "from": first })).await["consistencyProof"].take();
    let (from_root, to_root) = (hash(&proof["fromRoot"]), hash(&proof["toRoot"]));
    assert_eq!(
        (from_root, &proof["toRoot"]),
        (checkpoint.checkpoint.root, &proof["checkpoint"]["root"])
    );
    let to = proof["to"].as_u64().unwrap();
    assert!(verify_consistency((first, &from_root), (to, &to_root), &hashes(&proof["hashes"])));
    for variables in [json!({ "from": 0 }), json!({ "from": to + 1_000 })] {
        let answer = auditor.send(query, variables).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{answer}");
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tiles_are_for_auditors_and_hold_what_the_checkpoint_covers() {
    let system = System::start().await;
    work(&system, 0..30).await;
    let size = signed(&system).await;
    for role in Role::ALL
        .into_iter()
        .filter(|role| !matches!(role, Role::Auditor | Role::Admin | Role::Customer))
    {
        assert_eq!(fetch(&system, role, "/proof/checkpoint").await.0, 403, "{role}");
    }
    let unknown = reqwest::get(system.url("/proof/checkpoint")).await.unwrap();
    assert_eq!(unknown.status(), 401);

    let (status, note) = fetch(&system, Role::Admin, "/proof/checkpoint").await;
    let checkpoint = SignedCheckpoint::parse(std::str::from_utf8(&note).unwrap()).unwrap();
    let (_, key) = fetch(&system, Role::Auditor, "/proof/key").await;
    checkpoint.verify(&String::from_utf8(key).unwrap().parse().unwrap()).unwrap();
    assert_eq!((status, checkpoint.checkpoint.size), (200, size));

    let rest = size % 256;
    let (status, tile) = fetch(&system, Role::Auditor, "/proof/tile/0/000").await;
    assert_eq!((status, tile.len()), (200, 256 * 32));
    let last = format!("/proof/tile/0/{:03}.p/{rest}", size / 256);
    assert_eq!(fetch(&system, Role::Auditor, &last).await.1.len() as u64, rest * 32);
    assert_eq!(fetch(&system, Role::Admin, "/proof/tile/entries/000").await.0, 403);
    assert_eq!(fetch(&system, Role::Admin, "/proof/tile/0/000").await.0, 200);
    let (_, entries) = fetch(&system, Role::Auditor, "/proof/tile/entries/000").await;
    let leaves = parvandeh::proof::tiles::entries(&entries).unwrap();
    let computed: Vec<Hash> = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
    assert_eq!(computed.as_flattened(), tile);
    let wider = format!("/proof/tile/0/{:03}.p/{}", size / 256, rest + 1);
    for path in [
        "/proof/tile/0/999",
        "/proof/tile/0/0",
        "/proof/tile/9/000",
        "/proof/",
        "/proof/other",
        &wider,
    ] {
        assert_eq!(fetch(&system, Role::Auditor, path).await.0, 404, "{path}");
    }

    let verify = |token: String, trust: Trust| {
        let address = system.url("");
        async move { remote::verify(&address, Some(token), &trust, |_, _| {}).await }
    };
    let auditor = system.caller(Role::Auditor).token;
    let kept = Trust { earlier: Some(checkpoint.clone()), ..Trust::default() };
    let report = verify(auditor.clone(), kept).await.unwrap();
    assert!(report.holds() && report.events >= size, "{report:#?}");
    let mut other = checkpoint;
    other.checkpoint.root[0] ^= 1;
    let report = verify(auditor, Trust { earlier: Some(other), ..Trust::default() }).await.unwrap();
    assert!(!report.holds());
    assert!(verify(system.caller(Role::Agent).token, Trust::default()).await.is_err());
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_data_directory_verifies_beside_the_server_that_writes_to_it() {
    let system = System::start().await;
    let directory = system.app.directory().to_owned();
    work(&system, 0..1).await;
    signed(&system).await;
    let writing = work(&system, 1..60);
    let verifying = async {
        let mut sizes = Vec::new();
        for _ in 0..20 {
            let directory = directory.clone();
            let report = tokio::task::spawn_blocking(move || {
                directory::verify(&directory, &Trust::default(), |_, _| {})
            });
            let report = report.await.unwrap();
            assert!(report.holds(), "{report:#?}");
            sizes.push(report.events);
        }
        sizes
    };
    let ((), sizes) = tokio::join!(writing, verifying);
    assert!(sizes.is_sorted() && sizes.first() < sizes.last(), "{sizes:?}");
    signed(&system).await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_is_older_than_its_checkpoint_is_served_but_not_signed_for_and_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let system = System::start_in(directory.path(), SystemClock).await;
    work(&system, 0..3).await;
    let size = signed(&system).await;
    system.stop().await;
    released(directory.path()).await;
    let path = directory.path().join("proof/checkpoint");
    let signed = std::fs::read(&path).unwrap();
    let log = rusqlite::Connection::open(directory.path().join("log.db")).unwrap();
    log.execute("DELETE FROM log WHERE position = (SELECT max(position) FROM log)", []).unwrap();
    log.execute("DELETE FROM vault WHERE position >= ?1", [size]).unwrap();
    drop(log);
    // The index of streams is derived, and follows the log.
    let _ = std::fs::remove_file(directory.path().join("stream-index.db"));

    let system = System::start_in(directory.path(), SystemClock).await;
    let ready = async || {
        let answer = reqwest::get(system.url("/health/ready")).await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.text().await.unwrap())
    };
    let mut answer = ready().await;
    while answer.0 == 200 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        answer = ready().await;
    }
    assert!(
        answer.1.contains("no checkpoints are signed any more: the log ends at position"),
        "{answer:?}"
    );
    work(&system, 3..4).await;
    let metrics = reqwest::get(system.url("/metrics")).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("parvandeh_proof_stopped 1"), "{metrics}");
    system.stop().await;
    assert_eq!(std::fs::read(path).unwrap(), signed);
}
