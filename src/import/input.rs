//! The bytes of a source: counted for the progress bar, decompressed, and counted in lines.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

const GZIP_MAGIC: [u8; 2] = [0x1F, 0x8B];
const BUFFER_BYTES: usize = 64 << 10;

/// Text of a source, after decompression.
pub(super) type Decompressed = Box<dyn Read + Send>;

/// A file that counts the bytes taken from it.
pub(super) struct Counted {
    file: File,
    bytes_read: Arc<AtomicU64>,
}

impl Counted {
    pub(super) fn new(file: File, bytes_read: Arc<AtomicU64>) -> Self {
        Self { file, bytes_read }
    }
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.bytes_read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// The text of a file: as it is, or unpacked if its first two bytes are those of gzip.
pub(super) fn decompressed(mut file: impl Read + Send + 'static) -> io::Result<Decompressed> {
    let mut head = Vec::new();
    (&mut file).take(GZIP_MAGIC.len() as u64).read_to_end(&mut head)?;
    let is_gzip = head == GZIP_MAGIC;
    let whole = Cursor::new(head).chain(file);
    Ok(if is_gzip {
        Box::new(MultiGzDecoder::new(BufReader::with_capacity(BUFFER_BYTES, whole)))
    } else {
        Box::new(whole)
    })
}

/// What a text begins with, after a byte order mark and white space.
pub(super) enum First {
    Character(u8),
    Utf16,
    Nothing,
}

/// A buffered reader that knows its line, and that can be told how much its user may take.
pub(super) struct LineInput<R> {
    inner: R,
    buffer: Vec<u8>,
    position: usize,
    line: u64,
    /// Bytes that may still be taken until the next [`allow`](Self::allow).
    allowance_bytes: usize,
    /// An error that came after bytes which were good: those go first.
    pending: Option<io::Error>,
}

impl<R: Read> LineInput<R> {
    pub(super) fn new(inner: R) -> Self {
        Self {
            inner,
            buffer: Vec::with_capacity(BUFFER_BYTES),
            position: 0,
            line: 1,
            allowance_bytes: usize::MAX,
            pending: None,
        }
    }

    /// The line that the next byte belongs to, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// From here on, `bytes` may be taken; to want more is an error. This bounds what a parser
    /// above gathers until it sees the end of a token.
    pub(super) fn allow(&mut self, bytes: usize) {
        self.allowance_bytes = bytes;
    }

    /// Whether the last error was for want of allowance.
    pub(super) fn is_allowance_spent(&self) -> bool {
        self.allowance_bytes == 0
    }

    /// Passes over a byte order mark and white space, and shows the first byte of the text.
    pub(super) fn first_character(&mut self) -> io::Result<First> {
        let head = self.fill_buf()?;
        if head.starts_with(&[0xFF, 0xFE]) || head.starts_with(&[0xFE, 0xFF]) {
            return Ok(First::Utf16);
        }
        if head.starts_with(&[0xEF, 0xBB, 0xBF]) {
            self.consume(3);
        }
        loop {
            let available = self.fill_buf()?;
            if available.is_empty() {
                return Ok(First::Nothing);
            }
            match available.iter().position(|byte| !byte.is_ascii_whitespace()) {
                Some(at) => {
                    let first = available[at];
                    self.consume(at);
                    return Ok(First::Character(first));
                }
                None => {
                    let all = available.len();
                    self.consume(all);
                }
            }
        }
    }

    /// Fills the whole buffer, so that a byte order mark or a short first read is never cut in two.
    fn refill(&mut self) -> io::Result<()> {
        if let Some(error) = self.pending.take() {
            return Err(error);
        }
        self.position = 0;
        self.buffer.clear();
        let filled = (&mut self.inner).take(BUFFER_BYTES as u64).read_to_end(&mut self.buffer);
        if let Err(error) = filled {
            if self.buffer.is_empty() {
                return Err(error);
            }
            self.pending = Some(error);
        }
        Ok(())
    }
}

impl<R: Read> Read for LineInput<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl<R: Read> BufRead for LineInput<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.position == self.buffer.len() {
            self.refill()?;
        }
        let available = &self.buffer[self.position..];
        if available.is_empty() {
            return Ok(available);
        }
        if self.allowance_bytes == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "too much for one token"));
        }
        Ok(&available[..available.len().min(self.allowance_bytes)])
    }

    fn consume(&mut self, bytes: usize) {
        let taken = &self.buffer[self.position..self.position + bytes];
        self.line += taken.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.position += bytes;
        self.allowance_bytes = self.allowance_bytes.saturating_sub(bytes);
    }
}

/// A failure to read on, in words that say what to do.
pub(super) fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            "the gzip data ends too early: the file is incomplete, copy it again".to_owned()
        }
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            format!("the gzip data is damaged ({error}): copy the file again")
        }
        _ => format!("the source cannot be read on: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_as_they_are_taken() {
        let mut input = LineInput::new("one\ntwo\nthree".as_bytes());
        input.fill_buf().unwrap();
        assert_eq!(input.line(), 1);
        input.consume(4);
        assert_eq!(input.line(), 2);
        input.consume(9);
        assert_eq!(input.line(), 3);
    }

    #[test]
    fn good_bytes_come_before_the_error_that_follows_them() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("broken"))
            }
        }
        let mut input = LineInput::new("good".as_bytes().chain(Broken));
        assert_eq!(input.fill_buf().unwrap(), b"good");
        input.consume(4);
        assert_eq!(input.fill_buf().unwrap_err().to_string(), "broken");
    }

    #[test]
    fn no_more_than_the_allowance_is_given() {
        let mut input = LineInput::new("0123456789".as_bytes());
        input.fill_buf().unwrap();
        input.allow(4);
        assert_eq!(input.fill_buf().unwrap(), b"0123");
        input.consume(4);
        assert!(input.fill_buf().is_err() && input.is_allowance_spent());
        input.allow(100);
        assert_eq!(input.fill_buf().unwrap(), b"456789");
    }
}
