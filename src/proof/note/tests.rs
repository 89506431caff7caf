//! Notes against the published example and against another implementation.

use signed_note::{Note as TheirNote, StandardVerifier, VerifierList};

use super::*;

const EXAMPLE_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const EXAMPLE: &str = "If you think cryptography is the answer to your problem,\n\
    then you don't know what your problem is.\n\
    \n\
    — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

fn signer(kind: KeyKind) -> SignerKey {
    SignerKey::from_seed("example.org/log", kind, &[7; 32]).unwrap()
}

fn signed(key: &SignerKey) -> Note {
    let text = "example.org/log\n1\nAAAA\n".to_owned();
    Note { signatures: vec![key.sign(&text, 1_700_000_000)], text }
}

#[test]
fn the_published_example_verifies_and_reads_and_writes_the_same() {
    let key: VerifierKey = EXAMPLE_KEY.parse().unwrap();
    let note: Note = EXAMPLE.parse().unwrap();
    assert_eq!(key.verify(&note), Ok(None));
    assert_eq!((key.to_string(), note.to_string()), (EXAMPLE_KEY.to_owned(), EXAMPLE.to_owned()));
}

#[test]
fn another_implementation_verifies_our_notes() {
    let key = signer(KeyKind::Ed25519);
    let theirs = StandardVerifier::new(&key.verifier().to_string()).unwrap();
    let note = TheirNote::from_bytes(signed(&key).to_string().as_bytes()).unwrap();
    let (verified, others) = note.verify(&VerifierList::new(vec![Box::new(theirs)])).unwrap();
    assert_eq!((verified.len(), others.len()), (1, 0));
}

#[test]
fn a_cosignature_holds_its_time_and_binds_it_to_the_text() {
    let key = signer(KeyKind::Cosignature);
    let note = signed(&key);
    assert_eq!(key.verifier().verify(&note), Ok(Some(1_700_000_000)));
    let mut later = note.clone();
    later.signatures[0].bytes[7] ^= 1;
    assert!(key.verifier().verify(&later).is_err());
    assert_eq!(note.signatures[0].bytes.len(), 72);
    assert!(has_known_shape(&note.signatures[0]));
}

#[test]
fn a_line_by_the_right_name_and_another_key_is_not_ours() {
    let (key, other) = (
        signer(KeyKind::Ed25519),
        SignerKey::from_seed("example.org/log", KeyKind::Ed25519, &[8; 32]),
    );
    let mut note = signed(&other.unwrap());
    let unsigned = NoteError::Unsigned("example.org/log".to_owned());
    assert_eq!(key.verifier().verify(&note), Err(unsigned));
    // The other key's signature under our key's id.
    note.signatures[0].key_id = key.verifier().id();
    let forged = NoteError::Forged("example.org/log".to_owned());
    assert_eq!(key.verifier().verify(&note), Err(forged));
}

#[test]
fn every_changed_byte_of_a_note_is_noticed() {
    let key = signer(KeyKind::Ed25519);
    let note = signed(&key).to_string();
    for at in 0..note.len() {
        let mut bytes = note.clone().into_bytes();
        bytes[at] ^= 1;
        let accepted = String::from_utf8(bytes)
            .ok()
            .and_then(|text| text.parse::<Note>().ok())
            .is_some_and(|note| key.verifier().verify(&note).is_ok());
        assert!(!accepted, "byte {at}");
    }
}

#[test]
fn what_is_no_note_or_key_is_refused() {
    for text in [
        "",
        "text\n",
        "text\n\n",
        "text\n\nno line\n",
        "text\n\n— name !\n",
        "a\tb\n\n— n AAAAAAAA\n",
    ] {
        assert!(text.parse::<Note>().is_err(), "{text:?}");
    }
    let key = EXAMPLE_KEY;
    let wrong_id = key.replace("c74f20a3", "c74f20a4");
    for text in
        ["", "name", "name+00", &wrong_id, &key[..key.len() - 4], &key.replace("+AR", "+BR")]
    {
        assert!(text.parse::<VerifierKey>().is_err(), "{text:?}");
    }
}
