//! Money and points: whole numbers with a unit, never fractions in floating point.
//!
//! Money is counted in the smallest unit of its currency (ISO 4217 calls the number of decimals the *exponent*): 12.50 euros are 1250, 1500
//! yen are 1500. Sums of two currencies do not exist, and a sum that does not fit is an answer, not a wrong number. Points have a
//! type of their own, so that they cannot be added to money.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The most minor units that any amount or balance may have: a program that reads numbers as JavaScript does still has them exactly.
pub const MINOR_UNITS_MAX: i64 = 1_000_000_000_000_000;
/// The most points that any amount or balance may have.
pub const POINTS_MAX: i64 = 1_000_000_000;

/// The currencies in use (ISO 4217), by how many decimals their amounts have. Stored amounts name them: codes are added, never removed.
const CURRENCIES: &[(u8, &str)] = &[
    (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
    (3, "BHD IQD JOD KWD LYD OMR TND"),
    (4, "CLF UYW"),
    (
        2,
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD \
         CAD CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS \
         GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP \
         LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK \
         NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS \
         SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VES WST XCD \
         YER ZAR ZMW ZWG",
    ),
];

/// A currency in use, by its code of three capitals (ISO 4217).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency {
    code: &'static str,
    exponent: u8,
}

/// A text that names no currency in use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not the code of a currency in use: write the three capitals of ISO 4217, such as IRR or EUR"
)]
pub struct UnknownCurrency(String);

impl Currency {
    /// The currency with this code.
    ///
    /// # Errors
    /// When no currency in use has it; small letters are not taken for capitals.
    pub fn new(code: &str) -> Result<Self, UnknownCurrency> {
        let known = Self::all().find(|known| known.code == code);
        known.ok_or_else(|| UnknownCurrency(code.chars().take(8).collect()))
    }

    /// Every currency in use.
    pub fn all() -> impl Iterator<Item = Self> {
        CURRENCIES.iter().flat_map(|&(exponent, codes)| {
            codes.split_whitespace().map(move |code| Self { code, exponent })
        })
    }

    /// The code: `IRR`.
    pub fn code(self) -> &'static str {
        self.code
    }

    /// How many decimals an amount has: 2 for the euro, 0 for the yen.
    pub fn exponent(self) -> u8 {
        self.exponent
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code)
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code)
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = String::deserialize(deserializer)?;
        Self::new(&code).map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Currency {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Currency".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[A-Z]{3}$" })
    }
}

/// An amount of money. May be negative where it is a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Money {
    /// How many of the currency's smallest units.
    pub minor_units: i64,
    /// The currency (ISO 4217).
    pub currency: Currency,
}

/// Why two amounts make no third.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The amounts are in two currencies.
    #[error("an amount in {0} and one in {1} have no sum")]
    Currencies(Currency, Currency),
    /// The sum lies beyond [`MINOR_UNITS_MAX`].
    #[error("the amount is too large")]
    TooLarge,
}

impl Money {
    /// So many smallest units of a currency.
    pub fn new(minor_units: i64, currency: Currency) -> Self {
        Self { minor_units, currency }
    }

    /// Both together.
    ///
    /// # Errors
    /// When the currencies differ or the sum is too large.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::Currencies(self.currency, other.currency));
        }
        let sum = sum_within(self.minor_units, other.minor_units, MINOR_UNITS_MAX);
        Ok(Self { minor_units: sum.ok_or(MoneyError::TooLarge)?, ..self })
    }

    /// What is left when the other is taken away; below zero where it was more.
    ///
    /// # Errors
    /// When the currencies differ or the difference is too large.
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.checked_add(other.negated())
    }

    /// The same amount the other way round.
    #[must_use]
    pub fn negated(self) -> Self {
        Self { minor_units: self.minor_units.saturating_neg(), ..self }
    }
}

/// The sum, where it lies between `-bound` and `bound`.
pub(crate) fn sum_within(one: i64, other: i64, bound: i64) -> Option<i64> {
    one.checked_add(other).filter(|sum| (-bound..=bound).contains(sum))
}

impl fmt::Display for Money {
    /// The amount in the currency's usual decimals and its code: `12.50 EUR`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.minor_units < 0 { "-" } else { "" };
        let units = self.minor_units.unsigned_abs();
        let exponent = usize::from(self.currency.exponent);
        let one = 10_u64.pow(self.currency.exponent.into());
        write!(f, "{sign}{}", units / one)?;
        if exponent > 0 {
            write!(f, ".{:0exponent$}", units % one)?;
        }
        write!(f, " {}", self.currency)
    }
}

/// Points of a loyalty account: never money, never a fraction. May be negative where they are a difference.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(transparent)]
pub struct Points(pub i64);

impl Points {
    /// Both together; `None` beyond [`POINTS_MAX`].
    pub fn checked_add(self, other: Self) -> Option<Self> {
        sum_within(self.0, other.0, POINTS_MAX).map(Self)
    }

    /// What is left when the other is taken away, below zero where it was more; `None` beyond [`POINTS_MAX`].
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.checked_add(Self(other.0.saturating_neg()))
    }
}

impl fmt::Display for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn currencies() -> impl Strategy<Value = Currency> {
        proptest::sample::select(vec!["IRR", "EUR", "JPY", "KWD", "CLF"])
            .prop_map(|code| Currency::new(code).unwrap())
    }

    /// Amounts inside the bound, at it, and far beyond.
    fn units() -> impl Strategy<Value = i64> {
        prop_oneof![
            -1_000_000_i64..1_000_000,
            Just(MINOR_UNITS_MAX),
            Just(-MINOR_UNITS_MAX),
            Just(i64::MAX),
            Just(i64::MIN),
            any::<i64>(),
        ]
    }

    fn small() -> impl Strategy<Value = i64> {
        -MINOR_UNITS_MAX / 4..MINOR_UNITS_MAX / 4
    }

    proptest! {
        #[test]
        fn the_order_of_amounts_does_not_change_their_sum(
            a in units(), b in units(), c in small(), d in small(), e in small(), currency in currencies(),
        ) {
            let money = |units| Money::new(units, currency);
            prop_assert_eq!(money(a).checked_add(money(b)), money(b).checked_add(money(a)));
            let left = money(c).checked_add(money(d)).unwrap().checked_add(money(e));
            let right = money(c).checked_add(money(d).checked_add(money(e)).unwrap());
            prop_assert_eq!(left, right);
        }

        #[test]
        fn what_is_added_and_taken_away_again_leaves_the_same(a in small(), b in small(), currency in currencies()) {
            let (a, b) = (Money::new(a, currency), Money::new(b, currency));
            prop_assert_eq!(a.checked_add(b).unwrap().checked_sub(b).unwrap(), a);
            prop_assert_eq!(Points(7).checked_add(Points(5)).unwrap().checked_sub(Points(5)), Some(Points(7)));
        }

        #[test]
        fn a_sum_is_the_true_sum_or_none(a in units(), b in units(), currency in currencies()) {
            let truth = i128::from(a) + i128::from(b);
            let fits = (-i128::from(MINOR_UNITS_MAX)..=i128::from(MINOR_UNITS_MAX)).contains(&truth);
            let sum = Money::new(a, currency).checked_add(Money::new(b, currency));
            prop_assert_eq!(sum.ok().map(|sum| i128::from(sum.minor_units)), fits.then_some(truth));
            let fits = (-i128::from(POINTS_MAX)..=i128::from(POINTS_MAX)).contains(&truth);
            let sum = Points(a).checked_add(Points(b));
            prop_assert_eq!(sum.map(|sum| i128::from(sum.0)), fits.then_some(truth));
        }

        #[test]
        fn two_currencies_have_no_sum(a in small(), b in small(), one in currencies(), other in currencies()) {
            let sum = Money::new(a, one).checked_add(Money::new(b, other));
            prop_assert_eq!(sum.is_ok(), one == other);
        }

        #[test]
        fn the_printed_amount_has_every_digit_and_the_currencys_decimals(a in units(), currency in currencies()) {
            let text = Money::new(a, currency).to_string();
            let (amount, code) = text.split_once(' ').unwrap();
            prop_assert_eq!(code, currency.code());
            let decimals = amount.split_once('.').map_or(0, |(_, decimals)| decimals.len());
            prop_assert_eq!(decimals, usize::from(currency.exponent()));
            let digits: i128 = amount.replace('.', "").parse().unwrap();
            prop_assert_eq!(digits, i128::from(a));
        }

        #[test]
        fn an_amount_is_stored_as_whole_numbers_and_reads_back(a in small(), currency in currencies()) {
            let money = Money::new(a, currency);
            let json = serde_json::to_string(&money).unwrap();
            let value: serde_json::Value = serde_json::from_str(&json).unwrap();
            prop_assert!(value["minor_units"].is_i64(), "{}", json);
            prop_assert_eq!(serde_json::from_str::<Money>(&json).unwrap(), money);
        }
    }

    #[test]
    fn amounts_print_as_people_write_them() {
        let text = |units, code| Money::new(units, Currency::new(code).unwrap()).to_string();
        assert_eq!(text(1250, "EUR"), "12.50 EUR");
        assert_eq!(text(-5, "EUR"), "-0.05 EUR");
        assert_eq!(text(1500, "JPY"), "1500 JPY");
        assert_eq!(text(1, "KWD"), "0.001 KWD");
    }

    #[test]
    fn a_currency_has_a_code_of_its_own_and_a_fraction_is_no_amount() {
        let codes: BTreeSet<_> = Currency::all().map(Currency::code).collect();
        assert_eq!(codes.len(), Currency::all().count());
        assert!(
            codes
                .iter()
                .all(|code| code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase()))
        );
        for wrong in ["irr", "", "IR", "XXX", "تومان"] {
            assert!(Currency::new(wrong).is_err(), "{wrong}");
        }
        let fraction = r#"{"minor_units":1.5,"currency":"IRR"}"#;
        assert!(serde_json::from_str::<Money>(fraction).is_err());
        let unknown = r#"{"minor_units":1,"currency":"XXX"}"#;
        assert!(serde_json::from_str::<Money>(unknown).is_err());
    }
}
