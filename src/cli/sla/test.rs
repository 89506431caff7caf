//! `parvandeh sla test`: scenarios, each a story with the clocks that it must give.

use std::fs;
use std::path::{Path, PathBuf};

use parvandeh_domain::policy::PolicyDocument;
use parvandeh_domain::sla::scenario::{Difference, Scenario};
use serde::Serialize;
use serde_json::json;

use crate::cli::{Exit, Failure, Format, file};

/// How many folders deep scenarios are looked for.
const DEPTH_MAX: usize = 16;

/// How a scenario came out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    file: String,
    title: Option<String>,
    /// What is otherwise than expected.
    differences: Vec<Difference>,
    /// Why it could not be run.
    error: Option<String>,
}

impl Outcome {
    fn stands(&self) -> bool {
        self.error.is_none() && self.differences.is_empty()
    }
}

/// Runs the scenarios of files and folders.
pub fn test(paths: &[PathBuf], format: Format) -> Result<Exit, Failure> {
    let mut files = vec![];
    for path in paths {
        collect(path, 0, &mut files)?;
    }
    if files.is_empty() {
        return Err(Failure::new(Exit::NotFound, "there are no scenarios (.yaml, .yml, .json)"));
    }
    let (mut outcomes, mut stand) = (vec![], 0);
    for file in &files {
        let outcome = run(file);
        stand += usize::from(outcome.stands());
        match format {
            Format::Text => file::answer(&lines(&outcome))?,
            Format::Json => outcomes.push(outcome),
        }
    }
    let fail = files.len() - stand;
    match format {
        Format::Text => {
            let count = files.len();
            file::answer(&format!("scenarios: {count}; stand: {stand}; fail: {fail}\n"))?;
        }
        Format::Json => {
            let all = json!({ "stand": stand, "fail": fail, "scenarios": outcomes });
            file::answer(&format!("{all:#}\n"))?;
        }
    }
    Ok(if fail == 0 { Exit::Done } else { Exit::Failed })
}

/// Adds a file, or the scenarios of a folder in the order of their names.
fn collect(path: &Path, depth: usize, into: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let failure = |error: std::io::Error| {
        let missing = error.kind() == std::io::ErrorKind::NotFound;
        let exit = if missing { Exit::NotFound } else { Exit::Failed };
        Failure::new(exit, format!("{}: {error}", path.display()))
    };
    if !fs::metadata(path).map_err(failure)?.is_dir() {
        into.push(path.to_owned());
        return Ok(());
    }
    if depth > DEPTH_MAX {
        return Err(Failure::new(Exit::Failed, format!("{}: too deep", path.display())));
    }
    let entries: Result<Vec<PathBuf>, _> =
        fs::read_dir(path).map_err(failure)?.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut entries = entries.map_err(failure)?;
    entries.sort();
    for entry in entries {
        let is_document = entry.extension().is_some_and(|extension| {
            ["yaml", "yml", "json"].iter().any(|known| extension == *known)
        });
        if is_document || entry.is_dir() {
            collect(&entry, depth + 1, into)?;
        }
    }
    Ok(())
}

fn run(path: &Path) -> Outcome {
    let mut outcome =
        Outcome { file: path.display().to_string(), title: None, differences: vec![], error: None };
    let scenario: Scenario = match file::text(path)
        .map_err(|failure| failure.message)
        .and_then(|text| file::parse(path, &text))
    {
        Ok(scenario) => scenario,
        Err(error) => {
            outcome.error = Some(error);
            return outcome;
        }
    };
    match scenario.check(&|policy| read_policy(path, policy)) {
        Ok(differences) => outcome.differences = differences,
        Err(error) => outcome.error = Some(error.to_string()),
    }
    outcome.title = Some(scenario.title);
    outcome
}

/// A policy that a scenario names by its path: from the folder of the scenario, or from the nearest folder above in which it is found.
fn read_policy(scenario: &Path, policy: &str) -> Result<PolicyDocument, String> {
    let scenario = scenario.canonicalize().map_err(|error| error.to_string())?;
    let found = scenario.ancestors().skip(1).map(|folder| folder.join(policy));
    let Some(path) = found.into_iter().find(|path| path.is_file()) else {
        return Err(format!("there is no file {policy} in the scenario's folder or above it"));
    };
    let text = file::text(&path).map_err(|failure| failure.message)?;
    file::parse(&path, &text).map_err(|error| format!("{policy}: {error}"))
}

fn lines(outcome: &Outcome) -> String {
    let word = if outcome.stands() { "stands" } else { "FAILS " };
    let title = outcome.title.as_deref().unwrap_or_default();
    let mut lines = vec![format!("{word}  {}  {title}", outcome.file).trim_end().to_owned()];
    lines.extend(outcome.differences.iter().map(|difference| format!("        {difference}")));
    let error = outcome.error.iter().flat_map(|error| error.lines());
    lines.extend(error.map(|line| format!("        {line}")));
    lines.join("\n") + "\n"
}
