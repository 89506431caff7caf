//! Every event of every aggregate in one type: what a reader of the whole log sees.
//!
//! Read models match on [`DomainEvent`] without a wildcard over aggregates' events, so that a new event type does not compile until
//! each of them has chosen.

use uuid::Uuid;

use crate::access::{AccessDay, AccessEvent};
use crate::account::AccountEvent;
use crate::attachment::AttachmentEvent;
use crate::calendar::CalendarEvent;
use crate::card::CardEvent;
use crate::case::CaseEvent;
use crate::customer::CustomerEvent;
use crate::event::{DecodeError, EventType, StoredEvent};
use crate::fee::FeeEvent;
use crate::id::{
    AttachmentId, CalendarId, CardId, CaseId, CustomerId, FeeId, PaymentId, PolicyId, RedressId,
    SegmentationId, UnitId,
};
use crate::payment::PaymentEvent;
use crate::policy::PolicyEvent;
use crate::redress::RedressEvent;
use crate::segmentation::SegmentationEvent;
use crate::sign_in::SignInEvent;
use crate::sla::SlaEvent;
use crate::unit::{self, UnitEvent};

/// An event of some aggregate, with the aggregate's id.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(
    missing_docs,
    reason = "each variant is an aggregate's id and event, or the day of the access log and its event"
)]
pub enum DomainEvent {
    Case(CaseId, CaseEvent),
    Customer(CustomerId, CustomerEvent),
    Attachment(AttachmentId, AttachmentEvent),
    Clock(CaseId, SlaEvent),
    Policy(PolicyId, PolicyEvent),
    Calendar(CalendarId, CalendarEvent),
    Access(AccessDay, AccessEvent),
    Segmentation(SegmentationId, SegmentationEvent),
    Account(CustomerId, AccountEvent),
    Redress(RedressId, RedressEvent),
    Fee(FeeId, FeeEvent),
    Payment(PaymentId, PaymentEvent),
    Card(CardId, CardEvent),
    SignIn(CardId, SignInEvent),
    Unit(UnitId, UnitEvent),
}

/// Why an entry of the log could not be read as a domain event.
#[derive(Debug, thiserror::Error)]
pub enum UnknownEntry {
    /// The stream's name is not one of ours.
    #[error("stream {0} belongs to no aggregate of this program")]
    Stream(String),
    /// The stream is ours and the event is not understood.
    #[error(transparent)]
    Event(#[from] DecodeError),
}

impl DomainEvent {
    /// Reads an entry of the log.
    pub fn decode(
        stream: &str,
        name: &str,
        version: u16,
        json: &[u8],
    ) -> Result<Self, UnknownEntry> {
        let unknown = || UnknownEntry::Stream(stream.to_owned());
        let (category, id) = stream.split_once('-').ok_or_else(unknown)?;
        let uuid = || Uuid::try_parse(id).map_err(|_| unknown());
        Ok(match category {
            "case" => Self::Case(CaseId(uuid()?), CaseEvent::from_json(name, version, json)?),
            "customer" => {
                Self::Customer(CustomerId(uuid()?), CustomerEvent::from_json(name, version, json)?)
            }
            "attachment" => Self::Attachment(
                AttachmentId(uuid()?),
                AttachmentEvent::from_json(name, version, json)?,
            ),
            "clock" => Self::Clock(CaseId(uuid()?), SlaEvent::from_json(name, version, json)?),
            "policy" => Self::Policy(
                PolicyId::new(id).map_err(|_| unknown())?,
                PolicyEvent::from_json(name, version, json)?,
            ),
            "calendar" => Self::Calendar(
                CalendarId::new(id).map_err(|_| unknown())?,
                CalendarEvent::from_json(name, version, json)?,
            ),
            "access" => Self::Access(
                AccessDay::parse(id).ok_or_else(unknown)?,
                AccessEvent::from_json(name, version, json)?,
            ),
            "segmentation" => Self::Segmentation(
                SegmentationId::new(id).map_err(|_| unknown())?,
                SegmentationEvent::from_json(name, version, json)?,
            ),
            "account" => {
                Self::Account(CustomerId(uuid()?), AccountEvent::from_json(name, version, json)?)
            }
            "redress" => {
                Self::Redress(RedressId(uuid()?), RedressEvent::from_json(name, version, json)?)
            }
            "fee" => Self::Fee(FeeId(uuid()?), FeeEvent::from_json(name, version, json)?),
            "payment" => {
                Self::Payment(PaymentId(uuid()?), PaymentEvent::from_json(name, version, json)?)
            }
            "card" => Self::Card(CardId(uuid()?), CardEvent::from_json(name, version, json)?),
            "signin" => Self::SignIn(CardId(uuid()?), SignInEvent::from_json(name, version, json)?),
            "unit" => Self::Unit(
                unit::of_stream(id).ok_or_else(unknown)?,
                UnitEvent::from_json(name, version, json)?,
            ),
            _ => return Err(unknown()),
        })
    }

    /// The name of the stream that holds the event.
    pub fn stream_name(&self) -> String {
        match self {
            Self::Case(id, _) => format!("case-{id}"),
            Self::Customer(id, _) => format!("customer-{id}"),
            Self::Attachment(id, _) => format!("attachment-{id}"),
            Self::Clock(id, _) => format!("clock-{id}"),
            Self::Policy(id, _) => format!("policy-{id}"),
            Self::Calendar(id, _) => format!("calendar-{id}"),
            Self::Access(day, _) => format!("access-{day}"),
            Self::Segmentation(id, _) => format!("segmentation-{id}"),
            Self::Account(id, _) => format!("account-{id}"),
            Self::Redress(id, _) => format!("redress-{id}"),
            Self::Fee(id, _) => format!("fee-{id}"),
            Self::Payment(id, _) => format!("payment-{id}"),
            Self::Card(id, _) => format!("card-{id}"),
            Self::SignIn(id, _) => format!("signin-{id}"),
            Self::Unit(id, _) => unit::stream_name(id),
        }
    }

    /// The customer whose personal data are gone from this event on, where it tells that.
    pub fn erased_customer(&self) -> Option<CustomerId> {
        match self {
            Self::Customer(id, CustomerEvent::Erased(_)) => Some(*id),
            _ => None,
        }
    }

    /// The type that the event is stored under.
    pub fn event_type(&self) -> EventType {
        match self {
            Self::Case(_, event) => event.event_type(),
            Self::Customer(_, event) => event.event_type(),
            Self::Attachment(_, event) => event.event_type(),
            Self::Clock(_, event) => event.event_type(),
            Self::Policy(_, event) => event.event_type(),
            Self::Calendar(_, event) => event.event_type(),
            Self::Access(_, event) => event.event_type(),
            Self::Segmentation(_, event) => event.event_type(),
            Self::Account(_, event) => event.event_type(),
            Self::Redress(_, event) => event.event_type(),
            Self::Fee(_, event) => event.event_type(),
            Self::Payment(_, event) => event.event_type(),
            Self::Card(_, event) => event.event_type(),
            Self::SignIn(_, event) => event.event_type(),
            Self::Unit(_, event) => event.event_type(),
        }
    }

    /// The event's own fields as JSON, in the latest shape.
    pub fn to_json(&self) -> Vec<u8> {
        match self {
            Self::Case(_, event) => event.to_json(),
            Self::Customer(_, event) => event.to_json(),
            Self::Attachment(_, event) => event.to_json(),
            Self::Clock(_, event) => event.to_json(),
            Self::Policy(_, event) => event.to_json(),
            Self::Calendar(_, event) => event.to_json(),
            Self::Access(_, event) => event.to_json(),
            Self::Segmentation(_, event) => event.to_json(),
            Self::Account(_, event) => event.to_json(),
            Self::Redress(_, event) => event.to_json(),
            Self::Fee(_, event) => event.to_json(),
            Self::Payment(_, event) => event.to_json(),
            Self::Card(_, event) => event.to_json(),
            Self::SignIn(_, event) => event.to_json(),
            Self::Unit(_, event) => event.to_json(),
        }
    }
}

/// The JSON Schema of the latest version of every event type.
pub fn schemas() -> Vec<(EventType, schemars::Schema)> {
    let mut all = CaseEvent::schemas();
    all.extend(CustomerEvent::schemas());
    all.extend(AttachmentEvent::schemas());
    all.extend(SlaEvent::schemas());
    all.extend(PolicyEvent::schemas());
    all.extend(CalendarEvent::schemas());
    all.extend(AccessEvent::schemas());
    all.extend(SegmentationEvent::schemas());
    all.extend(AccountEvent::schemas());
    all.extend(RedressEvent::schemas());
    all.extend(FeeEvent::schemas());
    all.extend(PaymentEvent::schemas());
    all.extend(CardEvent::schemas());
    all.extend(SignInEvent::schemas());
    all.extend(UnitEvent::schemas());
    all
}
