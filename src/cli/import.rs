//! `parvandeh import`.

use std::path::Path;

use super::progress::bar;
use super::{Exit, Failure, Format};
use crate::app::App;
use crate::config::Config;
use crate::import::Mapping;
use crate::import::run::{ImportReport, run};

/// Imports a source into the data directory, which no server may have open meanwhile.
pub async fn import(
    config: Config,
    source: &Path,
    mapping: &Path,
    stop_on_error: bool,
    format: Format,
) -> Result<Exit, Failure> {
    let mapping = Mapping::load(mapping)?;
    let app = App::open_configured(&config, |_| {}).await?;
    let progress = bar("importing", "bytes", 0);
    let report = run(&app.commands, source, &mapping, stop_on_error, &|read, total| {
        progress.set_length(total);
        progress.set_position(read);
    })
    .await?;
    progress.finish_and_clear();
    app.stop().await;
    match format {
        Format::Text => print_text(&report),
        Format::Json => println!("{}", json(&report)),
    }
    Ok(if report.problem_count == 0 { Exit::Done } else { Exit::Partial })
}

fn print_text(report: &ImportReport) {
    for problem in &report.problems {
        println!("not imported: {problem}");
    }
    let untold = report.problem_count - report.problems.len() as u64;
    if untold > 0 {
        println!("... and {untold} more");
    }
    println!(
        "Cases read: {}; new or changed: {}; events appended: {}; records not imported: {}.",
        report.cases_read, report.cases_written, report.events_written, report.problem_count
    );
    if report.stopped {
        println!(
            "Reading ended before the end of the source. Mend it and run the same command again."
        );
    }
}

fn json(report: &ImportReport) -> serde_json::Value {
    serde_json::json!({
        "casesRead": report.cases_read,
        "casesWritten": report.cases_written,
        "eventsWritten": report.events_written,
        "problemCount": report.problem_count,
        "problems": report.problems,
        "stopped": report.stopped,
    })
}
