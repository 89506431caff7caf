//! Bundles: what is in them verifies offline, and what was changed in them is found.

use parvandeh::proof::bundle::{self, Header, Written};
use parvandeh::proof::verify::Report;
use parvandeh::store::{LoggedEvent, ReadError};

use super::*;
use crate::harness::random::Random;

async fn events(system: &System) -> Vec<LoggedEvent> {
    system.app.store.read_all(None, 10_000).await.unwrap()
}

/// A bundle of the events that are wanted.
async fn written(system: &System, wanted: impl Fn(&LoggedEvent) -> bool) -> (Written, String) {
    let signed = system.app.proof.signed().unwrap();
    let header = Header {
        signed: signed.checkpoint.clone(),
        key: signed.key.clone(),
        store: system.app.store.id(),
        filter: json!({ "case": "some" }),
        personal: "left out".to_owned(),
    };
    let events = events(system)
        .await
        .into_iter()
        .filter(wanted)
        .map(|event| Ok::<_, ReadError>((event, None)));
    let mut out = Vec::new();
    let written = bundle::write(&mut out, events, system.app.proof.tree(), &header).unwrap();
    (written, String::from_utf8(out).unwrap())
}

fn verify(bundle: &str, trust: &Trust) -> Report {
    bundle::verify("bundle", bundle.as_bytes(), trust, |_, _| {})
}

fn position(event: &Value) -> u64 {
    event["event"]["position"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bundle_of_any_part_of_the_log_verifies_offline() {
    let system = System::start().await;
    work(&system, 0..30).await;
    let size = signed(&system).await;
    let every = |step: u64| move |event: &LoggedEvent| event.position.0.is_multiple_of(step);
    for step in [1, 2, 3, 7, 100, 255, 256, 10_000] {
        let (written, text) = written(&system, every(step)).await;
        assert_eq!(written.events, size / step);
        let report = verify(&text, &Trust::default());
        assert!(report.holds() && report.events == written.events, "every {step}: {report:#?}");
    }
    let (cut, _) = {
        work(&system, 30..31).await;
        let all = events(&system).await.len() as u64;
        let written = written(&system, |_| true).await;
        assert!(written.0.is_cut || system.app.proof.signed().unwrap().size() == all);
        written
    };
    assert!(cut.events >= size);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_changed_in_a_bundle_is_found_and_named() {
    let system = System::start().await;
    work(&system, 0..10).await;
    signed(&system).await;
    let (_, text) = written(&system, |event| event.position.0 % 5 < 3).await;
    system.stop().await;
    let lines: Vec<&str> = text.lines().collect();
    let events: Vec<usize> =
        (1..lines.len()).filter(|line| lines[*line].starts_with("{\"event\"")).collect();
    let with = |lines: &[&str]| verify(&(lines.join("\n") + "\n"), &Trust::default());
    let position_of = |line: usize| position(&serde_json::from_str(lines[line]).unwrap());
    let mut random = Random::printed();
    for _ in 0..200 {
        let line = *random.one_of(&events);
        let first = |report: &Report| {
            assert!(!report.holds());
            report.first().unwrap().position
        };
        // A bit of an event, between its braces.
        let mut bytes = lines[line].as_bytes().to_vec();
        let end = lines[line].find(",\"leaf_hash\"").unwrap();
        let at = random.below(end as u64) as usize;
        bytes[at] ^= 1 << random.below(7);
        if bytes[at] != b'\n'
            && let Ok(changed) = std::str::from_utf8(&bytes)
        {
            let mut lines = lines.clone();
            lines[line] = changed;
            assert_eq!(first(&with(&lines)), Some(position_of(line)), "{changed}");
        }
        let mut dropped = lines.clone();
        dropped.remove(line);
        assert_eq!(first(&with(&dropped)), Some(position_of(line)));
        let mut doubled = lines.clone();
        doubled.insert(line, lines[line]);
        assert_eq!(first(&with(&doubled)), Some(position_of(line) + 1));
        let other = *random.one_of(&events);
        if other != line {
            let mut swapped = lines.clone();
            swapped.swap(line, other);
            let earlier = line.min(other);
            assert_eq!(first(&with(&swapped)), Some(position_of(earlier)));
        }
        let cut = &lines[..line];
        assert_eq!(first(&with(cut)), Some(position_of(line)));
        let cut = text.floor_char_boundary(random.below(text.len() as u64 - 1) as usize);
        assert!(!verify(&text[..cut], &Trust::default()).holds());
    }
    // Whole gaps in the place of events, with other hashes.
    for line in 1..lines.len() {
        if let Some(at) = lines[line].find("\"hashes\":[\"") {
            let mut changed = lines[line].to_owned();
            let at = at + "\"hashes\":[\"".len();
            let other = if changed.as_bytes()[at] == b'A' { "B" } else { "A" };
            changed.replace_range(at..=at, other);
            let mut lines = lines.clone();
            lines[line] = &changed;
            assert!(!with(&lines).holds());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bundle_shows_that_it_goes_on_from_a_checkpoint_where_it_can_and_fails_where_it_cannot() {
    let system = System::start().await;
    work(&system, 0..3).await;
    let size = signed(&system).await;
    let before = system.app.proof.signed().unwrap();
    work(&system, 3..10).await;
    let after = signed(&system).await;
    let trust = Trust {
        key: Some(before.key.clone()),
        earlier: Some(before.checkpoint.clone()),
        witnesses: Vec::new(),
    };
    let (_, all) = written(&system, |_| true).await;
    assert!(verify(&all, &trust).holds());
    let (_, none) = written(&system, |_| false).await;
    let report = verify(&none, &trust);
    // Such a bundle has the roots of the whole subtrees of which the log consists, the largest first: its beginnings are those that they make up.
    let mut begun = 0;
    let mut subtrees = (0..64).rev().map(|level| after & (1 << level)).filter(|size| *size > 0);
    let is_a_beginning = subtrees.any(|subtree| {
        begun += subtree;
        begun == size
    });
    assert_eq!(report.holds(), is_a_beginning, "{report:#?}");
    let mut other = trust.clone();
    other.earlier.as_mut().unwrap().checkpoint.root[3] ^= 1;
    assert!(!verify(&all, &other).holds());
    system.stop().await;
}
