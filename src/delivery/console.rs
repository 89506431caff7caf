//! The demo's delivery: what would be sent is printed.

use std::io::Write as _;

use async_trait::async_trait;

use super::{Delivery, DeliveryError, Message};

/// Prints messages on standard output, where log lines are not. For the demo alone: whoever sees the screen could sign in as anybody.
pub struct ConsoleDelivery;

#[async_trait]
impl Delivery for ConsoleDelivery {
    async fn deliver(&self, message: &Message) -> Result<(), DeliveryError> {
        let mut screen = std::io::stdout().lock();
        let (kind, address, text) = (message.kind, message.address.as_str(), message.text());
        writeln!(screen, "\nTo {kind} {address}:\n{}\n", text.as_str())
            .map_err(|error| DeliveryError(error.to_string()))
    }
}
