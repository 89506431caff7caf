//! What may be asked when somebody signs in with a card.

use serde::Serialize;

use crate::id::CustomerId;
use crate::one_time_code::CodeHash;

/// What may be asked when somebody signs in with a card.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum SignInCommand {
    /// Take note of a code that is about to be sent.
    IssueCode(IssueCode),
    /// Sign in with a code.
    Enter(Enter),
}

/// Take note of a code that is about to be sent.
#[derive(Clone, Debug, Serialize)]
pub struct IssueCode {
    /// The card's holder.
    pub customer_id: CustomerId,
    /// Which of the holder's contact points it is for, counted from 1.
    pub contact_point: u32,
    /// The code's hash.
    pub code_hash: CodeHash,
}

/// Sign in with a code.
#[derive(Clone, Debug, Serialize)]
pub struct Enter {
    /// The card's holder.
    pub customer_id: CustomerId,
    /// The hash of what was said.
    pub code_hash: CodeHash,
}
