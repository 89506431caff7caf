//! Whether a certificate holds: by its own sums, and against the one that the log gives.

use std::{
    collections::{HashMap, hash_map},
    fmt::{self, Debug},
};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{CERTIFICATE_FORMAT, CERTIFICATE_VERSION, CalendarReference, Certificate, Part, Sums};
use crate::{
    calendar::WorkingTime,
    sla::{ClockState, IntervalCourse},
};

/// The first thing in a certificate that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discrepancy {
    /// Where: `parts[3].counted`.
    pub field: String,
    /// What is wrong there, in words.
    pub message: String,
}

impl fmt::Display for Discrepancy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

impl Discrepancy {
    fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

fn same<T: PartialEq + Debug>(
    field: impl Into<String>,
    said: &T,
    is: &T,
) -> Result<(), Discrepancy> {
    if said == is {
        Ok(())
    } else {
        Err(Discrepancy::new(field, format!("the certificate says {said:?}, it is {is:?}")))
    }
}

impl Certificate {
    /// Counts every part again by the calendars in the document and sums the parts up: whether the certificate agrees with itself.
    pub fn check(&self) -> Result<(), Discrepancy> {
        same("format", &self.format.as_str(), &CERTIFICATE_FORMAT)?;
        same("version", &self.version, &CERTIFICATE_VERSION)?;
        same("case_reference", &self.case_reference, &self.case_id.reference())?;
        let end = self.stopped_at.unwrap_or(self.as_of);
        let mut at = self.started_at;
        let mut counting = Counting { certificate: self, compiled: HashMap::new() };
        for (index, part) in self.parts.iter().enumerate() {
            let field = |name: &str| format!("parts[{index}].{name}");
            same(field("from"), &part.from, &at)?;
            if part.to <= part.from {
                return Err(Discrepancy::new(field("to"), "a part ends after it began"));
            }
            same(field("wall_clock"), &part.wall_clock, &part.to.duration_since(part.from))?;
            let counted = counting.count(part, part.to, &field("calendar"))?;
            same(field("counted"), &part.counted, &counted)?;
            at = part.to;
        }
        if at != end {
            let message = format!("they end at {at}, the clock at {end}");
            return Err(Discrepancy::new("parts", message));
        }
        let sums = Sums::of(&self.parts);
        same("sums.elapsed", &self.sums.elapsed, &sums.elapsed)?;
        same("sums.paused", &self.sums.paused, &sums.paused)?;
        same("sums.wall_clock", &self.sums.wall_clock, &sums.wall_clock)?;
        same("sums.running_wall_clock", &self.sums.running_wall_clock, &sums.running_wall_clock)?;
        self.check_verdict(end)?;
        self.check_due(&mut counting)
    }

    /// A clock is late when it ended, or is open, after its due moment.
    fn check_verdict(&self, end: Timestamp) -> Result<(), Discrepancy> {
        let is_late = self.due_at.is_some_and(|due| due < end);
        let says_late = matches!(self.verdict, ClockState::Breached | ClockState::Waived);
        if is_late == says_late {
            return Ok(());
        }
        let due = self.due_at.map_or("it is not due".to_owned(), |due| format!("it is due {due}"));
        let message = format!("{} does not follow: {due}, and ends {end}", self.verdict);
        Err(Discrepancy::new("verdict", message))
    }

    /// At the due moment the target must be used up by what had elapsed.
    fn check_due<'a>(&'a self, counting: &mut Counting<'a>) -> Result<(), Discrepancy> {
        let (Some(target), Some(due)) = (self.target, self.due_at) else { return Ok(()) };
        let is_accounted_for = self.parts.last().is_some_and(|last| due <= last.to);
        if !is_accounted_for {
            return Ok(());
        }
        let mut elapsed = SignedDuration::ZERO;
        for part in &self.parts {
            if part.course == IntervalCourse::Running && part.from < due {
                elapsed += counting.count(part, part.to.min(due), "due_at")?;
            }
        }
        if elapsed < target {
            let message = format!("only {elapsed} of {target} had elapsed at {due}");
            return Err(Discrepancy::new("due_at", message));
        }
        Ok(())
    }

    /// The first field in which this certificate differs from the one that the log gives. The digest is left out: it differs whenever
    /// something else does.
    pub fn first_difference(&self, derived: &Self) -> Option<Discrepancy> {
        let json = |certificate: &Self| {
            let plain = Self { digest: String::new(), ..certificate.clone() };
            serde_json::to_value(plain).expect("a certificate has plain values only")
        };
        first_difference(&json(self), &json(derived), "")
    }
}

/// Counts parts by the calendars in the document, each compiled once.
struct Counting<'a> {
    certificate: &'a Certificate,
    compiled: HashMap<(&'a str, u32, &'a str), WorkingTime>,
}

impl<'a> Counting<'a> {
    /// What a part counts from its beginning to a moment.
    fn count(
        &mut self,
        part: &'a Part,
        to: Timestamp,
        field: &str,
    ) -> Result<SignedDuration, Discrepancy> {
        let Some(calendar) = &part.calendar else { return Ok(to.duration_since(part.from)) };
        let CalendarReference { id, version, time_zone } = calendar;
        let hours = match self.compiled.entry((id.as_str(), *version, time_zone)) {
            hash_map::Entry::Occupied(entry) => entry.into_mut(),
            hash_map::Entry::Vacant(entry) => {
                let used = self.certificate.calendars.iter();
                let mut used = used.filter(|used| used.id == *id && used.version == *version);
                let hours = used.next().and_then(|used| {
                    let document = &used.document;
                    WorkingTime::compile(document).ok()?.in_zone(time_zone)
                });
                let missing =
                    || format!("the certificate holds no usable version {version} of {id}");
                entry.insert(hours.ok_or_else(|| Discrepancy::new(field, missing()))?)
            }
        };
        Ok(hours.measure(self.certificate.measure, part.from, to))
    }
}

fn first_difference(said: &Value, is: &Value, field: &str) -> Option<Discrepancy> {
    match (said, is) {
        (Value::Object(said), Value::Object(is)) => {
            let mut names: Vec<&String> = said.keys().chain(is.keys()).collect();
            names.sort();
            names.dedup();
            let nothing = Value::Null;
            names.into_iter().find_map(|name| {
                let field = if field.is_empty() { name.clone() } else { format!("{field}.{name}") };
                let of = |fields: &'_ serde_json::Map<String, Value>| {
                    fields.get(name).cloned().unwrap_or_else(|| nothing.clone())
                };
                first_difference(&of(said), &of(is), &field)
            })
        }
        (Value::Array(said), Value::Array(is)) => {
            let each = said.iter().zip(is).enumerate();
            let different = each
                .filter_map(|(index, (said, is))| {
                    first_difference(said, is, &format!("{field}[{index}]"))
                })
                .next();
            different.or_else(|| {
                let message = format!(
                    "the certificate has {} of them, the log gives {}",
                    said.len(),
                    is.len()
                );
                (said.len() != is.len()).then(|| Discrepancy::new(field, message))
            })
        }
        _ if said == is => None,
        _ => {
            let message = format!("the certificate says {said}, the log gives {is}");
            Some(Discrepancy::new(field, message))
        }
    }
}
