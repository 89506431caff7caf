//! The mapping: a TOML file that says which attribute of a source becomes which field of ours.
//!
//! ```toml
//! [source]
//! name = "permit-office"            # with a case's key, its identity: keep it for ever
//! time_zone = "Europe/Amsterdam"    # for times without an offset; optional
//!
//! [case]
//! key = { attribute = "concept:name" }
//! kind = { constant = "request" }
//! subject = "{concept:name}: {department}"
//! channel = { attribute = "channel", values = { Internet = "website" }, otherwise = "letter" }
//! opened_at = { attribute = "startdate" }    # without it, the time of the earliest activity
//!
//! [activity]
//! name = { attribute = "concept:name" }
//! occurred_at = { attribute = "time:timestamp" }
//! ```
//!
//! A field is either `constant`, the same for all, or read from an `attribute`. `values` translates
//! what the attribute says, and then says all that it may say. `otherwise` stands in where the
//! attribute is absent or not listed; without it an absent attribute leaves an optional field empty,
//! and anything else is a problem of that record. Times are only ever read, from an attribute.
//!
//! Optional are, in `[case]`: `opened_at`, `due_at`, `resolved_at`, `unit`, `category`, `priority`;
//! in `[activity]`: `resource`, `group`, `transition`, and `identity`, the attribute that tells the
//! activities of one case apart. In a template, `{{` and `}}` stand for the braces themselves.

mod written;

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::record::{AttributeValue, Attributes};
use super::timestamp::{self, shortened};

/// The channels of the domain, by their stored names.
const CHANNELS: [&str; 10] = [
    "portal",
    "email",
    "website",
    "app",
    "sms",
    "phone",
    "fax",
    "letter",
    "in_person",
    "social_network",
];

/// A mapping is written by hand; a file beyond this is another file.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A valid mapping: every field in it can be read, as far as that can be known without a source.
#[derive(Clone, Debug)]
pub struct Mapping {
    pub(super) source_name: String,
    pub(super) zone: Option<TimeZone>,
    pub(super) case: CaseMapping,
    pub(super) activity: ActivityMapping,
}

#[derive(Clone, Debug)]
pub(super) struct CaseMapping {
    pub(super) key: String,
    pub(super) kind: TextField,
    pub(super) subject: Template,
    pub(super) channel: TextField,
    pub(super) unit: Option<TextField>,
    pub(super) category: Option<TextField>,
    pub(super) priority: Option<TextField>,
    pub(super) opened_at: Option<TimeField>,
    pub(super) due_at: Option<TimeField>,
    pub(super) resolved_at: Option<TimeField>,
}

#[derive(Clone, Debug)]
pub(super) struct ActivityMapping {
    pub(super) name: TextField,
    pub(super) occurred_at: TimeField,
    pub(super) identity: Option<String>,
    pub(super) resource: Option<TextField>,
    pub(super) group: Option<TextField>,
    pub(super) transition: Option<TextField>,
}

impl Mapping {
    /// Reads and validates the mapping file at `path`.
    pub fn load(path: &Path) -> Result<Self, MappingError> {
        let unreadable = |cause| MappingError::Unreadable { path: path.to_owned(), cause };
        let file = std::fs::File::open(path).map_err(unreadable)?;
        let mut text = String::new();
        file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(unreadable)?;
        if text.len() as u64 > FILE_BYTES_MAX {
            return Err(MappingError::TooLarge { path: path.to_owned() });
        }
        Self::parse(&text)
    }

    /// Validates a mapping given as TOML text.
    pub fn parse(text: &str) -> Result<Self, MappingError> {
        let written: written::Mapping = toml::from_str(text.trim_start_matches('\u{FEFF}'))?;
        written.validate()
    }

    /// The namespace of the source's case keys.
    pub fn source_name(&self) -> &str {
        &self.source_name
    }

    /// The attribute of a trace that is the case's key.
    pub fn case_key(&self) -> &str {
        &self.case.key
    }

    /// The zone of times without an offset, if the mapping names one.
    pub fn time_zone(&self) -> Option<&TimeZone> {
        self.zone.as_ref()
    }

    /// The attributes that only an activity has: where its name and its time are read from.
    pub(super) fn activity_attributes(&self) -> impl Iterator<Item = &str> {
        let name = match &self.activity.name {
            TextField::Attribute { attribute, .. } => Some(attribute.as_str()),
            TextField::Constant(_) => None,
        };
        name.into_iter().chain([self.activity.occurred_at.attribute.as_str()])
    }
}

/// Where a text comes from.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum TextField {
    Constant(String),
    Attribute {
        attribute: String,
        values: Option<BTreeMap<String, String>>,
        otherwise: Option<String>,
    },
}

impl TextField {
    /// The text for a record, or `None` where the attribute is absent and nothing stands in for it.
    pub(super) fn read(&self, attributes: &Attributes) -> Result<Option<String>, String> {
        let (attribute, values, otherwise) = match self {
            Self::Constant(text) => return Ok(Some(text.clone())),
            Self::Attribute { attribute, values, otherwise } => (attribute, values, otherwise),
        };
        let Some(value) = attributes.get(attribute) else { return Ok(otherwise.clone()) };
        let text = value.text();
        match values {
            None => Ok(Some(text.into_owned())),
            Some(values) => match values.get(text.as_ref()).or(otherwise.as_ref()) {
                Some(ours) => Ok(Some(ours.clone())),
                None => Err(format!(
                    "the attribute `{attribute}` is `{}`, which the mapping's `values` do not list \
                     and no `otherwise` covers",
                    shortened(&text)
                )),
            },
        }
    }

    /// As [`read`](Self::read), for a field that must have a value.
    pub(super) fn require(&self, attributes: &Attributes) -> Result<String, String> {
        self.read(attributes)?.ok_or_else(|| match self {
            Self::Attribute { attribute, .. } => absent(attribute),
            Self::Constant(_) => "it is empty".to_owned(),
        })
    }

    /// All texts that the mapping itself may give, each with its own place below `field`.
    fn outcomes(&self, field: &str) -> Vec<(String, &str)> {
        match self {
            Self::Constant(text) => vec![(format!("{field}.constant"), text)],
            Self::Attribute { values, otherwise, .. } => {
                let listed = values
                    .iter()
                    .flatten()
                    .map(|(theirs, ours)| (format!("{field}.values.{theirs}"), ours.as_str()));
                let otherwise =
                    otherwise.iter().map(|ours| (format!("{field}.otherwise"), ours.as_str()));
                listed.chain(otherwise).collect()
            }
        }
    }
}

/// The attribute that a time is read from.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TimeField {
    attribute: String,
}

impl TimeField {
    /// The time for a record, or `None` where the attribute is absent.
    pub(super) fn read(
        &self,
        attributes: &Attributes,
        zone: Option<&TimeZone>,
    ) -> Result<Option<Timestamp>, String> {
        let attribute = &self.attribute;
        match attributes.get(attribute) {
            None => Ok(None),
            Some(AttributeValue::Timestamp(moment)) => Ok(Some(*moment)),
            Some(AttributeValue::String(text)) => timestamp::parse(text, zone)
                .map(Some)
                .map_err(|why| format!("the attribute `{attribute}`: {why}")),
            Some(other) => Err(format!(
                "the attribute `{attribute}` is `{}`, which is not a date and time (ISO 8601)",
                other.text()
            )),
        }
    }

    /// As [`read`](Self::read), for a field that must have a value.
    pub(super) fn require(
        &self,
        attributes: &Attributes,
        zone: Option<&TimeZone>,
    ) -> Result<Timestamp, String> {
        self.read(attributes, zone)?.ok_or_else(|| absent(&self.attribute))
    }
}

fn absent(attribute: &str) -> String {
    format!("the attribute `{attribute}` is absent or blank")
}

/// A text with attributes of the record set into it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Template(Vec<TemplatePart>);

#[derive(Clone, Debug, PartialEq)]
enum TemplatePart {
    Literal(String),
    Attribute(String),
}

impl Template {
    fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                literal.push_str(brace);
                rest = after;
            } else if brace == "}" {
                return Err(
                    "a `}` has no `{` before it: write `}}` for the brace itself".to_owned()
                );
            } else {
                let end = rest.find('}').ok_or("a `{` has no `}` after it")?;
                let attribute = rest[..end].trim();
                if attribute.is_empty() || attribute.contains('{') {
                    return Err("between `{` and `}` stands the name of an attribute".to_owned());
                }
                if !literal.is_empty() {
                    parts.push(TemplatePart::Literal(std::mem::take(&mut literal)));
                }
                parts.push(TemplatePart::Attribute(attribute.to_owned()));
                rest = &rest[end + 1..];
            }
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(TemplatePart::Literal(literal));
        }
        Ok(Self(parts))
    }

    pub(super) fn render(&self, attributes: &Attributes) -> Result<String, String> {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                TemplatePart::Literal(literal) => text.push_str(literal),
                TemplatePart::Attribute(name) => {
                    text.push_str(&attributes.get(name).ok_or_else(|| absent(name))?.text());
                }
            }
        }
        Ok(text)
    }
}

/// Refuses what is not the stored name of a channel.
pub(super) fn check_channel(channel: &str) -> Result<(), String> {
    if CHANNELS.contains(&channel) {
        return Ok(());
    }
    Err(format!("`{}` is no channel: ours are {}", shortened(channel), CHANNELS.join(", ")))
}

/// Why a mapping cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MappingError {
    /// The file is missing, may not be read, or is not UTF-8.
    #[error("cannot read the mapping {}: {cause}", path.display())]
    Unreadable {
        /// The path as given.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// More than a mapping can reasonably be.
    #[error("{} is larger than 1 MiB, which no mapping is: give the TOML file", path.display())]
    TooLarge {
        /// The path as given.
        path: PathBuf,
    },
    /// Not TOML, or with a key that mappings do not have. The text shows the line.
    #[error("the mapping cannot be read: {0}")]
    Toml(#[from] toml::de::Error),
    /// A field that is missing or that cannot be what it says.
    #[error("the mapping's `{field}`: {message}")]
    Field {
        /// The field, as a path in the file, such as `case.channel.values.Internet`.
        field: String,
        /// What is wrong and what it should be.
        message: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALLEST: &str = r#"
        [source]
        name = "s"
        [case]
        key = { attribute = "id" }
        kind = { constant = "request" }
        subject = "{title}"
        channel = { attribute = "via", values = { Post = "letter" }, otherwise = "portal" }
        [activity]
        name = { attribute = "what" }
        occurred_at = { attribute = "at" }
    "#;

    fn attributes(pairs: &[(&str, &str)]) -> Attributes {
        let mut attributes = Attributes::default();
        for (name, value) in pairs {
            let value = AttributeValue::String((*value).to_owned());
            assert!(attributes.insert((*name).to_owned(), value));
        }
        attributes
    }

    #[test]
    fn a_mapping_error_names_the_field() {
        // What is replaced in a good mapping, by what, and what the error must name.
        let table = [
            ("name = \"s\"", "", "`source.name`"),
            ("name = \"s\"", "name = \" \"", "`source.name`"),
            ("name = \"s\"", "name = \"a\\u0000\"", "`source.name`"),
            ("name = \"s\"", "name = \"s\"\ntime_zone = \"Mars/Base\"", "`source.time_zone`"),
            ("key = { attribute = \"id\" }", "", "`case.key`"),
            ("attribute = \"id\"", "attribute = \"\"", "`case.key.attribute`"),
            ("kind = { constant = \"request\" }", "", "`case.kind`"),
            ("constant = \"request\"", "", "`case.kind`"),
            ("constant = \"request\"", "constant = \"request\", attribute = \"k\"", "`case.kind`"),
            ("constant = \"request\"", "constant = \"request\", otherwise = \"k\"", "`case.kind`"),
            ("constant = \"request\"", "constant = \"\"", "`case.kind.constant`"),
            ("{title}", "{title", "`case.subject`"),
            ("{title}", "{}", "`case.subject`"),
            ("{title}", "title}", "`case.subject`"),
            ("Post = \"letter\"", "Post = \"pigeon\"", "`case.channel.values.Post`"),
            ("values = { Post = \"letter\" }", "values = {}", "`case.channel.values`"),
            ("otherwise = \"portal\"", "otherwise = \"pigeon\"", "`case.channel.otherwise`"),
            ("occurred_at = { attribute = \"at\" }", "", "`activity.occurred_at`"),
            ("occurred_at = { attribute", "occurred_at = { constant", "constant"),
            ("[activity]", "[activity]\ncolour = \"red\"", "colour"),
            ("[activity]", "[sla]\n[activity]", "sla"),
        ];
        assert!(Mapping::parse(SMALLEST).is_ok());
        for (old, new, named) in table {
            assert!(SMALLEST.contains(old), "{old}");
            let error = Mapping::parse(&SMALLEST.replacen(old, new, 1)).unwrap_err().to_string();
            assert!(error.contains(named), "{old} -> {new}: {error}");
        }
    }

    #[test]
    fn a_constant_holds_whatever_the_record_says() {
        let mapping = Mapping::parse(SMALLEST).unwrap();
        assert_eq!(mapping.case.kind.read(&attributes(&[])), Ok(Some("request".to_owned())));
    }

    #[test]
    fn otherwise_stands_in_for_an_absent_a_blank_and_an_unlisted_value() {
        let mapping = Mapping::parse(SMALLEST).unwrap();
        let read = |pairs: &[(&str, &str)]| mapping.case.channel.require(&attributes(pairs));
        assert_eq!(read(&[("via", " Post ")]), Ok("letter".to_owned()));
        assert_eq!(read(&[("via", "Pigeon")]), Ok("portal".to_owned()));
        assert_eq!(read(&[("via", " ")]), Ok("portal".to_owned()));
        assert_eq!(read(&[]), Ok("portal".to_owned()));
    }

    #[test]
    fn without_otherwise_an_unlisted_value_is_refused_and_an_absent_one_is_none() {
        let text = SMALLEST.replace(", otherwise = \"portal\"", "");
        let mapping = Mapping::parse(&text).unwrap();
        let channel = &mapping.case.channel;
        let unlisted = channel.read(&attributes(&[("via", "Pigeon")])).unwrap_err();
        assert!(unlisted.contains("`via` is `Pigeon`"), "{unlisted}");
        assert_eq!(channel.read(&attributes(&[])), Ok(None));
        assert!(channel.require(&attributes(&[])).unwrap_err().contains("`via` is absent"));
    }

    #[test]
    fn a_template_sets_attributes_into_text_and_keeps_doubled_braces() {
        let template = Template::parse("{{{a}}} - {b}").unwrap();
        let record = attributes(&[("a", "پرونده"), ("b", "2")]);
        assert_eq!(template.render(&record), Ok("{پرونده} - 2".to_owned()));
        assert!(template.render(&attributes(&[("a", "1")])).unwrap_err().contains("`b` is absent"));
    }
}
