//! Import: cases that were worked elsewhere, brought in from a file.
//!
//! Three notions, in the order in which a record meets them:
//!
//! 1. A **source** is a file that another system wrote: an event log in XES (the XML format of
//!    process mining) or JSON Lines, plain or gzip. It is read record by record, so that a file of
//!    any size takes the memory of one trace ([`Limits`] says how much that is). What it is, is told
//!    by its first bytes, never by its name.
//! 2. A **mapping** is a TOML file that says which attribute of the source becomes which field of
//!    ours ([`Mapping`]). The source's words are translated there and nowhere else.
//! 3. An [`ImportedCase`] is what comes out: one trace in our words, but still plain strings. The
//!    command side parses them into domain types and decides, exactly as for any other caller.
//!
//! A record that cannot be read is an [`ImportProblem`] with its place, and the rest goes on. Only a
//! source that is broken as a file (malformed XML, gzip data that ends too early) ends the reading,
//! and it does so with a last problem that says so.
//!
//! Reading the same source twice gives the same cases with the same identities: `(source, key)` for
//! a case, and [`ImportedActivity::identity`] within it. That is what makes an import repeatable.

pub mod icalendar;
mod imported_case;
mod input;
mod json_lines;
mod mapping;
mod record;
pub mod run;
mod timestamp;
mod trace_builder;
mod xes;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use imported_case::{ImportProblem, ImportedActivity, ImportedCase};
pub use mapping::{Mapping, MappingError};
pub use record::{AttributeValue, Attributes, Limits, Place, SourceEvent, SourceTrace};

use input::LineInput;
use json_lines::JsonLinesReader;
use xes::XesReader;

/// Opens the source at `path` and reads it as cases, in the words of `mapping`.
///
/// Nothing but the head of the file has been read when this returns. The cases come in the order of
/// the source; a case whose lines are scattered over a JSON Lines file comes several times.
pub fn read(path: &Path, mapping: &Mapping) -> Result<CaseReader, OpenSourceError> {
    read_within(path, mapping, Limits::default())
}

fn read_within(
    path: &Path,
    mapping: &Mapping,
    limits: Limits,
) -> Result<CaseReader, OpenSourceError> {
    let unreadable = |cause| OpenSourceError::Unreadable { path: path.to_owned(), cause };
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(OpenSourceError::NotAFile { path: path.to_owned() });
    }
    let bytes_read = Arc::new(AtomicU64::new(0));
    let file = input::Counted::new(File::open(path).map_err(unreadable)?, bytes_read.clone());
    let mut input = LineInput::new(input::decompressed(file).map_err(unreadable)?);
    let traces = match input.first_character().map_err(unreadable)? {
        input::First::Character(b'<') => Traces::Xes(XesReader::new(
            input,
            mapping.case_key(),
            mapping.time_zone().cloned(),
            limits,
        )),
        input::First::Character(b'{') => {
            Traces::JsonLines(JsonLinesReader::new(input, mapping, limits))
        }
        input::First::Character(_) => {
            return Err(OpenSourceError::UnknownFormat { path: path.to_owned() });
        }
        input::First::Utf16 => return Err(OpenSourceError::Utf16 { path: path.to_owned() }),
        input::First::Nothing => return Err(OpenSourceError::Empty { path: path.to_owned() }),
    };
    Ok(CaseReader { mapping: mapping.clone(), traces, bytes_read, bytes_total: metadata.len() })
}

/// The cases of one source, in its order. After the problem with
/// [`ends_source`](ImportProblem::ends_source) set, nothing more comes.
pub struct CaseReader {
    mapping: Mapping,
    traces: Traces,
    bytes_read: Arc<AtomicU64>,
    bytes_total: u64,
}

enum Traces {
    Xes(XesReader<input::Decompressed>),
    JsonLines(JsonLinesReader<input::Decompressed>),
}

impl CaseReader {
    /// How many bytes of the file have been read so far, as they lie on the disk (compressed, if it
    /// is compressed): the numerator of a progress bar.
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Ordering::Relaxed)
    }

    /// The size of the file in bytes when it was opened.
    pub fn bytes_total(&self) -> u64 {
        self.bytes_total
    }
}

impl Iterator for CaseReader {
    type Item = Result<ImportedCase, ImportProblem>;

    fn next(&mut self) -> Option<Self::Item> {
        let trace = match &mut self.traces {
            Traces::Xes(reader) => reader.next(),
            Traces::JsonLines(reader) => reader.next(),
        }?;
        Some(trace.and_then(|trace| ImportedCase::from_trace(&self.mapping, trace)))
    }
}

/// Why a source could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenSourceError {
    /// The file is missing, may not be read, or its first bytes cannot be decompressed.
    #[error("cannot read the source {}: {cause}", path.display())]
    Unreadable {
        /// The path as given.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// A directory, a pipe or a device: its size is not known and it cannot be read again.
    #[error("{} is not a regular file: write the source to a file and import that", path.display())]
    NotAFile {
        /// The path as given.
        path: PathBuf,
    },
    /// Nothing in it but white space.
    #[error("the source {} is empty: export it again", path.display())]
    Empty {
        /// The path as given.
        path: PathBuf,
    },
    /// UTF-16 text.
    #[error(
        "the source {} is UTF-16 text: convert it first, with `iconv -f UTF-16 -t UTF-8`",
        path.display()
    )]
    Utf16 {
        /// The path as given.
        path: PathBuf,
    },
    /// Neither XES nor JSON Lines.
    #[error(
        "the source {} is neither XES (which starts with `<`) nor JSON Lines (which starts with \
         `{{`), plain or gzip: export it as one of the two",
        path.display()
    )]
    UnknownFormat {
        /// The path as given.
        path: PathBuf,
    },
}
