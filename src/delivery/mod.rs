//! Sending codes to customers.
//!
//! [`Delivery`] is the port: what knows a gateway of short messages or a mail server. [`Outbox`] stands before it with a short queue, so
//! that no request ever waits for a gateway, and a gateway that hangs holds up neither requests nor memory. A message lives in memory alone:
//! one that is lost with the process is asked for again, which costs its receiver a minute; one that lay on a disk would be a secret there.

mod console;
mod memory;
mod outbox;
mod webhook;

use std::fmt;

use async_trait::async_trait;
use parvandeh_domain::customer::{ContactPointKind, Language};
use zeroize::Zeroizing;

pub use console::ConsoleDelivery;
pub use memory::MemoryDelivery;
pub use outbox::{Outbox, OutboxFull};
pub use webhook::{WebhookConfig, WebhookDelivery, WebhookError};

/// What a code is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodePurpose {
    /// To show that a contact point is the customer's.
    ContactPoint,
    /// To sign in with a card.
    SignIn,
}

/// A code and where it goes. It never prints, and is wiped when it is dropped.
pub struct Message {
    /// What sort of address.
    pub kind: ContactPointKind,
    /// The telephone number or email address.
    pub address: Zeroizing<String>,
    /// The language to write in.
    pub language: Language,
    /// What the code is for.
    pub purpose: CodePurpose,
    /// The code.
    pub code: Zeroizing<String>,
}

impl Message {
    /// What is sent.
    pub fn text(&self) -> Zeroizing<String> {
        let code = self.code.as_str();
        Zeroizing::new(match (self.language, self.purpose) {
            (Language::Persian, CodePurpose::ContactPoint) => {
                format!("کد تأیید شما: {code}\nتا ۵ دقیقه اعتبار دارد.")
            }
            (Language::Persian, CodePurpose::SignIn) => {
                format!(
                    "کد ورود شما: {code}\nتا ۵ دقیقه اعتبار دارد. آن را به هیچ‌کس نگویید، حتی به ما."
                )
            }
            (Language::English, CodePurpose::ContactPoint) => {
                format!("Your confirmation code: {code}\nIt is good for 5 minutes.")
            }
            (Language::English, CodePurpose::SignIn) => {
                format!(
                    "Your sign-in code: {code}\nIt is good for 5 minutes. Tell it to nobody, not even to us."
                )
            }
        })
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("kind", &self.kind)
            .field("purpose", &self.purpose)
            .finish_non_exhaustive()
    }
}

/// Why a message was not taken. Tells neither the address nor the code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DeliveryError(pub String);

/// Takes messages to their receivers, or to somebody who does.
#[async_trait]
pub trait Delivery: Send + Sync + 'static {
    /// Hands one message over. Dropped where it takes too long, so it must be safe to be cut off.
    ///
    /// # Errors
    /// When it was not taken; it may be tried again, so a receiver may get it twice.
    async fn deliver(&self, message: &Message) -> Result<(), DeliveryError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_its_code_to_its_receiver_and_to_no_log_line() {
        for language in Language::ALL {
            for purpose in [CodePurpose::ContactPoint, CodePurpose::SignIn] {
                let message = Message {
                    kind: ContactPointKind::Phone,
                    address: Zeroizing::new("+982112345678".to_owned()),
                    language: *language,
                    purpose,
                    code: Zeroizing::new("493817".to_owned()),
                };
                assert!(message.text().contains("493817"));
                let printed = format!("{message:?}");
                assert!(!printed.contains("493817") && !printed.contains("2112"), "{printed}");
            }
        }
    }
}
