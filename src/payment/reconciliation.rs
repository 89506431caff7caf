//! Reconciliation: the provider's books of a day against the ledger, payment by payment.
//!
//! Ours is what stands on accounts: postings, not what somebody said. A line of the provider's is looked for by the payment's id, whatever day
//! it is in ours; what we have of the hour next to midnight is looked for in the provider's books of the other day, too. So a payment that is
//! of one day here and of the next there is compared once, with the day of the provider. Days are those of UTC.

use std::collections::HashSet;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use parvandeh_domain::id::{PaymentId, ProviderId, ProviderReference};
use parvandeh_domain::money::Money;
use parvandeh_domain::payment::PaymentStatus;
use parvandeh_projections::payment::{self, PaymentRow};

use super::{Direction, Payments, ProviderError, SETTLEMENTS_MAX, Settlement};
use crate::subscription::read_models::{QueryError, ReadModels};

/// How near to midnight two clocks may tell of two days.
const NEAR_MIDNIGHT: SignedDuration = SignedDuration::from_hours(1);

/// What the comparison of one payment comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Agreement {
    /// The provider has it, and the ledger does not.
    MissingHere,
    /// The ledger has it, and the provider does not.
    MissingThere,
    /// Both have it, with two amounts.
    AmountDiffers,
    /// Both have the same.
    Agrees,
}

/// One payment or refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The payment.
    pub payment_id: PaymentId,
    /// Which way money went.
    pub direction: Direction,
    /// What the comparison comes to.
    pub agreement: Agreement,
    /// What the ledger has.
    pub here: Option<Money>,
    /// What the provider has.
    pub there: Option<Money>,
    /// By what the provider knows it.
    pub reference: Option<ProviderReference>,
}

/// The comparison of a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reconciliation {
    /// The day, of UTC.
    pub day: Date,
    /// The provider.
    pub provider: ProviderId,
    /// Every payment and refund of the day, those first that do not agree.
    pub lines: Vec<Line>,
}

impl Reconciliation {
    /// How many do not agree.
    pub fn differences(&self) -> usize {
        self.lines.iter().filter(|line| line.agreement != Agreement::Agrees).count()
    }
}

/// Why a day could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum ReconciliationError {
    /// The provider could not be asked.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The ledger could not be asked.
    #[error("looking up the payments of a day")]
    Query(#[from] QueryError),
}

/// Compares a day.
///
/// # Errors
/// When the provider or the ledger cannot be asked.
pub async fn reconcile(
    read_models: &ReadModels,
    payments: &Payments,
    day: Date,
) -> Result<Reconciliation, ReconciliationError> {
    let there = payments.settlements(day).await?;
    let provider = payments.id();
    let (from, to) = bounds(day);
    let name = provider.to_string();
    let (mut lines, near) = read_models
        .query(move |db| {
            let moved = payment::moved(db, &name, from, to, SETTLEMENTS_MAX)?;
            let mut known = Vec::with_capacity(there.len());
            for settlement in &there {
                let row = payment::known(db, settlement.payment_id)?;
                known.push(row.filter(|row| row.provider == name));
            }
            let lines = compare(&there, &known, &moved, from, to);
            let near = near_midnight(&lines, &moved, from, to);
            Ok((lines, near))
        })
        .await?;
    for (is_near, neighbour) in [(near.begin, day.yesterday()), (near.end, day.tomorrow())] {
        if let (true, Ok(neighbour)) = (is_near, neighbour) {
            let books = payments.settlements(neighbour).await?;
            let of_neighbour: HashSet<_> = books.iter().map(key).collect();
            lines.retain(|line| {
                line.agreement != Agreement::MissingThere
                    || !of_neighbour.contains(&(
                        line.payment_id,
                        line.direction,
                        line.reference.as_ref(),
                    ))
            });
        }
    }
    Ok(Reconciliation { day, provider, lines })
}

/// Of which neighbouring days the books may have what this day's books have not.
#[derive(Clone, Copy, Debug, Default)]
struct Near {
    begin: bool,
    end: bool,
}

/// Whether something that is missing there moved near the beginning or the end of the day.
fn near_midnight(lines: &[Line], moved: &[PaymentRow], from: Timestamp, to: Timestamp) -> Near {
    let missing = lines.iter().filter(|line| line.agreement == Agreement::MissingThere);
    let missing: HashSet<_> = missing.map(|line| (line.payment_id, line.direction)).collect();
    let mut near = Near::default();
    for row in moved {
        for (direction, moment) in ways(row) {
            if let Some(moment) = moment.filter(|_| missing.contains(&(row.id, direction))) {
                near.begin |= moment.duration_since(from) < NEAR_MIDNIGHT;
                near.end |= to.duration_since(moment) <= NEAR_MIDNIGHT;
            }
        }
    }
    near
}

/// By what a line of the provider's books is told from others. We do not keep by what the provider knows a refund.
fn key(settlement: &Settlement) -> (PaymentId, Direction, Option<&ProviderReference>) {
    let Settlement { payment_id, direction, reference, .. } = settlement;
    (*payment_id, *direction, (*direction == Direction::Paid).then_some(reference))
}

/// When money moved, each way.
fn ways(row: &PaymentRow) -> [(Direction, Option<Timestamp>); 2] {
    [(Direction::Paid, row.confirmed_at), (Direction::Refunded, row.refunded_at)]
}

/// The first moment of the day, and the first after it.
fn bounds(day: Date) -> (Timestamp, Timestamp) {
    let moment = |day: Date| day.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp());
    let from = moment(day).unwrap_or(Timestamp::MIN);
    (from, day.tomorrow().and_then(moment).unwrap_or(Timestamp::MAX))
}

/// What stands on the account, this way.
fn here(row: &PaymentRow, direction: Direction) -> Option<Money> {
    match direction {
        Direction::Paid => row.posted,
        Direction::Refunded if row.status == PaymentStatus::Refunded => row.returned,
        Direction::Refunded => None,
    }
}

/// `known` is what we know of each line of `there`, `moved` what moved here from `from` to before `to`.
fn compare(
    there: &[Settlement],
    known: &[Option<PaymentRow>],
    moved: &[PaymentRow],
    from: Timestamp,
    to: Timestamp,
) -> Vec<Line> {
    let mut found = HashSet::new();
    let mut lines = Vec::with_capacity(there.len());
    for (settlement, row) in there.iter().zip(known) {
        let direction = settlement.direction;
        // What came under another reference came twice, and is here once; a second line of the same is one more, too.
        let is_it = |row: &&PaymentRow| {
            direction == Direction::Refunded
                || row.provider_reference.as_ref() == Some(&settlement.reference)
        };
        let here = row.as_ref().filter(is_it).and_then(|row| here(row, direction));
        let here = here.filter(|_| found.insert((settlement.payment_id, direction)));
        let agreement = match here {
            None => Agreement::MissingHere,
            Some(here) if here == settlement.money => Agreement::Agrees,
            Some(_) => Agreement::AmountDiffers,
        };
        lines.push(Line {
            payment_id: settlement.payment_id,
            direction,
            agreement,
            here,
            there: Some(settlement.money),
            reference: Some(settlement.reference.clone()),
        });
    }
    let of_day = |moment: Option<Timestamp>| moment.is_some_and(|at| (from..to).contains(&at));
    for row in moved {
        for (direction, moment) in ways(row) {
            let Some(here) = here(row, direction).filter(|_| of_day(moment)) else { continue };
            if found.insert((row.id, direction)) {
                lines.push(Line {
                    payment_id: row.id,
                    direction,
                    agreement: Agreement::MissingThere,
                    here: Some(here),
                    there: None,
                    reference: row
                        .provider_reference
                        .clone()
                        .filter(|_| direction == Direction::Paid),
                });
            }
        }
    }
    lines.sort_by_key(|line| (line.agreement, line.payment_id, line.direction));
    lines
}
