//! `parvandeh export`: the log for other programs. It reads only, takes no lock, and can be used beside a running server.

use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Args, ValueEnum};
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use parvandeh_domain::case::CaseKind;
use parvandeh_domain::id::UnitId;
use parvandeh_projections::scope::CaseScope;
use tokio::signal::unix::{SignalKind, signal};

use super::progress::bar;
use super::{Exit, Failure};
use crate::config::Config;
use crate::export::personal::Personal;
use crate::export::{self, ExportError, Format, Selection, Summary};
use crate::store::sqlite::LogReader;
use crate::vault::Vault;

/// What to export, and where to.
#[derive(Args)]
pub struct ExportArguments {
    /// The format.
    #[arg(value_enum)]
    format: FormatName,
    /// The file; `-` for standard output. It is compressed when its name ends in .gz.
    target: PathBuf,
    /// Only what happened at this moment or later: 2026-03-01T00:00:00+03:30.
    #[arg(long, value_name = "MOMENT")]
    from: Option<Timestamp>,
    /// Only what happened before this moment.
    #[arg(long, value_name = "MOMENT")]
    to: Option<Timestamp>,
    /// Only cases of this kind, such as complaint; may be given several times.
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<CaseKind>,
    /// Only cases that this unit owns now; may be given several times.
    #[arg(long = "unit", value_name = "UNIT")]
    units: Vec<UnitId>,
    /// Include personal data: subjects, texts, names, contact points.
    #[arg(long, requires = "purpose")]
    personal: bool,
    /// What the personal data are needed for.
    #[arg(long, value_name = "TEXT", requires = "personal", value_parser = purpose)]
    purpose: Option<String>,
}

fn purpose(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("say what the personal data are for".to_owned()),
        text => Ok(text.to_owned()),
    }
}

/// The formats by their names on the command line.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FormatName {
    /// Cases and their activities for process mining: IEEE 1849.
    Xes,
    /// Cases, customers, clocks and messages for object-centric process mining: OCEL 2.0 as JSON.
    Ocel,
    /// One line an event.
    Csv,
    /// Events as they stand in the log, with proofs that `parvandeh verify` checks offline.
    Bundle,
}

impl From<FormatName> for Format {
    fn from(name: FormatName) -> Self {
        match name {
            FormatName::Xes => Self::Xes,
            FormatName::Ocel => Self::Ocel,
            FormatName::Csv => Self::Csv,
            FormatName::Bundle => Self::Bundle,
        }
    }
}

/// Exports the cases of a data directory.
pub async fn export(config: Config, arguments: ExportArguments) -> Result<Exit, Failure> {
    let is_personal = arguments.personal;
    let stopped = Arc::new(AtomicBool::new(false));
    let mut work = tokio::task::spawn_blocking({
        let stopped = stopped.clone();
        move || run(&config, &arguments, &stopped)
    });
    let mut terminate = signal(SignalKind::terminate())?;
    let asked_to_stop = async {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
    };
    let outcome = tokio::select! {
        outcome = &mut work => outcome,
        () = asked_to_stop => {
            // The work ends by itself and takes its half file away.
            stopped.store(true, Ordering::Relaxed);
            work.await
        }
    };
    let summary = outcome.expect("the export does not panic")?;
    let unknown = match summary.unknown {
        0 => String::new(),
        unknown => format!(" {unknown} events of a newer program were left out."),
    };
    let cut = match summary.is_cut {
        true => " The last events are not under a signed checkpoint yet, and were left out.",
        false => "",
    };
    eprintln!("Cases: {}; events: {}.{unknown}{cut}", summary.cases, summary.events);
    if is_personal {
        eprintln!(
            "Personal data are in it. The access log does not tell of that, as this command writes nothing into the log; an export by the server is on record."
        );
    }
    Ok(Exit::Done)
}

fn run(
    config: &Config,
    arguments: &ExportArguments,
    stopped: &AtomicBool,
) -> Result<Summary, Failure> {
    let log = LogReader::open(&config.data_directory)?;
    let selection = Selection {
        scope: CaseScope::All,
        from: arguments.from,
        to: arguments.to,
        kinds: arguments.kinds.clone(),
        units: arguments.units.clone(),
    };
    let personal = match &arguments.purpose {
        Some(purpose) => {
            let vault = Vault::open_read_only(&config.data_directory, config.keyring())?;
            Personal::Included { purpose: purpose.clone(), vault: Arc::new(vault), accesses: None }
        }
        None => Personal::LeftOut,
    };
    let format = arguments.format.into();
    let progress = bar("exporting", "events", 0);
    let mut watch = |done, total| {
        progress.set_length(total);
        progress.set_position(done);
        if stopped.load(Ordering::Relaxed) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let mut write =
        |out: &mut dyn Write| export::export(&log, format, &selection, &personal, out, &mut watch);
    let summary = if arguments.target.as_os_str() == "-" {
        let mut out = io::stdout().lock();
        match write(&mut out) {
            // Whoever reads it may have enough before the end, as `head` does.
            Err(ExportError::Write(error)) if error.kind() == ErrorKind::BrokenPipe => {
                Summary::default()
            }
            outcome => outcome?,
        }
    } else {
        NewFile::create(&arguments.target)?.fill(&mut write)?
    };
    progress.finish_and_clear();
    Ok(summary)
}

/// A file that is there when it is whole and not before. It is written under another name, which goes away if it is given up.
struct NewFile<'a> {
    target: &'a Path,
    partial: PathBuf,
    file: File,
}

impl<'a> NewFile<'a> {
    fn create(target: &'a Path) -> Result<Self, Failure> {
        let failed = |path: &Path, what: &dyn std::fmt::Display| {
            Failure::new(Exit::Failed, format!("{}: {what}", path.display()))
        };
        let Some(name) = target.file_name() else {
            return Err(failed(target, &"not the name of a file"));
        };
        let mut partial = name.to_owned();
        partial.push(".partial");
        let partial = target.with_file_name(partial);
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&partial)
            .map_err(|error| failed(&partial, &error))?;
        if file.try_lock().is_err() {
            return Err(failed(&partial, &"another export is writing it"));
        }
        file.set_len(0).map_err(|error| failed(&partial, &error))?;
        Ok(Self { target, partial, file })
    }

    fn fill(
        self,
        write: &mut dyn FnMut(&mut dyn Write) -> Result<Summary, ExportError>,
    ) -> Result<Summary, Failure> {
        let is_gzip = self.target.extension().is_some_and(|extension| extension == "gz");
        let mut out = BufWriter::new(&self.file);
        let summary = if is_gzip {
            // Without a name and a time in its head, so that the same export gives the same bytes.
            let mut gzip = GzEncoder::new(&mut out, Compression::default());
            let summary = write(&mut gzip)?;
            gzip.finish()?;
            summary
        } else {
            write(&mut out)?
        };
        out.flush()?;
        drop(out);
        self.file.sync_all()?;
        fs::rename(&self.partial, self.target)?;
        let directory = self.target.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(summary)
    }
}

impl Drop for NewFile<'_> {
    fn drop(&mut self) {
        // After a rename there is nothing of this name any more.
        let _ = fs::remove_file(&self.partial);
    }
}
