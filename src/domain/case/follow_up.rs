//! Promises to the customer with a date: to call on Thursday, to send the form by Monday. Each is kept or missed. A reaction
//! (`src/command/promise_monitor.rs`) reminds those who are to keep one before its time, and says in the log that one was missed; what is
//! done afterwards is still recorded, as kept late.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::attribute::Status;
use super::decide::{check, not_closed};
use super::error::CaseRefusal;
use super::event::CaseEvent;
use crate::decider::Context;
use crate::pii::Pii;
use crate::text;

/// How many promises of one case may wait to be kept.
pub const FOLLOW_UPS_MAX: usize = 50;

/// Something was promised to the customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FollowUpPromised {
    /// 1 for the case's first promise, then 2, 3 ...
    pub number: u32,
    /// What was promised.
    pub what: Pii<String>,
    /// Until when.
    pub due_at: Timestamp,
}

/// What was promised was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FollowUpKept {
    /// Which promise.
    pub number: u32,
}

/// The time of a promise comes near, and those who are to keep it were reminded. Told once, however often anybody looks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FollowUpReminded {
    /// Which promise.
    pub number: u32,
    /// Until when it is to be kept.
    pub due_at: Timestamp,
}

/// The time of a promise passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FollowUpMissed {
    /// Which promise.
    pub number: u32,
    /// Until when it was to be kept.
    pub due_at: Timestamp,
}

/// What may be asked about promises.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum FollowUpCommand {
    /// Promise something.
    Promise(PromiseFollowUp),
    /// Say that it was done.
    Keep(KeepFollowUp),
    /// Remind those who are to keep it.
    Remind(FollowUpReminded),
    /// Say that its time has passed.
    Miss(FollowUpMissed),
}

impl FollowUpCommand {
    /// The command's name, for those who run the program.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Promise(_) => "promise_follow_up",
            Self::Keep(_) => "keep_follow_up",
            Self::Remind(_) => "remind_of_follow_up",
            Self::Miss(_) => "miss_follow_up",
        }
    }
}

/// Promise something.
#[derive(Clone, Debug, Serialize)]
pub struct PromiseFollowUp {
    /// What.
    pub what: Pii<String>,
    /// Until when.
    pub due_at: Timestamp,
}

/// Say that it was done.
#[derive(Clone, Debug, Serialize)]
pub struct KeepFollowUp {
    /// Which promise.
    pub number: u32,
}

/// The promises of a case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FollowUps {
    /// How many were made.
    pub count: u32,
    /// Those that were not kept, by their numbers.
    pub unkept: BTreeMap<u32, Unkept>,
}

/// A promise that was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unkept {
    /// Until when it was to be kept.
    pub due_at: Timestamp,
    /// Whether those who are to keep it were reminded.
    pub reminded: bool,
    /// Whether it is on record that its time has passed.
    pub missed: bool,
}

impl FollowUps {
    /// Takes in an event of the case.
    pub fn evolve(&mut self, event: &CaseEvent) {
        match event {
            CaseEvent::FollowUpPromised(promised) => {
                self.count = self.count.max(promised.number);
                let unkept = Unkept { due_at: promised.due_at, reminded: false, missed: false };
                self.unkept.insert(promised.number, unkept);
            }
            CaseEvent::FollowUpKept(kept) => drop(self.unkept.remove(&kept.number)),
            CaseEvent::FollowUpReminded(reminded) => {
                if let Some(unkept) = self.unkept.get_mut(&reminded.number) {
                    unkept.reminded = true;
                }
            }
            CaseEvent::FollowUpMissed(missed) => {
                if let Some(unkept) = self.unkept.get_mut(&missed.number) {
                    unkept.missed = true;
                }
            }
            _ => {}
        }
    }

    /// Whether a promise whose time has not passed waits to be kept.
    pub fn is_waiting(&self) -> bool {
        self.unkept.values().any(|unkept| !unkept.missed)
    }
}

/// What follows from a command on a case that was opened.
pub fn decide(
    follow_ups: &FollowUps,
    status: Status,
    command: FollowUpCommand,
    context: &Context,
) -> Result<Vec<CaseEvent>, CaseRefusal> {
    match command {
        FollowUpCommand::Promise(PromiseFollowUp { what, due_at }) => {
            not_closed(status)?;
            check("what", text::check_personal_body(&what))?;
            if due_at <= context.occurred_at {
                return Err(CaseRefusal::DueDatePassed { field: "due_at" });
            }
            if follow_ups.unkept.len() >= FOLLOW_UPS_MAX {
                return Err(CaseRefusal::TooManyFollowUps);
            }
            let number = follow_ups.count.saturating_add(1);
            Ok(vec![FollowUpPromised { number, what, due_at }.into()])
        }
        // A promise outlives the case: what was promised of a case that is closed or merged by now can still be kept.
        FollowUpCommand::Keep(KeepFollowUp { number }) => {
            if number == 0 || number > follow_ups.count {
                return Err(CaseRefusal::FollowUpUnknown);
            }
            let is_unkept = follow_ups.unkept.contains_key(&number);
            Ok(if is_unkept { vec![FollowUpKept { number }.into()] } else { vec![] })
        }
        // Once the time has passed it is missed, and a reminder would come too late.
        FollowUpCommand::Remind(reminded) => {
            let unkept = follow_ups.unkept.get(&reminded.number);
            let is_new = unkept.is_some_and(|it| {
                it.due_at == reminded.due_at
                    && !it.reminded
                    && !it.missed
                    && context.recorded_at <= it.due_at
            });
            Ok(if is_new { vec![reminded.into()] } else { vec![] })
        }
        FollowUpCommand::Miss(missed) => {
            let unkept = follow_ups.unkept.get(&missed.number);
            let is_new = unkept.is_some_and(|it| it.due_at == missed.due_at && !it.missed);
            Ok(if is_new { vec![missed.into()] } else { vec![] })
        }
    }
}
