//! A case step by step: its state after each event, and what the event has changed.
//!
//! Steps are what concerns the case, each at its place in the log: its own events, the files that came to stand with it, what becomes of its
//! redress, its fees and their payments, the facts about its clocks, what became known of its customer and rules look at, and the
//! publications of policies and calendars that change what is promised to it. A replay holds one state at a time, however long the history is.

use std::sync::Arc;

use jiff::Timestamp;
use parvandeh_domain::attachment::AttachmentEvent;
use parvandeh_domain::decider::Recorded;
use parvandeh_domain::id::CaseId;
use parvandeh_domain::log::DomainEvent;
use parvandeh_domain::sla::{CalendarSource, ClockRecord, ClockState};
use parvandeh_projections::case_clocks::{ClockRow, CustomerTraits};
use parvandeh_projections::case_summary::CaseRow;

use super::difference::{self, Difference};
use super::fold::ClocksFold;
use super::money::CaseMoney;

/// A case, its customer and its clocks as they are after an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplayState {
    /// The case; `None` before it was opened.
    pub case: Option<CaseRow>,
    /// How many files stand with it.
    pub attachment_count: u32,
    /// Its redress, its fees and their payments; states between which nothing became of these share them.
    pub money: Arc<CaseMoney>,
    /// What rules look at in the customer.
    pub customer: CustomerTraits,
    /// The clocks, in the order of evaluation.
    pub clocks: Vec<ReplayClock>,
}

impl ReplayState {
    /// Every field that is known, as what has changed since nothing was.
    pub fn fields(&self) -> Vec<Difference> {
        difference::between(&Self::default(), self)
    }
}

/// A clock as it is after an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayClock {
    /// The clock, as the read models have it.
    pub row: ClockRow,
    /// What is on record of it.
    pub record: ClockRecord,
    /// How it stood at the moment at which the event was recorded: overdue, if its due moment had passed.
    pub verdict: ClockState,
    /// The version of its calendar in force at that moment, or when the clock stopped.
    pub calendar_version: Option<u32>,
}

/// One event of a replay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayStep {
    /// 1 for the first, then 2, 3 ...
    pub number: u64,
    /// What happened.
    pub event: Recorded<DomainEvent>,
    /// The state before it.
    pub before: Arc<ReplayState>,
    /// The state after it.
    pub after: Arc<ReplayState>,
    /// What it has changed.
    pub differences: Vec<Difference>,
}

/// A replay under way.
pub struct Replay {
    clocks: ClocksFold,
    case: Option<CaseRow>,
    attachment_count: u32,
    money: Arc<CaseMoney>,
    steps: u64,
    state: Arc<ReplayState>,
    /// The moment at which the last event taken in was recorded, and whether `state` is the state after it.
    recorded_at: Timestamp,
    evaluated: bool,
}

impl Replay {
    /// Before the first event of a case.
    pub fn new(case_id: CaseId) -> Self {
        Self {
            clocks: ClocksFold::new(case_id),
            case: None,
            attachment_count: 0,
            money: Arc::default(),
            steps: 0,
            state: Arc::default(),
            recorded_at: Timestamp::MIN,
            evaluated: true,
        }
    }

    /// Takes in the next event of the log; `None` where it is no step of this case. Of customers it must be given those of the case's
    /// customer only.
    pub fn step(&mut self, event: &Recorded<DomainEvent>) -> Option<ReplayStep> {
        let before = self.state();
        self.pass(event);
        let after = self.state();
        let mut differences = difference::between(&before, &after);
        let concerns = match &event.event {
            DomainEvent::Case(id, _) | DomainEvent::Clock(id, _) => *id == self.clocks.case_id(),
            // What says nothing that rules look at, and what reaches other cases, is no step of this one.
            DomainEvent::Customer(..)
            | DomainEvent::Policy(..)
            | DomainEvent::Calendar(..)
            | DomainEvent::Redress(..)
            | DomainEvent::Fee(..)
            | DomainEvent::Payment(..) => !differences.is_empty(),
            DomainEvent::Attachment(_, AttachmentEvent::Added(added)) => {
                added.case_id == self.clocks.case_id()
            }
            DomainEvent::Attachment(_, AttachmentEvent::PartStored(_))
            | DomainEvent::Access(..)
            | DomainEvent::Segmentation(..)
            | DomainEvent::Account(..)
            | DomainEvent::Card(..)
            | DomainEvent::SignIn(..)
            | DomainEvent::Unit(..) => false,
        };
        if !concerns || after.case.is_none() {
            return None;
        }
        differences.extend(difference::text(&event.event));
        self.steps += 1;
        Some(ReplayStep { number: self.steps, event: event.clone(), before, after, differences })
    }

    /// Takes in the next event of the log without a look at what it changes, which is much quicker.
    pub fn pass(&mut self, event: &Recorded<DomainEvent>) {
        self.recorded_at = event.meta.recorded_at;
        self.evaluated = false;
        if let DomainEvent::Case(id, case_event) = &event.event
            && *id == self.clocks.case_id()
        {
            match &mut self.case {
                Some(row) => row.apply(case_event, &event.meta, event.revision),
                None => {
                    let envelope = event.envelope.as_ref();
                    self.case = CaseRow::opened(*id, case_event, &event.meta, envelope);
                }
            }
        }
        if let DomainEvent::Attachment(_, AttachmentEvent::Added(added)) = &event.event
            && added.case_id == self.clocks.case_id()
        {
            self.attachment_count += 1;
        }
        if matches!(
            event.event,
            DomainEvent::Redress(..) | DomainEvent::Fee(..) | DomainEvent::Payment(..)
        ) {
            Arc::make_mut(&mut self.money).take_in(self.clocks.case_id(), event);
        }
        self.clocks.take_in(event);
    }

    /// Says how many steps were passed: the next one bears the number after it.
    pub fn passed(&mut self, steps: u64) {
        self.steps = steps;
    }

    /// The state after the last event taken in, as it stands at a later moment.
    pub fn state_at(&mut self, moment: Timestamp) -> Arc<ReplayState> {
        self.recorded_at = moment;
        self.evaluated = false;
        self.state()
    }

    /// The state after the last event taken in.
    pub fn state(&mut self) -> Arc<ReplayState> {
        if !self.evaluated {
            let clocks = self.clocks.rows().into_iter().map(|row| self.clock(row)).collect();
            let (case, customer) = (self.case.clone(), self.clocks.customer.clone());
            let (attachment_count, money) = (self.attachment_count, self.money.clone());
            self.state = Arc::new(ReplayState { case, attachment_count, money, customer, clocks });
            self.evaluated = true;
        }
        Arc::clone(&self.state)
    }

    fn clock(&self, row: ClockRow) -> ReplayClock {
        let clock = &row.clock;
        let ground = self.clocks.ground.as_ref();
        let record = ground.and_then(|ground| ground.record.clocks.get(&clock.key)).cloned();
        let calendar = clock
            .calendar_id
            .as_ref()
            .and_then(|id| self.clocks.reference.calendar(id, clock.time_zone.as_deref()));
        let counted_at = clock.stopped_at.unwrap_or(self.recorded_at);
        ReplayClock {
            record: record.unwrap_or_default(),
            verdict: clock.verdict_at(self.recorded_at),
            calendar_version: calendar.map(|calendar| calendar.version_at(counted_at)),
            row,
        }
    }
}
