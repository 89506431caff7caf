//! Stored events: their published names, their versions, and how they become text and come back.
//!
//! A stored name is data. It is written once in an `events!` table and does not follow when a Rust name changes. The table of an
//! aggregate is the only list of its events: the enum, the names, the encoding and the JSON Schemas all come from it.

use schemars::Schema;
use serde_json::Value;

/// The stored name and version of an event: `CaseOpened`, 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EventType {
    /// The published name. Never changes.
    pub name: &'static str,
    /// The version that is written today.
    pub version: u16,
}

/// Why a stored event could not be understood.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// This program does not know the type or the version: it was written by a newer one.
    #[error("unknown event type {name} version {version}; a newer version of the program wrote it")]
    UnknownType {
        /// The stored name.
        name: String,
        /// The stored version.
        version: u16,
    },
    /// The text does not have the shape that its type and version promise.
    #[error("event {name} version {version} does not have its shape")]
    Malformed {
        /// The stored name.
        name: String,
        /// The stored version.
        version: u16,
        /// What the decoder said.
        #[source]
        source: serde_json::Error,
    },
}

/// What every aggregate's event enum can do.
pub trait StoredEvent: Sized {
    /// All types of the aggregate, in the order of their table.
    const TYPES: &'static [EventType];

    /// The type that this event is stored under.
    fn event_type(&self) -> EventType;

    /// The event's own fields as a JSON object.
    fn to_json(&self) -> Vec<u8>;

    /// Reads a stored event of any version; older shapes are upcast.
    fn from_json(name: &str, version: u16, json: &[u8]) -> Result<Self, DecodeError>;

    /// The JSON Schema of the latest version of each type.
    fn schemas() -> Vec<(EventType, Schema)>;
}

/// An upcaster: turns the JSON of an old version of one event type into that of the next version.
pub type Upcast = fn(Value) -> Value;

/// One step of an event type's history: the JSON of `version` becomes that of `version + 1`.
pub struct Upcaster {
    /// The event type's stored name.
    pub name: &'static str,
    /// The version that this step reads.
    pub version: u16,
    /// The step.
    pub upcast: Upcast,
}

/// Declares an aggregate's event enum from the table of its stored names.
///
/// ```text
/// events! {
///     /// What may happen to a case.
///     pub enum CaseEvent, upcast by upcast::UPCASTERS {
///         /// The case was opened.
///         Opened(CaseOpened) = "CaseOpened" v2,
///     }
/// }
/// ```
macro_rules! events {
    (
        $(#[$doc:meta])*
        pub enum $name:ident, upcast by $upcasters:expr_2021 => {
            $( $(#[$variant_doc:meta])* $variant:ident($payload:ty) = $stored:literal v $version:literal, )+
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum $name {
            $( $(#[$variant_doc])* $variant($payload), )+
        }

        $(
            impl From<$payload> for $name {
                fn from(payload: $payload) -> Self {
                    Self::$variant(payload)
                }
            }
        )+

        impl $crate::event::StoredEvent for $name {
            const TYPES: &'static [$crate::event::EventType] = &[
                $( $crate::event::EventType { name: $stored, version: $version }, )+
            ];

            fn event_type(&self) -> $crate::event::EventType {
                match self {
                    $( Self::$variant(_) => $crate::event::EventType { name: $stored, version: $version }, )+
                }
            }

            fn to_json(&self) -> Vec<u8> {
                match self {
                    $( Self::$variant(payload) => $crate::event::encode(payload), )+
                }
            }

            fn from_json(
                name: &str,
                version: u16,
                json: &[u8],
            ) -> Result<Self, $crate::event::DecodeError> {
                match name {
                    $( $stored => $crate::event::decode(name, version, $version, $upcasters, json).map(Self::$variant), )+
                    _ => Err($crate::event::DecodeError::UnknownType { name: name.to_owned(), version }),
                }
            }

            fn schemas() -> Vec<($crate::event::EventType, schemars::Schema)> {
                vec![
                    $( (
                        $crate::event::EventType { name: $stored, version: $version },
                        schemars::schema_for!($payload),
                    ), )+
                ]
            }
        }
    };
}
pub(crate) use events;

/// The JSON of an event's fields.
pub(crate) fn encode<T: serde::Serialize>(payload: &T) -> Vec<u8> {
    serde_json::to_vec(payload)
        .expect("an event's fields have string keys and no failing serializer")
}

/// Reads an event's fields, through the upcasters where the stored version is an older one.
pub(crate) fn decode<T: serde::de::DeserializeOwned>(
    name: &str,
    version: u16,
    latest: u16,
    upcasters: &[Upcaster],
    json: &[u8],
) -> Result<T, DecodeError> {
    let malformed = |source| DecodeError::Malformed { name: name.to_owned(), version, source };
    if version == latest {
        return serde_json::from_slice(json).map_err(malformed);
    }
    if version > latest {
        return Err(DecodeError::UnknownType { name: name.to_owned(), version });
    }
    let mut value: Value = serde_json::from_slice(json).map_err(malformed)?;
    for step in version..latest {
        let upcaster = upcasters
            .iter()
            .find(|upcaster| upcaster.name == name && upcaster.version == step)
            .ok_or_else(|| DecodeError::UnknownType { name: name.to_owned(), version })?;
        value = (upcaster.upcast)(value);
    }
    serde_json::from_value(value).map_err(malformed)
}
