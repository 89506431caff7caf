//! A delivery for tests: what would be sent is kept.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use tokio::sync::Notify;

use super::{Delivery, DeliveryError, Message};

/// The most messages that are kept; of more, the first ones go.
const MESSAGES_MAX: usize = 1_000;

/// Keeps messages in memory.
#[derive(Default)]
pub struct MemoryDelivery {
    messages: Mutex<VecDeque<(String, String)>>,
    arrived: Notify,
}

impl MemoryDelivery {
    /// Takes the first message that nobody has taken, and waits for it: its address and its code.
    pub async fn next(&self) -> (String, String) {
        loop {
            let arrived = self.arrived.notified();
            if let Some(message) = self.try_next() {
                return message;
            }
            arrived.await;
        }
    }

    /// Takes the first message that nobody has taken, where there is one.
    pub fn try_next(&self) -> Option<(String, String)> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

#[async_trait]
impl Delivery for MemoryDelivery {
    async fn deliver(&self, message: &Message) -> Result<(), DeliveryError> {
        let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        messages.push_back((message.address.to_string(), message.code.to_string()));
        if messages.len() > MESSAGES_MAX {
            messages.pop_front();
        }
        drop(messages);
        self.arrived.notify_one();
        Ok(())
    }
}
