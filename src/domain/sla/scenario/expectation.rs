//! A clock's fields against what a scenario expects of them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    Difference, Instant, ScenarioError,
    story::{Known, Story},
};
use crate::sla::{CalendarSource, Clock, IntervalCourse, evaluate};

impl Story {
    /// Adds what is otherwise than expected at an instant. `field` is where the instant stands: `expect[0]`.
    pub(super) fn check(
        &self,
        instant: &Instant,
        field: &str,
        differences: &mut Vec<Difference>,
    ) -> Result<(), ScenarioError> {
        let now = self.time(&instant.at, &format!("{field}.at"))?;
        let (known, history) = self.known_at(now)?;
        let clocks = evaluate(&history, &known, &known);
        let found: BTreeMap<String, &Clock> =
            clocks.iter().map(|clock| (clock.key.to_string(), clock)).collect();
        let mut differ = |subject: String, found: Value, expected: Value| {
            let at = Some(instant.at.clone());
            differences.push(Difference { at, subject, found, expected });
        };
        if !found.keys().eq(instant.clocks.keys()) {
            let keys = |keys: Vec<&String>| json!(keys);
            let expected = keys(instant.clocks.keys().collect());
            differ("clocks".to_owned(), keys(found.keys().collect()), expected);
        }
        for (key, expected) in &instant.clocks {
            let field = format!("{field}.clocks.{key}");
            let Some(fields) = expected.as_object() else {
                return Err(ScenarioError::new(field, "name fields: {state: running}"));
            };
            let Some(clock) = found.get(key) else { continue };
            for (name, expected) in fields {
                let wrong =
                    |message: String| ScenarioError::new(format!("{field}.{name}"), message);
                let found = value(clock, name, now, &known).ok_or_else(|| {
                    wrong("no field of a clock; fixtures/sla/README.md lists them".to_owned())
                })?;
                let meant = self.meant(name, expected).map_err(wrong)?;
                if found != meant {
                    differ(format!("{key} {name}"), self.written(name, found), expected.clone());
                }
            }
        }
        if !instant.facts.is_empty() {
            let recorded = self.facts_on_record(now)?;
            for (key, expected) in &instant.facts {
                let found = recorded.get(key).cloned().unwrap_or_default();
                if &found != expected {
                    differ(format!("{key} facts"), json!(found), json!(expected));
                }
            }
        }
        Ok(())
    }

    /// What a scenario expects, in the shape of [`value`].
    fn meant(&self, field: &str, expected: &Value) -> Result<Value, String> {
        let moment = |expected: &Value| match expected.as_str() {
            Some("never") => Ok(json!("never")),
            Some(text) => match self.time(text, field) {
                Ok(moment) => Ok(json!(moment)),
                Err(error) => Err(error.message),
            },
            None => Err(format!("{expected} is no time such as 2026-01-02 10:00, and not never")),
        };
        let duration = |expected: &Value| match expected.as_str() {
            Some(text) => Ok(json!(seconds(text)?)),
            None => Err(format!("{expected} is no duration such as 1h 30m")),
        };
        let each = |of: &dyn Fn(&Value) -> Result<Value, String>| {
            let fields = expected.as_object().ok_or("a map is expected: {NAME: VALUE}")?;
            let fields = fields.iter().map(|(name, value)| Ok((name.clone(), of(value)?)));
            fields.collect::<Result<Value, String>>()
        };
        match sort(field) {
            Sort::Moment => moment(expected),
            Sort::Duration => duration(expected),
            Sort::Moments => each(&moment),
            Sort::Durations => each(&duration),
            Sort::Plain => Ok(expected.clone()),
        }
    }

    /// What was found, as a scenario writes it.
    fn written(&self, field: &str, found: Value) -> Value {
        let moment = |found: Value| match found.as_str().map(str::parse::<Timestamp>) {
            Some(Ok(moment)) => json!(self.local(moment)),
            _ => found,
        };
        let duration = |found: Value| match found.as_f64() {
            Some(seconds) => json!(in_units(seconds)),
            None => found,
        };
        let each = |found: Value, of: &dyn Fn(Value) -> Value| match found {
            Value::Object(fields) => {
                fields.into_iter().map(|(name, value)| (name, of(value))).collect()
            }
            other => other,
        };
        match sort(field) {
            Sort::Moment => moment(found),
            Sort::Duration => duration(found),
            Sort::Moments => each(found, &moment),
            Sort::Durations => each(found, &duration),
            Sort::Plain => found,
        }
    }
}

/// How a field is written.
enum Sort {
    Moment,
    Duration,
    Moments,
    Durations,
    Plain,
}

fn sort(field: &str) -> Sort {
    match field {
        "started" | "due" | "stopped" => Sort::Moment,
        "elapsed" | "paused" | "wall_clock" | "remaining" | "target" => Sort::Duration,
        "warnings" => Sort::Moments,
        "by_unit" | "by_assignee" | "by_hold" => Sort::Durations,
        _ => Sort::Plain,
    }
}

/// A field of a clock as JSON: moments as timestamps, durations as seconds. `None` when clocks have no such field.
fn value(clock: &Clock, field: &str, now: Timestamp, known: &Known) -> Option<Value> {
    let moment = |moment: Option<Timestamp>| moment.map_or(json!("never"), |moment| json!(moment));
    let duration = |duration: SignedDuration| json!(duration.as_secs_f64());
    Some(match field {
        "state" => json!(clock.verdict_at(now)),
        "started" => moment(Some(clock.started_at)),
        "due" => moment(clock.due_at),
        "stopped" => moment(clock.stopped_at),
        "elapsed" => duration(clock.elapsed_at(now, known)),
        "paused" => duration(clock.paused_at(now, known)),
        "wall_clock" => duration(clock.wall_clock_at(now)),
        "remaining" => clock.remaining_at(now, known).map_or(Value::Null, duration),
        "percent" => json!(clock.percent_at(now, known)),
        "target" => clock.target.map_or(Value::Null, duration),
        "rule" => json!(clock.rule),
        "policy_version" => json!(clock.policy_version),
        "silent" => json!(clock.is_silent()),
        "warnings" => clock
            .warnings
            .iter()
            .map(|warning| (warning.threshold.clone(), moment(warning.at)))
            .collect(),
        "runs" => json!(runs(clock)),
        "by_unit" | "by_assignee" | "by_hold" => attributed(clock, field, now, known)
            .into_iter()
            .map(|(name, sum)| (name, duration(sum)))
            .collect(),
        _ => return None,
    })
}

/// How many stretches of running there are.
fn runs(clock: &Clock) -> usize {
    let running = |course| course == IntervalCourse::Running;
    let mut before = None;
    let begins = clock.intervals.iter().filter(|interval| {
        let was_running = before.replace(interval.course).is_some_and(running);
        running(interval.course) && !was_running
    });
    begins.count()
}

/// What elapsed by unit or assignee, or was paused by the reason of the hold.
fn attributed(
    clock: &Clock,
    field: &str,
    now: Timestamp,
    known: &Known,
) -> BTreeMap<String, SignedDuration> {
    let mut sums = BTreeMap::<String, SignedDuration>::new();
    for interval in &clock.intervals {
        let (course, name) = match field {
            "by_unit" => (IntervalCourse::Running, interval.unit.as_ref().map(ToString::to_string)),
            "by_assignee" => {
                (IntervalCourse::Running, interval.assignee.as_ref().map(ToString::to_string))
            }
            _ => (IntervalCourse::Paused, interval.hold.map(|hold| hold.to_string())),
        };
        if interval.course != course || interval.from >= now {
            continue;
        }
        let to = interval.to.unwrap_or(now);
        let id = interval.calendar_id.as_ref();
        let calendar = id.and_then(|id| known.calendar(id, interval.time_zone.as_deref()));
        let counted = match calendar {
            Some(calendar) => calendar.measure(clock.measure, interval.from, to),
            None => to.duration_since(interval.from),
        };
        *sums.entry(name.unwrap_or_else(|| "none".to_owned())).or_default() += counted;
    }
    sums
}

const UNITS: [(&str, f64); 4] = [("d", 86_400.0), ("h", 3_600.0), ("m", 60.0), ("s", 1.0)];

/// `1d 2h 30m`, `1.5d`, `-20m` in seconds.
fn seconds(text: &str) -> Result<f64, String> {
    let wrong = || format!("{text:?} is no duration such as 1h 30m");
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text),
    };
    let mut sum = 0.0;
    for part in rest.split(' ') {
        let unit = UNITS.iter().find(|(unit, _)| part.ends_with(unit));
        let (unit, worth) = unit.ok_or_else(wrong)?;
        let number = part.strip_suffix(unit).and_then(|number| number.parse::<f64>().ok());
        sum += number.ok_or_else(wrong)? * worth;
    }
    Ok(sign * sum)
}

/// Seconds as scenarios write them, days left in hours: `26h 30m`.
fn in_units(seconds: f64) -> String {
    let sign = if seconds < 0.0 { "-" } else { "" };
    let mut rest = seconds.abs();
    let mut parts = vec![];
    for (unit, worth) in &UNITS[1..] {
        let whole = if *unit == "s" { rest } else { (rest / worth).floor() };
        if whole > 0.0 {
            parts.push(format!("{whole}{unit}"));
            rest -= whole * worth;
        }
    }
    let text = if parts.is_empty() { "0h".to_owned() } else { parts.join(" ") };
    format!("{sign}{text}")
}
