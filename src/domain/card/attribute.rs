//! The words in which a card is described.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::case::attribute::vocabulary;

vocabulary!(
    /// How a card stands.
    CardStatus {
        /// It was issued and cannot be used yet.
        Issued = "issued",
        /// Its holder can sign in with it.
        Active = "active",
        /// It cannot be used any more; it can be replaced.
        Blocked = "blocked",
        /// Another card has taken its place.
        Replaced = "replaced",
        /// Its time is over.
        Expired = "expired",
    }
);

vocabulary!(
    /// Why a card is blocked.
    BlockReason {
        /// Its holder does not find it.
        Lost = "lost",
        /// Somebody took it.
        Stolen = "stolen",
        /// Somebody uses it who may not.
        Misuse = "misuse",
        /// Its holder does not want it any more.
        HolderRequest = "holder_request",
        /// The organisation decided it.
        Organisation = "organisation",
    }
);
