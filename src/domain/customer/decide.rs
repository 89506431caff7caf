//! What may be done with a customer's record.

use uuid::Uuid;

use super::Customer;
use super::attribute::ContactPointKind;
use super::command::{
    AddContactPoint, AssessValue, ChangeDetails, ChangeTier, ConfirmErasure, Consent,
    CustomerCommand, HeldRecord, OrderErasure, PlaceLegalHold, RegisterCustomer,
};
use super::error::CustomerRefusal;
use super::event::{
    ConsentGiven, ConsentWithdrawn, ContactPointAdded, CustomerDetailsChanged, CustomerErased,
    CustomerErasureOrdered, CustomerEvent, CustomerRegistered, CustomerTierChanged,
    CustomerValueAssessed, LegalHoldPlaced, LegalHoldReleased,
};
use super::state::{CustomerState, Erasure};
use super::{preferences, verification};
use crate::decider::{Context, Decider, Metadata};
use crate::id::{CustomerId, DataSubject};
use crate::pii::Pii;
use crate::text::{self, TextProblem};

mod merge;
mod representation;

pub use merge::MERGED_RECORDS_MAX;
pub use representation::REPRESENTATIVES_MAX;

/// The most contact points of one customer.
pub const CONTACT_POINTS_MAX: usize = 50;

impl Decider for Customer {
    type Command = CustomerCommand;
    type Event = CustomerEvent;
    type State = CustomerState;
    type Refusal = CustomerRefusal;

    const CATEGORY: &'static str = "customer";

    const READS_PERSONAL_DATA: bool = true;

    fn data_subject(_: &CustomerState, id: Uuid) -> Option<DataSubject> {
        Some(DataSubject::Customer(CustomerId(id)))
    }

    fn name(command: &CustomerCommand) -> &'static str {
        match command {
            CustomerCommand::Register(_) => "register",
            CustomerCommand::AddContactPoint(_) => "add_contact_point",
            CustomerCommand::ChangeDetails(_) => "change_details",
            CustomerCommand::AssessValue(_) => "assess_value",
            CustomerCommand::ChangeTier(_) => "change_tier",
            CustomerCommand::GiveConsent(_) => "give_consent",
            CustomerCommand::WithdrawConsent(_) => "withdraw_consent",
            CustomerCommand::PlaceLegalHold(_) => "place_legal_hold",
            CustomerCommand::ReleaseLegalHold => "release_legal_hold",
            CustomerCommand::OrderErasure(_) => "order_erasure",
            CustomerCommand::ConfirmErasure(_) => "confirm_erasure",
            CustomerCommand::Merge(_) => "merge",
            CustomerCommand::Unmerge(_) => "unmerge",
            CustomerCommand::AppointRepresentative(_) => "appoint_representative",
            CustomerCommand::DismissRepresentative(_) => "dismiss_representative",
            CustomerCommand::RequestVerification(_) => "request_verification",
            CustomerCommand::VerifyContactPoint(_) => "verify_contact_point",
            CustomerCommand::ChangePreferences(_) => "change_preferences",
            CustomerCommand::ReadNotifications(_) => "read_notifications",
        }
    }

    fn decide(
        state: &CustomerState,
        command: CustomerCommand,
        context: &Context,
    ) -> Result<Vec<CustomerEvent>, CustomerRefusal> {
        match command {
            CustomerCommand::Register(register) => match state.name {
                Some(_) => Err(CustomerRefusal::AlreadyRegistered),
                None => Ok(vec![registered(register)?.into()]),
            },
            _ if state.name.is_none() => Err(CustomerRefusal::NotFound),
            CustomerCommand::ConfirmErasure(confirm) => Ok(erased(state, &confirm)),
            _ if state.erasure != Erasure::None && command.says_something_personal() => {
                Err(CustomerRefusal::Erased)
            }
            CustomerCommand::Merge(merge) => merge::merged(state, merge),
            CustomerCommand::Unmerge(unmerge) => merge::unmerged(state, unmerge),
            _ if state.merged_into.is_some() && command.belongs_to_the_survivor() => {
                merge::refused(state)
            }
            CustomerCommand::AppointRepresentative(appoint) => {
                representation::appointed(state, appoint, context)
            }
            CustomerCommand::DismissRepresentative(dismiss) => {
                Ok(representation::dismissed(state, &dismiss))
            }
            CustomerCommand::AddContactPoint(add) => contact_point_added(state, add),
            CustomerCommand::ChangeDetails(change) => details_changed(state, change),
            CustomerCommand::AssessValue(AssessValue { value }) => {
                let known = state.value == Some(value);
                Ok(if known { vec![] } else { vec![CustomerValueAssessed { value }.into()] })
            }
            CustomerCommand::ChangeTier(change) => Ok(tier_changed(state, change)),
            CustomerCommand::GiveConsent(Consent { purpose, channel }) => {
                let known = state.consents.contains(&(purpose, channel));
                Ok(if known { vec![] } else { vec![ConsentGiven { purpose, channel }.into()] })
            }
            CustomerCommand::WithdrawConsent(Consent { purpose, channel }) => {
                let known = state.consents.contains(&(purpose, channel));
                Ok(if known { vec![ConsentWithdrawn { purpose, channel }.into()] } else { vec![] })
            }
            CustomerCommand::PlaceLegalHold(hold) => legal_hold_placed(state, hold),
            CustomerCommand::ReleaseLegalHold => match state.legal_hold {
                Some(_) => Ok(vec![LegalHoldReleased {}.into()]),
                None => Ok(vec![]),
            },
            CustomerCommand::OrderErasure(order) => erasure_ordered(state, order),
            CustomerCommand::RequestVerification(code) => {
                verification::requested(state, code, context.recorded_at)
            }
            CustomerCommand::VerifyContactPoint(code) => {
                verification::said(state, &code, context.recorded_at)
            }
            CustomerCommand::ChangePreferences(change) => preferences::changed(state, change),
            CustomerCommand::ReadNotifications(read) => Ok(preferences::read(state, &read)),
        }
    }

    fn evolve(state: CustomerState, event: &CustomerEvent, meta: &Metadata) -> CustomerState {
        state.evolve(event, meta)
    }
}

impl CustomerCommand {
    /// Whether the command belongs to a living record: after an erasure nothing is added to it.
    fn says_something_personal(&self) -> bool {
        matches!(
            self,
            Self::AddContactPoint(_)
                | Self::ChangeDetails(_)
                | Self::GiveConsent(_)
                | Self::Merge(_)
                | Self::Unmerge(_)
                | Self::AppointRepresentative(_)
                | Self::RequestVerification(_)
                | Self::VerifyContactPoint(_)
                | Self::ChangePreferences(_)
                | Self::ReadNotifications(_)
        )
    }

    /// Whether the command adds to what is known of the person, which is done at the surviving record once two are merged. What takes
    /// something away, and what protects or erases data, concerns this record still.
    fn belongs_to_the_survivor(&self) -> bool {
        matches!(
            self,
            Self::AddContactPoint(_)
                | Self::ChangeDetails(_)
                | Self::GiveConsent(_)
                | Self::AppointRepresentative(_)
                | Self::ChangePreferences(_)
        )
    }
}

fn legal_hold_placed(
    state: &CustomerState,
    hold: PlaceLegalHold,
) -> Result<Vec<CustomerEvent>, CustomerRefusal> {
    check("matter", text::check_line(&hold.matter))?;
    if state.erasure != Erasure::None {
        return Err(CustomerRefusal::Erased);
    }
    if state.legal_hold.as_ref() == Some(&hold.matter) {
        return Ok(vec![]);
    }
    Ok(vec![LegalHoldPlaced { matter: hold.matter }.into()])
}

fn erasure_ordered(
    state: &CustomerState,
    order: OrderErasure,
) -> Result<Vec<CustomerEvent>, CustomerRefusal> {
    let OrderErasure { ground, with, held } = order;
    if let Some(matter) = &state.legal_hold {
        return Err(CustomerRefusal::LegalHold { matter: matter.clone() });
    }
    Ok(match (state.erasure, held) {
        (Erasure::None, Some(HeldRecord { customer_id, matter })) => {
            return Err(CustomerRefusal::RecordUnderLegalHold { customer_id, matter });
        }
        (Erasure::None, None) => vec![CustomerErasureOrdered { ground, with }.into()],
        (Erasure::Ordered | Erasure::Done, _) => vec![],
    })
}

/// Once it is done there is nothing more to record, not even what a repetition found left over.
fn erased(state: &CustomerState, confirm: &ConfirmErasure) -> Vec<CustomerEvent> {
    match state.erasure {
        Erasure::Ordered => {
            let ConfirmErasure { key_count, envelope_count } = *confirm;
            vec![CustomerErased { key_count, envelope_count }.into()]
        }
        Erasure::None | Erasure::Done => vec![],
    }
}

fn registered(register: RegisterCustomer) -> Result<CustomerRegistered, CustomerRefusal> {
    check("name", text::check_personal_line(&register.name))?;
    check_tier(register.tier.as_deref())?;
    Ok(CustomerRegistered {
        kind: register.kind,
        name: register.name,
        language: register.language,
        tier: register.tier,
    })
}

fn contact_point_added(
    state: &CustomerState,
    add: AddContactPoint,
) -> Result<Vec<CustomerEvent>, CustomerRefusal> {
    check("value", text::check_personal_line(&add.value))?;
    let text = add.value.reveal().map_or("", |text| text.trim());
    let value = match add.kind {
        ContactPointKind::Email if is_email(text) => text.to_owned(),
        ContactPointKind::Email => return Err(CustomerRefusal::InvalidEmail),
        ContactPointKind::Phone => phone(text).ok_or(CustomerRefusal::InvalidPhone)?,
        ContactPointKind::PostalAddress | ContactPointKind::SocialNetwork => text.to_owned(),
    };
    let value = Pii::new(value);
    if state.contact_points.iter().any(|known| known.0 == add.kind && known.1 == value) {
        return Ok(vec![]);
    }
    if state.contact_points.len() >= CONTACT_POINTS_MAX {
        return Err(CustomerRefusal::TooManyContactPoints { count_max: CONTACT_POINTS_MAX });
    }
    Ok(vec![ContactPointAdded { kind: add.kind, value }.into()])
}

fn details_changed(
    state: &CustomerState,
    change: ChangeDetails,
) -> Result<Vec<CustomerEvent>, CustomerRefusal> {
    let ChangeDetails { name, language, tier } = change;
    if name.is_none() && language.is_none() && tier.is_none() {
        return Err(CustomerRefusal::NothingToChange);
    }
    if let Some(name) = &name {
        check("name", text::check_personal_line(name))?;
    }
    check_tier(tier.as_deref())?;
    let event = CustomerDetailsChanged {
        name: name.filter(|new| state.name.as_ref() != Some(new)),
        language: language.filter(|new| state.language != Some(*new)),
        tier: tier.filter(|new| state.tier.as_ref() != Some(new)),
    };
    if event.name.is_none() && event.language.is_none() && event.tier.is_none() {
        return Ok(vec![]);
    }
    Ok(vec![event.into()])
}

/// Whoever asks is a part of this program that looked at a read model: where the tier is another by now, they look again. What is left of
/// an erased customer is not sorted any more.
fn tier_changed(state: &CustomerState, change: ChangeTier) -> Vec<CustomerEvent> {
    if state.tier != change.from
        || state.tier.as_ref() == Some(&change.to)
        || state.erasure != Erasure::None
    {
        return vec![];
    }
    let ChangeTier { from, to, segmentation, version, facts } = change;
    vec![CustomerTierChanged { from, to, segmentation, version, facts }.into()]
}

fn check_tier(tier: Option<&str>) -> Result<(), CustomerRefusal> {
    tier.map_or(Ok(()), |tier| check("tier", text::check_line(tier)))
}

/// Only what every address has: full validation is a message sent to it, which verification does.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    !local.is_empty()
        && !domain.contains('@')
        && domain.contains('.')
        && domain.split('.').all(|label| !label.is_empty())
        && !text.chars().any(char::is_whitespace)
}

/// The number with its digits in ASCII and nothing else but a leading `+`: `+982112345678`.
pub(super) fn phone(text: &str) -> Option<String> {
    let mut number = String::with_capacity(text.len());
    for c in text::with_ascii_digits(text).chars() {
        match c {
            '0'..='9' => number.push(c),
            '+' if number.is_empty() => number.push(c),
            ' ' | '-' | '(' | ')' | '.' | '/' | '\u{200e}' => {}
            _ => return None,
        }
    }
    let digits = number.trim_start_matches('+').len();
    (7..=15).contains(&digits).then_some(number)
}

fn check(field: &'static str, result: Result<(), TextProblem>) -> Result<(), CustomerRefusal> {
    result.map_err(|problem| CustomerRefusal::Text { field, problem })
}
