//! The demo portfolio: what somebody sees who starts Parvandeh for the first time.
//!
//! [`portfolio`] tells sixty days of an organisation in Iran that serves its customers in Persian and in English: calendars,
//! a policy, about 120 customers and 300 cases, as commands that the deciders accept. [`Movement`] goes on from there, one
//! step at a time, so that the screen moves while one looks.
//!
//! Nothing here is drawn from the machine: chance comes from a seeded generator, ids are derived, and all times are relative
//! to the moment that the caller gives. The same moment gives the same portfolio on every machine. Nobody in it exists:
//! customers are "Sample customer 12", addresses are of reserved domains, and telephone numbers cannot be dialled.

mod customers;
mod movement;
mod plot;
mod portfolio;
mod random;
mod reference;
mod run;
mod story;
mod text;
mod topics;

#[cfg(test)]
mod tests;

use jiff::Timestamp;
use parvandeh_domain::calendar::CalendarDocument;
use parvandeh_domain::case::CaseCommand;
use parvandeh_domain::customer::CustomerCommand;
use parvandeh_domain::decider::Actor;
use parvandeh_domain::id::{CalendarId, CaseId, CommandId, CustomerId, PolicyId};
use parvandeh_domain::policy::PolicyDocument;

pub use movement::Movement;
pub use portfolio::portfolio;
pub use reference::{STAFF_PER_UNIT, UNITS, staff_of, time_zone};
pub use run::{FillError, fill, greet, move_on, visitors};

/// Everything that the demo begins with. Publish the calendars before the policies, and register the customers before their
/// cases are opened.
#[derive(Clone, Debug)]
pub struct Portfolio {
    /// Calendars, each with the moment from which it holds.
    pub calendars: Vec<(CalendarId, CalendarDocument, Timestamp)>,
    /// Policies, each with the moment from which it holds: before the first case.
    pub policies: Vec<(PolicyId, PolicyDocument, Timestamp)>,
    /// Customers with what happened to their records.
    pub customers: Vec<(CustomerId, Vec<Step<CustomerCommand>>)>,
    /// Cases with what happened to them, in the order in which they were opened.
    pub cases: Vec<(CaseId, Vec<Step<CaseCommand>>)>,
}

/// One command in its time. The steps of an aggregate are in the order of `recorded_at`, which is the order of its stream.
#[derive(Clone, Debug)]
pub struct Step<C> {
    /// When it happened. A letter happens when it is written, and is recorded when somebody has scanned it.
    pub occurred_at: Timestamp,
    /// When it was recorded: never before it happened.
    pub recorded_at: Timestamp,
    /// Who did it.
    pub actor: Actor,
    /// What was asked.
    pub command: C,
    /// The command's id: the same at every run.
    pub command_id: CommandId,
}
