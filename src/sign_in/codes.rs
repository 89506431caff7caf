//! Drawing codes, and the keyed hashes in which they are kept.

use parvandeh_domain::card::CardNumber;
use parvandeh_domain::id::{CardId, CustomerId};
use parvandeh_domain::one_time_code::{CodeHash, DIGITS};
use parvandeh_domain::text::with_ascii_digits;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::vault::Vault;

/// Below this, a random number of 32 bits is as often each remainder of a million.
const FAIR: u32 = u32::MAX - u32::MAX % 1_000_000;

/// A new code: six digits, each code as likely as every other.
pub fn draw() -> Zeroizing<String> {
    loop {
        let mut bytes = Zeroizing::new([0; 4]);
        aws_lc_rs::rand::fill(&mut *bytes)
            .expect("aws-lc waits for the system's randomness and does not fail");
        let number = u32::from_le_bytes(*bytes);
        if number < FAIR {
            return Zeroizing::new(format!("{:0DIGITS$}", number % 1_000_000));
        }
    }
}

/// A code as somebody may have typed it: digits of three scripts, white space around them.
pub fn said(text: &str) -> Zeroizing<String> {
    Zeroizing::new(with_ascii_digits(text.trim()))
}

/// The hash of a code with which somebody signs in with this card.
pub fn of_sign_in(vault: &Vault, card_id: CardId, code: &str) -> CodeHash {
    let parts: [&[u8]; 3] = [b"sign-in code", card_id.0.as_bytes(), code.as_bytes()];
    CodeHash(vault.digest(&parts))
}

/// The hash of a code that was sent to this contact point.
pub fn of_contact_point(
    vault: &Vault,
    customer_id: CustomerId,
    contact_point: u32,
    code: &str,
) -> CodeHash {
    let number = contact_point.to_be_bytes();
    let parts: [&[u8]; 4] =
        [b"contact point code", customer_id.0.as_bytes(), &number, code.as_bytes()];
    CodeHash(vault.digest(&parts))
}

/// The id of the card with this number: a keyed hash, from which nobody gets the number back.
pub fn card_id(vault: &Vault, number: &CardNumber) -> CardId {
    card_id_of_text(vault, "card number", number.digits())
}

/// The id of the card that somebody names; of no card at all where what they say is no card's number.
pub fn card_id_said(vault: &Vault, said: &str) -> CardId {
    match CardNumber::parse(said) {
        Some(number) => card_id(vault, &number),
        None => card_id_of_text(vault, "no card number", said),
    }
}

fn card_id_of_text(vault: &Vault, purpose: &str, text: &str) -> CardId {
    let bytes = vault.blind_index(purpose, text);
    CardId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

/// A number that follows from a command and a key: the same at every attempt, and nothing that anybody could guess.
pub fn account_number(vault: &Vault, command_id: Uuid, attempt: u32) -> u128 {
    let digest = vault.digest(&[b"account", command_id.as_bytes(), &attempt.to_be_bytes()]);
    u128::from_str_radix(&digest, 16).expect("a digest has 32 hexadecimal digits")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use parvandeh_domain::card::IssuerPrefix;

    use super::*;
    use crate::vault::{Keyring, Vault};

    fn vault() -> (tempfile::TempDir, Vault) {
        let directory = tempfile::tempdir().unwrap();
        let keyring = Keyring::at(directory.path().join("keyring"));
        let vault = Vault::open(directory.path(), keyring).unwrap();
        (directory, vault)
    }

    #[test]
    fn codes_have_six_digits_and_do_not_repeat() {
        let drawn: BTreeSet<String> = (0..2_000).map(|_| draw().to_string()).collect();
        // Of two thousand among a million, about two are alike by chance.
        assert!(drawn.len() > 1_980, "{}", drawn.len());
        for code in &drawn {
            assert!(code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()), "{code}");
        }
        // All ten digits stand in the first place: leading zeros are kept.
        assert_eq!(drawn.iter().map(|code| &code[..1]).collect::<BTreeSet<_>>().len(), 10);
    }

    #[test]
    fn a_hash_is_of_one_code_for_one_purpose_under_one_vaults_key() {
        let ((_first, vault), (_second, other)) = (self::vault(), self::vault());
        let id = Uuid::from_u128(1);
        let hash = of_sign_in(&vault, CardId(id), "123456");
        assert_eq!(hash, of_sign_in(&vault, CardId(id), &said(" ۱۲۳۴۵۶ ")));
        let others = [
            of_sign_in(&vault, CardId(id), "123457"),
            of_sign_in(&vault, CardId(Uuid::from_u128(2)), "123456"),
            of_sign_in(&other, CardId(id), "123456"),
            of_contact_point(&vault, CustomerId(id), 1, "123456"),
        ];
        assert!(others.iter().all(|other| *other != hash));
    }

    #[test]
    fn a_cards_id_is_the_same_however_its_number_is_written_and_another_in_another_vault() {
        let ((_first, vault), (_second, other)) = (self::vault(), self::vault());
        let account = account_number(&vault, Uuid::from_u128(1), 0);
        assert_ne!(account, account_number(&vault, Uuid::from_u128(1), 1));
        assert_ne!(account, account_number(&other, Uuid::from_u128(1), 0));
        let number = CardNumber::of(&IssuerPrefix::default(), account);
        let id = card_id(&vault, &number);
        let digits = number.digits();
        let spaced = format!("{} {}", &digits[..8], &digits[8..]);
        assert_eq!(card_id_said(&vault, &spaced), id);
        assert_ne!(card_id_said(&other, &spaced), id);
        assert_ne!(card_id_said(&vault, &digits[..15]), id);
    }
}
