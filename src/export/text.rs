//! Texts and moments as the formats write them.

use std::fmt::Write;

use jiff::Timestamp;

/// Adds a text as the value of an XML attribute. White space other than blanks is written as a reference, because a reader would turn it
/// into blanks. Characters that XML 1.0 cannot hold, most of the control characters, become U+FFFD.
pub(super) fn xml(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' => out.push_str("&#x9;"),
            '\n' => out.push_str("&#xA;"),
            '\r' => out.push_str("&#xD;"),
            '\0'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}' => out.push('\u{FFFD}'),
            character => out.push(character),
        }
    }
}

/// Adds a moment with its offset, as exact as it is: `2026-03-01T08:30:00+00:00`.
pub(super) fn moment(out: &mut String, moment: Timestamp) {
    // A text takes whatever is written to it.
    let _ = write!(out, "{moment}");
    if out.ends_with('Z') {
        out.pop();
        out.push_str("+00:00");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_cannot_hold_is_replaced_and_line_ends_survive() {
        let mut out = String::new();
        xml(&mut out, "a\u{1}<b> & \"ج\"\r\n\tد\u{FFFF}");
        assert_eq!(out, "a\u{FFFD}&lt;b&gt; &amp; &quot;ج&quot;&#xD;&#xA;&#x9;د\u{FFFD}");
    }

    #[test]
    fn a_moment_is_as_exact_as_it_is_and_has_an_offset() {
        for (text, expected) in [
            ("2026-03-01T08:30:00Z", "2026-03-01T08:30:00+00:00"),
            ("2026-03-01T08:30:00.000001+03:30", "2026-03-01T05:00:00.000001+00:00"),
        ] {
            let mut out = String::new();
            moment(&mut out, text.parse().unwrap());
            assert_eq!(out, expected);
        }
    }
}
