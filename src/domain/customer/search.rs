//! What makes two ways of writing a name or a contact point the same, for finding a customer by it.
//!
//! A text is found exactly or not at all: read models know a blind index of its form here, never the text. So the form decides what
//! counts as the same text: it is the [normal form](normal_form) without spaces, because Persian writes the parts of a name together,
//! apart or half apart: علیرضا, علی رضا, علی‌رضا.

use super::attribute::ContactPointKind;
use super::decide::phone;
use crate::text::normal_form;

/// The country whose numbers are written without a country code.
const HOME_COUNTRY_CODE: &str = "98";

/// The form under which a name is found.
pub fn name_form(name: &str) -> String {
    let form = normal_form(name).replace(' ', "");
    // A text of nothing but marks has no letters to go by.
    if form.is_empty() { name.trim().to_owned() } else { form }
}

/// The form under which a contact point is found.
pub fn contact_point_form(kind: ContactPointKind, value: &str) -> String {
    match kind {
        ContactPointKind::Phone => phone_form(value).unwrap_or_else(|| name_form(value)),
        ContactPointKind::Email
        | ContactPointKind::PostalAddress
        | ContactPointKind::SocialNetwork => name_form(value),
    }
}

/// The forms under which a contact point is found whose kind the asker does not say: as a number, where it can be one, and as a text.
pub fn contact_point_forms(value: &str) -> Vec<String> {
    let mut forms = vec![contact_point_form(ContactPointKind::Email, value)];
    forms.extend(phone_form(value).filter(|number| *number != forms[0]));
    forms
}

/// A telephone number as it is dialled from anywhere: `+` and the country code, whether it was written with `+98`, `0098`, `0` or, for a
/// mobile number, with nothing in front of it. `None` where the text is no number.
pub fn phone_form(text: &str) -> Option<String> {
    let number = phone(&normal_form(text))?;
    let abroad = number.strip_prefix('+').or_else(|| number.strip_prefix("00"));
    let digits = match abroad {
        Some(international) => {
            // "+98 0912 ...": the zero in front of the area stays at home.
            match international.strip_prefix(HOME_COUNTRY_CODE) {
                Some(national) => {
                    format!("{HOME_COUNTRY_CODE}{}", national.trim_start_matches('0'))
                }
                None => international.to_owned(),
            }
        }
        None => match number.strip_prefix('0') {
            Some(national) => format!("{HOME_COUNTRY_CODE}{national}"),
            None if number.len() == 10 && number.starts_with('9') => {
                format!("{HOME_COUNTRY_CODE}{number}")
            }
            None => number,
        },
    };
    Some(format!("+{digits}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_however_it_is_written_and_an_address_whatever_its_case() {
        let stored = contact_point_form(ContactPointKind::Phone, "+982112345678");
        for written in [
            "+98 21 1234 5678",
            "+۹۸ (۲۱) ۱۲۳۴-۵۶۷۸",
            "021-12345678",
            "0098 21 12345678",
            "982112345678",
        ] {
            assert!(contact_point_forms(written).contains(&stored), "{written}");
        }
        let stored = contact_point_form(ContactPointKind::Email, "Mehri@Example.com");
        assert!(contact_point_forms(" mehri@example.COM").contains(&stored));
        assert!(!contact_point_forms("mehri@example.org").contains(&stored));
        assert_eq!(name_form("  Ada   LOVELACE "), name_form("ada lovelace"));
    }

    #[test]
    fn a_mobile_number_has_one_form_with_and_without_the_country() {
        for written in [
            "09121234567",
            "9121234567",
            "+98 912 123 4567",
            "0098-912-1234567",
            "+98 (0) 912 1234567",
        ] {
            assert_eq!(phone_form(written).as_deref(), Some("+989121234567"), "{written}");
        }
        assert_eq!(phone_form("+49 30 1234567").as_deref(), Some("+49301234567"));
        assert_eq!(phone_form("0049 30 1234567").as_deref(), Some("+49301234567"));
        assert_eq!(phone_form("علی"), None);
    }

    #[test]
    fn a_name_is_found_whatever_keyboard_it_was_typed_on() {
        for written in ["علي رضا كريمي", "علیرضا کریمی", "علی\u{200c}رضا  کریمی", "عَلیرضا کریمی"]
        {
            assert_eq!(name_form(written), name_form("علی‌رضا کریمی"), "{written}");
        }
        assert_ne!(name_form("علی کریمی"), name_form("علی کریم"));
        assert_eq!(name_form(" ـ "), "ـ");
    }
}
