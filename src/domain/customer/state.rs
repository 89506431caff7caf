//! What a decision needs to know of a customer, and how each event changes it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::attribute::{ConsentPurpose, ContactPointKind, Language, NotificationKind};
use super::event::{CustomerErasureOrdered, CustomerEvent, RepresentativeAppointed};
use crate::case::{CaseKind, Channel};
use crate::decider::Metadata;
use crate::id::CustomerId;
use crate::one_time_code::CodeBook;
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
    /// What they are worth to us, where somebody has said.
    pub value: Option<i64>,
    /// How they can be reached.
    pub contact_points: Vec<(ContactPointKind, Pii<String>)>,
    /// What they allow, by purpose and channel.
    pub consents: BTreeSet<(ConsentPurpose, Channel)>,
    /// The matter for which their data must be kept.
    pub legal_hold: Option<String>,
    /// How far the erasure of their personal data has come.
    pub erasure: Erasure,
    /// The order to erase them, once there is one.
    pub erasure_order: Option<CustomerErasureOrdered>,
    /// The record in whose favour this one was given up.
    pub merged_into: Option<CustomerId>,
    /// Who may act for them.
    pub representatives: BTreeMap<CustomerId, RepresentativeAppointed>,
    /// What is known of contact points that were to be verified, by their numbers from 1.
    pub verifications: BTreeMap<u32, Verification>,
    /// The channels by which they wish to be reached, the dearest first.
    pub channels: Vec<Channel>,
    /// What they do not wish to be told of on their own page.
    pub unwanted_notifications: BTreeSet<NotificationKind>,
    /// Up to which position of the log they have read what they were told.
    pub notifications_read_until: u64,
}

/// What is known of a contact point that was to be verified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// The codes that were sent there.
    pub codes: CodeBook,
    /// When it was verified.
    pub verified_at: Option<Timestamp>,
}

/// How far the erasure of somebody's personal data has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Erasure {
    /// Nobody has asked for it.
    #[default]
    None,
    /// It was decided and is being done.
    Ordered,
    /// It is done.
    Done,
}

impl CustomerState {
    /// The state after the event.
    pub fn evolve(mut self, event: &CustomerEvent, meta: &Metadata) -> Self {
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
            CustomerEvent::ValueAssessed(assessed) => self.value = Some(assessed.value),
            CustomerEvent::TierChanged(changed) => self.tier = Some(changed.to.clone()),
            CustomerEvent::ConsentGiven(given) => {
                self.consents.insert((given.purpose, given.channel));
            }
            CustomerEvent::ConsentWithdrawn(withdrawn) => {
                self.consents.remove(&(withdrawn.purpose, withdrawn.channel));
            }
            CustomerEvent::LegalHoldPlaced(placed) => {
                self.legal_hold = Some(placed.matter.clone());
            }
            CustomerEvent::LegalHoldReleased(_) => self.legal_hold = None,
            CustomerEvent::ErasureOrdered(ordered) => {
                self.erasure_order = Some(ordered.clone());
                self.erasure = Erasure::Ordered;
                self.consents.clear();
                self.representatives.clear();
            }
            CustomerEvent::Erased(_) => {
                self.erasure = Erasure::Done;
                self.name = Some(Pii::sealed());
                self.contact_points.clear();
                self.verifications.clear();
                self.channels.clear();
                self.unwanted_notifications.clear();
            }
            CustomerEvent::VerificationRequested(requested) => {
                let codes = &mut self.verification(requested.contact_point).codes;
                codes.issued(requested.code_hash.clone(), requested.expires_at, meta.recorded_at);
            }
            CustomerEvent::VerificationFailed(failed) => {
                self.verification(failed.contact_point).codes.failed(failed.locked_until);
            }
            CustomerEvent::ContactPointVerified(verified) => {
                let verification = self.verification(verified.contact_point);
                verification.codes.accepted();
                verification.verified_at = Some(meta.recorded_at);
            }
            CustomerEvent::PreferencesChanged(changed) => {
                self.channels = changed.channels.clone().unwrap_or(self.channels);
                if let Some(unwanted) = &changed.unwanted_notifications {
                    self.unwanted_notifications = unwanted.iter().copied().collect();
                }
                self.language = changed.language.or(self.language);
            }
            CustomerEvent::NotificationsRead(read) => self.notifications_read_until = read.until,
            CustomerEvent::Merged(merged) => self.merged_into = Some(merged.into),
            CustomerEvent::Unmerged(_) => self.merged_into = None,
            CustomerEvent::RepresentativeAppointed(appointed) => {
                self.representatives.insert(appointed.representative_id, appointed.clone());
            }
            CustomerEvent::RepresentativeDismissed(dismissed) => {
                self.representatives.remove(&dismissed.representative_id);
            }
        }
        self
    }

    fn verification(&mut self, contact_point: u32) -> &mut Verification {
        self.verifications.entry(contact_point).or_default()
    }

    /// The contact point of this number, counted from 1.
    pub fn contact_point(&self, number: u32) -> Option<&(ContactPointKind, Pii<String>)> {
        self.contact_points.get(usize::try_from(number).ok()?.checked_sub(1)?)
    }

    /// Whether somebody may act for them at a moment in cases of a kind.
    pub fn is_represented_by(
        &self,
        representative: CustomerId,
        kind: CaseKind,
        now: Timestamp,
    ) -> bool {
        self.representatives.get(&representative).is_some_and(|appointed| {
            appointed.until.is_none_or(|until| now < until)
                && (appointed.case_kinds.is_empty() || appointed.case_kinds.contains(&kind))
        })
    }

    /// Where a code is sent with which they sign in: a verified telephone number, else a verified email address; of several the one that
    /// was verified last. Nowhere once their data are to be erased.
    pub fn sign_in_contact_point(&self) -> Option<u32> {
        if self.erasure != Erasure::None {
            return None;
        }
        let verified = self.verifications.iter().filter_map(|(number, verification)| {
            let (kind, _) = self.contact_point(*number)?;
            Some((kind.takes_codes()?, verification.verified_at?, *number))
        });
        verified.max().map(|(.., number)| number)
    }
}
