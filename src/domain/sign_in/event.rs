//! What may happen when somebody signs in with a card.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::event::events;
use crate::id::CustomerId;
use crate::one_time_code::CodeHash;

events! {
    /// What may happen when somebody signs in with a card.
    pub enum SignInEvent, upcast by &[] => {
        /// A code was made, to be sent to the card's holder.
        CodeIssued(SignInCodeIssued) = "SignInCodeIssued" v 1,
        /// A wrong code was said.
        Failed(SignInFailed) = "SignInFailed" v 1,
        /// The right code was said, and a token given.
        SignedIn(SignedIn) = "SignedIn" v 1,
    }
}

/// A code was made, to be sent to the card's holder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SignInCodeIssued {
    /// The card's holder.
    pub customer_id: CustomerId,
    /// Which of the holder's contact points it was made for, counted from 1.
    pub contact_point: u32,
    /// A hash of the code under a key of the vault.
    pub code_hash: CodeHash,
    /// Until when it is good.
    pub expires_at: Timestamp,
}

/// A wrong code was said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SignInFailed {
    /// Where it was one too many: until when nobody signs in with the card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked_until: Option<Timestamp>,
}

/// The right code was said, and a token given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SignedIn {
    /// The card's holder.
    pub customer_id: CustomerId,
}
