//! A customer: anyone who deals with the organisation, registered from the first contact.

pub mod attribute;
pub mod command;
pub mod decide;
pub mod error;
pub mod event;
pub mod matching;
mod preferences;
pub mod search;
pub mod state;
mod verification;

pub use attribute::{
    ConsentPurpose, ContactPointKind, CustomerKind, ErasureGround, Language, NotificationKind,
    RepresentationBasis,
};
pub use command::CustomerCommand;
pub use error::CustomerRefusal;
pub use event::CustomerEvent;
pub use state::CustomerState;

#[cfg(test)]
mod tests;

/// The aggregate.
pub struct Customer;
