//! Personal data is typed.
//!
//! A value in [`Pii`] prints as redacted, so that no log line or panic message can carry it. In the log it does not stand at all: the
//! personal fields of an event are *sealed* together, encrypted under a key of the person whom they are about, and a mark stands in
//! their place. An event as the log has it therefore has sealed fields; whoever holds the key opens its [`Envelope`] and puts
//! the values back. When the key is destroyed, the values are gone wherever they were copied to.
//!
//! Personal fields are always fields of the event itself, never fields of a field: so they can be taken out and put back without
//! understanding the event.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::LazyLock;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::id::DataSubject;

/// Personal data: a name, an address, free text written by or about a person. Either the value, or the knowledge that there is one
/// in the event's envelope.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Pii<T>(Option<T>);

impl<T> Pii<T> {
    /// Marks a value as personal.
    pub fn new(value: T) -> Self {
        Self(Some(value))
    }

    /// A value that cannot be read here.
    pub fn sealed() -> Self {
        Self(None)
    }

    /// The value itself; `None` where it is sealed. Where this is called, personal data leaves its type: keep such places few.
    pub fn reveal(&self) -> Option<&T> {
        self.0.as_ref()
    }
}

impl<T> fmt::Debug for Pii<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "[redacted]" } else { "[sealed]" })
    }
}

/// What stands in the log in place of a personal field: `{"sealed":true}`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mark {
    sealed: bool,
}

const MARK: &str = r#"{"sealed":true}"#;

impl<T: Serialize> Serialize for Pii<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Some(value) => value.serialize(serializer),
            None => Mark { sealed: true }.serialize(serializer),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Pii<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form<T> {
            Sealed(Mark),
            Known(T),
        }
        Form::deserialize(deserializer).map(|form| match form {
            Form::Sealed(Mark { sealed: _ }) => Self(None),
            Form::Known(value) => Self(Some(value)),
        })
    }
}

/// The keyword that marks a personal field in the published schemas.
const PERSONAL: &str = "x-personal";

impl<T: JsonSchema> JsonSchema for Pii<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Pii_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let value = generator.subschema_for::<T>();
        json_schema!({
            PERSONAL: true,
            "anyOf": [
                value,
                {
                    "description": "In the log: the value stands encrypted in the event's envelope.",
                    "type": "object",
                    "properties": { "sealed": { "const": true } },
                    "required": ["sealed"],
                    "additionalProperties": false
                }
            ]
        })
    }
}

/// What an event's metadata says of its sealed fields, so that proofs cover them and outlive them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Seal {
    /// Whom the fields are about.
    pub subject: DataSubject,
    /// The data key.
    pub key: uuid::Uuid,
    /// How they are encrypted.
    pub algorithm: String,
    /// SHA-256 of the envelope, in hexadecimal digits.
    pub sha256: String,
    /// HMAC-SHA256 of a fixed label under the data key, in hexadecimal digits: the envelope can be opened with this key only.
    pub commitment: String,
}

/// A keyed hash of a personal text, by which it is found and from which it cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct BlindIndex(pub [u8; 16]);

/// The encrypted personal fields of one event, as bytes that only the vault understands.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Envelope(pub Box<[u8]>);

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[envelope of {} bytes]", self.0.len())
    }
}

impl Serialize for Envelope {
    /// As hexadecimal digits, for lists that are kept as JSON.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let digits: String = self.0.iter().map(|byte| format!("{byte:02x}")).collect();
        serializer.serialize_str(&digits)
    }
}

impl<'de> Deserialize<'de> for Envelope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let digits = Cow::<str>::deserialize(deserializer)?;
        let bytes = digits.as_bytes().chunks(2).map(|pair| {
            let pair = str::from_utf8(pair).ok()?;
            u8::from_str_radix(pair, 16).ok()
        });
        let bytes: Option<Vec<u8>> = bytes.collect();
        let bytes = bytes.ok_or_else(|| serde::de::Error::custom("not hexadecimal digits"))?;
        Ok(Self(bytes.into()))
    }
}

/// The personal fields of each event type, taken from the published schemas, which follow from the types.
static PERSONAL_FIELDS: LazyLock<HashMap<&'static str, HashSet<String>>> = LazyLock::new(|| {
    let all = crate::log::schemas().into_iter();
    all.map(|(event_type, schema)| (event_type.name, personal_fields(&schema))).collect()
});

fn personal_fields(schema: &Schema) -> HashSet<String> {
    let properties = schema.get("properties").and_then(|found| found.as_object());
    let personal = properties.into_iter().flatten().filter(|(_, field)| is_personal(field));
    personal.map(|(name, _)| name.clone()).collect()
}

/// Whether the mark stands anywhere in a field's schema: an optional field has it one level down.
fn is_personal(schema: &serde_json::Value) -> bool {
    match schema {
        serde_json::Value::Object(fields) => {
            fields.get(PERSONAL).is_some() || fields.values().any(is_personal)
        }
        serde_json::Value::Array(items) => items.iter().any(is_personal),
        _ => false,
    }
}

/// An event's fields, the personal ones taken out.
#[derive(Debug, PartialEq, Eq)]
pub struct Parted {
    /// All fields, with a mark in place of each personal one: a JSON object.
    pub public: String,
    /// The personal fields: a JSON object.
    pub personal: String,
}

/// Takes the personal fields out of an event of the latest version; `None` where it has none that is not sealed already.
///
/// # Errors
/// When `json` is not a JSON object.
pub fn part(event_type: &str, json: &[u8]) -> serde_json::Result<Option<Parted>> {
    let Some(names) = PERSONAL_FIELDS.get(event_type).filter(|names| !names.is_empty()) else {
        return Ok(None);
    };
    let fields: Fields<'_> = serde_json::from_slice(json)?;
    let is_open = |(name, value): &(Cow<'_, str>, &RawValue)| {
        names.contains(name.as_ref()) && !matches!(value.get(), MARK | "null")
    };
    if !fields.0.iter().any(is_open) {
        return Ok(None);
    }
    let (mut public, mut personal) = (Object::default(), Object::default());
    for field in &fields.0 {
        if is_open(field) {
            public.add(&field.0, MARK);
            personal.add(&field.0, field.1.get());
        } else {
            public.add(&field.0, field.1.get());
        }
    }
    Ok(Some(Parted { public: public.end(), personal: personal.end() }))
}

/// The names of an event type's personal fields, in the order of the alphabet.
pub fn names(event_type: &str) -> Vec<&'static str> {
    let mut names: Vec<&'static str> =
        PERSONAL_FIELDS.get(event_type).into_iter().flatten().map(String::as_str).collect();
    names.sort_unstable();
    names
}

/// The personal fields that an event of the latest version has, in its own order. Each with its JSON; `None` where it is sealed.
///
/// # Errors
/// When `json` is not a JSON object.
pub fn fields(
    event_type: &str,
    json: &[u8],
) -> serde_json::Result<Vec<(&'static str, Option<String>)>> {
    let Some(names) = PERSONAL_FIELDS.get(event_type).filter(|names| !names.is_empty()) else {
        return Ok(Vec::new());
    };
    let all: Fields<'_> = serde_json::from_slice(json)?;
    let fields = all.0.iter().filter(|(_, value)| value.get() != "null");
    let fields = fields.filter_map(|(name, value)| {
        let value = Some(value.get()).filter(|value| *value != MARK);
        Some((names.get(name.as_ref())?.as_str(), value.map(str::to_owned)))
    });
    Ok(fields.collect())
}

/// Puts personal fields back in the places of their marks.
///
/// # Errors
/// When either is not a JSON object.
pub fn join(public: &[u8], personal: &[u8]) -> serde_json::Result<Vec<u8>> {
    let fields: Fields<'_> = serde_json::from_slice(public)?;
    let opened: HashMap<Cow<'_, str>, &RawValue> = serde_json::from_slice(personal)?;
    let mut joined = Object::default();
    for (name, value) in &fields.0 {
        match opened.get(name).filter(|_| value.get() == MARK) {
            Some(known) => joined.add(name, known.get()),
            None => joined.add(name, value.get()),
        }
    }
    Ok(joined.end().into_bytes())
}

/// The fields of a JSON object in their order, their values as they were written.
struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::with_capacity(16);
                while let Some(field) = map.next_entry::<Name<'de>, &'de RawValue>()? {
                    fields.push((field.0.0, field.1));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

/// A field's name, borrowed where it is written without escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// A JSON object under construction.
#[derive(Default)]
struct Object(String);

impl Object {
    fn add(&mut self, name: &str, value: &str) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        self.0.push_str(&serde_json::to_string(name).expect("a text is always JSON"));
        self.0.push(':');
        self.0.push_str(value);
    }

    fn end(mut self) -> String {
        if self.0.is_empty() {
            self.0.push('{');
        }
        self.0.push('}');
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn personal_data_does_not_print() {
        assert_eq!(format!("{:?}", Some(Pii::new("مریم"))), "Some([redacted])");
    }

    #[test]
    fn personal_fields_are_known_from_the_types_alone() {
        let fields = |name: &str| {
            let mut names: Vec<_> = PERSONAL_FIELDS[name].iter().map(String::as_str).collect();
            names.sort_unstable();
            names
        };
        assert_eq!(fields("CaseOpened"), ["description", "remedy_sought", "subject"]);
        assert_eq!(fields("CustomerRegistered"), ["name"]);
        assert_eq!(fields("CaseClosed"), [""; 0]);
    }

    #[test]
    fn an_event_tells_which_personal_fields_it_has_and_those_values_that_are_not_sealed() {
        assert_eq!(names("CaseOpened"), ["description", "remedy_sought", "subject"]);
        let json = r#"{"subject":{"sealed":true},"kind":"complaint","description":"x"}"#;
        let found = fields("CaseOpened", json.as_bytes()).unwrap();
        assert_eq!(found, [("subject", None), ("description", Some(r#""x""#.to_owned()))]);
        let absent = fields("CaseOpened", br#"{"subject":"a","description":null}"#).unwrap();
        assert_eq!(absent, [("subject", Some(r#""a""#.to_owned()))]);
        assert_eq!(fields("CaseClosed", b"{}").unwrap(), []);
    }

    #[test]
    fn an_event_is_parted_and_joined_again_byte_for_byte() {
        let json =
            r#"{"kind":"complaint","subject":"«نشتی» \"آب\"","channel":"phone","description":"x"}"#;
        let parted = part("CaseOpened", json.as_bytes()).unwrap().unwrap();
        assert_eq!(
            parted.public,
            r#"{"kind":"complaint","subject":{"sealed":true},"channel":"phone","description":{"sealed":true}}"#
        );
        assert_eq!(parted.personal, r#"{"subject":"«نشتی» \"آب\"","description":"x"}"#);
        let joined = join(parted.public.as_bytes(), parted.personal.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(joined).unwrap(), json);
    }

    #[test]
    fn what_is_sealed_already_or_has_nothing_personal_is_left_as_it_is() {
        let sealed = r#"{"kind":"complaint","subject":{"sealed":true}}"#;
        assert_eq!(part("CaseOpened", sealed.as_bytes()).unwrap(), None);
        assert_eq!(part("CaseResumed", b"{}").unwrap(), None);
    }

    #[test]
    fn a_sealed_value_is_written_as_its_mark_and_read_back_as_sealed() {
        let json = serde_json::to_string(&Pii::<String>::sealed()).unwrap();
        assert_eq!(json, MARK);
        assert_eq!(serde_json::from_str::<Pii<String>>(&json).unwrap(), Pii::sealed());
        let known = serde_json::from_str::<Pii<String>>("\"x\"").unwrap();
        assert_eq!(known.reveal().map(String::as_str), Some("x"));
    }
}
