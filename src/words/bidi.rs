//! Texts of both directions in one sentence (Unicode Standard Annex 9).
//!
//! A reference or an amount in Latin letters inside a Persian sentence, and Persian words inside an English one, would drag the signs
//! around them out of their places. So whatever is put into a sentence is isolated; and because what people wrote may itself hold signs
//! that change directions, these are left out of it: nothing can reach beyond its own place.

const LEFT_TO_RIGHT_ISOLATE: char = '\u{2066}';
const FIRST_STRONG_ISOLATE: char = '\u{2068}';
const POP_DIRECTIONAL_ISOLATE: char = '\u{2069}';

/// The text kept together from left to right, as references, amounts and English sentences are read.
pub fn left_to_right(text: &str) -> String {
    isolated(LEFT_TO_RIGHT_ISOLATE, text)
}

/// The text kept together in the direction of its first letter.
pub fn in_its_own_direction(text: &str) -> String {
    isolated(FIRST_STRONG_ISOLATE, text)
}

fn isolated(begin: char, text: &str) -> String {
    let mut isolated = String::with_capacity(text.len() + 6);
    isolated.push(begin);
    isolated.extend(text.chars().filter(|sign| !is_directional(*sign)));
    isolated.push(POP_DIRECTIONAL_ISOLATE);
    isolated
}

/// Whether the sign embeds, overrides or isolates, or ends that.
fn is_directional(sign: char) -> bool {
    matches!(sign, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_into_a_sentence_is_isolated_and_cannot_reach_beyond_its_place() {
        assert_eq!(left_to_right("7QF3M-2PK9A"), "\u{2066}7QF3M-2PK9A\u{2069}");
        assert_eq!(in_its_own_direction("بررسی"), "\u{2068}بررسی\u{2069}");
        // An override, and an end that would close the isolate itself.
        let hostile = in_its_own_direction("\u{202e}abc\u{2069}\u{202c}\u{2067}d");
        assert_eq!(hostile, "\u{2068}abcd\u{2069}");
    }
}
