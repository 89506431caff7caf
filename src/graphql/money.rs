//! Money in GraphQL: whole numbers of the smallest unit, with their currency.

use async_graphql::{
    InputObject, InputValueError, InputValueResult, Number, Scalar, ScalarType, SimpleObject, Value,
};
use parvandeh_domain::money::{self, Currency, MINOR_UNITS_MAX};

use super::payload::UserError;

/// A whole number of the smallest units of a currency, from -10^15 to 10^15: as a JSON number it is exact everywhere, and it may be larger
/// than an `Int`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinorUnits(pub i64);

#[Scalar]
impl ScalarType for MinorUnits {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::Number(number) = &value else {
            return Err(InputValueError::expected_type(value));
        };
        let units = number.as_i64().filter(|units| units.abs() <= MINOR_UNITS_MAX);
        units.map(Self).ok_or_else(|| {
            InputValueError::custom(format!(
                "{number} is not a whole number from -{MINOR_UNITS_MAX} to {MINOR_UNITS_MAX}"
            ))
        })
    }

    fn to_value(&self) -> Value {
        Value::Number(Number::from(self.0))
    }
}

/// An amount of money.
#[derive(SimpleObject, Clone)]
pub struct Money {
    /// How many of the currency's smallest units: 1250 for 12.50 euros.
    pub minor_units: MinorUnits,
    /// The currency's code (ISO 4217): `IRR`.
    pub currency: String,
    /// The amount as people write it, with the code: `12.50 EUR`.
    pub text: String,
}

impl From<money::Money> for Money {
    fn from(money: money::Money) -> Self {
        Self {
            minor_units: MinorUnits(money.minor_units),
            currency: money.currency.code().to_owned(),
            text: money.to_string(),
        }
    }
}

/// An amount of money.
#[derive(InputObject, Clone)]
pub struct MoneyInput {
    /// How many of the currency's smallest units: 1250 for 12.50 euros.
    pub minor_units: MinorUnits,
    /// The currency's code (ISO 4217), in capitals: `IRR`.
    pub currency: String,
}

impl MoneyInput {
    /// The amount, where its currency is in use.
    pub fn money(self, field: &str) -> Result<money::Money, UserError> {
        let currency = Currency::new(&self.currency)
            .map_err(|error| UserError::new("CURRENCY_UNKNOWN", Some(field), error.to_string()))?;
        Ok(money::Money::new(self.minor_units.0, currency))
    }
}
