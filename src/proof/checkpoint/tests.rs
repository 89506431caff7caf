use super::*;
use crate::proof::note::{KeyKind, SignerKey};

#[test]
fn a_checkpoint_reads_as_another_implementation_reads_it() {
    let checkpoint = Checkpoint { origin: origin(Uuid::nil()), size: 1_234, root: [9; 32] };
    let text = checkpoint.text();
    let theirs = tlog_tiles::Checkpoint::from_bytes(text.as_bytes()).unwrap();
    assert_eq!(
        (theirs.origin(), theirs.size(), theirs.hash().0),
        (&*checkpoint.origin, 1_234, [9; 32])
    );
    assert_eq!(Checkpoint::parse(&text), Ok(checkpoint));
}

#[test]
fn what_is_no_checkpoint_is_refused() {
    for text in [
        "",
        "origin\n1\n",
        "origin\n01\nAAAA\n",
        "origin\n-1\nAAAA\n",
        "origin\n1\nAAAA\n",
        "\n1\nAAAA\n",
    ] {
        assert!(Checkpoint::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn lines_of_witnesses_are_shown_with_the_checkpoint_that_they_signed_and_with_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let folder = Folder::of(directory.path());
    fs::create_dir(folder.path()).unwrap();
    let key = SignerKey::from_seed("parvandeh/x", KeyKind::Ed25519, &[1; 32]).unwrap();
    let witness = SignerKey::from_seed("witness.example", KeyKind::Cosignature, &[2; 32]).unwrap();
    let note = |size| {
        let text = Checkpoint { origin: "parvandeh/x".to_owned(), size, root: [3; 32] }.text();
        Note { signatures: vec![key.sign(&text, 0)], text }
    };
    let mut witnessed = note(5);
    witnessed.signatures.push(witness.sign(&witnessed.text, 60));
    folder.store_checkpoint(&note(5)).unwrap();
    folder.store_witnessed(&witnessed).unwrap();
    let shown = folder.checkpoint().unwrap().unwrap();
    assert_eq!(shown.note, witnessed);
    assert_eq!(witness.verifier().verify(&shown.note), Ok(Some(60)));
    folder.store_checkpoint(&note(6)).unwrap();
    assert_eq!(folder.checkpoint().unwrap().unwrap().note, note(6));
    assert_eq!(folder.witnessed().unwrap().unwrap().note, witnessed);
}
