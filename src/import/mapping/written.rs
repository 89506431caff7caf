//! The mapping file as written, before it is known to make sense. Fields that must be there are
//! optional here, so that their absence is answered with their full name.

use std::collections::BTreeMap;

use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::Deserialize;

use super::{
    ActivityMapping, CaseMapping, MappingError, Template, TextField, TimeField, check_channel,
};
use crate::import::timestamp::shortened;

const SOURCE_NAME_BYTES_MAX: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mapping {
    source: Option<Source>,
    case: Option<Case>,
    activity: Option<Activity>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    name: Option<String>,
    time_zone: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    key: Option<Attribute>,
    kind: Option<Text>,
    subject: Option<String>,
    channel: Option<Text>,
    unit: Option<Text>,
    category: Option<Text>,
    priority: Option<Text>,
    opened_at: Option<Attribute>,
    due_at: Option<Attribute>,
    resolved_at: Option<Attribute>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Activity {
    name: Option<Text>,
    occurred_at: Option<Attribute>,
    identity: Option<Attribute>,
    resource: Option<Text>,
    group: Option<Text>,
    transition: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Attribute {
    attribute: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    constant: Option<String>,
    attribute: Option<String>,
    values: Option<BTreeMap<String, String>>,
    otherwise: Option<String>,
}

impl Mapping {
    pub(super) fn validate(self) -> Result<super::Mapping, MappingError> {
        let source = required("source", self.source)?;
        let case = required("case", self.case)?;
        let activity = required("activity", self.activity)?;
        let channel = required("case.channel", text("case.channel", case.channel)?)?;
        for (field, ours) in channel.outcomes("case.channel") {
            check_channel(ours).map_err(|message| wrong(&field, message))?;
        }
        let subject = not_blank("case.subject", required("case.subject", case.subject)?)?;
        let key = required("case.key", attribute("case.key", case.key)?)?;
        Ok(super::Mapping {
            source_name: source_name(source.name)?,
            zone: source.time_zone.map(time_zone).transpose()?,
            case: CaseMapping {
                key,
                kind: required("case.kind", text("case.kind", case.kind)?)?,
                subject: Template::parse(&subject).map_err(|why| wrong("case.subject", why))?,
                channel,
                unit: text("case.unit", case.unit)?,
                category: text("case.category", case.category)?,
                priority: text("case.priority", case.priority)?,
                opened_at: time("case.opened_at", case.opened_at)?,
                due_at: time("case.due_at", case.due_at)?,
                resolved_at: time("case.resolved_at", case.resolved_at)?,
            },
            activity: ActivityMapping {
                name: required("activity.name", text("activity.name", activity.name)?)?,
                occurred_at: required(
                    "activity.occurred_at",
                    time("activity.occurred_at", activity.occurred_at)?,
                )?,
                identity: attribute("activity.identity", activity.identity)?,
                resource: text("activity.resource", activity.resource)?,
                group: text("activity.group", activity.group)?,
                transition: text("activity.transition", activity.transition)?,
            },
        })
    }
}

fn source_name(name: Option<String>) -> Result<String, MappingError> {
    let name = not_blank("source.name", required("source.name", name)?)?;
    if name.len() > SOURCE_NAME_BYTES_MAX || name.contains(char::is_control) {
        let message = format!(
            "it is the source's name for ever: at most {SOURCE_NAME_BYTES_MAX} bytes, without \
             control characters"
        );
        return Err(wrong("source.name", message));
    }
    Ok(name)
}

fn time_zone(name: String) -> Result<TimeZone, MappingError> {
    TimeZoneDatabase::bundled().get(&name).map_err(|_| {
        let message = format!(
            "`{}` is no time zone of the IANA database, such as `Asia/Tehran`",
            shortened(&name)
        );
        wrong("source.time_zone", message)
    })
}

fn text(field: &str, written: Option<Text>) -> Result<Option<TextField>, MappingError> {
    let Some(Text { constant, attribute, values, otherwise }) = written else {
        return Ok(None);
    };
    let otherwise = match otherwise {
        Some(text) => Some(not_blank(&format!("{field}.otherwise"), text)?),
        None => None,
    };
    match (constant, attribute) {
        (Some(_), None) if values.is_some() || otherwise.is_some() => {
            let message = "`values` and `otherwise` go with `attribute`: a constant is the same \
                           for every record";
            Err(wrong(field, message.to_owned()))
        }
        (Some(text), None) => {
            let text = not_blank(&format!("{field}.constant"), text)?;
            Ok(Some(TextField::Constant(text)))
        }
        (None, Some(attribute)) => {
            let attribute = not_blank(&format!("{field}.attribute"), attribute)?;
            if values.as_ref().is_some_and(BTreeMap::is_empty) {
                let message = "an empty table would let no value pass: leave `values` out";
                return Err(wrong(&format!("{field}.values"), message.to_owned()));
            }
            for (theirs, ours) in values.iter().flatten() {
                not_blank(&format!("{field}.values.{theirs}"), ours.clone())?;
            }
            Ok(Some(TextField::Attribute { attribute, values, otherwise }))
        }
        (Some(_), Some(_)) | (None, None) => {
            let message = "it is either `{ constant = \"...\" }` or `{ attribute = \"...\" }`";
            Err(wrong(field, message.to_owned()))
        }
    }
}

fn time(field: &str, written: Option<Attribute>) -> Result<Option<TimeField>, MappingError> {
    Ok(attribute(field, written)?.map(|attribute| TimeField { attribute }))
}

fn attribute(field: &str, written: Option<Attribute>) -> Result<Option<String>, MappingError> {
    written.map(|written| not_blank(&format!("{field}.attribute"), written.attribute)).transpose()
}

fn required<T>(field: &str, value: Option<T>) -> Result<T, MappingError> {
    value.ok_or_else(|| wrong(field, "it is missing, and an import cannot do without".to_owned()))
}

fn not_blank(field: &str, text: String) -> Result<String, MappingError> {
    if text.trim().is_empty() {
        return Err(wrong(field, "it is blank".to_owned()));
    }
    Ok(text)
}

fn wrong(field: &str, message: String) -> MappingError {
    MappingError::Field { field: field.to_owned(), message }
}
