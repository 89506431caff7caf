//! What makes two ways of writing a name or a contact point the same, for finding a customer by it.
//!
//! A text is found exactly or not at all: read models know a blind index of its form here, never the text.

use super::attribute::ContactPointKind;
use super::decide::phone;
use crate::text;

/// The form under which a name is found: letters in lower case, single spaces.
pub fn name_form(name: &str) -> String {
    let words: Vec<_> = name.split_whitespace().map(str::to_lowercase).collect();
    words.join(" ")
}

/// The form under which a contact point is found.
pub fn contact_point_form(kind: ContactPointKind, value: &str) -> String {
    match kind {
        ContactPointKind::Phone => phone(value).unwrap_or_else(|| value.to_owned()),
        ContactPointKind::Email
        | ContactPointKind::PostalAddress
        | ContactPointKind::SocialNetwork => name_form(&text::with_ascii_digits(value)),
    }
}

/// The forms under which a contact point is found whose kind the asker does not say: as a number, where it can be one, and as a text.
pub fn contact_point_forms(value: &str) -> Vec<String> {
    let mut forms = vec![contact_point_form(ContactPointKind::Email, value)];
    forms.extend(phone(value).filter(|number| *number != forms[0]));
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_however_it_is_written_and_an_address_whatever_its_case() {
        let stored = contact_point_form(ContactPointKind::Phone, "+982112345678");
        for written in ["+98 21 1234 5678", "+۹۸ (۲۱) ۱۲۳۴-۵۶۷۸"] {
            assert!(contact_point_forms(written).contains(&stored), "{written}");
        }
        let stored = contact_point_form(ContactPointKind::Email, "Mehri@Example.com");
        assert!(contact_point_forms(" mehri@example.COM").contains(&stored));
        assert!(!contact_point_forms("mehri@example.org").contains(&stored));
        assert_eq!(name_form("  Ada   LOVELACE "), name_form("ada lovelace"));
    }
}
