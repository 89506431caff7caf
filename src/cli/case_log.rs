//! One case, read from the log alone: for the commands that replay, explain and prove.
//!
//! It opens the log for reading only and takes no lock, so it can be used beside a running server.

use jiff::Timestamp;
use parvandeh_domain::attachment::AttachmentEvent;
use parvandeh_domain::case::CaseEvent;
use parvandeh_domain::decider::Recorded;
use parvandeh_domain::id::{CaseId, CustomerId};
use parvandeh_domain::log::DomainEvent;

use super::{Exit, Failure};
use crate::config::Config;
use crate::replay::{CaseMoney, ClocksFold};
use crate::store::Position;
use crate::store::sqlite::LogReader;
use crate::subscription::generation::Entry;
use crate::subscription::projector::entry;

const PAGE_SIZE: usize = 10_000;

/// What the log holds of a case.
pub struct CaseLog {
    /// The case.
    pub id: CaseId,
    /// The case's own events.
    pub events: Vec<Recorded<DomainEvent>>,
    /// All that a replay tells: the case's events, those of its customer and its clocks, the files that came with it, those of its redress,
    /// its fees and their payments, and the publications of policies and calendars.
    pub evidence: Vec<Recorded<DomainEvent>>,
    /// Its clocks.
    pub clocks: ClocksFold,
}

impl CaseLog {
    /// Reads what was recorded of the case by a moment, of the case that the text names: by its id, its global id, its reference or its
    /// key in the system it came from.
    pub fn read(config: &Config, case: &str, as_of: Option<Timestamp>) -> Result<Self, Failure> {
        let moment = as_of.unwrap_or(Timestamp::MAX);
        let log = LogReader::open(&config.data_directory)?;
        let Some(found) = find(&log, case)? else {
            return Err(Failure::new(
                Exit::NotFound,
                format!("there is no case {case} in the log"),
            ));
        };
        let found = collect(&log, found, moment)?;
        if found.events.is_empty() {
            let message = format!("case {case} was not known at {moment}");
            return Err(Failure::new(Exit::NotFound, message));
        }
        Ok(found)
    }
}

/// The case that the text names: by its id, its global id, its reference or its key in the system it came from.
fn find(log: &LogReader, text: &str) -> Result<Option<(CaseId, Option<CustomerId>)>, Failure> {
    let mut found = None;
    for_each(log, |event| {
        if let DomainEvent::Case(id, CaseEvent::Opened(opened)) = &event.event
            && (id.to_string() == text
                || id.reference() == text
                || opened.external_reference.as_deref() == Some(text)
                || crate::graphql::global_id::encode_case(id.0) == text)
        {
            found = Some((*id, opened.customer_id));
        }
        found.is_none()
    })?;
    Ok(found)
}

fn collect(
    log: &LogReader,
    (id, customer_id): (CaseId, Option<CustomerId>),
    moment: Timestamp,
) -> Result<CaseLog, Failure> {
    let mut found =
        CaseLog { id, events: Vec::new(), evidence: Vec::new(), clocks: ClocksFold::new(id) };
    let mut money = CaseMoney::default();
    for_each(log, |event| {
        if event.meta.recorded_at > moment {
            return true;
        }
        let concerns = match &event.event {
            DomainEvent::Case(other, _) | DomainEvent::Clock(other, _) => *other == id,
            DomainEvent::Customer(other, _) => Some(*other) == customer_id,
            DomainEvent::Policy(..) | DomainEvent::Calendar(..) => true,
            DomainEvent::Attachment(_, AttachmentEvent::Added(added)) => added.case_id == id,
            DomainEvent::Redress(..) | DomainEvent::Fee(..) | DomainEvent::Payment(..) => {
                money.take_in(id, &event)
            }
            DomainEvent::Attachment(_, AttachmentEvent::PartStored(_))
            | DomainEvent::Access(..)
            | DomainEvent::Segmentation(..)
            | DomainEvent::Account(..)
            | DomainEvent::Card(..)
            | DomainEvent::SignIn(..)
            | DomainEvent::Unit(..) => false,
        };
        if concerns {
            found.clocks.take_in(&event);
            if matches!(&event.event, DomainEvent::Case(..)) {
                found.events.push(event.clone());
            }
            found.evidence.push(event);
        }
        true
    })?;
    Ok(found)
}

/// Reads the log from its beginning for as long as `visit` says so.
fn for_each(
    log: &LogReader,
    mut visit: impl FnMut(Recorded<DomainEvent>) -> bool,
) -> Result<(), Failure> {
    let mut after: Option<Position> = None;
    loop {
        let page = log.read_all(after, PAGE_SIZE)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.position);
        for logged in &page {
            if let Entry::Event(event) = entry(logged)
                && !visit(*event)
            {
                return Ok(());
            }
        }
    }
}
