//! What a source says, before any mapping: traces, their events, and attributes on both.
//!
//! The words are those of XES: a *trace* is the history of one case, an *event* one thing that
//! happened in it, an *attribute* a named value of either. JSON Lines are read into the same shape.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;

/// Where a record stands in the source, for messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line, from 1, in the text after decompression.
    pub line: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "line {}", self.line)
    }
}

/// One value of a source, as typed there.
#[derive(Clone, Debug, PartialEq)]
pub enum AttributeValue {
    /// Text. A time that is written as text is text until a mapping reads it as a time.
    String(String),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// True or false.
    Boolean(bool),
    /// A moment.
    Timestamp(Timestamp),
}

impl AttributeValue {
    /// The value as text, without white space around it.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::String(text) => Cow::Borrowed(text.trim()),
            Self::Integer(number) => Cow::Owned(number.to_string()),
            Self::Float(number) => Cow::Owned(number.to_string()),
            Self::Boolean(flag) => Cow::Owned(flag.to_string()),
            Self::Timestamp(moment) => Cow::Owned(moment.to_string()),
        }
    }

    /// The value as the name of something, or `None` for a fraction: two different keys could be
    /// rounded to the same one, and two cases would silently become one.
    pub(super) fn identity(&self) -> Option<Cow<'_, str>> {
        (!matches!(self, Self::Float(_))).then(|| self.text())
    }

    fn is_blank(&self) -> bool {
        matches!(self, Self::String(text) if text.trim().is_empty())
    }

    fn size_bytes(&self) -> usize {
        match self {
            Self::String(text) => text.len(),
            _ => size_of::<Self>(),
        }
    }
}

/// The attributes of one trace or event. Their order in the source does not matter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attributes(BTreeMap<String, AttributeValue>);

impl Attributes {
    /// The value of `name`. Blank text counts as absent: exports write `value=""` for "none".
    pub fn get(&self, name: &str) -> Option<&AttributeValue> {
        self.0.get(name).filter(|value| !value.is_blank())
    }

    /// Adds a value. Answers false when `name` already has another one: then the record says two
    /// things, and which of them holds must not depend on their order.
    #[must_use]
    pub(super) fn insert(&mut self, name: String, value: AttributeValue) -> bool {
        match self.0.get(&name) {
            Some(known) => *known == value,
            None => {
                self.0.insert(name, value);
                true
            }
        }
    }

    /// Takes over what `newer` says, in place of what was known.
    pub(super) fn overwrite(&mut self, newer: Attributes) {
        self.0.extend(newer.0);
    }

    /// Takes over from `other` what is absent here.
    pub(super) fn fill_in(&mut self, other: &Attributes) {
        for (name, value) in &other.0 {
            if self.get(name).is_none() {
                self.0.insert(name.clone(), value.clone());
            }
        }
    }

    pub(super) fn size_bytes(&self) -> usize {
        self.0.iter().map(|(name, value)| size_bytes(name, value)).sum()
    }
}

/// What one attribute counts towards [`Limits::trace_bytes_max`].
pub(super) fn size_bytes(name: &str, value: &AttributeValue) -> usize {
    name.len() + value.size_bytes()
}

/// The history of one case in a source.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceTrace {
    /// What the source calls the case.
    pub key: String,
    /// Where the trace begins.
    pub place: Place,
    /// Attributes of the case itself.
    pub attributes: Attributes,
    /// What happened, in the source's order.
    pub events: Vec<SourceEvent>,
}

/// One thing that happened in a case.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceEvent {
    /// Where the event begins.
    pub place: Place,
    /// Its attributes.
    pub attributes: Attributes,
}

/// The most that one record may take. A record beyond a limit is refused with its place; the memory
/// of an import is a small multiple of `trace_bytes_max`, whatever the size of the source.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Events of one trace.
    pub trace_events_max: usize,
    /// Names and values of all attributes of one trace, with those of its events, in bytes.
    pub trace_bytes_max: usize,
    /// The name or the value of one attribute, in bytes.
    pub value_bytes_max: usize,
    /// One XML tag, or the text between two tags, in bytes. Beyond it the reading ends, because
    /// where the next record begins can no longer be told.
    pub markup_bytes_max: usize,
    /// One line of JSON, in bytes.
    pub line_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            trace_events_max: 10_000,
            trace_bytes_max: 16 << 20,
            value_bytes_max: 64 << 10,
            markup_bytes_max: 1 << 20,
            line_bytes_max: 1 << 20,
        }
    }
}

/// Refuses text that no field of ours can hold: too long, or with control characters (a NUL among
/// them), which XML forbids and which break logs and search indexes downstream.
pub(super) fn check_text(text: &str, limits: &Limits) -> Result<(), String> {
    if text.len() > limits.value_bytes_max {
        return Err(format!(
            "it has {} bytes, more than the {} allowed",
            text.len(),
            limits.value_bytes_max
        ));
    }
    match text.chars().find(|c| is_forbidden(*c)) {
        Some(c) => Err(format!("it contains the character U+{:04X}: remove it", u32::from(c))),
        None => Ok(()),
    }
}

/// Control characters other than tab and line ends, and the two that are no characters at all.
pub(super) fn is_forbidden(c: char) -> bool {
    matches!(c, '\0'..='\u{8}' | '\u{B}' | '\u{C}' | '\u{E}'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}')
}
