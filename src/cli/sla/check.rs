//! `parvandeh sla check`: what is wrong with a policy, or what it promises, in words.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use parvandeh_domain::calendar::{CalendarDocument, Problem};
use parvandeh_domain::id::CalendarId;
use parvandeh_domain::policy::{DEFAULT_CALENDAR, PolicyDocument, Target};

use crate::cli::{Exit, Failure, file};

/// A calendar given on the command line as `ID=FILE`.
#[derive(Clone, Debug)]
pub struct NamedCalendar {
    id: CalendarId,
    path: PathBuf,
}

impl FromStr for NamedCalendar {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (id, path) = text.split_once('=').ok_or("write ID=FILE, such as office=office.json")?;
        let id = CalendarId::new(id).map_err(|error| error.to_string())?;
        Ok(Self { id, path: path.into() })
    }
}

/// Checks a policy and the calendars that are given with it.
pub fn check(path: &Path, calendars: &[NamedCalendar]) -> Result<Exit, Failure> {
    let mut said = String::new();
    let exit = checked(path, calendars, &mut said)?;
    file::answer(&said)?;
    Ok(exit)
}

fn checked(path: &Path, calendars: &[NamedCalendar], said: &mut String) -> Result<Exit, Failure> {
    let name = path.display().to_string();
    let document = match file::parse::<PolicyDocument>(path, &file::text(path)?) {
        Ok(document) => document,
        Err(error) => {
            unreadable(said, &name, &error);
            return Ok(Exit::Failed);
        }
    };
    let mut is_valid = true;
    if let Err(problems) = document.validate() {
        is_valid = false;
        report(said, &name, "must be mended", &problems);
    }
    for calendar in calendars {
        is_valid &= check_calendar(said, calendar)?;
    }
    if !is_valid {
        return Ok(Exit::Failed);
    }
    let mut warnings = document.warnings();
    warnings.extend(calendars_not_given(&document, calendars));
    if !warnings.is_empty() {
        report(said, &name, "is valid, with warnings", &warnings);
        said.push('\n');
    }
    summary(said, &document);
    Ok(Exit::Done)
}

fn check_calendar(said: &mut String, calendar: &NamedCalendar) -> Result<bool, Failure> {
    let name = format!("calendar {} ({})", calendar.id, calendar.path.display());
    let text = file::text(&calendar.path)?;
    let document = match file::parse::<CalendarDocument>(&calendar.path, &text) {
        Ok(document) => document,
        Err(error) => {
            unreadable(said, &name, &error);
            return Ok(false);
        }
    };
    let problems = document.validate().err();
    if let Some(problems) = &problems {
        report(said, &name, "must be mended", problems);
    }
    Ok(problems.is_none())
}

fn unreadable(said: &mut String, what: &str, error: &str) {
    *said += &format!("{what} cannot be read:\n");
    error.lines().for_each(|line| *said += &format!("  {line}\n"));
}

fn report(said: &mut String, what: &str, verdict: &str, problems: &[Problem]) {
    *said += &format!("{what} {verdict}:\n");
    for Problem { field, message, code } in problems {
        let code = code.as_ref().map(|code| format!(" [{code}]")).unwrap_or_default();
        *said += &format!("  {field}{code}: {message}\n");
    }
}

/// A policy can be published only when its calendars are; whoever gives some is told of the others.
fn calendars_not_given(document: &PolicyDocument, calendars: &[NamedCalendar]) -> Vec<Problem> {
    let given: BTreeSet<&CalendarId> = calendars.iter().map(|calendar| &calendar.id).collect();
    if given.is_empty() {
        return vec![];
    }
    let missing = document.calendars().into_iter().filter(|id| !given.contains(id));
    let problem = |id: CalendarId| Problem {
        field: "calendar".to_owned(),
        message: format!("{id} is named and was not given; it must be published before"),
        code: None,
    };
    missing.map(problem).collect()
}

fn summary(said: &mut String, document: &PolicyDocument) {
    let agreement = document.agreement();
    *said += &format!("{} (agreement {agreement}) is valid.\n", document.name);
    for (place, rule) in document.rules.iter().enumerate() {
        let of = if place == 0 { "for" } else { "otherwise, for" };
        *said += &format!("\n{}. {}: {of} {}\n", place + 1, rule.name, rule.when);
        if rule.targets.is_empty() {
            *said += "   nothing is promised\n";
        }
        for target in &rule.targets {
            promise(said, document, target);
        }
    }
}

/// A clock in two lines: what is promised, and the conditions in force.
fn promise(said: &mut String, document: &PolicyDocument, target: &Target) {
    let goal = target.goal().map_or("measured only".to_owned(), |goal| goal.to_string());
    let mut parts = vec![goal];
    match document.calendar_of(target, None) {
        Some(calendar) => parts.push(format!("calendar {calendar}")),
        None if target.needs_calendar() => parts.push(format!("calendar {DEFAULT_CALENDAR}")),
        None => {}
    }
    parts.extend(target.time_zone.as_ref().map(|zone| format!("in {zone}")));
    if !target.warn_at.is_empty() {
        let thresholds: Vec<_> = target.warn_at.iter().map(ToString::to_string).collect();
        parts.push(format!("warns at {}", thresholds.join(", ")));
    }
    parts.extend(target.outside_hours_bonus.map(|bonus| format!("{bonus} more outside hours")));
    parts.extend(
        target.extension.map(|terms| format!("{} more, at most {}x", terms.amount, terms.most)),
    );
    *said += &format!("   {}: {}\n", target.clock(), parts.join(", "));
    *said += &format!("      {}\n", target.conditions_in_words());
}
