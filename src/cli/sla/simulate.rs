//! `parvandeh sla simulate`.
//!
//! It folds the log itself, with the folds of the read models, into tables that are gone at the end. The read models in the data directory
//! may be absent (after an import), behind the log, or built by another version; the log is always there, and reading it takes no lock.

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use parvandeh_domain::id::CaseId;
use parvandeh_domain::sla::{
    ChangedClock, ClockState, Comparison, Drafts, Facet, Simulation, VerdictChange, Verdicts,
};
use parvandeh_projections::case_summary::TimeRange;
use parvandeh_projections::scope::CaseScope;
use parvandeh_projections::sla_clocks::CaseRange;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::super::file;
use super::super::progress::bar;
use super::super::{Exit, Failure, Format};
use crate::config::Config;
use crate::store::sqlite::LogReader;
use crate::what_if::{self, Question};

/// Examples that people are shown; programs get all.
const EXAMPLES_SHOWN: usize = 10;

/// Which drafts, over which cases.
#[derive(Args)]
pub struct SimulateArguments {
    #[command(flatten)]
    drafts: DraftArguments,
    /// Only cases opened from this time on: a date, which means its midnight in UTC, or RFC 3339.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<Timestamp>,
    /// Only cases opened before this time.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<Timestamp>,
    /// How the report is written.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// The drafts: one of them at least.
#[derive(Args)]
#[group(required = true, multiple = true)]
struct DraftArguments {
    /// The draft policy (YAML or JSON).
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// The policy in whose place it stands; the name of the file when absent. An id that is not known yet adds a policy.
    #[arg(long, value_name = "ID", requires = "policy")]
    policy_id: Option<String>,
    /// The draft calendar (YAML or JSON).
    #[arg(long, value_name = "FILE")]
    calendar: Option<PathBuf>,
    /// The calendar in whose place it stands; the name of the file when absent.
    #[arg(long, value_name = "ID", requires = "calendar")]
    calendar_id: Option<String>,
}

fn moment(text: &str) -> Result<Timestamp, String> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(moment);
    }
    let date: Date = text.parse().map_err(|_| "not a date, nor a time in RFC 3339".to_owned())?;
    let midnight = date.to_zoned(TimeZone::UTC).map_err(|error| error.to_string())?;
    Ok(midnight.timestamp())
}

impl DraftArguments {
    fn read(&self) -> Result<Drafts, Failure> {
        let policy = self.policy.as_deref().map(|file| draft(file, self.policy_id.as_deref()));
        let calendar =
            self.calendar.as_deref().map(|file| draft(file, self.calendar_id.as_deref()));
        Ok(Drafts::new(policy.transpose()?, calendar.transpose()?)?)
    }
}

/// A document with the id in whose place it stands.
fn draft<I, D: DeserializeOwned>(path: &Path, id: Option<&str>) -> Result<(I, D), Failure>
where
    I: TryFrom<String, Error: std::fmt::Display>,
{
    let failure =
        |problem: String| Failure::new(Exit::Failed, format!("{}: {problem}", path.display()));
    let document = file::parse(path, &file::text(path)?).map_err(failure)?;
    let stem = || path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let id = id.map(str::to_owned).or_else(stem).unwrap_or_default();
    let id = I::try_from(id.clone()).map_err(|error| failure(format!("the id {id:?}: {error}")))?;
    Ok((id, document))
}

/// Simulates drafts over what the log of the data directory holds.
pub fn simulate(config: &Config, arguments: &SimulateArguments) -> Result<Exit, Failure> {
    let question = Question {
        drafts: arguments.drafts.read()?,
        range: CaseRange {
            scope: CaseScope::All,
            opened_at: TimeRange { gte: arguments.from, lt: arguments.to },
        },
        now: super::now(),
    };
    let log = LogReader::open(&config.data_directory)?;
    let progress = bar("reading the log", "events", log.head()?.map_or(0, |head| head.0));
    let db = what_if::fold(&log, |position| progress.set_position(position))?;
    progress.finish_and_clear();
    let progress = bar("replaying", "cases", 0);
    let simulation = what_if::at_full_speed(&db, &question, |reached| {
        progress.set_length(reached.total);
        progress.set_position(reached.done);
    })?;
    progress.finish_and_clear();
    match arguments.format {
        Format::Text => print!("{}", text(&simulation)),
        Format::Json => println!("{:#}", to_json(&simulation, question.now)),
    }
    Ok(Exit::Done)
}

/// What a service manager reads.
fn text(simulation: &Simulation) -> String {
    let total = &simulation.total;
    let mut out = format!(
        "Cases replayed: {}; with a clock that changes: {}; clocks that change: {}.\n\n",
        simulation.cases, simulation.cases_changed, total.changed
    );
    let mut row = |name: &str, before: String, after: String, difference: String| {
        out += &format!("{name:<24}{before:>14}{after:>14}{difference:>14}\n");
    };
    row("", "before".into(), "after".into(), "difference".into());
    let mut counts = |name: &str, of: &dyn Fn(&Verdicts) -> u64| {
        let (before, after) = (of(&total.before), of(&total.after));
        if before > 0 || after > 0 {
            let difference = after as i128 - before as i128;
            row(name, before.to_string(), after.to_string(), format!("{difference:+}"));
        }
    };
    counts("clocks", &Verdicts::clocks);
    for state in ClockState::ALL.iter().copied() {
        counts(state.as_str(), &|verdicts| verdicts.count(state));
    }
    let points = match (total.before.compliance(), total.after.compliance()) {
        (Some(before), Some(after)) => format!("{:+.1}", 100.0 * (after - before)),
        _ => "-".to_owned(),
    };
    row("kept in time", percent(&total.before), percent(&total.after), points);
    for (name, of) in [
        ("late, hours", (|verdicts| verdicts.late) as fn(&Verdicts) -> SignedDuration),
        ("late, working hours", |verdicts| verdicts.late_working),
    ] {
        let (before, after) = (of(&total.before), of(&total.after));
        let difference = format!("{:+.1}", hours(after) - hours(before));
        row(name, format!("{:.1}", hours(before)), format!("{:.1}", hours(after)), difference);
    }
    if !simulation.changes.is_empty() {
        out += "\nWhat becomes of the clocks that change\n";
    }
    for (change, count) in &simulation.changes {
        out += &format!("  {:<36}{count:>14}\n", arrow(*change));
    }
    for facet in [Facet::Unit, Facet::Category] {
        out += &by_facet(simulation, facet);
    }
    out += &examples(simulation);
    out
}

fn by_facet(simulation: &Simulation, facet: Facet) -> String {
    let mut out = format!(
        "\n{:<24}{:>14}{:>14}{:>14}{:>14}{:>12}{:>12}\n",
        format!("By {facet}"),
        "met before",
        "met after",
        "late before",
        "late after",
        "kept before",
        "after"
    );
    for (value, Comparison { before, after, .. }) in simulation.by(facet) {
        let name = value.unwrap_or("(none)");
        // The padding of `format!` counts characters, as people do.
        out += &format!(
            "  {name:<22}{:>14}{:>14}{:>14}{:>14}{:>12}{:>12}\n",
            before.count(ClockState::Met),
            after.count(ClockState::Met),
            before.count(ClockState::Breached),
            after.count(ClockState::Breached),
            percent(before),
            percent(after),
        );
    }
    out
}

fn examples(simulation: &Simulation) -> String {
    let mut out = String::new();
    let shown = simulation.examples.iter().take(EXAMPLES_SHOWN);
    for ((case_id, clock), ChangedClock { change, due_before, due_after }) in shown {
        if out.is_empty() {
            out += "\nExamples\n";
        }
        let due = |at: &Option<Timestamp>| {
            at.map_or_else(|| "no due time".to_owned(), |at| format!("due {at:.0}"))
        };
        let reference = CaseId(*case_id).reference();
        let (before, after) = (due(due_before), due(due_after));
        out += &format!("  {reference}  {clock}: {}; {before} -> {after}\n", arrow(*change));
    }
    out
}

fn arrow(VerdictChange { from, to }: VerdictChange) -> String {
    let name = |state: Option<ClockState>| state.map_or("(no clock)", ClockState::as_str);
    format!("{} -> {}", name(from), name(to))
}

fn percent(verdicts: &Verdicts) -> String {
    verdicts.compliance().map_or("-".to_owned(), |share| format!("{:.1} %", 100.0 * share))
}

fn hours(duration: SignedDuration) -> f64 {
    duration.as_secs_f64() / 3600.0
}

/// What programs read.
fn to_json(simulation: &Simulation, now: Timestamp) -> Value {
    let changes = simulation.changes.iter();
    let changes: Vec<Value> = changes
        .map(|(change, count)| json!({ "from": change.from, "to": change.to, "clocks": count }))
        .collect();
    let groups: Vec<Value> = Facet::ALL
        .iter()
        .flat_map(|facet| {
            simulation.by(*facet).map(move |(value, group)| {
                json!({
                    "by": facet,
                    "value": value,
                    "before": verdicts_json(&group.before),
                    "after": verdicts_json(&group.after),
                    "changed": group.changed,
                })
            })
        })
        .collect();
    let examples = simulation.examples.iter();
    let examples: Vec<Value> = examples
        .map(|((case_id, clock), changed)| {
            json!({
                "caseId": case_id,
                "reference": CaseId(*case_id).reference(),
                "clock": clock,
                "from": changed.change.from,
                "to": changed.change.to,
                "dueBefore": changed.due_before,
                "dueAfter": changed.due_after,
            })
        })
        .collect();
    json!({
        "now": now,
        "cases": simulation.cases,
        "casesChanged": simulation.cases_changed,
        "clocksChanged": simulation.total.changed,
        "before": verdicts_json(&simulation.total.before),
        "after": verdicts_json(&simulation.total.after),
        "changes": changes,
        "groups": groups,
        "ungrouped": simulation.ungrouped,
        "examples": examples,
    })
}

fn verdicts_json(verdicts: &Verdicts) -> Value {
    let counts = ClockState::ALL.iter();
    let mut all: serde_json::Map<String, Value> =
        counts.map(|state| (state.as_str().to_owned(), json!(verdicts.count(*state)))).collect();
    all.insert("clocks".to_owned(), json!(verdicts.clocks()));
    all.insert("complianceRatio".to_owned(), json!(verdicts.compliance()));
    all.insert("late".to_owned(), json!(verdicts.late));
    all.insert("lateWorking".to_owned(), json!(verdicts.late_working));
    Value::Object(all)
}
