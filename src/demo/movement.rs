//! What happens next while one looks.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use parvandeh_domain::case::CaseCommand;
use parvandeh_domain::decider::Actor;
use parvandeh_domain::id::{CaseId, CommandId, derived};

use super::customers::Sender;
use super::plot::{Plot, tell};
use super::portfolio::{Matter, SEED};
use super::random::Random;
use super::reference::Reference;
use super::story::Story;
use super::{Portfolio, Step};

/// The stream of chance that decides the order; each case draws from a stream of its own.
const STREAM: u64 = 1 << 40;
/// Cases under way at once: enough that their steps mix, few enough that each can be followed.
const UNDER_WAY_MIN: usize = 4;
const UNDER_WAY_MAX: usize = 12;
/// How far ahead a promised date lies: near enough to see it pass.
const PROMISE: SignedDuration = SignedDuration::from_mins(3);

/// The steps that follow on a portfolio, without end: customers of the portfolio open new cases, which are then answered,
/// referred, promised a date, resolved or forgotten.
///
/// It acts only on cases that it opened itself, and each of its commands follows from its own earlier ones: as long as they
/// are done in order, none is refused, whatever happens to other cases. A person who takes one of its cases in hand may
/// be ahead of it; what is then refused can be left undone.
#[derive(Clone, Debug)]
pub struct Movement {
    senders: Vec<Sender>,
    random: Random,
    opened: u64,
    under_way: Vec<Script>,
}

/// What is left to happen to a case.
#[derive(Clone, Debug)]
struct Script {
    case_id: CaseId,
    /// What the ids of its commands are derived from.
    key: String,
    done: usize,
    left: VecDeque<(Actor, CaseCommand, SignedDuration)>,
}

impl Movement {
    /// Begins where the portfolio ends. Needs only its customers.
    pub fn new(portfolio: &Portfolio) -> Self {
        Self {
            senders: portfolio.senders(),
            random: Random::of_stream(SEED, STREAM),
            opened: 0,
            under_way: vec![],
        }
    }

    /// The next step, happening and recorded at `now`, and the case that it is for.
    ///
    /// What happens is the same at every run. The ids follow from `now` too, so that the demo can be started again on a log
    /// that holds an earlier run.
    pub fn next(&mut self, now: Timestamp) -> (CaseId, Step<CaseCommand>) {
        let opens = self.under_way.len() < UNDER_WAY_MIN
            || (self.under_way.len() < UNDER_WAY_MAX && self.random.chance(15));
        if opens {
            let script = self.new_script(now);
            self.under_way.push(script);
        }
        let index = match opens {
            true => self.under_way.len() - 1,
            false => self.random.below(self.under_way.len()),
        };
        let script = &mut self.under_way[index];
        let (actor, command, promised) =
            script.left.pop_front().expect("a script is dropped when its last step is done");
        let step = Step {
            occurred_at: now,
            recorded_at: now,
            actor,
            command: at_present(command, now + promised),
            command_id: CommandId(derived(&[
                "demo",
                "case",
                &script.key,
                &script.done.to_string(),
            ])),
        };
        script.done += 1;
        let case_id = script.case_id;
        if script.left.is_empty() {
            self.under_way.swap_remove(index);
        }
        (case_id, step)
    }

    /// A case with all that will happen to it, told as if everybody were on duty.
    fn new_script(&mut self, now: Timestamp) -> Script {
        self.opened += 1;
        let mut random = Random::of_stream(SEED, STREAM + self.opened);
        let plot = random.weighted(&[
            (30, Plot::Plain),
            (20, Plot::Referred),
            (12, Plot::AwaitsCustomer),
            (6, Plot::AwaitsPartner),
            (8, Plot::Reopened),
            (10, Plot::Promised),
            (2, Plot::Misdirected),
            // The date passes and nobody answers.
            (12, Plot::UnderWay(None)),
        ]);
        let matter = Matter::drawn(&mut random, &self.senders);
        let reference = Reference::new(now);
        let promise = matter.promise(&reference);
        let key = format!("movement-{}-{}", now.as_nanosecond(), self.opened);
        let brief = matter.brief(key.clone(), now, None, reference.always(), promise);
        let mut story = Story::new(brief, random);
        tell(&mut story, plot, 80);
        let (case_id, steps) = story.end();
        let left = steps.into_iter().map(|step| {
            let promised = promised_ahead(&step);
            (step.actor, step.command, promised)
        });
        Script { case_id, key, done: 0, left: left.collect() }
    }
}

/// How far ahead the step's date lies, where it names one.
fn promised_ahead(step: &Step<CaseCommand>) -> SignedDuration {
    match &step.command {
        CaseCommand::Refer(refer) => match refer.answer_due_at {
            Some(due_at) => due_at.duration_since(step.occurred_at),
            None => SignedDuration::ZERO,
        },
        _ => PROMISE,
    }
}

/// The command with its date counted from the present, for the story dates it from the time in which it was told.
fn at_present(command: CaseCommand, date: Timestamp) -> CaseCommand {
    match command {
        CaseCommand::SetDueDate(mut set) => {
            set.due_at = date;
            CaseCommand::SetDueDate(set)
        }
        CaseCommand::Refer(mut refer) => {
            refer.answer_due_at = refer.answer_due_at.map(|_| date);
            CaseCommand::Refer(refer)
        }
        other => other,
    }
}
