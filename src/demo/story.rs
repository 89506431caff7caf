//! The life of one demo case, told move by move. Each move appends steps and goes on in time: staff in their working hours,
//! customers when they like.

use jiff::{SignedDuration, Timestamp};
use parvandeh_domain::calendar::{Measure, WorkingTime};
use parvandeh_domain::case::command::{
    AddNote, AssignCase, ClassifyCase, EnterStage, HoldCase, OpenCase, RecordInteraction,
    ReferCase, ReopenCase, ResolveCase, SetDueDate, TellAuthor,
};
use parvandeh_domain::case::{
    Became, CaseCommand, CaseKind, Channel, Direction, HoldReason, Outcome, Priority,
};
use parvandeh_domain::customer::Language;
use parvandeh_domain::decider::{Actor, ActorKind};
use parvandeh_domain::id::{CaseId, CategoryId, CommandId, StaffId, UnitId, derived};
use parvandeh_domain::pii::Pii;

use super::Step;
use super::customers::{Sender, recorder};
use super::random::Random;
use super::reference::{MISDIRECTED, Promise, staff_of};
use super::text::{self, Phrase, stage};
use super::topics::Topic;

/// What a case begins with.
pub(super) struct Brief<'a> {
    /// What the ids of the case and of its commands are derived from.
    pub(super) key: String,
    pub(super) topic: &'static Topic,
    pub(super) sender: Sender,
    pub(super) channel: Channel,
    pub(super) priority: Priority,
    /// When the customer wrote, called or came.
    pub(super) opened_at: Timestamp,
    /// A date that the customer or the organisation named at once.
    pub(super) due_at: Option<Timestamp>,
    /// The hours in which staff work on it.
    pub(super) hours: &'a WorkingTime,
    pub(super) promise: Promise<'a>,
}

/// A case that is being told.
pub(super) struct Story<'a> {
    pub(super) brief: Brief<'a>,
    pub(super) random: Random,
    case_id: CaseId,
    /// The number that the words of its topic mention.
    number: i64,
    /// The number under which letters and payments are filed.
    tracking: i64,
    /// Where the story stands in time.
    at: Timestamp,
    /// When the running cycle began, and how much working time of it the case waited.
    cycle_began_at: Timestamp,
    waited: SignedDuration,
    due_at: Option<Timestamp>,
    unit: &'static str,
    agent: String,
    stage: Option<Phrase>,
    steps: Vec<Step<CaseCommand>>,
}

impl<'a> Story<'a> {
    pub(super) fn new(brief: Brief<'a>, mut random: Random) -> Self {
        let (from, to) = brief.topic.numbers;
        let number = random.between(from, to);
        let agent = random.pick(&[0, 1, 2]);
        Self {
            case_id: CaseId(derived(&["demo", "case", &brief.key])),
            number,
            tracking: random.between(100_000, 999_999),
            at: brief.opened_at,
            cycle_began_at: brief.opened_at,
            waited: SignedDuration::ZERO,
            due_at: brief.due_at,
            unit: brief.topic.unit,
            agent: staff_of(brief.topic.unit)[agent].clone(),
            stage: None,
            steps: vec![],
            random,
            brief,
        }
    }

    /// The case as far as it was told.
    pub(super) fn end(self) -> (CaseId, Vec<Step<CaseCommand>>) {
        (self.case_id, self.steps)
    }

    /// The customer's first word; a letter or a fax is recorded a day or two after it was written.
    pub(super) fn open(&mut self, sorted_at_once: bool) {
        let Brief { topic, channel, priority, opened_at, due_at, .. } = self.brief;
        let language = self.brief.sender.language;
        if is_on_paper(channel) {
            let scanned_min = self.random.between(20 * 60, 50 * 60);
            self.at = opened_at + SignedDuration::from_mins(scanned_min);
        }
        let reference = match channel {
            Channel::Letter => Some("LTR"),
            Channel::Fax => Some("FAX"),
            _ => None,
        };
        let reference = reference.map(|kind| format!("{kind}-{}", self.tracking));
        let open = OpenCase {
            kind: topic.kind,
            subject: topic.subject.personal(language, self.number),
            description: Some(topic.description.personal(language, self.number)),
            customer_id: self.brief.sender.customer_id,
            channel,
            category: sorted_at_once.then(|| code(topic.category)),
            priority,
            severity: sorted_at_once.then_some(topic.severity),
            unit: sorted_at_once.then(|| unit(topic.unit)),
            due_at,
            external_reference: reference,
            split_from: None,
            remedy_sought: None,
        };
        let actor = recorder(&self.brief.sender, channel);
        self.push_since(opened_at, actor, CaseCommand::Open(open));
        if is_written_online(channel) {
            let reply = text::AUTOMATIC_REPLY;
            self.say(Direction::Outbound, system("automatic-reply"), reply, true);
        }
        self.enter(stage::RECEIVED, system("automatic-reply"));
    }

    /// Intake sorts the case, hands it to its unit, and somebody there takes it.
    pub(super) fn take_up(&mut self, sorted_at_once: bool) {
        self.work(3, 25);
        if !sorted_at_once {
            let Topic { category, severity, .. } = *self.brief.topic;
            let (category, severity) = (Some(code(category)), Some(severity));
            let classify = ClassifyCase { category, priority: None, severity };
            self.push(staff("intake-1"), CaseCommand::Classify(classify));
            self.hand_to(self.brief.topic.unit, "intake-1", false);
        }
        self.take();
        self.enter(stage::REVIEW, staff(&self.agent));
    }

    /// The case turns out not to be the organisation's.
    pub(super) fn misdirect(&mut self) {
        self.work(5, 40);
        let category = Some(code(MISDIRECTED));
        let classify = ClassifyCase { category, priority: None, severity: None };
        self.push(staff(&self.agent), CaseCommand::Classify(classify));
    }

    /// The first answer, in time or late.
    pub(super) fn respond(&mut self, in_time: bool) {
        self.work(2, 15);
        let target = self.brief.promise.first_response;
        self.at = self.at.max(self.moment_of(target, in_time));
        let response = self.random.pick(text::FIRST_RESPONSES);
        self.answer(response);
    }

    /// The customer asks and staff answer.
    pub(super) fn exchange(&mut self) {
        self.customer_says(text::CUSTOMER_ASKS);
        self.work(20, 240);
        let answer = self.random.pick(text::STAFF_ANSWERS);
        self.answer(answer);
    }

    /// Another unit gets the case, and talks about it with the first.
    pub(super) fn refer(&mut self, to: &'static str) {
        self.work(30, 180);
        let agent = self.agent.clone();
        self.hand_to(to, &agent, true);
        self.enter(stage::REFERRED, staff(&agent));
        self.work(15, 120);
        self.take();
        let question = self.random.pick(text::INTERNAL_QUESTIONS);
        self.say(Direction::Internal, staff(&agent), question, false);
        self.work(30, 240);
        let answer = self.random.pick(text::INTERNAL_ANSWERS);
        self.say(Direction::Internal, staff(&self.agent), answer, false);
        self.enter(stage::REVIEW, staff(&self.agent));
    }

    /// A note for colleagues.
    pub(super) fn note(&mut self) {
        self.work(10, 90);
        let body = self.random.pick(text::NOTES).personal(self.language(), 0);
        self.push(staff(&self.agent), CaseCommand::AddNote(AddNote { body }));
    }

    /// The priority is raised.
    pub(super) fn escalate(&mut self) {
        let priority = match self.brief.priority {
            Priority::Low => Priority::Normal,
            Priority::Normal => Priority::High,
            Priority::High | Priority::Urgent => return,
        };
        self.work(10, 60);
        let classify = ClassifyCase { category: None, priority: Some(priority), severity: None };
        self.push(staff("supervisor-1"), CaseCommand::Classify(classify));
        let body = text::ESCALATION.personal(self.language(), 0);
        self.push(staff("supervisor-1"), CaseCommand::AddNote(AddNote { body }));
    }

    /// Staff ask for a document and wait for it.
    pub(super) fn await_customer(&mut self) {
        self.work(15, 120);
        let question = self.random.pick(text::DOCUMENTS_ASKED);
        self.answer(question);
        self.hold(HoldReason::AwaitingCustomer, None);
        self.enter(stage::AWAITS_CUSTOMER, staff(&self.agent));
    }

    /// The customer sends it, which ends the wait by itself.
    pub(super) fn customer_sends(&mut self) {
        let held_at = self.at;
        self.wait(6 * 60, 4 * 24 * 60);
        self.customer_says(text::DOCUMENTS_SENT);
        self.waited += self.brief.promise.hours.measure(Measure::WorkingTime, held_at, self.at);
        self.work(5, 60);
        self.enter(stage::REVIEW, staff(&self.agent));
    }

    /// The customer does not send it, and after ten days the case ends so.
    pub(super) fn customer_is_silent(&mut self) {
        self.wait(10 * 24 * 60, 11 * 24 * 60);
        self.finish(Outcome::Withdrawn);
    }

    /// A partner organisation has to answer first.
    pub(super) fn await_partner(&mut self) {
        self.work(15, 120);
        let note = self.random.pick(text::PARTNER_HOLDS);
        self.hold(HoldReason::AwaitingThirdParty, Some(note));
        self.enter(stage::AWAITS_PARTNER, staff(&self.agent));
        let held_at = self.at;
        self.work(4 * 60, 40 * 60);
        self.waited += self.brief.promise.hours.measure(Measure::WorkingTime, held_at, self.at);
        self.push(staff(&self.agent), CaseCommand::Resume);
        self.enter(stage::REVIEW, staff(&self.agent));
    }

    /// Work stops before anybody has answered.
    pub(super) fn hold_at_once(&mut self) {
        self.work(2, 10);
        self.hold(HoldReason::Other, Some(text::IDENTITY_HOLD));
    }

    /// A date is promised, and the customer told: this one, or one so many working hours ahead.
    pub(super) fn promise(&mut self, date: Option<Timestamp>) {
        self.work(2, 10);
        let ahead = SignedDuration::from_mins(self.random.between(3 * 60, 16 * 60));
        let due_at = date.unwrap_or_else(|| later(self.brief.hours, self.at, ahead));
        if due_at <= self.at {
            return;
        }
        if self.due_at.replace(due_at) != Some(due_at) {
            self.push(staff(&self.agent), CaseCommand::SetDueDate(SetDueDate { due_at }));
        }
        self.answer(text::PROMISE);
    }

    /// The answer that settles the matter, in time or late.
    pub(super) fn resolve(&mut self, in_time: bool) {
        self.work(10, 120);
        let moment = match self.due_at.take() {
            Some(due_at) if in_time => {
                let left_s =
                    self.brief.hours.measure(Measure::WorkingTime, self.at, due_at).as_secs();
                let share_s = left_s * self.random.between(20, 95) / 100;
                later(self.brief.hours, self.at, SignedDuration::from_secs(share_s))
            }
            Some(due_at) => {
                let late = SignedDuration::from_mins(self.random.between(30, 16 * 60));
                later(self.brief.hours, due_at, late)
            }
            None => self.moment_of(self.brief.promise.resolution, in_time),
        };
        self.at = self.at.max(moment);
        let outcome = self.outcome();
        self.finish(outcome);
    }

    /// The matter ends with this outcome, which the customer is told.
    pub(super) fn finish(&mut self, outcome: Outcome) {
        let language = self.language();
        let answer = text::summary(outcome).unwrap_or(self.brief.topic.answer);
        match became(self.brief.topic.kind) {
            Some(became) => self.tell_author(became, answer),
            None => self.answer(answer),
        }
        let summary = Some(answer.personal(language, self.number));
        self.push(staff(&self.agent), CaseCommand::Resolve(ResolveCase { outcome, summary }));
        self.enter(stage::ANSWERED, staff(&self.agent));
    }

    /// The customer may give thanks; some days later the case is closed.
    pub(super) fn close(&mut self) {
        if self.random.chance(35) {
            self.wait(30, 24 * 60);
            self.customer_says(text::THANKS);
        }
        self.wait(2 * 24 * 60, 5 * 24 * 60);
        self.work(5, 240);
        self.enter(stage::FINISHED, staff(&self.agent));
        self.push(staff(&self.agent), CaseCommand::Close);
    }

    /// The customer finds the matter unsettled, and work begins again.
    pub(super) fn reopen(&mut self) {
        self.wait(3 * 60, 3 * 24 * 60);
        let index = self.random.below(text::REOPENINGS.len());
        self.customer_says(&text::REOPENINGS[index..=index]);
        self.work(10, 90);
        let reason = text::REOPENING_REASONS[index].personal(self.language(), 0);
        self.push(staff(&self.agent), CaseCommand::Reopen(ReopenCase { reason }));
        (self.cycle_began_at, self.waited) = (self.at, SignedDuration::ZERO);
        self.enter(stage::REVIEW_AGAIN, staff(&self.agent));
        self.work(10, 120);
        let answer = self.random.pick(text::STAFF_ANSWERS);
        self.answer(answer);
    }

    fn language(&self) -> Language {
        self.brief.sender.language
    }

    /// Time passes in which staff work, a few minutes at least.
    fn work(&mut self, from_min: i64, to_min: i64) {
        let amount = SignedDuration::from_mins(self.random.between(from_min, to_min));
        self.at = later(self.brief.hours, self.at, amount);
    }

    /// Time passes.
    fn wait(&mut self, from_min: i64, to_min: i64) {
        self.at += SignedDuration::from_mins(self.random.between(from_min, to_min));
    }

    /// A moment of the running cycle before the target is used up, or after it.
    fn moment_of(&mut self, target: SignedDuration, in_time: bool) -> Timestamp {
        let percent =
            if in_time { self.random.between(8, 92) } else { self.random.between(110, 230) };
        let share = SignedDuration::from_secs(target.as_secs() * percent / 100);
        later(self.brief.promise.hours, self.cycle_began_at, share + self.waited)
    }

    fn outcome(&mut self) -> Outcome {
        match self.brief.topic.kind {
            CaseKind::Complaint => self.random.weighted(&[
                (60, Outcome::Upheld),
                (20, Outcome::PartlyUpheld),
                (16, Outcome::NotUpheld),
                (4, Outcome::Duplicate),
            ]),
            CaseKind::Request => {
                self.random.weighted(&[(88, Outcome::Fulfilled), (12, Outcome::Declined)])
            }
            CaseKind::Incident => {
                self.random.weighted(&[(88, Outcome::Fulfilled), (12, Outcome::Duplicate)])
            }
            CaseKind::Question
            | CaseKind::Suggestion
            | CaseKind::Criticism
            | CaseKind::Praise
            | CaseKind::MediaInquiry => Outcome::Answered,
        }
    }

    fn hand_to(&mut self, to: &'static str, by: &str, answer_is_due: bool) {
        let reason = self.random.pick(text::REFERRAL_REASONS).personal(self.language(), 0);
        let ahead = SignedDuration::from_hours(self.random.between(4, 17));
        let answer_due_at = answer_is_due.then(|| later(self.brief.hours, self.at, ahead));
        let refer = ReferCase { unit: unit(to), reason, answer_due_at };
        self.push(staff(by), CaseCommand::Refer(refer));
        self.unit = to;
        self.agent = staff_of(to)[self.random.below(super::STAFF_PER_UNIT)].clone();
    }

    fn take(&mut self) {
        let assignee = StaffId::new(self.agent.as_str()).expect("staff codes are short");
        self.push(staff(&self.agent), CaseCommand::Assign(AssignCase { assignee }));
    }

    fn hold(&mut self, reason: HoldReason, note: Option<Phrase>) {
        let note = note.map(|note| note.personal(self.language(), 0));
        self.push(staff(&self.agent), CaseCommand::Hold(HoldCase { reason, note }));
    }

    /// Enters the stage unless the case stands in it.
    fn enter(&mut self, stage: Phrase, by: Actor) {
        if self.stage.replace(stage) != Some(stage) {
            let stage = stage.text(self.language(), 0);
            self.push(by, CaseCommand::EnterStage(EnterStage { stage }));
        }
    }

    /// Says what became of an opinion.
    fn tell_author(&mut self, became: Became, answer: Phrase) {
        let (channel, what_was_done) = self.words(Direction::Outbound, answer, false);
        let tell = TellAuthor { became, what_was_done, channel };
        self.push(staff(&self.agent), CaseCommand::TellAuthor(tell));
    }

    fn answer(&mut self, answer: Phrase) {
        self.say(Direction::Outbound, staff(&self.agent), answer, false);
    }

    /// The customer says one of these by their channel; what comes on paper is recorded later than it was written.
    fn customer_says(&mut self, phrases: &[Phrase]) {
        let channel = self.brief.channel;
        if matches!(channel, Channel::Phone | Channel::InPerson) {
            self.work(5, 90);
        } else {
            self.wait(10, 180);
        }
        let body = self.random.pick(phrases).personal(self.language(), self.tracking);
        let direction = Direction::Inbound;
        let record = RecordInteraction { direction, channel, body, automatic: false };
        let written_at = self.at;
        if is_on_paper(channel) {
            self.wait(20 * 60, 44 * 60);
        }
        let actor = recorder(&self.brief.sender, channel);
        self.push_since(written_at, actor, CaseCommand::RecordInteraction(record));
    }

    fn say(&mut self, direction: Direction, actor: Actor, phrase: Phrase, automatic: bool) {
        let (channel, body) = self.words(direction, phrase, automatic);
        let record = RecordInteraction { direction, channel, body, automatic };
        self.push(actor, CaseCommand::RecordInteraction(record));
    }

    /// What is said in the customer's language, and the channel by which it goes.
    fn words(
        &self,
        direction: Direction,
        phrase: Phrase,
        automatic: bool,
    ) -> (Channel, Pii<String>) {
        let language = self.language();
        let channel = match (direction, self.brief.channel) {
            (Direction::Internal, _) => Channel::Portal,
            // Whoever came in person is called, and whoever wrote on the website gets an email.
            (_, Channel::InPerson) => Channel::Phone,
            (_, Channel::Website) => Channel::Email,
            (_, channel) => channel,
        };
        let mut body = phrase.text(language, self.number);
        if direction == Direction::Outbound && !automatic && is_on_paper(channel) {
            body.insert_str(0, &text::ON_PAPER.text(language, self.tracking));
        }
        (channel, Pii::new(body))
    }

    fn push(&mut self, actor: Actor, command: CaseCommand) {
        self.push_since(self.at, actor, command);
    }

    fn push_since(&mut self, occurred_at: Timestamp, actor: Actor, command: CaseCommand) {
        let index = self.steps.len().to_string();
        self.steps.push(Step {
            occurred_at,
            recorded_at: self.at,
            actor,
            command,
            command_id: CommandId(derived(&["demo", "case", &self.brief.key, &index])),
        });
        self.at += SignedDuration::from_secs(20);
    }
}

/// The moment after so much working time; by the wall clock should the calendar not open for fifty years.
pub(super) fn later(hours: &WorkingTime, from: Timestamp, amount: SignedDuration) -> Timestamp {
    hours.reach(Measure::WorkingTime, from, amount).unwrap_or(from + amount)
}

/// Whether what comes by the channel has to be opened and scanned.
pub(super) fn is_on_paper(channel: Channel) -> bool {
    matches!(channel, Channel::Letter | Channel::Fax)
}

/// Whether a machine can answer at once.
fn is_written_online(channel: Channel) -> bool {
    use Channel::{App, Email, Portal, Sms, SocialNetwork, Website};
    matches!(channel, App | Email | Portal | Sms | SocialNetwork | Website)
}

/// What becomes of an opinion; nothing of any other matter.
fn became(kind: CaseKind) -> Option<Became> {
    match kind {
        CaseKind::Suggestion => Some(Became::Planned),
        CaseKind::Criticism => Some(Became::Adopted),
        CaseKind::Praise => Some(Became::PassedOn),
        CaseKind::Complaint
        | CaseKind::Request
        | CaseKind::Question
        | CaseKind::MediaInquiry
        | CaseKind::Incident => None,
    }
}

fn staff(id: &str) -> Actor {
    Actor { kind: ActorKind::Staff, id: id.to_owned() }
}

fn system(id: &str) -> Actor {
    Actor { kind: ActorKind::System, id: id.to_owned() }
}

fn code(category: &str) -> CategoryId {
    CategoryId::new(category).expect("category codes are short")
}

fn unit(unit: &str) -> UnitId {
    UnitId::new(unit).expect("unit codes are short")
}
