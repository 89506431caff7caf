//! Signing in with a card and a one-time code.
//!
//! The holder names their card; a code goes to their verified contact point; with card and code they get a short token that this program
//! signs itself. How the codes are kept from being guessed is told in [`parvandeh_domain::one_time_code`]. Here it is seen to that nobody
//! learns which cards there are: whoever asks for a code is answered before anybody has looked, whoever says a code is answered at a fixed
//! time with one refusal for every reason. See `docs/adr/0016-sign-in-with-a-card.md`.

pub mod codes;
mod desk;
pub mod token;

use serde::Deserialize;

pub use desk::{Desk, DeskBusy};

/// How holders of cards sign in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SignInConfig {
    /// The `iss` of the tokens. Another one than the identity provider's.
    pub issuer: String,
    /// How long a token is good, in seconds.
    pub token_life_seconds: u32,
    /// Every answer about a code comes after so many milliseconds, or a multiple where the work took longer: its time tells nothing.
    pub answer_milliseconds: u32,
    /// How often an address may ask for codes or say them in a minute, and at once.
    pub requests_per_address_per_minute: u32,
}

impl Default for SignInConfig {
    fn default() -> Self {
        Self {
            issuer: "parvandeh".to_owned(),
            token_life_seconds: 900,
            answer_milliseconds: 500,
            requests_per_address_per_minute: 30,
        }
    }
}
