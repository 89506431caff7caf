//! The words in which people are told things, in the language that they read: why something was not done, and what a customer's own page
//! says.
//!
//! Every refusal has a stable code, a message in English that names the particulars, and one sentence in Persian by its code. Which language
//! a caller reads follows from their `Accept-Language` (RFC 9110, 12.5.4). A customer who names none is answered in the language in which
//! they are written to, everybody else in English.

pub mod bidi;
pub mod date;
mod money;
pub mod panel;
mod persian;

use actix_web::http::header::{ACCEPT_LANGUAGE, HeaderMap};
use parvandeh_domain::customer;

/// A language that people are answered in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Persian.
    Persian,
}

/// The most languages of one header that are looked at.
const RANGES_MAX: usize = 20;

impl Language {
    /// The language's name (BCP 47), as `Content-Language` says it.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Persian => "fa",
        }
    }

    /// The language that the headers prefer; `None` where they name none of these, or any is as good. What cannot be read prefers nothing.
    pub fn of_headers(headers: &HeaderMap) -> Option<Self> {
        let values = headers.get_all(ACCEPT_LANGUAGE).filter_map(|value| value.to_str().ok());
        Self::preferred(values.flat_map(|value| value.split(',')))
    }

    /// The same of the text of an `Accept-Language`.
    pub fn of_text(ranges: &str) -> Option<Self> {
        Self::preferred(ranges.split(','))
    }

    /// The best of these language ranges, each with or without a quality: `fa-IR`, `en;q=0.8`, `*`. Of two that are as good the first.
    fn preferred<'a>(ranges: impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut best = (None, 0);
        for range in ranges.take(RANGES_MAX) {
            let mut parts = range.split(';').map(str::trim);
            let tag = parts.next().unwrap_or_default();
            let language = match tag.split('-').next().map(str::to_ascii_lowercase).as_deref() {
                Some("fa" | "per" | "pes") => Some(Self::Persian),
                Some("en") => Some(Self::English),
                Some("*") => None,
                _ => continue,
            };
            let quality = parts.find_map(|part| part.strip_prefix("q="));
            let Some(quality) = quality.map_or(Some(1_000), thousandths) else { continue };
            if quality > best.1 {
                best = (language, quality);
            }
        }
        best.0
    }
}

impl From<customer::Language> for Language {
    fn from(language: customer::Language) -> Self {
        match language {
            customer::Language::English => Self::English,
            customer::Language::Persian => Self::Persian,
        }
    }
}

/// A quality from 0 to 1 in thousandths.
fn thousandths(quality: &str) -> Option<u32> {
    let quality: f64 = quality.trim().parse().ok()?;
    (0.0..=1.0).contains(&quality).then(|| (quality * 1_000.0).round() as u32)
}

/// The message for people about this code. In Persian it is the sentence of the code, and where the English message names particulars that
/// somebody needs (a place in a document, a reference), these follow on a line of their own, kept together from left to right.
pub fn told(code: &str, english: &str, language: Language) -> String {
    let found = match language {
        Language::English => None,
        Language::Persian => persian::TEXTS.iter().find(|text| text.code == code),
    };
    match found {
        // A code that has no words yet is better told in another language than not at all.
        None => english.to_owned(),
        Some(text) if text.with_particulars => {
            format!("{}\n{}", text.sentence, bidi::left_to_right(english))
        }
        Some(text) => text.sentence.to_owned(),
    }
}

/// Whether there is a sentence for this code.
pub fn is_known(code: &str) -> bool {
    persian::TEXTS.iter().any(|text| text.code == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_of_the_highest_quality_is_preferred() {
        let (english, persian) = (Some(Language::English), Some(Language::Persian));
        for (header, language) in [
            ("", None),
            ("fa", persian),
            ("FA-ir", persian),
            ("fa-IR,fa;q=0.9,en;q=0.8", persian),
            ("en,fa;q=0.9", english),
            ("en;q=0.5, fa;q=0.6", persian),
            ("de, fa;q=0.1", persian),
            ("de", None),
            ("fa;q=0", None),
            ("*", None),
            ("fa;q=0.5, *", None),
            ("fa, *;q=0.5", persian),
            ("fa;q=two", None),
            ("fa;q=7", None),
            (",;,;q=", None),
        ] {
            assert_eq!(Language::of_text(header), language, "{header:?}");
        }
    }

    #[test]
    fn a_sentence_takes_the_place_of_the_message_and_particulars_follow_it() {
        let closed = told("CASE_CLOSED", "the case is closed: reopen it first", Language::Persian);
        assert_eq!(closed, "پرونده بسته است؛ نخست آن را دوباره باز کنید.");
        let merged = told("CASE_MERGED", "it was merged into ABC", Language::Persian);
        assert!(merged.ends_with("\n\u{2066}it was merged into ABC\u{2069}"), "{merged}");
        assert_eq!(told("CASE_CLOSED", "closed", Language::English), "closed");
        assert_eq!(told("NOT_A_CODE", "as it is", Language::Persian), "as it is");
    }

    #[test]
    fn persian_sentences_are_written_in_persian_letters_and_end_as_sentences_do() {
        let mut codes: Vec<_> = persian::TEXTS.iter().map(|text| text.code).collect();
        codes.sort_unstable();
        assert!(codes.windows(2).all(|pair| pair[0] != pair[1]), "a code stands twice");
        for text in persian::TEXTS {
            let sentence = text.sentence;
            assert!(sentence.ends_with('.'), "{}: {sentence}", text.code);
            assert!(!sentence.contains(['ي', 'ك', 'ى', '?', ';']), "{}: {sentence}", text.code);
            assert!(sentence.chars().any(|c| ('آ'..='ی').contains(&c)), "{}", text.code);
        }
    }
}
