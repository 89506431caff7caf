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

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use proptest::prelude::*;

    use super::*;
    use crate::decider::{Actor, ActorKind};
    use crate::event::StoredEvent;
    use crate::id::{CommandId, derived};

    fn hour(number: i64) -> Timestamp {
        let first: Timestamp = "2026-03-21T08:00:00Z".parse().unwrap();
        first + SignedDuration::from_hours(number)
    }

    /// Somebody who says at one hour what happened at another.
    fn said(occurred: i64, recorded: i64) -> Context {
        Context {
            command_id: CommandId(derived(&["test"])),
            occurred_at: hour(occurred),
            recorded_at: hour(recorded),
            actor: Actor { kind: ActorKind::System, id: "promise-monitor".to_owned() },
        }
    }

    fn promise(due: i64) -> FollowUpCommand {
        let what = Pii::new("تماس می‌گیریم".to_owned());
        FollowUpCommand::Promise(PromiseFollowUp { what, due_at: hour(due) })
    }

    fn keep(number: u32) -> FollowUpCommand {
        FollowUpCommand::Keep(KeepFollowUp { number })
    }

    fn remind(number: u32, due: i64) -> FollowUpCommand {
        FollowUpCommand::Remind(FollowUpReminded { number, due_at: hour(due) })
    }

    fn miss(number: u32, due: i64) -> FollowUpCommand {
        FollowUpCommand::Miss(FollowUpMissed { number, due_at: hour(due) })
    }

    /// The promises of an open case after these commands, each said when it happened, and each accepted.
    #[track_caller]
    fn given(commands: impl IntoIterator<Item = (i64, FollowUpCommand)>) -> FollowUps {
        commands.into_iter().fold(FollowUps::default(), |mut follow_ups, (at, command)| {
            let decided = decide(&follow_ups, Status::Open, command, &said(at, at)).unwrap();
            decided.iter().for_each(|event| follow_ups.evolve(event));
            follow_ups
        })
    }

    #[track_caller]
    fn when(follow_ups: &FollowUps, at: i64, command: FollowUpCommand) -> Vec<&'static str> {
        let decided = decide(follow_ups, Status::Open, command, &said(at, at)).unwrap();
        decided.iter().map(|event| event.event_type().name).collect()
    }

    const NOTHING: [&str; 0] = [];

    #[test]
    fn a_promise_is_reminded_of_once() {
        let promised = given([(0, promise(10))]);
        assert_eq!(when(&promised, 9, remind(1, 10)), ["FollowUpReminded"]);
        let reminded = given([(0, promise(10)), (9, remind(1, 10))]);
        assert_eq!(when(&reminded, 9, remind(1, 10)), NOTHING);
        assert!(reminded.unkept[&1].reminded);
        assert!(reminded.is_waiting(), "a reminder keeps no promise");
    }

    #[test]
    fn nobody_is_reminded_of_what_was_kept_or_missed_or_never_promised() {
        let kept = given([(0, promise(10)), (1, keep(1))]);
        assert_eq!(when(&kept, 9, remind(1, 10)), NOTHING);
        let missed = given([(0, promise(10)), (11, miss(1, 10))]);
        assert_eq!(when(&missed, 9, remind(1, 10)), NOTHING, "it is on record that it is too late");
        assert!(!missed.is_waiting());
        let promised = given([(0, promise(10))]);
        assert_eq!(when(&promised, 9, remind(2, 10)), NOTHING, "there is no second promise");
        assert_eq!(when(&promised, 9, remind(1, 12)), NOTHING, "for another time");
    }

    #[test]
    fn a_reminder_counts_by_when_it_is_recorded_and_comes_in_time_or_not_at_all() {
        let promised = given([(0, promise(10))]);
        let reminded = |occurred, recorded| {
            let context = said(occurred, recorded);
            decide(&promised, Status::Open, remind(1, 10), &context).unwrap().len()
        };
        assert_eq!(reminded(9, 10), 1, "at the last moment");
        assert_eq!(reminded(9, 11), 0, "its moment was in time, and nobody was there");
    }

    #[test]
    fn a_promise_outlives_its_case_and_so_do_its_reminder_and_its_end() {
        let promised = given([(0, promise(10))]);
        for status in [Status::Closed, Status::Merged, Status::OnHold] {
            for command in [remind(1, 10), miss(1, 10), keep(1)] {
                let name = command.name();
                let decided = decide(&promised, status, command, &said(5, 5)).unwrap();
                assert_eq!(decided.len(), 1, "{name} of a case that is {status:?}");
            }
        }
        let refused = decide(&promised, Status::Closed, promise(20), &said(5, 5));
        assert_eq!(refused, Err(CaseRefusal::Closed), "nothing new is promised");
    }

    #[test]
    fn a_promise_is_for_the_future_and_says_something() {
        let none = FollowUps::default();
        let refused = |command| decide(&none, Status::Open, command, &said(5, 6)).unwrap_err();
        assert_eq!(refused(promise(5)), CaseRefusal::DueDatePassed { field: "due_at" });
        let empty = PromiseFollowUp { what: Pii::new(" ".to_owned()), due_at: hour(9) };
        let refusal = refused(FollowUpCommand::Promise(empty));
        assert!(matches!(refusal, CaseRefusal::Text { field: "what", .. }), "{refusal:?}");
        assert_eq!(refused(keep(0)), CaseRefusal::FollowUpUnknown);
        assert_eq!(refused(keep(1)), CaseRefusal::FollowUpUnknown);
    }

    #[test]
    fn a_log_that_tells_of_promises_that_it_does_not_have_changes_nothing() {
        let mut follow_ups = given([(0, promise(10))]);
        let before = follow_ups.clone();
        for event in [
            CaseEvent::from(FollowUpReminded { number: 7, due_at: hour(10) }),
            FollowUpMissed { number: 7, due_at: hour(10) }.into(),
            FollowUpKept { number: 7 }.into(),
        ] {
            follow_ups.evolve(&event);
        }
        assert_eq!(follow_ups, before);
    }

    proptest! {
        #[test]
        fn whatever_is_said_in_whatever_order_each_thing_is_on_record_once_and_no_reminder_late(
            steps in proptest::collection::vec((0..4_u8, 1..4_u32, 0..4_i64), 0..60),
        ) {
            let mut follow_ups = FollowUps::default();
            let mut told: BTreeMap<u32, Vec<&'static str>> = BTreeMap::new();
            let mut now = 0;
            for (what, number, later) in steps {
                now += later;
                // Who looks at old read models may say a wrong due time; a right one stands in the state.
                let due_at = follow_ups.unkept.get(&number).map_or(hour(now), |it| it.due_at);
                let command = match what {
                    0 => promise(now + 1 + later * 3),
                    1 => keep(number),
                    2 => FollowUpCommand::Remind(FollowUpReminded { number, due_at }),
                    _ => FollowUpCommand::Miss(FollowUpMissed { number, due_at }),
                };
                let decided = decide(&follow_ups, Status::Open, command, &said(now, now));
                for event in decided.unwrap_or_default() {
                    let number = match &event {
                        CaseEvent::FollowUpPromised(it) => it.number,
                        CaseEvent::FollowUpKept(it) => it.number,
                        CaseEvent::FollowUpMissed(it) => it.number,
                        CaseEvent::FollowUpReminded(it) => {
                            prop_assert!(hour(now) <= it.due_at, "reminded too late");
                            it.number
                        }
                        other => panic!("{other:?} is nothing of a promise's"),
                    };
                    told.entry(number).or_default().push(event.event_type().name);
                    follow_ups.evolve(&event);
                }
            }
            for story in told.values() {
                let place = |name| story.iter().position(|told| *told == name);
                prop_assert_eq!(place("FollowUpPromised"), Some(0));
                let mut names = story.clone();
                names.sort_unstable();
                names.dedup();
                prop_assert_eq!(names.len(), story.len(), "said twice: {:?}", story);
                let reminded = place("FollowUpReminded");
                for end in ["FollowUpKept", "FollowUpMissed"] {
                    let in_order = reminded.is_none() || place(end).is_none() || reminded < place(end);
                    prop_assert!(in_order, "reminded after {}: {:?}", end, story);
                }
            }
        }
    }
}
