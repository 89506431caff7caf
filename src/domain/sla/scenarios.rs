//! Runs every scenario of `fixtures/sla`; its README is the format. A scenario is read as people write it: what is misspelt fails.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::{
    SignedDuration, Timestamp,
    civil::DateTime,
    tz::{TimeZone, TimeZoneDatabase},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::*;
use crate::{
    calendar::{CalendarVersions, WorkingTime},
    case::attribute::CaseKind,
    id::{CalendarId, CaseId, PolicyId, derived},
    pii::Pii,
    policy::{DEFAULT_POLICY, PolicyDocument, PolicyPublished},
};

/// Every row of the README; each must be covered.
const ROWS: &str = "selection targets-by-attribute first-response next-response periodic-update \
    wait-and-work ownership keep-in-loop responder six-conditions condition-traps resume-default \
    retroactive relative-due days cycles recurrence calendar-choice calendar-hours \
    two-elapsed-times goal-change hold-arithmetic pending-variants fixed-due-date \
    outside-hours-bonus warnings actions chained-clocks extensions merge-and-move attribution \
    policy-change detection reports daylight-saving calendar-versions late-recorded preset-lgsco \
    preset-scottish preset-nhs preset-banking";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    title: String,
    covers: String,
    why: String,
    #[serde(default)]
    time_zone: Option<String>,
    #[serde(default)]
    calendars: BTreeMap<String, Value>,
    #[serde(default)]
    policies: BTreeMap<String, Value>,
    #[serde(default)]
    events: Vec<Value>,
    #[serde(default)]
    expect: Vec<Instant>,
    #[serde(default)]
    problems: Option<Vec<String>>,
    #[serde(default)]
    warnings_of_policy: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Instant {
    at: String,
    clocks: BTreeMap<String, Value>,
    #[serde(default)]
    facts: BTreeMap<String, Vec<String>>,
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures")
}

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            into.push(path);
        }
    }
}

#[test]
fn every_scenario_stands_and_every_row_has_one() {
    let folder = fixtures().join("sla");
    let mut paths = vec![];
    files(&folder, &mut paths);
    // One scenario alone: SLA_SCENARIO=goal-change cargo test scenario
    let only = std::env::var("SLA_SCENARIO").unwrap_or_default();
    let (mut covered, mut failures) = (BTreeMap::<String, usize>::new(), vec![]);
    for path in &paths {
        let name = path.strip_prefix(&folder).unwrap().display().to_string();
        if !name.contains(&only) {
            continue;
        }
        let text = fs::read_to_string(path).unwrap();
        let outcome = serde_saphyr::from_str::<Scenario>(&text)
            .map_err(|error| error.to_string())
            .and_then(|scenario| {
                *covered.entry(scenario.covers.clone()).or_default() += 1;
                scenario.run().map_err(|error| format!("{}\n    {error}", scenario.title))
            });
        if let Err(error) = outcome {
            failures.push(format!("{name}: {error}"));
        }
    }
    println!("{} scenarios: {covered:?}", paths.len());
    let rows: BTreeSet<&str> = ROWS.split_whitespace().collect();
    let unknown = covered.keys().filter(|row| !rows.contains(row.as_str()));
    failures.extend(unknown.map(|row| format!("{row} is no row of the README")));
    if only.is_empty() {
        let missing = rows.iter().filter(|row| !covered.contains_key(**row));
        failures.extend(missing.map(|row| format!("no scenario covers the row {row}")));
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

/// Policies and calendars as they are known at some moment.
#[derive(Default)]
struct Known {
    policies: BTreeMap<PolicyId, Vec<PolicyPublished>>,
    calendars: BTreeMap<(CalendarId, Option<String>), CalendarVersions>,
}

impl PolicySource for Known {
    fn policy(&self, id: &PolicyId, version: u32) -> Option<&PolicyDocument> {
        let published = self.policies.get(id)?.iter().find(|known| known.version == version)?;
        Some(&published.document)
    }
}

impl CalendarSource for Known {
    fn calendar(&self, id: &CalendarId, time_zone: Option<&str>) -> Option<&CalendarVersions> {
        self.calendars.get(&(id.clone(), time_zone.map(str::to_owned)))
    }
}

/// A document with the moments from which it holds and from which it is known.
struct Version<T> {
    number: u32,
    effective_from: Timestamp,
    recorded_at: Timestamp,
    document: T,
}

/// A scenario whose texts are understood.
struct Story {
    zone: TimeZone,
    calendars: BTreeMap<CalendarId, Vec<Version<Arc<WorkingTime>>>>,
    policies: BTreeMap<PolicyId, Vec<Version<PolicyDocument>>>,
    facts: Vec<Fact>,
}

impl Scenario {
    fn run(&self) -> Result<(), String> {
        assert!(!self.why.trim().is_empty(), "{} shows no sum", self.title);
        if self.problems.is_some() || self.warnings_of_policy.is_some() {
            return self.check_validation();
        }
        let story = self.understand()?;
        let mut failures = vec![];
        for instant in &self.expect {
            let now = story.time(&instant.at)?;
            story.check(instant, now, &mut failures)?;
        }
        if self.expect.is_empty() {
            failures.push("nothing is expected".to_owned());
        }
        if failures.is_empty() { Ok(()) } else { Err(failures.join("\n    ")) }
    }

    fn check_validation(&self) -> Result<(), String> {
        let (_, document) = self.policies.iter().next().ok_or("a policy is needed")?;
        let outcome = policy_document(document);
        let mut codes: Vec<String> = match (&outcome, &self.warnings_of_policy) {
            (Err(error), _) if error.contains("ambiguous") => vec!["ambiguous_unit".to_owned()],
            (Err(error), _) => return Err(error.clone()),
            (Ok(document), None) => {
                let problems = document.validate().err().unwrap_or_default();
                problems.into_iter().map(|found| found.code.unwrap_or_default().into()).collect()
            }
            (Ok(document), Some(_)) => {
                document.validate().map_err(|problems| format!("{problems:?}"))?;
                let warnings = document.warnings();
                warnings.into_iter().map(|found| found.code.unwrap_or_default().into()).collect()
            }
        };
        codes.sort();
        codes.dedup();
        let expected = self.problems.as_ref().or(self.warnings_of_policy.as_ref());
        let mut expected = expected.cloned().unwrap_or_default();
        expected.sort();
        if codes == expected { Ok(()) } else { Err(format!("found {codes:?} {outcome:?}")) }
    }

    fn understand(&self) -> Result<Story, String> {
        let name = self.time_zone.as_deref().unwrap_or("UTC");
        let zone = TimeZoneDatabase::bundled().get(name).map_err(|error| error.to_string())?;
        let mut story =
            Story { zone, calendars: BTreeMap::new(), policies: BTreeMap::new(), facts: vec![] };
        let day = |from: &str, to: &str| json!([{ "from": from, "to": to }]);
        let week = |days: &[&str], hours: Value| -> Value {
            days.iter().map(|name| ((*name).to_owned(), hours.clone())).collect()
        };
        let days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
        let office =
            json!({ "time_zone": "UTC", "weekly": week(&days[..5], day("09:00", "17:00")) });
        let always = json!({ "time_zone": "UTC", "weekly": week(&days, day("00:00", "24:00")) });
        for (id, document) in [("office", office), ("always", always)] {
            story.add_calendar(id, &document)?;
        }
        for (id, document) in &self.calendars {
            story.calendars.remove(&CalendarId::new(id.as_str()).unwrap());
            story.add_calendar(id, document)?;
        }
        for (id, document) in &self.policies {
            let versions = story.versions(document, policy_document)?;
            for version in &versions {
                version.document.validate().map_err(|found| format!("policy {id}: {found:?}"))?;
            }
            let id = PolicyId::new(id.as_str()).map_err(|error| error.to_string())?;
            story.policies.insert(id, versions);
        }
        for (revision, event) in (0..).zip(&self.events) {
            let fact = story.fact(revision, event)?;
            story.facts.push(fact);
        }
        Ok(story)
    }
}

/// A policy document as scenarios write it: a name is not needed, and a text is the path of a file.
fn policy_document(written: &Value) -> Result<PolicyDocument, String> {
    if let Some(path) = written.as_str() {
        let text = fs::read_to_string(fixtures().join("..").join(path))
            .map_err(|error| format!("{path}: {error}"))?;
        return serde_saphyr::from_str(&text).map_err(|error| format!("{path}: {error}"));
    }
    named(written)
}

fn named<T: DeserializeOwned>(written: &Value) -> Result<T, String> {
    let mut written = written.clone();
    if let Some(fields) = written.as_object_mut() {
        fields.entry("name").or_insert_with(|| json!("scenario"));
    }
    serde_json::from_value(written).map_err(|error| error.to_string())
}

impl Story {
    fn time(&self, text: &str) -> Result<Timestamp, String> {
        let text = text.replacen(' ', "T", 1);
        let local: DateTime = text.parse().map_err(|error| format!("{text}: {error}"))?;
        let zoned = local.to_zoned(self.zone.clone()).map_err(|error| error.to_string())?;
        Ok(zoned.timestamp())
    }

    fn versions<T>(
        &self,
        written: &Value,
        document: impl Fn(&Value) -> Result<T, String>,
    ) -> Result<Vec<Version<T>>, String> {
        let Some(list) = written.as_array() else {
            let (effective_from, recorded_at) = (Timestamp::MIN, Timestamp::MIN);
            let document = document(written)?;
            return Ok(vec![Version { number: 1, effective_from, recorded_at, document }]);
        };
        (1..)
            .zip(list)
            .map(|(number, version)| {
                let effective = version["effective_from"].as_str().ok_or("effective_from")?;
                let effective_from = self.time(effective)?;
                let recorded_at = match version.get("recorded").and_then(Value::as_str) {
                    Some(recorded) => self.time(recorded)?,
                    None => effective_from,
                };
                let document = document(&version["document"])?;
                Ok(Version { number, effective_from, recorded_at, document })
            })
            .collect()
    }

    fn add_calendar(&mut self, id: &str, written: &Value) -> Result<(), String> {
        let versions = self.versions(written, |document| {
            let document = named(document)?;
            WorkingTime::compile(&document)
                .map(Arc::new)
                .map_err(|found| format!("calendar {id}: {found:?}"))
        })?;
        let id = CalendarId::new(id).map_err(|error| error.to_string())?;
        self.calendars.insert(id, versions);
        Ok(())
    }

    fn fact(&self, revision: u64, event: &Value) -> Result<Fact, String> {
        let fields = event.as_object().ok_or_else(|| format!("no event: {event}"))?;
        let at = fields.get("at").and_then(Value::as_str).ok_or("an event needs `at`")?;
        let occurred_at = self.time(at)?;
        let recorded_at = match fields.get("recorded").and_then(Value::as_str) {
            Some(recorded) => self.time(recorded)?,
            None => occurred_at,
        };
        let mut names = fields.keys().filter(|name| !matches!(name.as_str(), "at" | "recorded"));
        let (Some(name), None) = (names.next(), names.next()) else {
            return Err(format!("one thing happens in an event: {event}"));
        };
        let value = &fields[name];
        let text = |value: &Value| value.as_str().map(str::to_owned).unwrap_or_default();
        let optional = |key: &str| {
            Ok::<_, String>(match value.get(key).and_then(Value::as_str) {
                Some(moment) => Some(self.time(moment)?),
                None => None,
            })
        };
        let kind = match name.as_str() {
            "opened" => FactKind::Opened(Opening {
                kind: read(value, "kind")?.unwrap_or(CaseKind::Complaint),
                channel: read(value, "channel")?.or(read(&json!({"c": "email"}), "c")?),
                category: read(value, "category")?,
                priority: read(value, "priority")?.or(read(&json!({"p": "normal"}), "p")?),
                severity: read(value, "severity")?,
                unit: read(value, "unit")?,
                tier: read(value, "tier")?,
                customer_kind: read(value, "customer_kind")?,
                due_at: optional("due_at")?,
            }),
            "classified" => FactKind::Classified {
                category: read(value, "category")?,
                priority: read(value, "priority")?,
                severity: read(value, "severity")?,
            },
            "customer" => {
                FactKind::CustomerChanged { tier: read(value, "tier")?, kind: read(value, "kind")? }
            }
            "referred" => FactKind::Referred {
                unit: read(value, "unit")?.ok_or("referred needs a unit")?,
                answer_due_at: optional("answer_due")?,
            },
            "assigned" => FactKind::Assigned { assignee: from(value)? },
            "stage_entered" => FactKind::StageEntered { stage: text(value) },
            "customer_message" => FactKind::CustomerMessage,
            "response" => FactKind::Answered { kind: AnswerKind::Public, by: text(value) },
            "automatic_reply" => {
                FactKind::Answered { kind: AnswerKind::Automatic, by: text(value) }
            }
            "internal_note" => FactKind::NoteAdded,
            "held" => FactKind::Held { reason: from(value)? },
            "resumed" => FactKind::Resumed,
            "due_date_set" => FactKind::DueDateSet { due_at: self.time(&text(value))? },
            "resolved" => FactKind::Resolved,
            "closed" => FactKind::Closed,
            "reopened" => FactKind::Reopened,
            "merged" => FactKind::Merged,
            "unmerged" => FactKind::Unmerged,
            "activity" => FactKind::ActivityRecorded,
            "extended" => FactKind::Extended { clock: from(value)? },
            "waived" => FactKind::Waived { clock: from(value)? },
            other => return Err(format!("nothing is called {other}")),
        };
        let source = match kind {
            FactKind::CustomerChanged { .. } => FactSource::Customer(revision),
            FactKind::Extended { .. } | FactKind::Waived { .. } => FactSource::Clock(revision),
            _ => FactSource::Case(revision),
        };
        Ok(Fact { occurred_at, source, recorded_at, kind })
    }

    /// What is known at a moment: policies, calendars, and the history of the case.
    fn known_at(&self, now: Timestamp) -> (Known, SlaHistory) {
        let mut known = Known::default();
        for (id, versions) in &self.calendars {
            let versions: Vec<_> = versions
                .iter()
                .filter(|version| version.recorded_at <= now)
                .map(|version| (version.number, version.effective_from, version.document.clone()))
                .collect();
            let Some(versions) = CalendarVersions::new(versions) else { continue };
            let zones = self.policies.values().flatten();
            for zone in zones.flat_map(|version| version.document.time_zones()) {
                let moved = versions.in_zone(zone).unwrap();
                known.calendars.insert((id.clone(), Some(zone.to_owned())), moved);
            }
            known.calendars.insert((id.clone(), None), versions);
        }
        let opening =
            self.facts.iter().find(|fact| matches!(fact.kind, FactKind::Opened(_))).unwrap();
        let mut publications: Vec<(Timestamp, &PolicyId, PolicyPublished)> = vec![];
        for (id, versions) in &self.policies {
            for version in versions.iter().filter(|version| version.recorded_at <= now) {
                let published = PolicyPublished {
                    version: version.number,
                    document: version.document.clone(),
                    effective_from: version.effective_from,
                };
                publications.push((version.recorded_at, id, published));
            }
        }
        publications.sort_by_key(|(recorded_at, ..)| *recorded_at);
        let (before, after): (Vec<_>, Vec<_>) = publications
            .into_iter()
            .partition(|(recorded_at, ..)| *recorded_at <= opening.recorded_at);
        for (_, id, published) in before {
            known.policies.entry(id.clone()).or_default().push(published);
        }
        let in_force = |versions: &Vec<PolicyPublished>| {
            PolicyPublished::in_force(versions, opening.occurred_at).map(|found| found.version)
        };
        let mut bindings: Vec<PolicyBinding> = known
            .policies
            .iter()
            .filter_map(|(id, versions)| {
                Some(PolicyBinding { policy_id: id.clone(), version: in_force(versions)? })
            })
            .collect();
        bindings.sort_by_key(|binding| binding.policy_id.as_str() == DEFAULT_POLICY);
        let mut history = SlaHistory::new(bindings);
        for (recorded_at, id, published) in after {
            let versions = known.policies.entry(id.clone()).or_default();
            versions.push(published.clone());
            if published.reaches(opening.occurred_at, &*versions) {
                let binding = PolicyBinding { policy_id: id.clone(), version: published.version };
                history.insert(Fact {
                    occurred_at: published.effective_from,
                    source: FactSource::Policy(u64::from(published.version)),
                    recorded_at,
                    kind: FactKind::PolicyChanged(binding),
                });
            }
        }
        for fact in self.facts.iter().filter(|fact| fact.recorded_at <= now) {
            history.insert(fact.clone());
        }
        (known, history)
    }

    fn check(
        &self,
        instant: &Instant,
        now: Timestamp,
        failures: &mut Vec<String>,
    ) -> Result<(), String> {
        let (known, history) = self.known_at(now);
        let clocks = evaluate(&history, &known, &known);
        let found: BTreeMap<String, &Clock> =
            clocks.iter().map(|clock| (clock.key.to_string(), clock)).collect();
        let (found_keys, expected_keys): (Vec<_>, Vec<_>) =
            (found.keys().collect(), instant.clocks.keys().collect());
        if found_keys != expected_keys {
            failures.push(format!("{}: clocks {found_keys:?}, not {expected_keys:?}", instant.at));
        }
        for (key, expected) in &instant.clocks {
            let Some(clock) = found.get(key) else { continue };
            let fields = expected.as_object().cloned().unwrap_or_default();
            for (field, expected) in fields {
                let found = self.field(clock, &field, now, &known)?;
                let expected = self.normal(&field, &expected, clock)?;
                if found != expected {
                    failures.push(format!("{} {key} {field}: {found}, not {expected}", instant.at));
                }
            }
        }
        if !instant.facts.is_empty() {
            let recorded = self.monitor(now);
            for (key, expected) in &instant.facts {
                let found = recorded.get(key).cloned().unwrap_or_default();
                if &found != expected {
                    failures
                        .push(format!("{} {key} facts: {found:?}, not {expected:?}", instant.at));
                }
            }
        }
        Ok(())
    }

    /// A field of a clock as JSON: moments as timestamps, durations as seconds.
    fn field(
        &self,
        clock: &Clock,
        field: &str,
        now: Timestamp,
        known: &Known,
    ) -> Result<Value, String> {
        let moment = |moment: Option<Timestamp>| match moment {
            Some(moment) => json!(moment.to_string()),
            None => json!("never"),
        };
        let duration = |duration: SignedDuration| json!(duration.as_secs_f64());
        Ok(match field {
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
            "runs" => {
                let mut runs = 0;
                let mut was_running = false;
                for interval in &clock.intervals {
                    let is_running = interval.course == IntervalCourse::Running;
                    runs += u32::from(is_running && !was_running);
                    was_running = is_running;
                }
                json!(runs)
            }
            "by_unit" | "by_assignee" | "by_hold" => {
                let mut sums = BTreeMap::<String, SignedDuration>::new();
                for interval in &clock.intervals {
                    let (course, name) = match field {
                        "by_unit" => (
                            IntervalCourse::Running,
                            interval.unit.as_ref().map(ToString::to_string),
                        ),
                        "by_assignee" => (
                            IntervalCourse::Running,
                            interval.assignee.as_ref().map(ToString::to_string),
                        ),
                        _ => (IntervalCourse::Paused, interval.hold.map(|hold| hold.to_string())),
                    };
                    if interval.course != course || interval.from >= now {
                        continue;
                    }
                    let to = interval.to.unwrap_or(now);
                    let calendar = interval
                        .calendar_id
                        .as_ref()
                        .and_then(|id| known.calendar(id, interval.time_zone.as_deref()));
                    let counted = match calendar {
                        Some(calendar) => calendar.measure(clock.measure, interval.from, to),
                        None => to.duration_since(interval.from),
                    };
                    *sums.entry(name.unwrap_or_else(|| "none".to_owned())).or_default() += counted;
                }
                sums.into_iter().map(|(name, sum)| (name, duration(sum))).collect()
            }
            other => return Err(format!("a clock has no field {other}")),
        })
    }

    /// What a scenario expects, in the shape of [`Story::field`].
    fn normal(&self, field: &str, expected: &Value, clock: &Clock) -> Result<Value, String> {
        let text = expected.as_str();
        let moment = |expected: &Value| match expected.as_str() {
            Some("never") => Ok(json!("never")),
            Some(text) => Ok(json!(self.time(text)?.to_string())),
            None => Err(format!("{field}: {expected} is no moment")),
        };
        Ok(match field {
            "started" | "due" | "stopped" => moment(expected)?,
            "elapsed" | "paused" | "wall_clock" | "remaining" | "target" => {
                json!(seconds(text.ok_or_else(|| format!("{field}: {expected}"))?)?)
            }
            "warnings" => {
                let warnings = expected.as_object().ok_or("warnings are a map")?;
                let warnings: Result<serde_json::Map<_, _>, String> = warnings
                    .iter()
                    .map(|(threshold, at)| Ok((threshold.clone(), moment(at)?)))
                    .collect();
                Value::Object(warnings?)
            }
            "by_unit" | "by_assignee" | "by_hold" => {
                let sums = expected.as_object().ok_or("attribution is a map")?;
                let sums: Result<serde_json::Map<_, _>, String> = sums
                    .iter()
                    .map(|(name, sum)| {
                        Ok((name.clone(), json!(seconds(sum.as_str().unwrap_or_default())?)))
                    })
                    .collect();
                Value::Object(sums?)
            }
            _ => {
                let _ = clock;
                expected.clone()
            }
        })
    }

    /// Lives through the story as the monitor does, and names the facts that are on the log at a moment.
    fn monitor(&self, until: Timestamp) -> BTreeMap<String, Vec<String>> {
        let mut state = SlaState::default();
        let mut names = BTreeMap::<String, Vec<String>>::new();
        let mut learned: Vec<Timestamp> = self.facts.iter().map(|fact| fact.recorded_at).collect();
        learned.extend(self.policies.values().flatten().map(|version| version.recorded_at));
        learned.extend(self.calendars.values().flatten().map(|version| version.recorded_at));
        learned.sort();
        learned.dedup();
        let mut now = Timestamp::MIN;
        loop {
            let next_news = learned.iter().find(|moment| **moment > now).copied();
            let (known, history) = self.known_at(now);
            let clocks = if history.opened_at().is_some() {
                evaluate(&history, &known, &known)
            } else {
                vec![]
            };
            for clock in &clocks {
                let subject = subject_of(clock);
                let cause = history.facts().iter().max_by_key(|fact| fact.recorded_at);
                let observed = ObserveClock::of(subject, clock, cause.map(|fact| fact.source));
                let context = context(now);
                let facts = <Sla as crate::decider::Decider>::decide(
                    &state,
                    SlaCommand::Observe(Box::new(observed)),
                    &context,
                );
                for fact in facts.unwrap() {
                    names.entry(clock.key.to_string()).or_default().push(name_of(&fact));
                    state.evolve(&fact);
                }
            }
            // A moment after the one that is named, when it has passed.
            let a_moment = SignedDuration::from_nanos(1);
            let due = clocks.iter().filter_map(|clock| state.next_at(clock)).min();
            let due = due.map(|due| (due + a_moment).max(now + a_moment));
            let Some(next) = [next_news, due].into_iter().flatten().min() else { break };
            if next > until {
                break;
            }
            now = next;
            for fact in self.facts.iter().filter(|fact| fact.recorded_at == now) {
                let granted = match &fact.kind {
                    FactKind::Extended { clock } => (clock, "extended"),
                    FactKind::Waived { clock } => (clock, "waived"),
                    _ => continue,
                };
                let (known, history) = self.known_at(now);
                let clocks = evaluate(&history, &known, &known);
                let Some(clock) = clocks.iter().find(|clock| clock.key == *granted.0) else {
                    continue;
                };
                names.entry(granted.0.to_string()).or_default().push(granted.1.to_owned());
                let (subject, reason) = (subject_of(clock), Pii::new(String::new()));
                let told = reason.clone();
                state.evolve(&match granted.1 {
                    "extended" => SlaExtended { subject, reason, told }.into(),
                    _ => SlaWaived { subject, reason }.into(),
                });
            }
        }
        names
    }
}

fn subject_of(clock: &Clock) -> ClockSubject {
    ClockSubject::of(CaseId(derived(&["scenario"])), clock, SubjectOfCase::default())
}

fn context(now: Timestamp) -> crate::decider::Context {
    crate::decider::Context {
        command_id: crate::id::CommandId(derived(&["observe"])),
        occurred_at: now,
        recorded_at: now,
        actor: crate::decider::Actor {
            kind: crate::decider::ActorKind::System,
            id: "sla-monitor".to_owned(),
        },
    }
}

fn name_of(fact: &SlaEvent) -> String {
    let name = match fact {
        SlaEvent::Warned(fact) => format!("warned {}", fact.threshold),
        SlaEvent::WarningWithdrawn(fact) => format!("warning_withdrawn {}", fact.threshold),
        SlaEvent::Breached(fact) if fact.silent => "breached silently".to_owned(),
        SlaEvent::Breached(_) => "breached".to_owned(),
        SlaEvent::Met(_) => "met".to_owned(),
        SlaEvent::CompletedLate(_) => "completed_late".to_owned(),
        SlaEvent::Cancelled(fact) if fact.merged => "merged".to_owned(),
        SlaEvent::Cancelled(_) => "cancelled".to_owned(),
        SlaEvent::Restated(fact) => format!("restated {} to {}", fact.from, fact.to),
        SlaEvent::Extended(_) => "extended".to_owned(),
        SlaEvent::Waived(_) => "waived".to_owned(),
    };
    let actions = &fact.subject().actions;
    if actions.is_empty() { name } else { format!("{name} [{}]", actions.join(", ")) }
}

fn from<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    serde_json::from_value(value.clone()).map_err(|error| format!("{value}: {error}"))
}

fn read<T: DeserializeOwned>(value: &Value, field: &str) -> Result<Option<T>, String> {
    value.get(field).filter(|value| !value.is_null()).map(from).transpose()
}

/// `1d 2h 30m`, `1.5d`, `-20m` in seconds.
fn seconds(text: &str) -> Result<f64, String> {
    let wrong = || format!("{text} is no duration such as 1h 30m");
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text),
    };
    let mut sum = 0.0;
    for part in rest.split(' ') {
        let split = part.len().checked_sub(1).ok_or_else(wrong)?;
        let (number, unit) = part.split_at_checked(split).ok_or_else(wrong)?;
        let unit = match unit {
            "d" => 86_400.0,
            "h" => 3_600.0,
            "m" => 60.0,
            "s" => 1.0,
            _ => return Err(wrong()),
        };
        sum += number.parse::<f64>().map_err(|_| wrong())? * unit;
    }
    Ok(sign * sum)
}
