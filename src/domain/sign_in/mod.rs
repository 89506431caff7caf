//! Signing in with a card: the codes that its holder is sent, and what they say.
//!
//! It has a stream of its own beside the card's, so that a card's record is short, and a staff member who has seen a card's revision is not
//! told of a conflict because its holder signed in.

pub mod command;
pub mod decide;
pub mod error;
pub mod event;
pub mod state;

pub use command::SignInCommand;
pub use error::SignInRefusal;
pub use event::SignInEvent;
pub use state::SignInState;

#[cfg(test)]
mod tests;

/// The aggregate: all sign-ins with one card. Its id is the card's.
pub struct SignIn;
