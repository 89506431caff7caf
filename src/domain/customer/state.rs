//! What a decision needs to know of a customer, and how each event changes it.

use super::attribute::{ContactPointKind, Language};
use super::event::CustomerEvent;
use crate::decider::Metadata;
use crate::pii::Pii;

/// What a decision needs to know of a customer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CustomerState {
    /// Their name; `None` before they are registered.
    pub name: Option<Pii<String>>,
    /// Their language.
    pub language: Option<Language>,
    /// Their tier.
    pub tier: Option<String>,
    /// How they can be reached.
    pub contact_points: Vec<(ContactPointKind, Pii<String>)>,
}

impl CustomerState {
    /// The state after the event.
    pub fn evolve(mut self, event: &CustomerEvent, _meta: &Metadata) -> Self {
        match event {
            CustomerEvent::Registered(registered) => {
                self.name = Some(registered.name.clone());
                self.language = Some(registered.language);
                self.tier = registered.tier.clone();
            }
            CustomerEvent::ContactPointAdded(added) => {
                self.contact_points.push((added.kind, added.value.clone()));
            }
            CustomerEvent::DetailsChanged(changed) => {
                self.name = changed.name.clone().or(self.name);
                self.language = changed.language.or(self.language);
                self.tier = changed.tier.clone().or(self.tier);
            }
        }
        self
    }
}
