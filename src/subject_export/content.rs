//! A file's bytes as one base64 text, although they come in parts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The text as far as it is written. Three bytes become four signs, so up to two bytes wait for the next part.
#[derive(Debug, Default)]
pub struct Base64Text {
    waiting: Vec<u8>,
}

impl Base64Text {
    /// Writes the next part.
    pub fn add(&mut self, part: &[u8], text: &mut String) {
        self.waiting.extend_from_slice(part);
        let whole = self.waiting.len() / 3 * 3;
        STANDARD.encode_string(&self.waiting[..whole], text);
        self.waiting.drain(..whole);
    }

    /// Writes what is left.
    pub fn end(&mut self, text: &mut String) {
        STANDARD.encode_string(std::mem::take(&mut self.waiting), text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_any_size_make_the_text_of_the_whole() {
        let whole: Vec<u8> = (0..=255).collect();
        for size in 1..10 {
            let (mut encoder, mut text) = (Base64Text::default(), String::new());
            for part in whole.chunks(size) {
                encoder.add(part, &mut text);
            }
            encoder.end(&mut text);
            assert_eq!(text, STANDARD.encode(&whole), "parts of {size}");
        }
    }
}
