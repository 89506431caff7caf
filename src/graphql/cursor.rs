//! Opaque cursors: a place in a list, bound to the order and the filter of that list.
//!
//! A cursor of one list used in another would silently skip rows, so it is refused instead.

use std::hash::{DefaultHasher, Hash, Hasher};

use async_graphql::connection::CursorType;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parvandeh_projections::page::{Anchor, Tie};
use uuid::Uuid;

use crate::error::RequestError;

/// Raised when the text inside a cursor changes its meaning.
const VERSION: &str = "1";

/// Identifies a list: its name, order and filter. Only the same list accepts its cursors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListKey(u32);

impl ListKey {
    /// The key of the list with this name, order and filter.
    pub fn of(name: &str, order_and_filter: impl Hash) -> Self {
        // DefaultHasher::new() has fixed keys, so cursors survive a restart.
        let mut hasher = DefaultHasher::new();
        (name, order_and_filter).hash(&mut hasher);
        Self(hasher.finish() as u32)
    }
}

/// The cursor of a row of a connection, which becomes text only where a request asks for it.
#[derive(Clone, Copy, Debug)]
pub struct Cursor {
    /// The list.
    pub list: ListKey,
    /// The row's place.
    pub anchor: Anchor,
}

impl CursorType for Cursor {
    type Error = &'static str;

    /// Connections only write cursors: [`decode`] reads them, knowing the list that they are for.
    fn decode_cursor(_: &str) -> Result<Self, Self::Error> {
        Err("a cursor is read with its list")
    }

    fn encode_cursor(&self) -> String {
        encode(self.list, self.anchor)
    }
}

/// The cursor of a row, as text.
pub fn encode(list: ListKey, anchor: Anchor) -> String {
    let tie = match anchor.tie {
        Tie::Id(id) => format!("i{}", id.simple()),
        Tie::Position(position) => format!("p{position}"),
    };
    URL_SAFE_NO_PAD.encode(format!("{VERSION}.{:08x}.{}.{tie}", list.0, anchor.key))
}

/// Reads a cursor of this list.
pub fn decode(field: &str, list: ListKey, cursor: &str) -> Result<Anchor, RequestError> {
    let text = URL_SAFE_NO_PAD
        .decode(cursor)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| RequestError::bad_input(field, "is not a cursor that this API gave out"))?;
    let mut parts = text.split('.');
    let (version, key_of_list, key, tie) = (parts.next(), parts.next(), parts.next(), parts.next());
    let mut anchor = || {
        let key = key?.parse().ok()?;
        let tie = match tie?.split_at_checked(1)? {
            ("i", id) => Tie::Id(Uuid::try_parse(id).ok()?),
            ("p", position) => Tie::Position(position.parse().ok()?),
            _ => return None,
        };
        parts.next().is_none().then_some(Anchor { key, tie })
    };
    match (version, anchor()) {
        (Some(VERSION), Some(anchor)) if key_of_list == Some(&format!("{:08x}", list.0)) => {
            Ok(anchor)
        }
        (Some(VERSION), Some(_)) => Err(RequestError::bad_input(
            field,
            "belongs to a list with another order or filter; begin again without it",
        )),
        _ => Err(RequestError::bad_input(field, "is not a cursor that this API gave out")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anchor(key: i64, tie: Tie) -> Anchor {
        Anchor { key, tie }
    }

    #[test]
    fn a_cursor_reads_back_in_its_own_list() {
        let list = ListKey::of("cases", ("opened", 1));
        for tie in [Tie::Id(Uuid::from_u128(7)), Tie::Position(-3)] {
            for key in [i64::MIN, -1, 0, i64::MAX] {
                let cursor = encode(list, anchor(key, tie));
                assert_eq!(decode("after", list, &cursor).unwrap(), anchor(key, tie));
            }
        }
    }

    #[test]
    fn a_cursor_of_another_list_is_refused_and_the_message_says_so() {
        let cursor = encode(ListKey::of("cases", 1), anchor(1, Tie::Position(1)));
        let error = decode("after", ListKey::of("cases", 2), &cursor).unwrap_err();
        assert!(error.message.contains("another order or filter"), "{}", error.message);
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        let list = ListKey::of("cases", 1);
        for text in ["", "!", "MQ", "MS4wMDAwMDAwMC4xLnAx", "سلام"] {
            assert!(decode("after", list, text).is_err(), "{text}");
        }
    }
}
