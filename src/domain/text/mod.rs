//! Text that people type: its bounds, the digits of three scripts, and the one form of what is written in several ways.

mod normal;

pub use normal::normal_form;

use crate::pii::Pii;

/// The longest one-line text (a subject, a name, a stage), in characters.
pub const LINE_LENGTH_MAX: usize = 200;
/// The longest body (a message, a note, a description), in characters.
pub const BODY_LENGTH_MAX: usize = 20_000;

/// What is wrong with a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextProblem {
    /// Nothing but white space.
    #[error("must not be empty")]
    Empty,
    /// More characters than its kind allows.
    #[error("must have at most {length_max} characters")]
    TooLong {
        /// The bound.
        length_max: usize,
    },
    /// A control character, which no keyboard types and no page shows.
    #[error("must not contain control characters")]
    Control,
}

impl TextProblem {
    /// The stable code of the problem.
    pub fn code(self) -> &'static str {
        match self {
            Self::Empty => "TEXT_EMPTY",
            Self::TooLong { .. } => "TEXT_TOO_LONG",
            Self::Control => "TEXT_HAS_CONTROL_CHARACTERS",
        }
    }
}

/// Checks a one-line text.
pub fn check_line(text: &str) -> Result<(), TextProblem> {
    check(text, LINE_LENGTH_MAX, |c| c.is_control())
}

/// Checks a text of many lines.
pub fn check_body(text: &str) -> Result<(), TextProblem> {
    check(text, BODY_LENGTH_MAX, |c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
}

/// Checks a personal one-line text.
pub fn check_personal_line(text: &Pii<String>) -> Result<(), TextProblem> {
    text.reveal().map_or(Ok(()), |text| check_line(text))
}

/// Checks a personal text of many lines.
pub fn check_personal_body(text: &Pii<String>) -> Result<(), TextProblem> {
    text.reveal().map_or(Ok(()), |text| check_body(text))
}

fn check(text: &str, length_max: usize, refused: impl Fn(char) -> bool) -> Result<(), TextProblem> {
    if text.trim().is_empty() {
        return Err(TextProblem::Empty);
    }
    // A character has at most four bytes, so most texts are let through without counting characters.
    if text.len() > length_max && text.chars().count() > length_max {
        return Err(TextProblem::TooLong { length_max });
    }
    if text.chars().any(refused) {
        return Err(TextProblem::Control);
    }
    Ok(())
}

/// The text with Persian (`۰`..`۹`) and Arabic (`٠`..`٩`) digits as ASCII ones; all else as it was.
pub fn with_ascii_digits(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\u{06f0}'..='\u{06f9}' => char::from(b'0' + (c as u32 - 0x06f0) as u8),
            '\u{0660}'..='\u{0669}' => char::from(b'0' + (c as u32 - 0x0660) as u8),
            other => other,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn persian_and_arabic_digits_become_ascii() {
        assert_eq!(with_ascii_digits("+۹۸ ٩١٢ 345"), "+98 912 345");
    }

    #[test]
    fn a_line_is_bounded_in_characters_not_bytes() {
        assert_eq!(check_line(&"ی".repeat(LINE_LENGTH_MAX)), Ok(()));
        assert_eq!(
            check_line(&"ی".repeat(LINE_LENGTH_MAX + 1)),
            Err(TextProblem::TooLong { length_max: LINE_LENGTH_MAX })
        );
        assert_eq!(check_line(" \u{2003}"), Err(TextProblem::Empty));
        assert_eq!(check_line("a\0b"), Err(TextProblem::Control));
        assert_eq!(check_body("a\nb"), Ok(()));
    }
}
