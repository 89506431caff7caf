//! Opaque global ids: base64url of `Type:uuid`, so that an id of one type is refused where another is meant.

use async_graphql::ID;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::error::RequestError;

/// The types that `node` can find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeType {
    /// A case.
    Case,
    /// A customer.
    Customer,
    /// A file that stands with a case.
    Attachment,
    /// A card.
    Card,
}

impl NodeType {
    const ALL: [Self; 4] = [Self::Case, Self::Customer, Self::Attachment, Self::Card];

    fn name(self) -> &'static str {
        match self {
            Self::Case => "Case",
            Self::Customer => "Customer",
            Self::Attachment => "Attachment",
            Self::Card => "Card",
        }
    }
}

/// The global id of an object.
pub fn encode(node_type: NodeType, id: Uuid) -> ID {
    // Every row of every list has an id: written without the formatter, it costs a third.
    let mut buffer = Uuid::encode_buffer();
    let text = [node_type.name(), ":", id.hyphenated().encode_lower(&mut buffer)].concat();
    ID(URL_SAFE_NO_PAD.encode(text))
}

/// The global id of a case.
pub fn encode_case(id: Uuid) -> String {
    encode(NodeType::Case, id).0
}

/// Reads a global id of any type.
pub fn decode_any(field: &str, id: &ID) -> Result<(NodeType, Uuid), RequestError> {
    let parsed = || {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(&id.0).ok()?).ok()?;
        let (name, uuid) = text.split_once(':')?;
        let node_type = NodeType::ALL.into_iter().find(|known| known.name() == name)?;
        Some((node_type, Uuid::try_parse(uuid).ok()?))
    };
    parsed().ok_or_else(|| RequestError::bad_input(field, "is not an id that this API gave out"))
}

/// Reads a global id of one type.
pub fn decode(field: &str, node_type: NodeType, id: &ID) -> Result<Uuid, RequestError> {
    match decode_any(field, id)? {
        (found, uuid) if found == node_type => Ok(uuid),
        (found, _) => Err(RequestError::bad_input(
            field,
            &format!("is the id of a {}, not of a {}", found.name(), node_type.name()),
        )),
    }
}
