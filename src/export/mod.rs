//! Exports: the log in the formats that other programs read.
//!
//! XES (IEEE 1849) and OCEL 2.0 are for process mining, CSV for everything else, bundles for auditors who verify them. All of them tell of
//! *cases*: those of a [`Selection`], each with all that was recorded of it. An export goes over the log twice. The first pass notes which
//! places of the log belong to which case, in a temporary file (`index.rs`); the second reads the cases in the order in which they were
//! opened, a few hundred at a time (`history.rs`), and each event becomes a step (`step.rs`) that a format writes down. So memory does not
//! grow with the log, nothing needs to be built before, and the same log and selection give the same bytes. A bundle goes over the log in
//! its own order in the second pass.
//!
//! Personal data are left out unless a purpose is stated: see [`personal`].

mod bundle;
mod csv;
mod history;
mod index;
mod ocel;
pub mod personal;
mod selection;
mod step;
mod text;
mod xes;

use std::io::{self, Write};
use std::ops::ControlFlow;

use self::history::{History, HistoryReader, Wanted};
use self::index::{CaseIndex, IndexError};
use self::personal::Personal;
pub use self::selection::Selection;
use crate::proof::bundle::WriteError;
use crate::proof::checkpoint::FolderError;
use crate::proof::note::NoteError;
use crate::store::ReadError;
use crate::store::sqlite::LogReader;
use crate::vault::VaultError;

/// What an export can be written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// An event log of cases and their activities: IEEE 1849.
    Xes,
    /// An event log of several sorts of objects: OCEL 2.0 as JSON.
    Ocel,
    /// One line an event: RFC 4180.
    Csv,
    /// Events as they stand in the log, with proofs that can be verified offline.
    Bundle,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 4] = [Self::Xes, Self::Ocel, Self::Csv, Self::Bundle];

    /// Its name on the command line and in addresses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Xes => "xes",
            Self::Ocel => "ocel",
            Self::Csv => "csv",
            Self::Bundle => "bundle",
        }
    }

    /// The format of this name, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == name)
    }

    /// How the name of a file of this format ends.
    pub const fn file_extension(self) -> &'static str {
        match self {
            Self::Xes => "xes",
            Self::Ocel => "ocel.json",
            Self::Csv => "csv",
            Self::Bundle => "bundle.jsonl",
        }
    }

    /// The media type.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Xes => "application/xml; charset=utf-8",
            Self::Ocel => "application/json",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Bundle => "application/jsonl",
        }
    }
}

/// What an export came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Cases written.
    pub cases: u64,
    /// Events written.
    pub events: u64,
    /// Events of the cases that this program does not understand, because a newer one wrote them; they were left out.
    pub unknown: u64,
    /// Whether the last events of the log were left out of a bundle, because no signed checkpoint covers them yet.
    pub is_cut: bool,
}

/// Why an export was not finished.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The log could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The temporary index could not be kept.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// Personal data could not be opened.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A bundle was asked for, and nothing is signed.
    #[error("there is no signed checkpoint yet; a server signs about every second")]
    NoCheckpoint,
    /// The checkpoint cannot be read.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The checkpoint is not signed by the log's key.
    #[error("the stored checkpoint: run `parvandeh verify`")]
    Checkpoint(#[source] NoteError),
    /// The bundle could not be made.
    #[error(transparent)]
    Bundle(WriteError),
    /// What takes the export does not take it.
    #[error("the export cannot be written")]
    Write(#[from] io::Error),
    /// Whoever watched the export stopped it.
    #[error("the export was stopped")]
    Stopped,
}

/// Told how much is done, of how much, in events read; may stop the export.
pub type Watch<'a> = &'a mut dyn FnMut(u64, u64) -> ControlFlow<()>;

/// Writes the cases of a selection, as the log stands now.
pub fn export(
    log: &LogReader,
    format: Format,
    selection: &Selection,
    personal: &Personal,
    out: &mut dyn Write,
    watch: Watch<'_>,
) -> Result<Summary, ExportError> {
    let head = log.head()?.map_or(0, |head| head.0);
    // Both passes read the log.
    let total = 2 * head;
    let index = CaseIndex::build(log, head, selection, &mut |done| ask(watch, done, total))?;
    let header = Header { log_id: log.id()?, head, selection, personal };
    let wanted = Wanted {
        changes: format == Format::Ocel,
        envelopes: matches!(personal, Personal::Included { .. }),
    };
    let histories = HistoryReader::new(log, &index, wanted);
    let mut source = Source { histories, selection, head, watch };
    let mut summary = Summary::default();
    match format {
        Format::Xes => xes::write(&header, &mut source, out, &mut summary)?,
        Format::Ocel => ocel::write(&header, &index, &mut source, out, &mut summary)?,
        Format::Csv => csv::write(&header, &mut source, out, &mut summary)?,
        Format::Bundle => bundle::write(&header, log, &index, &mut source, out, &mut summary)?,
    }
    out.flush()?;
    Ok(summary)
}

fn ask(watch: Watch<'_>, done: u64, total: u64) -> Result<(), ExportError> {
    match watch(done, total) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(ExportError::Stopped),
    }
}

/// What every format says of the whole export.
struct Header<'a> {
    log_id: uuid::Uuid,
    /// Position of the last event that was looked at.
    head: u64,
    selection: &'a Selection,
    personal: &'a Personal,
}

/// Where the cases come from.
struct Source<'a> {
    histories: HistoryReader<'a>,
    selection: &'a Selection,
    head: u64,
    watch: Watch<'a>,
}

impl Source<'_> {
    /// The next cases, `None` after the last.
    fn next(&mut self) -> Result<Option<Vec<History>>, ExportError> {
        let batch = self.histories.next_batch(self.selection)?;
        self.tell(self.histories.events_read())?;
        Ok(batch)
    }

    /// Tells whoever watches how many events the second pass has read.
    fn tell(&mut self, read: u64) -> Result<(), ExportError> {
        ask(self.watch, self.head + read.min(self.head), 2 * self.head)
    }
}
