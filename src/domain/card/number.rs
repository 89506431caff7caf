//! Card numbers by ISO/IEC 7812: the issuer's prefix, the account, and a check digit that finds every single wrong digit.

use std::fmt;

use crate::text;

/// The digits of a number.
pub const LENGTH: usize = 16;

/// The number of a card: sixteen digits, the last of which checks the others. It never prints in full.
#[derive(Clone, PartialEq, Eq)]
pub struct CardNumber(String);

impl CardNumber {
    /// Reads a number as people write it: in Persian, Arabic or ASCII digits, with spaces and hyphens. `None` where it is none.
    pub fn parse(written: &str) -> Option<Self> {
        // Nobody needs more room than twice that for spaces.
        if written.chars().count() > 2 * LENGTH {
            return None;
        }
        let is_space = |c: &char| matches!(c, ' ' | '-' | '\u{200e}' | '\u{200c}');
        let digits: String =
            text::with_ascii_digits(written).chars().filter(|c| !is_space(c)).collect();
        let is_number = digits.len() == LENGTH && digits.bytes().all(|byte| byte.is_ascii_digit());
        (is_number && checks(&digits)).then_some(Self(digits))
    }

    /// The number of an account with this issuer; of the account as many digits count as there is room for.
    pub fn of(prefix: &IssuerPrefix, account: u128) -> Self {
        let room = LENGTH - 1 - prefix.0.len();
        let account = account % 10_u128.pow(room as u32);
        let mut digits = format!("{}{account:0room$}", prefix.0);
        digits.push(check_digit(&digits));
        Self(digits)
    }

    /// The sixteen digits. Where this is called the number leaves its type: keep such places few.
    pub fn digits(&self) -> &str {
        &self.0
    }

    /// The number as it is shown: `•••• •••• •••• 4827`.
    pub fn masked(&self) -> String {
        format!("•••• •••• •••• {}", &self.0[LENGTH - 4..])
    }

    /// Whether this issuer's numbers begin so.
    pub fn is_of(&self, prefix: &IssuerPrefix) -> bool {
        self.0.starts_with(&prefix.0)
    }
}

impl fmt::Debug for CardNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[card number]")
    }
}

/// The digits with which all numbers of one issuer begin: four to eight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerPrefix(String);

/// A text that is no issuer's prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an issuer's prefix has four to eight ASCII digits")]
pub struct InvalidPrefix;

impl IssuerPrefix {
    /// Checks the text.
    ///
    /// # Errors
    /// When it is not four to eight digits.
    pub fn new(text: &str) -> Result<Self, InvalidPrefix> {
        let fits = (4..=8).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        if fits { Ok(Self(text.to_owned())) } else { Err(InvalidPrefix) }
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for IssuerPrefix {
    /// `936400`: 9 stands for an assignment within a country, 364 for the country. No payment network has such numbers.
    fn default() -> Self {
        Self("936400".to_owned())
    }
}

/// The sum of Luhn over digits, of which the last but `offset` counts once, the one before it twice, and so on.
fn sum(digits: &str, offset: usize) -> u32 {
    let values = digits.bytes().rev().map(|byte| u32::from(byte - b'0'));
    let weighted = values.enumerate().map(|(place, value)| match (place + offset) % 2 {
        0 => value,
        _ if value > 4 => 2 * value - 9,
        _ => 2 * value,
    });
    weighted.sum()
}

fn check_digit(digits: &str) -> char {
    let missing = (10 - sum(digits, 1) % 10) % 10;
    char::from_digit(missing, 10).expect("a remainder of ten is a digit")
}

fn checks(digits: &str) -> bool {
    sum(digits, 0).is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_is_understood_as_people_write_it() {
        let number = CardNumber::of(&IssuerPrefix::default(), 123_456_789);
        let written = number.digits().to_owned();
        let spaced =
            format!("{} {}-{} {}", &written[..4], &written[4..8], &written[8..12], &written[12..]);
        let persian: String = written
            .chars()
            .map(|digit| char::from_u32('۰' as u32 + digit.to_digit(10).unwrap()).unwrap())
            .collect();
        for text in [&written, &spaced, &persian] {
            assert_eq!(CardNumber::parse(text).as_ref(), Some(&number), "{text}");
        }
        for text in ["", "936400", "93640012345678901", "936400123456789x", &"1 ".repeat(40)] {
            assert_eq!(CardNumber::parse(text), None, "{text}");
        }
        // The usual number of examples in the literature of payments.
        assert!(CardNumber::parse("4242424242424242").is_some());
    }

    #[test]
    fn a_number_shows_its_last_four_digits_alone() {
        let number = CardNumber::of(&IssuerPrefix::default(), 123_456_789);
        let last = &number.digits()[12..];
        assert_eq!(number.masked(), format!("•••• •••• •••• {last}"));
        assert_eq!(format!("{number:?}"), "[card number]");
    }

    #[test]
    fn a_prefix_has_four_to_eight_digits() {
        assert!(IssuerPrefix::new("9364").is_ok() && IssuerPrefix::new("93640012").is_ok());
        for wrong in ["", "936", "936400123", "93640x", "۹۳۶۴"] {
            assert_eq!(IssuerPrefix::new(wrong), Err(InvalidPrefix), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn every_single_wrong_digit_is_found(account: u128, place in 0..LENGTH, wrong in 1..10u8) {
            let number = CardNumber::of(&IssuerPrefix::default(), account);
            prop_assert!(CardNumber::parse(number.digits()).is_some());
            let mut digits = number.digits().as_bytes().to_vec();
            digits[place] = b'0' + (digits[place] - b'0' + wrong) % 10;
            prop_assert!(CardNumber::parse(str::from_utf8(&digits).unwrap()).is_none());
        }
    }
}
