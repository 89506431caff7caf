//! Changes of what was signed, and changes of everything together.

use parvandeh::proof::builder::Builder;
use parvandeh::proof::checkpoint::{Folder, SignedCheckpoint};
use parvandeh::store::sqlite::SqliteStore;
use parvandeh::vault::Keyring;

use super::*;

pub fn bytes_flipped(original: &Original, random: &mut Random) {
    for number in 0..2 * PLACES {
        let copy = original.copy();
        let path = copy.proof(if number % 2 == 0 { "checkpoint" } else { "verifier-key" });
        let mut bytes = fs::read(&path).unwrap();
        // The line's end is not part of a key.
        let length = bytes.len() as u64 - number % 2;
        let at = random.below(length) as usize;
        bytes[at] ^= 1 << random.below(8);
        fs::write(&path, bytes).unwrap();
        assert!(!copy.verify().holds(), "byte {at} of {}", path.display());
    }
    for name in ["checkpoint", "verifier-key"] {
        let copy = original.copy();
        fs::remove_file(copy.proof(name)).unwrap();
        assert!(!copy.verify().holds(), "without {name}");
    }
}

/// Changes an event so that it can still be read.
fn change_an_event(original: &Original, copy: &Copy, random: &mut Random) -> u64 {
    let mut row = original.rows[original.some_row(random)].clone();
    let place = row.places()[0].clone();
    let at = place.start + r#"{"id":""#.len();
    let id = uuid::Uuid::new_v4().to_string();
    row.events[at..at + 36].copy_from_slice(id.as_bytes());
    let log = copy.log();
    log.execute("DELETE FROM log WHERE position = ?1", [row.position]).unwrap();
    insert(&log, &row);
    row.position as u64
}

/// Builds the tree's files anew from the log as it is now, and signs it with a key.
fn build_anew(copy: &Copy, keyring: &Path) {
    fs::remove_dir_all(copy.path().join("proof")).unwrap();
    let store = SqliteStore::open(copy.path()).unwrap();
    let mut builder = Builder::open(&store, copy.path(), &Keyring::at(keyring), None).unwrap();
    while builder.advance(100).unwrap() > 0 {}
    builder.sign().unwrap();
    drop(store);
}

/// The log is changed and the tree's files are made to agree with it, but the checkpoint cannot be: some range is wrong.
pub fn log_and_files_rewritten_together(original: &Original, random: &mut Random) {
    for _ in 0..PLACES / 20 {
        let copy = original.copy();
        let proof = original.copy();
        let position = change_an_event(original, &copy, random);
        build_anew(&copy, &copy.path().join("other-keyring"));
        for name in ["checkpoint", "verifier-key"] {
            fs::copy(proof.proof(name), copy.proof(name)).unwrap();
        }
        let report = copy.is_found_at(1..=1, "log and files changed together");
        let first = report.first().unwrap();
        assert!(first.position_last.is_some_and(|last| last >= position), "{report:#?}");
        assert!(first.problem.contains("the tree's files agree with the log"), "{report:#?}");
    }
}

/// Whoever has the key can sign anything; a checkpoint that was kept from before shows it, and so does another key.
pub fn signed_anew(original: &Original, random: &mut Random) {
    let folder = Folder::of(original.directory.path());
    let kept: SignedCheckpoint = folder.checkpoint().unwrap().unwrap();
    let key = folder.verifier_key().unwrap().unwrap();
    for number in 0..PLACES / 20 {
        let copy = original.copy();
        change_an_event(original, &copy, random);
        let own = original.directory.path().join("keyring");
        let other = copy.path().join("other-keyring");
        build_anew(&copy, if number % 2 == 0 { &own } else { &other });
        assert!(copy.verify().holds(), "this is the honest limit: {:#?}", copy.verify());
        let verify = |trust: &Trust| directory::verify(copy.path(), trust, |_, _| {});
        let kept = Trust { earlier: Some(kept.clone()), ..Trust::default() };
        assert!(!verify(&kept).holds(), "against a checkpoint from before");
        let keyed = verify(&Trust { key: Some(key.clone()), ..Trust::default() });
        assert_eq!(keyed.holds(), number % 2 == 0, "against the key: {keyed:#?}");
    }
}
