//! `parvandeh calendar`.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use parvandeh_domain::calendar::{CalendarDocument, Exception};

use super::file::text;
use super::{Exit, Failure};
use crate::import::icalendar::{Holidays, holidays};

/// What can be done with calendar documents.
#[derive(Subcommand)]
pub enum CalendarCommand {
    /// Turn the holidays of an iCalendar file into exceptions of a calendar, and print them or add them to its document.
    Holidays {
        /// The iCalendar file (.ics).
        file: PathBuf,
        /// Add them to this calendar document (JSON). What it says of a day already stays.
        #[arg(long, value_name = "FILE")]
        into: Option<PathBuf>,
    },
}

/// Runs a command on calendar documents.
pub fn calendar(command: &CalendarCommand) -> Result<Exit, Failure> {
    let CalendarCommand::Holidays { file, into } = command;
    let failure = |error| Failure::new(Exit::Failed, format!("{}: {error}", file.display()));
    let Holidays { exceptions, left_out } =
        holidays(&text(file)?).map_err(|error| failure(error.to_string()))?;
    for event in &left_out {
        let name = event.name.as_deref().unwrap_or("an event without a name");
        eprintln!("left out: {name} (line {}): {}", event.line, event.reason);
    }
    match into {
        Some(document) => add(exceptions, document)?,
        None => println!("{}", serde_json::to_string_pretty(&exceptions)?),
    }
    Ok(if left_out.is_empty() { Exit::Done } else { Exit::Partial })
}

/// Adds exceptions to a calendar document, which stays as it was when anything fails.
fn add(exceptions: Vec<Exception>, path: &Path) -> Result<(), Failure> {
    let failure = |what: String| Failure::new(Exit::Failed, format!("{}: {what}", path.display()));
    let mut document: CalendarDocument =
        serde_json::from_str(&text(path)?).map_err(|error| failure(error.to_string()))?;
    let found = exceptions.len();
    let added = merge(&mut document, exceptions);
    document.validate().map_err(|problems| {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        failure(format!("not written; mend {}", problems.join("; ")))
    })?;
    if added > 0 {
        write(&document, path).map_err(|error| failure(format!("not written: {error}")))?;
    }
    println!("{added} days added to {}; {} were there already.", path.display(), found - added);
    Ok(())
}

/// How many were added. A day that the document knows stays as its author wrote it.
fn merge(document: &mut CalendarDocument, exceptions: Vec<Exception>) -> usize {
    let day = |exception: &Exception| (exception.single_date(), exception.every);
    let known: Vec<_> = document.exceptions.iter().map(day).collect();
    let before = document.exceptions.len();
    document.exceptions.extend(exceptions.into_iter().filter(|new| !known.contains(&day(new))));
    document.exceptions.len() - before
}

/// Writes beside the file and renames, so that a full disk leaves the old document.
fn write(document: &CalendarDocument, path: &Path) -> std::io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let mut file = fs::File::create(&beside)?;
    serde_json::to_writer_pretty(&mut file, document)?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const CHRISTMAS: &str = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20261225\nDTEND;VALUE=DATE:20261227\n\
        SUMMARY:Kerst\nEND:VEVENT\nEND:VCALENDAR\n";

    fn run(holidays: &str, document: &str) -> (Result<Exit, String>, String) {
        let directory = tempfile::tempdir().unwrap();
        let (file, into) = (directory.path().join("a.ics"), directory.path().join("calendar.json"));
        fs::write(&file, holidays).unwrap();
        fs::write(&into, document).unwrap();
        let command = CalendarCommand::Holidays { file, into: Some(into.clone()) };
        let exit = calendar(&command).map_err(|failure| failure.message);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2, "nothing else is left");
        (exit, fs::read_to_string(into).unwrap())
    }

    fn amsterdam() -> String {
        json!({
            "name": "Amsterdam", "time_zone": "Europe/Amsterdam",
            "weekly": { "monday": [{ "from": "09:00", "to": "17:00" }] },
            "exceptions": [
                { "date": "2026-12-25", "intervals": [{ "from": "09:00", "to": "12:00" }] },
            ],
        })
        .to_string()
    }

    #[test]
    fn days_are_added_once_and_what_the_document_says_stays() {
        let (exit, written) = run(CHRISTMAS, &amsterdam());
        assert_eq!(exit, Ok(Exit::Done));
        let document: CalendarDocument = serde_json::from_str(&written).unwrap();
        assert_eq!(document.exceptions.len(), 2);
        assert_eq!(document.exceptions[0].intervals.len(), 1);
        assert_eq!(document.exceptions[1].name.as_deref(), Some("Kerst"));
        assert_eq!(run(CHRISTMAS, &written), (Ok(Exit::Done), written));
    }

    #[test]
    fn what_is_left_out_makes_it_partial() {
        let with_time = CHRISTMAS.replace("20261225", "20261225T120000");
        let (exit, written) = run(&with_time, &amsterdam());
        assert_eq!((exit, written), (Ok(Exit::Partial), amsterdam()));
    }

    #[test]
    fn a_bad_file_or_document_is_named_and_nothing_is_written() {
        let (exit, written) = run("<html>", &amsterdam());
        assert_eq!(written, amsterdam());
        assert!(exit.unwrap_err().contains("a.ics: this is not an iCalendar file: line 1"));
        let (exit, written) = run(CHRISTMAS, "{}");
        assert_eq!(written, "{}");
        assert!(exit.unwrap_err().contains("calendar.json: missing field `name`"));
        let elsewhere = amsterdam().replace("Europe/Amsterdam", "Europe/Rotterdam");
        let (exit, written) = run(CHRISTMAS, &elsewhere);
        assert_eq!(written, elsewhere);
        assert!(exit.unwrap_err().contains("not written; mend time_zone"));
    }
}
