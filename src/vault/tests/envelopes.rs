//! Envelopes: their layout, what they are bound to, and what never shows.

use parvandeh_domain::id::{CustomerId, DataSubject};
use proptest::prelude::*;
use uuid::Uuid;

use super::super::cipher::{self, DataKey};
use super::super::key_provider::{KeyProvider, KeyringProvider};
use super::super::{EnvelopeDamage, Keyring, Vault, VaultError};
use super::{Place, TEXT, customer, opened, seal, text};

#[test]
fn the_layout_of_an_envelope_is_what_another_program_makes_of_the_same_parts() {
    // The expected bytes were reckoned with Python's `cryptography` and `hmac` from the module's description alone.
    let mut bytes = [0; 32];
    (0..32).zip(&mut bytes).for_each(|(number, byte)| *byte = number);
    let id = "11111111-2222-4333-8444-555555555555".parse().unwrap();
    let subject: CustomerId =
        CustomerId("0198c0de-0000-7000-8000-000000000001".parse::<Uuid>().unwrap());
    let event = "aaaaaaaa-bbbb-5ccc-8ddd-eeeeeeeeeeee".parse().unwrap();
    let nonce = [100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111];
    let key = DataKey::new(id, DataSubject::Customer(subject), &bytes);

    let sealed = key.seal_with_nonce(nonce, event, TEXT.as_bytes()).unwrap();

    let version = "01";
    let key_id = "11111111222243338444555555555555";
    let event_id = "aaaaaaaabbbb5ccc8dddeeeeeeeeeeee";
    let nonce = "6465666768696a6b6c6d6e6f";
    let ciphertext_and_tag = "c7bafa2bc24b035f701294ba9c876e4a495b50ec9ae38242aa86e1aeaf29cd8d\
                              0b768b2826cc75a73ddcb3695e5977ac99ac3a0e";
    let expected = format!("{version}{key_id}{event_id}{nonce}{ciphertext_and_tag}");
    assert_eq!(cipher::hex(&sealed.envelope), expected);
    let seal = serde_json::to_value(&sealed.seal).unwrap();
    let expected = serde_json::json!({
        "subject": "customer-0198c0de-0000-7000-8000-000000000001",
        "key": "11111111-2222-4333-8444-555555555555",
        "algorithm": "AES-256-GCM-SIV",
        "sha256": "cf5e75488ea93833b4fa0042be1da870c865e50baac111cfefb93c5abdab01db",
        "commitment": "844d019b3e52d69b3550e0a2194d5bd93a975d558e900b829079d6ae94f1426a",
    });
    assert_eq!(seal, expected);
}

#[test]
fn whatever_byte_of_an_envelope_is_changed_it_does_not_open() {
    let place = Place::new();
    let vault = place.open();
    let sealed = seal(&vault, customer(1));
    assert_eq!(opened(&vault, &sealed).as_deref(), Some(TEXT));
    for at in 0..sealed.envelope.len() {
        let mut changed = sealed.envelope.to_vec();
        changed[at] ^= 1;
        let error = vault.open_envelope(&changed).unwrap_err();
        let expected = match at {
            0 => matches!(error, VaultError::Damaged(EnvelopeDamage::Form)),
            1..17 => matches!(error, VaultError::KeyMissing(_)),
            _ => matches!(error, VaultError::Damaged(EnvelopeDamage::Ciphertext)),
        };
        assert!(expected, "byte {at}: {error}");
        assert_eq!(Vault::check_envelope(&changed, &sealed.seal), Err(EnvelopeDamage::Hash));
    }
    for length in 0..sealed.envelope.len() {
        assert!(vault.open_envelope(&sealed.envelope[..length]).is_err());
    }
}

#[test]
fn an_envelope_is_held_to_everything_that_its_seal_says() {
    let place = Place::new();
    let vault = place.open();
    let (sealed, other) = (seal(&vault, customer(1)), seal(&vault, customer(2)));
    let open = |seal| vault.open_sealed(&sealed.envelope, seal);
    assert_eq!(text(open(&sealed.seal).unwrap()).as_deref(), Some(TEXT));

    let mut seal = sealed.seal.clone();
    seal.key = other.seal.key;
    assert!(matches!(open(&seal), Err(VaultError::Damaged(EnvelopeDamage::Key))));
    let mut seal = sealed.seal.clone();
    seal.algorithm = "AES-256-GCM".to_owned();
    assert!(matches!(open(&seal), Err(VaultError::Damaged(EnvelopeDamage::Key))));
    let mut seal = sealed.seal.clone();
    seal.commitment = other.seal.commitment.clone();
    assert!(matches!(open(&seal), Err(VaultError::Damaged(EnvelopeDamage::Commitment))));
    let mut seal = sealed.seal.clone();
    seal.subject = other.seal.subject;
    assert!(matches!(open(&seal), Err(VaultError::Damaged(EnvelopeDamage::Commitment))));
    assert!(matches!(open(&other.seal), Err(VaultError::Damaged(EnvelopeDamage::Hash))));
}

#[test]
fn the_same_text_sealed_twice_gives_two_envelopes() {
    let place = Place::new();
    let vault = place.open();
    let (first, second) = (seal(&vault, customer(1)), seal(&vault, customer(1)));
    assert_ne!(first.envelope, second.envelope);
    assert_eq!(first.seal.key, second.seal.key);
}

#[test]
fn neither_plaintext_nor_keys_show_in_debug_output() {
    let place = Place::new();
    let vault = place.open();
    let sealed = seal(&vault, customer(1));
    let known = vault.open_envelope(&sealed.envelope).unwrap();
    let keys = std::fs::read_to_string(place.keyring_file("vault.keys")).unwrap();
    let secret = keys.trim().strip_prefix("1 ").unwrap();
    let keyring = Keyring::at("keyring").with_vault_keys(keys.clone());
    let provider = KeyringProvider::load(&keyring).unwrap().unwrap();
    let bytes = cipher::random_key();
    let wrapped = provider.wrap(&bytes, b"context").unwrap();
    let key = DataKey::new(Uuid::nil(), customer(1), &bytes);
    let printed =
        format!("{vault:?} {known:?} {keyring:?} {provider:?} {wrapped:?} {key:?} {sealed:?}");
    assert!(printed.contains("Known([redacted])"));
    assert!(!printed.contains("کارت"), "{printed}");
    assert!(!printed.contains(secret), "{printed}");
    for secret in [&bytes[..], &wrapped.bytes, TEXT.as_bytes()] {
        let listed = format!("{secret:?}");
        let some = listed.trim_matches(['[', ']']);
        assert!(!printed.contains(some) && !printed.contains(&cipher::hex(secret)), "{printed}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_sealed_opens_to_the_same_bytes(
        text in proptest::collection::vec(any::<u8>(), 0..4_096),
        event in any::<u128>(),
    ) {
        let key = DataKey::new(Uuid::from_u128(1), customer(1), &cipher::random_key());
        let sealed = key.seal(Uuid::from_u128(event), &text).unwrap();
        prop_assert_eq!(cipher::check(&sealed.envelope, &sealed.seal), Ok(()));
        let envelope = cipher::Envelope::parse(&sealed.envelope).unwrap();
        prop_assert_eq!(envelope.event_id, Uuid::from_u128(event));
        prop_assert_eq!(key.open(&envelope).unwrap(), Some(text.into()));
    }

    #[test]
    fn bytes_that_are_no_envelope_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let key = DataKey::new(Uuid::from_u128(1), customer(1), &cipher::random_key());
        if let Ok(envelope) = cipher::Envelope::parse(&bytes) {
            prop_assert_eq!(key.open(&envelope), Err(EnvelopeDamage::Ciphertext));
        }
    }
}
