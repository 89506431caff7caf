//! The parts of an OCEL document as they are written.

use std::io::{self, Write};

use jiff::Timestamp;
use parvandeh_domain::decider::Recorded;
use parvandeh_domain::id::EventId;
use parvandeh_domain::log::DomainEvent;
use serde::{Serialize, Serializer};

use crate::export::step::{Attribute, Value};
use crate::export::text;

/// An event.
#[derive(Serialize)]
pub(super) struct Event<'a> {
    id: EventId,
    #[serde(rename = "type")]
    name: &'a str,
    time: Moment,
    attributes: Vec<Named<'a>>,
    relationships: Vec<Relationship>,
}

impl<'a> Event<'a> {
    pub fn new(
        recorded: &Recorded<DomainEvent>,
        name: &'a str,
        attributes: &'a [Attribute<'a>],
        relationships: Vec<Relationship>,
    ) -> Self {
        let attributes =
            attributes.iter().map(|(name, value)| Named { name, value: Told(value) }).collect();
        let time = Moment(recorded.meta.occurred_at);
        Self { id: recorded.id, name, time, attributes, relationships }
    }
}

/// An attribute of an event.
#[derive(Serialize)]
struct Named<'a> {
    name: &'static str,
    value: Told<'a>,
}

/// An object.
#[derive(Serialize)]
pub(super) struct Object<'a> {
    pub id: String,
    #[serde(rename = "type")]
    pub sort: &'static str,
    pub attributes: Vec<Timed<'a>>,
    pub relationships: Vec<Relationship>,
}

/// An attribute of an object, and from when it held.
#[derive(Serialize)]
pub(super) struct Timed<'a> {
    name: &'static str,
    value: Told<'a>,
    time: Moment,
}

impl<'a> Timed<'a> {
    pub fn new(time: Timestamp, (name, value): &'a Attribute<'a>) -> Self {
        Self { name, value: Told(value), time: Moment(time) }
    }
}

/// Something that an event or an object has to do with.
#[derive(Serialize)]
pub(super) struct Relationship {
    #[serde(rename = "objectId")]
    object_id: String,
    qualifier: &'static str,
}

impl Relationship {
    pub fn new(object_id: String, qualifier: &'static str) -> Self {
        Self { object_id, qualifier }
    }
}

/// A type of events or objects.
#[derive(Serialize)]
pub(super) struct Type<'a> {
    pub name: &'a str,
    pub attributes: Vec<Declared<'a>>,
}

/// An attribute that things of a type may have.
#[derive(Serialize)]
pub(super) struct Declared<'a> {
    pub name: &'a str,
    #[serde(rename = "type")]
    pub sort: &'a str,
}

struct Told<'a>(&'a Value<'a>);

impl Serialize for Told<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Text(text) => serializer.serialize_str(text),
            Value::Owned(text) => serializer.serialize_str(text),
            Value::Time(moment) => Moment(*moment).serialize(serializer),
            Value::Integer(number) => serializer.serialize_i64(*number),
            Value::Flag(flag) => serializer.serialize_bool(*flag),
        }
    }
}

struct Moment(Timestamp);

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut moment = String::with_capacity(32);
        text::moment(&mut moment, self.0);
        serializer.serialize_str(&moment)
    }
}

/// Adds one element of a list, on a line of its own.
pub(super) fn line(
    out: &mut (impl Write + ?Sized),
    is_first: bool,
    part: &impl Serialize,
) -> io::Result<()> {
    out.write_all(if is_first { b"\n" } else { b",\n" })?;
    serde_json::to_writer(out, part).map_err(io::Error::from)
}
