//! A scenario whose texts are understood: policies, calendars and facts, and what of them is known at a moment.

use std::{collections::BTreeMap, sync::Arc};

use jiff::{
    Timestamp,
    civil::DateTime,
    tz::{TimeZone, TimeZoneDatabase},
};
use serde_json::{Value, json};

use super::{ReadPolicy, Scenario, ScenarioError, named, policy_document};
use crate::{
    calendar::{CalendarVersions, WorkingTime, joined},
    id::{CalendarId, PolicyId},
    policy::{DEFAULT_POLICY, PolicyDocument, PolicyPublished},
    sla::{
        CalendarSource, Fact, FactKind, FactSource, Opening, PolicyBinding, PolicySource,
        SlaHistory,
    },
};

/// Policies and calendars as they are known at some moment.
#[derive(Default)]
pub(super) struct Known {
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
pub(super) struct Version<T> {
    number: u32,
    effective_from: Timestamp,
    pub(super) recorded_at: Timestamp,
    document: T,
}

/// A scenario whose texts are understood.
pub(super) struct Story {
    zone: TimeZone,
    pub(super) calendars: BTreeMap<CalendarId, Vec<Version<Arc<WorkingTime>>>>,
    pub(super) policies: BTreeMap<PolicyId, Vec<Version<PolicyDocument>>>,
    pub(super) facts: Vec<Fact>,
}

/// The calendars that exist in every scenario.
fn ever_present() -> [(&'static str, Value); 2] {
    let days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let calendar = |days: &[&str], from: &str, to: &str| {
        let hours = json!([{ "from": from, "to": to }]);
        let weekly: Value = days.iter().map(|day| ((*day).to_owned(), hours.clone())).collect();
        json!({ "time_zone": "UTC", "weekly": weekly })
    };
    [
        ("office", calendar(&days[..5], "09:00", "17:00")),
        ("always", calendar(&days, "00:00", "24:00")),
    ]
}

impl Story {
    pub(super) fn understand(
        scenario: &Scenario,
        read_policy: ReadPolicy<'_>,
    ) -> Result<Self, ScenarioError> {
        let name = scenario.time_zone.as_deref().unwrap_or("UTC");
        let zone = TimeZoneDatabase::bundled()
            .get(name)
            .map_err(|error| ScenarioError::new("time_zone", error))?;
        let mut story =
            Self { zone, calendars: BTreeMap::new(), policies: BTreeMap::new(), facts: vec![] };
        for (id, document) in &ever_present() {
            story.add_calendar(id, document)?;
        }
        for (id, document) in &scenario.calendars {
            story.add_calendar(id, document)?;
        }
        for (id, written) in &scenario.policies {
            let field = format!("policies.{id}");
            let wrong = |message: String| ScenarioError::new(&field, message);
            let versions = story.versions(written, &field, |document| {
                let document = policy_document(document, read_policy)?;
                document.validate().map_err(|problems| joined(&problems))?;
                Ok(document)
            })?;
            let id = PolicyId::new(id.as_str()).map_err(|error| wrong(error.to_string()))?;
            story.policies.insert(id, versions);
        }
        for (revision, event) in (0..).zip(&scenario.events) {
            let fact = story.fact(revision, event, &format!("events[{revision}]"))?;
            story.facts.push(fact);
        }
        story.opening()?;
        Ok(story)
    }

    /// The moment that a local time of the scenario means.
    pub(super) fn time(&self, text: &str, field: &str) -> Result<Timestamp, ScenarioError> {
        let local: DateTime = text.replacen(' ', "T", 1).parse().map_err(|_| {
            let message = format!("{text:?} is no time such as 2026-01-02 10:00");
            ScenarioError::new(field, message)
        })?;
        let zoned = local.to_zoned(self.zone.clone());
        Ok(zoned.map_err(|error| ScenarioError::new(field, error))?.timestamp())
    }

    /// A moment as the scenario would write it.
    pub(super) fn local(&self, moment: Timestamp) -> String {
        let local = self.zone.to_datetime(moment);
        let format = if moment.subsec_nanosecond() != 0 {
            "%F %T%.f"
        } else if local.second() != 0 {
            "%F %T"
        } else {
            "%F %H:%M"
        };
        local.strftime(format).to_string()
    }

    /// One document, or a list of versions.
    fn versions<T>(
        &self,
        written: &Value,
        field: &str,
        document: impl Fn(&Value) -> Result<T, String>,
    ) -> Result<Vec<Version<T>>, ScenarioError> {
        let Some(list) = written.as_array() else {
            let (effective_from, recorded_at) = (Timestamp::MIN, Timestamp::MIN);
            let document =
                document(written).map_err(|message| ScenarioError::new(field, message))?;
            return Ok(vec![Version { number: 1, effective_from, recorded_at, document }]);
        };
        let mut versions = vec![];
        for (number, version) in (1..).zip(list) {
            let field = format!("{field}[{}]", number - 1);
            let moment = |name: &str| {
                let text = version.get(name).and_then(Value::as_str);
                text.map(|text| self.time(text, &format!("{field}.{name}"))).transpose()
            };
            let missing =
                |name: &str| ScenarioError::new(&field, format!("a version needs `{name}`"));
            let effective_from =
                moment("effective_from")?.ok_or_else(|| missing("effective_from"))?;
            let recorded_at = moment("recorded")?.unwrap_or(effective_from);
            let written = version.get("document").ok_or_else(|| missing("document"))?;
            let document = document(written)
                .map_err(|message| ScenarioError::new(format!("{field}.document"), message))?;
            versions.push(Version { number, effective_from, recorded_at, document });
        }
        Ok(versions)
    }

    fn add_calendar(&mut self, id: &str, written: &Value) -> Result<(), ScenarioError> {
        let field = format!("calendars.{id}");
        let versions = self.versions(written, &field, |document| {
            let hours = WorkingTime::compile(&named(document)?);
            hours.map(Arc::new).map_err(|problems| joined(&problems))
        })?;
        let id = CalendarId::new(id).map_err(|error| ScenarioError::new(&field, error))?;
        self.calendars.insert(id, versions);
        Ok(())
    }

    fn opening(&self) -> Result<(&Fact, &Opening), ScenarioError> {
        let opening = self.facts.iter().find_map(|fact| match &fact.kind {
            FactKind::Opened(opening) => Some((fact, opening)),
            _ => None,
        });
        opening.ok_or_else(|| ScenarioError::new("events", "a case begins with `opened`"))
    }

    /// What is known at a moment: policies, calendars, and the history of the case.
    pub(super) fn known_at(&self, now: Timestamp) -> Result<(Known, SlaHistory), ScenarioError> {
        let mut known = Known::default();
        for (id, versions) in &self.calendars {
            let versions = versions
                .iter()
                .filter(|version| version.recorded_at <= now)
                .map(|version| (version.number, version.effective_from, version.document.clone()));
            let Some(versions) = CalendarVersions::new(versions) else { continue };
            let policies = self.policies.values().flatten();
            for zone in policies.flat_map(|version| version.document.time_zones()) {
                // Validation has refused zones that do not exist.
                if let Some(moved) = versions.in_zone(zone) {
                    known.calendars.insert((id.clone(), Some(zone.to_owned())), moved);
                }
            }
            known.calendars.insert((id.clone(), None), versions);
        }
        let (opening, _) = self.opening()?;
        let (before, after): (Vec<_>, Vec<_>) = self
            .publications(now)
            .into_iter()
            .partition(|(recorded_at, ..)| *recorded_at <= opening.recorded_at);
        for (_, id, published) in before {
            known.policies.entry(id.clone()).or_default().push(published);
        }
        let mut bindings: Vec<PolicyBinding> = known
            .policies
            .iter()
            .filter_map(|(id, versions)| {
                let version = PolicyPublished::in_force(versions, opening.occurred_at)?.version;
                Some(PolicyBinding { policy_id: id.clone(), version })
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
        Ok((known, history))
    }

    /// The policy versions recorded by a moment, in that order.
    fn publications(&self, now: Timestamp) -> Vec<(Timestamp, &PolicyId, PolicyPublished)> {
        let versions = self
            .policies
            .iter()
            .flat_map(|(id, versions)| versions.iter().map(move |version| (id, version)));
        let mut publications: Vec<_> = versions
            .filter(|(_, version)| version.recorded_at <= now)
            .map(|(id, version)| {
                let published = PolicyPublished {
                    version: version.number,
                    document: version.document.clone(),
                    effective_from: version.effective_from,
                };
                (version.recorded_at, id, published)
            })
            .collect();
        publications.sort_by_key(|(recorded_at, ..)| *recorded_at);
        publications
    }
}
