//! Amounts of money as people read them.

use parvandeh_domain::money::Money;

use super::Language;
use super::bidi::left_to_right;
use super::date::with_persian_digits;

/// The Persian names of currencies, by their codes.
const PERSIAN_NAMES: &[(&str, &str)] = &[
    ("IRR", "ریال"),
    ("EUR", "یورو"),
    ("USD", "دلار آمریکا"),
    ("GBP", "پوند انگلیس"),
    ("CHF", "فرانک سوئیس"),
    ("CAD", "دلار کانادا"),
    ("AUD", "دلار استرالیا"),
    ("JPY", "ین ژاپن"),
    ("CNY", "یوان چین"),
    ("RUB", "روبل روسیه"),
    ("INR", "روپیهٔ هند"),
    ("TRY", "لیرهٔ ترکیه"),
    ("AED", "درهم امارات"),
    ("IQD", "دینار عراق"),
    ("KWD", "دینار کویت"),
    ("QAR", "ریال قطر"),
    ("OMR", "ریال عمان"),
    ("SAR", "ریال عربستان"),
    ("AFN", "افغانی"),
    ("AMD", "درام ارمنستان"),
    ("AZN", "منات آذربایجان"),
];

/// The amount in the currency's usual decimals: `12.50 EUR`, in Persian `۱۲٫۵۰ یورو`. A currency without a name here keeps its code.
pub fn text(money: Money, language: Language) -> String {
    let english = money.to_string();
    if language == Language::English {
        return left_to_right(&english);
    }
    let code = money.currency.code();
    let figures = english.trim_end_matches(code).trim_end();
    let figures = with_persian_digits(figures).replace('.', "٫");
    match PERSIAN_NAMES.iter().find(|(known, _)| *known == code) {
        Some((_, name)) => format!("{figures} {name}"),
        None => format!("{figures} {}", left_to_right(code)),
    }
}

#[cfg(test)]
mod tests {
    use parvandeh_domain::money::Currency;

    use super::*;

    #[test]
    fn an_amount_in_persian_has_persian_digits_and_the_currencys_persian_name() {
        for (minor_units, code, told) in [
            (1_250, "EUR", "۱۲٫۵۰ یورو"),
            (700, "IRR", "۷٫۰۰ ریال"),
            (5, "USD", "۰٫۰۵ دلار آمریکا"),
            (900, "JPY", "۹۰۰ ین ژاپن"),
            (-100, "KWD", "-۰٫۱۰۰ دینار کویت"),
        ] {
            let money = Money { minor_units, currency: Currency::new(code).unwrap() };
            assert_eq!(text(money, Language::Persian), told);
            assert_eq!(text(money, Language::English), left_to_right(&money.to_string()));
        }
        let unnamed = Money { minor_units: 100, currency: Currency::new("XPF").unwrap() };
        assert_eq!(text(unnamed, Language::Persian), format!("۱۰۰ {}", left_to_right("XPF")));
    }

    #[test]
    fn every_currency_with_a_persian_name_is_in_use() {
        for (code, _) in PERSIAN_NAMES {
            assert!(Currency::new(code).is_ok(), "{code}");
        }
    }
}
