//! The customers of the demo: 120 of every kind, none of whom exists.

use jiff::{SignedDuration, Timestamp};
use parvandeh_domain::case::Channel;
use parvandeh_domain::customer::command::{AddContactPoint, ChangeDetails, RegisterCustomer};
use parvandeh_domain::customer::{ContactPointKind, CustomerCommand, CustomerKind, Language};
use parvandeh_domain::decider::{Actor, ActorKind};
use parvandeh_domain::id::{CommandId, CustomerId, derived};
use parvandeh_domain::pii::Pii;

use super::random::Random;
use super::text::{Phrase, phrase};
use super::{Portfolio, Step};

/// How many customers there are.
const CUSTOMERS: usize = 120;
/// The stream of chance that customers draw from; cases draw from streams that begin at 0.
const STREAM: u64 = u64::MAX;

/// Somebody who opens cases.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    pub(super) kind: CustomerKind,
    pub(super) language: Language,
    /// Absent for one who does not give a name.
    pub(super) customer_id: Option<CustomerId>,
    /// Who they are to the identity provider: `customer-12`.
    pub(super) subject: String,
}

/// One registered customer of each sort that the portfolio needs, with the steps of their record.
pub(super) fn customers(
    now: Timestamp,
    seed: u64,
) -> Vec<(CustomerId, Vec<Step<CustomerCommand>>)> {
    let mut random = Random::of_stream(seed, STREAM);
    (1..=CUSTOMERS).map(|number| customer(number, now, &mut random)).collect()
}

/// All customers of a portfolio as senders.
pub(super) fn senders(portfolio: &[(CustomerId, Vec<Step<CustomerCommand>>)]) -> Vec<Sender> {
    let sender = |(number, (id, steps)): (usize, &(CustomerId, Vec<Step<CustomerCommand>>))| {
        let CustomerCommand::Register(register) = &steps.first()?.command else { return None };
        Some(Sender {
            kind: register.kind,
            language: register.language,
            customer_id: Some(*id),
            subject: format!("customer-{}", number + 1),
        })
    };
    portfolio.iter().enumerate().filter_map(sender).collect()
}

impl Portfolio {
    /// All customers as senders.
    pub(super) fn senders(&self) -> Vec<Sender> {
        senders(&self.customers)
    }
}

fn customer(
    number: usize,
    now: Timestamp,
    random: &mut Random,
) -> (CustomerId, Vec<Step<CustomerCommand>>) {
    let kind = random.weighted(&[
        (58, CustomerKind::Individual),
        (20, CustomerKind::Organisation),
        (8, CustomerKind::Employee),
        (5, CustomerKind::Media),
        (5, CustomerKind::Partner),
        (4, CustomerKind::Prospect),
    ]);
    // The first six are one of each kind, whatever chance says.
    let kind = CustomerKind::ALL.get(number - 1).copied().unwrap_or(kind);
    let language = if random.chance(73) { Language::Persian } else { Language::English };
    let name = name_of(kind).personal(language, number as i64);
    let tier =
        random.weighted(&[(3, None), (4, Some("bronze")), (2, Some("silver")), (1, Some("gold"))]);
    let mut commands = vec![CustomerCommand::Register(RegisterCustomer {
        kind,
        name,
        language,
        tier: tier.map(str::to_owned),
    })];
    let contact = |(kind, value): (ContactPointKind, String)| {
        CustomerCommand::AddContactPoint(AddContactPoint { kind, value: Pii::new(value) })
    };
    commands.extend(contact_points(number, language, random).into_iter().map(contact));
    if tier != Some("gold") && random.chance(12) {
        let tier = Some("gold".to_owned());
        let change = ChangeDetails { name: None, language: None, tier };
        commands.push(CustomerCommand::ChangeDetails(change));
    }

    let actor = Actor { kind: ActorKind::Staff, id: "registrar-1".to_owned() };
    let mut at = now - SignedDuration::from_mins(random.between(62 * 1440, 80 * 1440));
    let key = number.to_string();
    let steps = commands.into_iter().enumerate().map(|(index, command)| {
        at += SignedDuration::from_mins(if index < 3 { 2 } else { random.between(60, 1440) });
        Step {
            occurred_at: at,
            recorded_at: at,
            actor: actor.clone(),
            command,
            command_id: CommandId(derived(&["demo", "customer", &key, &index.to_string()])),
        }
    });
    (CustomerId(derived(&["demo", "customer", &key])), steps.collect())
}

fn name_of(kind: CustomerKind) -> Phrase {
    match kind {
        CustomerKind::Individual => phrase("مشتری نمونه {n}", "Sample customer {n}"),
        CustomerKind::Organisation => phrase("شرکت نمونه {n}", "Sample company {n}"),
        CustomerKind::Employee => phrase("کارمند نمونه {n}", "Sample employee {n}"),
        CustomerKind::Media => phrase("رسانهٔ نمونه {n}", "Sample news outlet {n}"),
        CustomerKind::Partner => phrase("همکار تجاری نمونه {n}", "Sample partner {n}"),
        CustomerKind::Prospect => phrase("متقاضی نمونه {n}", "Sample applicant {n}"),
    }
}

/// Addresses that reach nobody: a reserved domain, local numbers that begin with 0, numbers kept free for fiction.
fn contact_points(
    number: usize,
    language: Language,
    random: &mut Random,
) -> Vec<(ContactPointKind, String)> {
    let phone = match language {
        Language::Persian => format!("+98 21 0000 {number:04}"),
        Language::English => format!("+44 20 7946 {number:04}"),
    };
    let mut points = vec![(ContactPointKind::Phone, phone)];
    if random.chance(80) {
        points.push((ContactPointKind::Email, format!("customer{number}@example.com")));
    }
    if random.chance(30) {
        let address = phrase("تهران، خیابان نمونه، پلاک {n}", "{n} Sample Street, Tehran");
        points.push((ContactPointKind::PostalAddress, address.text(language, number as i64)));
    }
    if random.chance(25) {
        points.push((ContactPointKind::SocialNetwork, format!("@sample_{number}")));
    }
    points
}

/// Who enters what comes by a channel: the customer, a gateway, or staff who write down what they hear or open.
pub(super) fn recorder(sender: &Sender, channel: Channel) -> Actor {
    let actor = |kind, id: &str| Actor { kind, id: id.to_owned() };
    match channel {
        Channel::Portal | Channel::App if sender.customer_id.is_some() => {
            actor(ActorKind::Customer, &sender.subject)
        }
        Channel::Portal | Channel::App | Channel::Website => {
            actor(ActorKind::Service, "web-gateway")
        }
        Channel::Email => actor(ActorKind::Service, "email-gateway"),
        Channel::Sms => actor(ActorKind::Service, "sms-gateway"),
        Channel::SocialNetwork => actor(ActorKind::Service, "social-gateway"),
        Channel::Phone => actor(ActorKind::Staff, "operator-1"),
        Channel::Fax | Channel::Letter => actor(ActorKind::Staff, "secretariat-1"),
        Channel::InPerson => actor(ActorKind::Staff, "reception-1"),
    }
}
