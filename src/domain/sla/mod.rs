//! Service levels: the clocks of a case.
//!
//! Nothing ticks. A clock is computed: [`evaluate`] takes what is known of a case ([`SlaHistory`]), the policies it is bound
//! to and the calendars these count in, and gives the case's clocks, each with the moment at which it is due. The same
//! history gives the same clocks whenever and wherever it is evaluated; only [`Clock::verdict_at`] compares with "now".
//! A fact that is recorded late takes its place in the history, and the clocks follow.
//!
//! One thing about clocks is not computed but recorded: that a due moment passed. The monitor tells the aggregate of the
//! case's clock stream ([`Sla`], `clock-<case id>`), which appends `SlaBreached` once for each clock. The stream is the
//! clocks' own, so that the monitor never conflicts with people who work on the case.

mod clock;
mod command;
mod decide;
mod error;
mod evaluate;
mod event;
mod history;
mod state;

pub use crate::policy::Metric;
pub use clock::{Clock, ClockInterval, ClockKey, ClockState, IntervalCause, InvalidClockKey};
pub use command::{RecordBreach, SlaCommand};
pub use decide::Sla;
pub use error::SlaRefusal;
pub use evaluate::{CalendarSource, PolicySource, evaluate};
pub use event::{SlaBreached, SlaEvent};
pub use history::{Fact, FactKind, PolicyBinding, SlaHistory};
pub use state::SlaState;
