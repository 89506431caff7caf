//! Service levels: the clocks of a case.
//!
//! Nothing ticks. A clock is computed: [`evaluate`] takes what is known of a case ([`SlaHistory`]), the policies it is bound to and the
//! calendars these count in, and gives the case's clocks, each with the moment at which it is due. The same history gives the same
//! clocks whenever and wherever it is evaluated; only [`Clock::verdict_at`] and its neighbours compare with "now". A fact that is
//! recorded late takes its place in the history, and the clocks follow.
//!
//! What is recorded of clocks are facts ([`SlaEvent`]) in a stream of their own, `clock-<case id>`, so that the monitor never conflicts
//! with people who work on the case. The monitor shows the aggregate ([`Sla`]) each clock as it stands; the aggregate decides which facts
//! are new: warned, breached, met, restated ... People grant extensions and waive breaches there, and that comes back into the history.

pub mod certificate;
mod clock;
mod command;
mod decide;
mod error;
mod evaluate;
mod event;
mod history;
pub mod scenario;
mod simulation;
mod state;

pub use crate::policy::Metric;
pub use clock::{
    Clock, ClockInterval, ClockKey, ClockState, IntervalCourse, InvalidClockKey, Warning,
    is_clock_name,
};
pub use command::{ExtendClock, ObserveClock, SlaCommand, SubjectOfCase, WaiveBreach};
pub use decide::Sla;
pub use error::SlaRefusal;
pub use evaluate::{CalendarSource, PolicySource, evaluate};
pub use event::{
    ClockSubject, SlaBreached, SlaCancelled, SlaCompletedLate, SlaEvent, SlaExtended, SlaFactKind,
    SlaMet, SlaRestated, SlaWaived, SlaWarned, SlaWarningWithdrawn,
};
pub use history::{
    AnswerKind, Cause, Fact, FactKind, FactSource, Opening, PolicyBinding, SlaHistory,
};
pub use simulation::{
    ChangedClock, Comparison, DRAFT_VERSION, Drafts, Facet, InvalidDrafts, SimulatedCase,
    Simulation, VerdictChange, Verdicts,
};
pub use state::{ClockRecord, SlaState};
