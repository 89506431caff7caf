//! What an import hands to the command side: cases in our words, and problems with their place.

use std::collections::HashMap;
use std::fmt;

use jiff::Timestamp;

use super::mapping::{ActivityMapping, Mapping, TextField, TimeField, check_channel};
use super::record::{Place, SourceEvent, SourceTrace};

/// A case as a source knows it, in our words. The strings are not domain types yet: whether `kind`
/// is one of ours, whether the unit exists, and whether the times make sense together, is for the
/// command side to decide.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportedCase {
    /// The namespace of `key`.
    pub source: String,
    /// What the source calls the case. The same source and key are the same case, in every import.
    pub key: String,
    /// Where it begins in the source.
    pub place: Place,
    /// What kind of case it is.
    pub kind: String,
    /// One line that says what it is about.
    pub subject: String,
    /// How it came in: always the stored name of one of the ten channels.
    pub channel: String,
    /// The owning unit.
    pub unit: Option<String>,
    /// The subject category.
    pub category: Option<String>,
    /// The priority.
    pub priority: Option<String>,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it is due, if the source says so.
    pub due_at: Option<Timestamp>,
    /// When it was resolved, if it was.
    pub resolved_at: Option<Timestamp>,
    /// What happened in it, in the source's order, which need not be that of time.
    pub activities: Vec<ImportedActivity>,
}

/// One thing that happened in an imported case.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportedActivity {
    /// Tells it apart within its case, and is the same in every import of the source. It is the
    /// identity attribute if the mapping names one and the event has it; else it is made of the
    /// activity's time, its name, and how many of that time and name came before it. A place in the
    /// trace alone would not do: a later export with one earlier event would shift all the others.
    pub identity: String,
    /// Where it stands in the source.
    pub place: Place,
    /// What was done.
    pub name: String,
    /// When.
    pub occurred_at: Timestamp,
    /// Who did it, as the source calls them.
    pub resource: Option<String>,
    /// The group or unit that did it.
    pub group: Option<String>,
    /// The step in the activity's own life cycle, such as `start` or `complete`.
    pub transition: Option<String>,
}

/// A record that was not read, or a source that could not be read on.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub struct ImportProblem {
    /// Where it is.
    pub place: Place,
    /// The key of the record concerned, as far as it was known.
    pub record: Option<String>,
    /// What is wrong, naming the attribute or the field.
    pub message: String,
    /// Whether the source is broken as a file, so that nothing after this place was read.
    pub ends_source: bool,
}

impl ImportProblem {
    pub(super) fn of_record(place: Place, record: Option<String>, message: String) -> Self {
        Self { place, record, message, ends_source: false }
    }

    pub(super) fn of_source(place: Place, record: Option<String>, message: String) -> Self {
        Self { place, record, message, ends_source: true }
    }
}

impl fmt::Display for ImportProblem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.place)?;
        if let Some(record) = &self.record {
            write!(out, ", case `{record}`")?;
        }
        write!(out, ": {}", self.message)?;
        if self.ends_source {
            write!(out, "; the reading ends here")?;
        }
        Ok(())
    }
}

impl ImportedCase {
    /// Puts a trace into our words. One activity that cannot be read refuses the whole case: half a
    /// history would look like a whole one.
    pub(super) fn from_trace(mapping: &Mapping, trace: SourceTrace) -> Result<Self, ImportProblem> {
        let (key, place) = (trace.key.clone(), trace.place);
        Self::read(mapping, trace).map_err(|flaw| {
            ImportProblem::of_record(flaw.place.unwrap_or(place), Some(key), flaw.message)
        })
    }

    fn read(mapping: &Mapping, trace: SourceTrace) -> Result<Self, Flaw> {
        let (fields, zone) = (&mapping.case, mapping.zone.as_ref());
        let case = &trace.attributes;
        let activities = read_activities(mapping, &trace.events)?;
        let channel = fields.channel.require(case).map_err(in_field("case.channel"))?;
        check_channel(&channel).map_err(in_field("case.channel"))?;
        let time = |field: &Option<TimeField>, name: &'static str| match field {
            Some(field) => field.read(case, zone).map_err(in_field(name)),
            None => Ok(None),
        };
        let text = |field: &Option<TextField>, name: &'static str| match field {
            Some(field) => field.read(case).map_err(in_field(name)),
            None => Ok(None),
        };
        let opened_at = match time(&fields.opened_at, "case.opened_at")? {
            Some(opened_at) => opened_at,
            None => {
                activities.iter().map(|activity| activity.occurred_at).min().ok_or_else(|| {
                    in_field("case.opened_at")(
                        "the case neither says when it was opened nor has an activity".to_owned(),
                    )
                })?
            }
        };
        Ok(Self {
            source: mapping.source_name.clone(),
            place: trace.place,
            kind: fields.kind.require(case).map_err(in_field("case.kind"))?,
            subject: fields.subject.render(case).map_err(in_field("case.subject"))?,
            channel,
            unit: text(&fields.unit, "case.unit")?,
            category: text(&fields.category, "case.category")?,
            priority: text(&fields.priority, "case.priority")?,
            opened_at,
            due_at: time(&fields.due_at, "case.due_at")?,
            resolved_at: time(&fields.resolved_at, "case.resolved_at")?,
            activities,
            key: trace.key,
        })
    }
}

/// What is wrong with a trace. Without a place it concerns the case itself.
struct Flaw {
    place: Option<Place>,
    message: String,
}

fn in_field(field: &'static str) -> impl Fn(String) -> Flaw {
    move |message| Flaw { place: None, message: format!("{field}: {message}") }
}

fn read_activities(
    mapping: &Mapping,
    events: &[SourceEvent],
) -> Result<Vec<ImportedActivity>, Flaw> {
    let mut activities: Vec<ImportedActivity> = Vec::with_capacity(events.len());
    let mut position_of: HashMap<String, usize> = HashMap::with_capacity(events.len());
    let mut count_of: HashMap<(Timestamp, String), usize> = HashMap::new();
    for event in events {
        let at_event = |flaw: Flaw| Flaw { place: Some(event.place), ..flaw };
        let mut activity = read_activity(mapping, event).map_err(at_event)?;
        if activity.identity.is_empty() {
            let same = count_of.entry((activity.occurred_at, activity.name.clone())).or_default();
            activity.identity = format!("{}|{}|{same}", activity.occurred_at, activity.name);
            *same += 1;
        }
        match position_of.get(&activity.identity) {
            None => {
                position_of.insert(activity.identity.clone(), activities.len());
                activities.push(activity);
            }
            // The same line exported twice says nothing new.
            Some(known) if is_same(&activities[*known], &activity) => {}
            Some(known) => {
                return Err(at_event(in_field("activity.identity")(format!(
                    "`{}` also names another activity of this case, on {}: map an attribute that \
                     tells them apart, or leave `activity.identity` out",
                    activity.identity, activities[*known].place
                ))));
            }
        }
    }
    Ok(activities)
}

fn is_same(one: &ImportedActivity, other: &ImportedActivity) -> bool {
    *one == ImportedActivity { place: one.place, ..other.clone() }
}

/// Reads all but an identity that the event does not have, which is left empty.
fn read_activity(mapping: &Mapping, event: &SourceEvent) -> Result<ImportedActivity, Flaw> {
    let ActivityMapping { name, occurred_at, identity, resource, group, transition } =
        &mapping.activity;
    let attributes = &event.attributes;
    let text = |field: &Option<TextField>, name: &'static str| match field {
        Some(field) => field.read(attributes).map_err(in_field(name)),
        None => Ok(None),
    };
    let identity = match identity.as_ref().and_then(|name| attributes.get(name)) {
        None => String::new(),
        Some(value) => value
            .identity()
            .ok_or_else(|| in_field("activity.identity")("it is a fraction".to_owned()))?
            .into_owned(),
    };
    Ok(ImportedActivity {
        identity,
        place: event.place,
        name: name.require(attributes).map_err(in_field("activity.name"))?,
        occurred_at: occurred_at
            .require(attributes, mapping.zone.as_ref())
            .map_err(in_field("activity.occurred_at"))?,
        resource: text(resource, "activity.resource")?,
        group: text(group, "activity.group")?,
        transition: text(transition, "activity.transition")?,
    })
}
