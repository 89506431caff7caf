//! What personal data are read for.

use std::fmt;
use std::sync::Arc;

use crate::principal::Role;

/// The most characters of a purpose.
const LENGTH_MAX: usize = 200;

/// What personal data are read for: a short text of the reader, kept in the access log for ever. Nothing personal belongs into it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Purpose(Arc<str>);

/// A text that can be no purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to {LENGTH_MAX} characters and no control characters")]
pub struct InvalidPurpose;

impl Purpose {
    /// Checks a text, without the white space around it.
    pub fn new(text: &str) -> Result<Self, InvalidPurpose> {
        let text = text.trim();
        let fits = (1..=LENGTH_MAX).contains(&text.chars().count());
        if fits && !text.chars().any(char::is_control) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidPurpose)
        }
    }

    /// What somebody in this role reads for when they say nothing else.
    pub fn of_role(role: Role) -> Self {
        Self(
            match role {
                Role::Customer | Role::Employee => "own data",
                Role::Agent | Role::Supervisor | Role::Service => "case handling",
                Role::Auditor => "audit",
                Role::PrivacyOfficer => "privacy",
                Role::Monitor | Role::Admin => "operations",
            }
            .into(),
        )
    }

    /// What a customer reads others' data for: they act for them.
    pub fn representation() -> Self {
        Self("representation".into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_purpose_is_a_short_line_of_any_script() {
        assert_eq!(Purpose::new(" رسیدگی به شکایت ").unwrap().as_str(), "رسیدگی به شکایت");
        assert!(Purpose::new(&"ی".repeat(200)).is_ok());
        for text in ["", "  ", "two\nlines", "a\u{0}b", &"x".repeat(201)] {
            assert_eq!(Purpose::new(text), Err(InvalidPurpose), "{text:?}");
        }
    }

    #[test]
    fn every_role_has_a_purpose_of_its_own_that_could_also_be_stated() {
        for role in Role::ALL {
            let purpose = Purpose::of_role(role);
            assert_eq!(Purpose::new(purpose.as_str()), Ok(purpose));
        }
    }
}
