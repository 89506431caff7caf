//! A first look at a document's text, before it is parsed.
//!
//! The parser is recursive: a body of a million opening braces would exhaust the stack and end the process.
//! So the text is scanned once, in linear time and constant memory, for its number of tokens and its deepest
//! nesting of brackets. The scan need not recognise GraphQL; what it lets pass goes to the parser.

/// What a scan found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scan {
    /// Lexical tokens; strings count as one, commas and comments as none.
    pub tokens: usize,
    /// The deepest nesting of `{`, `[` and `(` together.
    pub nesting: usize,
}

/// Scans the text of a document.
pub fn scan(text: &str) -> Scan {
    let bytes = text.as_bytes();
    let mut scan = Scan::default();
    let mut open = 0_usize;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' | b',' => at += 1,
            b'#' => at = end_of_comment(bytes, at),
            b'"' => {
                scan.tokens += 1;
                at = end_of_string(bytes, at);
            }
            b'{' | b'[' | b'(' => {
                open += 1;
                scan.nesting = scan.nesting.max(open);
                scan.tokens += 1;
                at += 1;
            }
            b'}' | b']' | b')' => {
                open = open.saturating_sub(1);
                scan.tokens += 1;
                at += 1;
            }
            _ if is_word(byte) => {
                scan.tokens += 1;
                while bytes.get(at).is_some_and(|&byte| is_word(byte)) {
                    at += 1;
                }
            }
            _ => {
                scan.tokens += 1;
                at += 1;
            }
        }
    }
    scan
}

/// Part of a name or number.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+')
}

fn end_of_comment(bytes: &[u8], from: usize) -> usize {
    let rest = &bytes[from..];
    let length = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
    from + length.unwrap_or(rest.len())
}

/// The index after the string that opens at `from`. A plain string that is not closed ends with its line,
/// so that a stray quotation mark cannot hide the brackets after it.
fn end_of_string(bytes: &[u8], from: usize) -> usize {
    let block = bytes[from..].starts_with(br#"""""#);
    let mut at = from + if block { 3 } else { 1 };
    while let Some(&byte) = bytes.get(at) {
        let rest = &bytes[at..];
        match byte {
            b'\\' if block && rest.starts_with(br#"\""""#) => at += 4,
            b'"' if block && rest.starts_with(br#"""""#) => return at + 3,
            b'\\' if !block => at += 2,
            b'"' | b'\n' | b'\r' if !block => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_and_nesting_are_counted_outside_strings_and_comments() {
        let cases = [
            ("", 0, 0),
            ("{ a }", 3, 1),
            ("{ a(b: [1, -2.5]) { c } } # {{{{", 16, 3),
            (r#"{ a(b: "{{{ \" {{") }"#, 8, 2),
            (r#"{ a(b: """ " {{ \""" {{ """) }"#, 8, 2),
            ("{ a(b: \"open\n{{ ) }", 10, 4),
            ("}}}}{", 5, 1),
        ];
        for (text, tokens, nesting) in cases {
            assert_eq!(scan(text), Scan { tokens, nesting }, "{text}");
        }
    }
}
