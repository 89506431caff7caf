//! What commands read and write: files of a bounded size, as plain text, JSON or YAML, and the answer on standard output.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::path::Path;

use serde::de::DeserializeOwned;

use super::{Exit, Failure};

/// The largest file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// The text of a file.
pub fn text(path: &Path) -> Result<String, Failure> {
    let failure = |what: String| Failure::new(Exit::Failed, format!("{}: {what}", path.display()));
    let file = fs::File::open(path).map_err(|error| {
        let missing = error.kind() == ErrorKind::NotFound;
        let exit = if missing { Exit::NotFound } else { Exit::Failed };
        Failure::new(exit, format!("{}: {error}", path.display()))
    })?;
    let mut bytes = vec![];
    file.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| failure(error.to_string()))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(failure(format!("larger than {FILE_BYTES_MAX} bytes; take a part of it")));
    }
    String::from_utf8(bytes)
        .map_err(|_| failure("not UTF-8 text; convert it first, with `iconv -t UTF-8`".to_owned()))
}

/// A document in JSON, when the file's name ends so, or in YAML. The error is a sentence without the file's name.
pub fn parse<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, String> {
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
        serde_json::from_str(text).map_err(|error| error.to_string())
    } else {
        serde_saphyr::from_str(text).map_err(|error| error.to_string())
    }
}

/// Writes an answer to standard output. Whoever reads it may have enough before the end, as `head` does.
pub fn answer(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
