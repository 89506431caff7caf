//! Complaints, referrals and promises, told as given, when, then.

use jiff::{SignedDuration, Timestamp};

use super::attribute::{
    CaseKind, Channel, Complexity, Direction, Impact, Outcome, Priority, Severity,
};
use super::command::*;
use super::event::{CaseEvent, FollowUpMissed, ReferralEscalated};
use super::tests::{says, text};
use super::{Case, CaseCommand, CaseRefusal, CaseState};
use crate::decider::{Actor, ActorKind, Context, Decider, Metadata, Refusal};
use crate::event::StoredEvent;
use crate::id::{CaseId, CommandId, CustomerId, RootCauseId, StaffId, UnitId};

fn day(number: i64) -> Timestamp {
    let first: Timestamp = "2026-03-21T08:00:00Z".parse().unwrap();
    first + SignedDuration::from_hours(24 * number)
}

fn context(at: Timestamp, kind: ActorKind) -> Context {
    let actor = Actor { kind, id: "agent-1".to_owned() };
    let command_id = CommandId(crate::id::derived(&["test"]));
    Context { command_id, occurred_at: at, recorded_at: at, actor }
}

fn meta(at: Timestamp) -> Metadata {
    let context = context(at, ActorKind::Staff);
    Metadata {
        occurred_at: at,
        recorded_at: at,
        actor: context.actor,
        causation_id: context.command_id,
        correlation_id: context.command_id.0,
        command_digest: None,
        personal: None,
    }
}

/// A case, and what staff do with it on the first day unless the test says otherwise.
#[derive(Clone, Default)]
struct Told(CaseState);

impl Told {
    #[track_caller]
    fn on(mut self, at: i64, command: CaseCommand) -> Self {
        let context = context(day(at), ActorKind::Staff);
        let events = Case::decide(&self.0, command, &context).unwrap();
        for event in events {
            self.0 = Case::evolve(self.0, &event, &meta(day(at)));
        }
        self
    }

    #[track_caller]
    fn when(&self, at: i64, command: CaseCommand) -> Vec<CaseEvent> {
        Case::decide(&self.0, command, &context(day(at), ActorKind::Staff)).unwrap()
    }

    #[track_caller]
    fn refused(&self, at: i64, command: CaseCommand) -> CaseRefusal {
        Case::decide(&self.0, command, &context(day(at), ActorKind::Staff)).unwrap_err()
    }
}

fn names(events: &[CaseEvent]) -> Vec<&'static str> {
    events.iter().map(|event| event.event_type().name).collect()
}

/// Without a customer, as in logs of other programs.
fn opened(kind: CaseKind) -> Told {
    opened_by(kind, None)
}

fn opened_by(kind: CaseKind, customer_id: Option<CustomerId>) -> Told {
    let open = OpenCase {
        kind,
        subject: text("بوی گاز"),
        description: None,
        customer_id,
        channel: Channel::Phone,
        category: None,
        priority: Priority::Normal,
        severity: None,
        unit: None,
        due_at: None,
        external_reference: None,
        split_from: None,
        remedy_sought: Some(text("تعمیر و پوزش")),
    };
    Told::default().on(0, CaseCommand::Open(open))
}

fn acknowledge() -> CaseCommand {
    CaseCommand::Complaint(ComplaintCommand::Acknowledge(AcknowledgeCase { channel: Channel::Sms }))
}

fn assess(safety: bool) -> CaseCommand {
    CaseCommand::Complaint(ComplaintCommand::Assess(AssessCase {
        severity: Severity::Major,
        safety,
        complexity: Complexity::Simple,
        impact: Impact::Single,
        immediate_action: None,
    }))
}

fn decision(appeal_until: Option<Timestamp>, channel: Option<Channel>) -> CaseCommand {
    CaseCommand::Complaint(ComplaintCommand::Decide(DecideCase {
        outcome: Outcome::NotUpheld,
        reasons: text("شیر سالم بود"),
        appeal_until,
        appeal_to: appeal_until.map(|_| "کمیتهٔ بازنگری".to_owned()),
        channel,
    }))
}

fn appeal() -> CaseCommand {
    CaseCommand::Complaint(ComplaintCommand::Appeal(AppealCase {
        grounds: text("سالم نبود")
    }))
}

fn accept() -> CaseCommand {
    CaseCommand::Complaint(ComplaintCommand::AcceptDecision(AcceptDecision {
        channel: Channel::Phone,
    }))
}

fn offer() -> CaseCommand {
    let alternatives = text("شورای حل اختلاف");
    CaseCommand::Complaint(ComplaintCommand::OfferAlternatives(OfferAlternatives { alternatives }))
}

fn resolve(outcome: Outcome) -> CaseCommand {
    CaseCommand::Resolve(ResolveCase { outcome, summary: None })
}

fn refer(unit: &str, answer_due_at: Option<Timestamp>) -> CaseCommand {
    let unit = UnitId::new(unit).unwrap();
    CaseCommand::Refer(ReferCase { unit, reason: text("theirs"), answer_due_at })
}

fn take_on() -> CaseCommand {
    CaseCommand::Referral(ReferralCommand::Accept)
}

fn send_back() -> CaseCommand {
    CaseCommand::Referral(ReferralCommand::Return(ReturnReferral { reason: text("not ours") }))
}

fn escalate(unit: &str, due_at: Timestamp) -> CaseCommand {
    let (unit, to) = (UnitId::new(unit).unwrap(), StaffId::new("maryam").unwrap());
    let owner_of = unit.clone();
    let escalated = ReferralEscalated { unit, due_at, to, owner_of };
    CaseCommand::Referral(ReferralCommand::Escalate(escalated))
}

fn promise(due_at: Timestamp) -> CaseCommand {
    let what = text("تماس می‌گیریم");
    CaseCommand::FollowUp(FollowUpCommand::Promise(PromiseFollowUp { what, due_at }))
}

fn keep(number: u32) -> CaseCommand {
    CaseCommand::FollowUp(FollowUpCommand::Keep(KeepFollowUp { number }))
}

fn miss(number: u32, due_at: Timestamp) -> CaseCommand {
    CaseCommand::FollowUp(FollowUpCommand::Miss(FollowUpMissed { number, due_at }))
}

/// A complaint that is acknowledged, assessed and decided, with a week to appeal.
fn decided() -> Told {
    opened(CaseKind::Complaint)
        .on(0, acknowledge())
        .on(0, assess(false))
        .on(1, decision(Some(day(8)), Some(Channel::Letter)))
}

#[test]
fn what_touches_safety_becomes_urgent_when_it_is_assessed() {
    let case = opened(CaseKind::Complaint);
    let events = case.when(0, assess(true));
    let [CaseEvent::Assessed(_), CaseEvent::Classified(classified)] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(classified.priority, Some(Priority::Urgent));
    assert_eq!(classified.severity, Some(Severity::Major));
    let again = case.on(0, assess(true));
    assert_eq!(names(&again.when(0, assess(true))), ["CaseAssessed"]);
    assert_eq!(names(&again.when(0, assess(false))), ["CaseAssessed"], "it stays urgent");
}

#[test]
fn what_touches_safety_stays_urgent_until_it_is_assessed_anew() {
    let classify = |priority| {
        CaseCommand::Classify(ClassifyCase {
            category: None,
            priority: Some(priority),
            severity: Some(Severity::Minor),
        })
    };
    let case = opened(CaseKind::Complaint).on(0, assess(true));
    assert_eq!(case.refused(0, classify(Priority::Low)), CaseRefusal::SafetyIsUrgent);
    assert_eq!(names(&case.when(0, classify(Priority::Urgent))), ["CaseClassified"]);
    let again = case.on(1, assess(false));
    assert_eq!(names(&again.when(1, classify(Priority::Low))), ["CaseClassified"]);
}

#[test]
fn a_decision_told_at_once_is_an_answer_and_resolves_the_case() {
    let case = opened(CaseKind::Complaint).on(0, assess(false));
    let told = case.when(1, decision(Some(day(8)), Some(Channel::Letter)));
    assert_eq!(names(&told), ["CaseDecided", "InteractionRecorded", "CaseResolved"]);
    let untold = case.when(1, decision(Some(day(8)), None));
    assert_eq!(names(&untold), ["CaseDecided", "CaseResolved"]);
}

#[test]
fn a_complaint_is_assessed_before_it_is_decided_and_nothing_else_is_decided() {
    let complaint = opened(CaseKind::Complaint).on(0, acknowledge());
    assert_eq!(complaint.refused(0, decision(None, None)), CaseRefusal::AssessmentMissing);
    let question = opened(CaseKind::Question).on(0, acknowledge());
    for step in [assess(false), decision(None, None), appeal(), accept(), offer()] {
        assert_eq!(question.refused(0, step), CaseRefusal::NotAComplaint);
    }
}

#[test]
fn the_steps_of_the_process_end_with_the_case() {
    let cause =
        ComplaintCommand::RecordFinding(RecordFinding { finding: text("x"), evidence: None });
    let finding = CaseCommand::Complaint(cause);
    let resolved = opened(CaseKind::Complaint).on(0, acknowledge());
    assert_eq!(names(&resolved.when(0, acknowledge())), Vec::<&str>::new(), "once is enough");
    let resolved = resolved.on(0, assess(false)).on(1, decision(Some(day(8)), Some(Channel::Sms)));
    for step in [acknowledge(), assess(true), decision(None, None), take_on(), send_back()] {
        assert_eq!(resolved.refused(1, step), CaseRefusal::Resolved);
    }
    assert_eq!(names(&resolved.when(1, finding.clone())), ["FindingRecorded"]);
    let closed = resolved.on(2, accept()).on(2, CaseCommand::Close);
    let of_the_process =
        [acknowledge(), assess(true), finding, decision(None, None), appeal(), accept(), offer()];
    for step in of_the_process.into_iter().chain([take_on(), send_back()]) {
        assert_eq!(closed.refused(2, step), CaseRefusal::Closed);
    }
}

#[test]
fn a_decision_says_whether_the_complaint_was_right_and_how_to_appeal_or_not_at_all() {
    let case = opened(CaseKind::Complaint).on(0, assess(false));
    let with = |outcome, appeal_until, appeal_to: Option<&str>| {
        CaseCommand::Complaint(ComplaintCommand::Decide(DecideCase {
            outcome,
            reasons: text("x"),
            appeal_until,
            appeal_to: appeal_to.map(str::to_owned),
            channel: None,
        }))
    };
    let refused = |outcome, until, to| case.refused(1, with(outcome, until, to));
    assert_eq!(refused(Outcome::Answered, None, None), CaseRefusal::OutcomeNotADecision);
    let upheld = Outcome::Upheld;
    assert_eq!(
        refused(upheld, Some(day(8)), None),
        CaseRefusal::AppealIncomplete { field: "appeal_to" }
    );
    assert_eq!(
        refused(upheld, None, Some("x")),
        CaseRefusal::AppealIncomplete { field: "appeal_until" }
    );
    assert_eq!(
        refused(upheld, Some(day(1)), Some("x")),
        CaseRefusal::DueDatePassed { field: "appeal_until" }
    );
}

#[test]
fn a_complaint_under_the_process_is_resolved_by_a_decision_or_because_it_was_withdrawn() {
    let case = opened(CaseKind::Complaint).on(0, acknowledge());
    assert_eq!(case.refused(0, resolve(Outcome::Answered)), CaseRefusal::DecisionMissing);
    assert_eq!(names(&case.when(0, resolve(Outcome::Withdrawn))), ["CaseResolved"]);
    assert_eq!(names(&case.when(0, resolve(Outcome::Duplicate))), ["CaseResolved"]);
}

#[test]
fn a_complaint_that_nobody_began_to_handle_so_ends_as_it_always_did() {
    let case = opened(CaseKind::Complaint).on(0, resolve(Outcome::Answered));
    assert_eq!(names(&case.when(0, CaseCommand::Close)), ["CaseClosed"]);
    let question =
        opened(CaseKind::Question).on(0, acknowledge()).on(0, resolve(Outcome::Answered));
    assert_eq!(names(&question.when(0, CaseCommand::Close)), ["CaseClosed"]);
}

#[test]
fn no_case_of_a_customer_is_closed_before_a_person_answered() {
    let automatic = CaseCommand::RecordInteraction(RecordInteraction {
        direction: Direction::Outbound,
        channel: Channel::Email,
        body: text("x"),
        automatic: true,
    });
    let reopen = CaseCommand::Reopen(ReopenCase { reason: text("not settled") });
    for kind in [CaseKind::Complaint, CaseKind::Request, CaseKind::Question, CaseKind::Incident] {
        let opened = opened_by(kind, Some(CustomerId(crate::id::derived(&["customer", "1"]))));
        let silent = opened.clone().on(0, automatic.clone()).on(0, resolve(Outcome::NotUpheld));
        assert_eq!(silent.refused(0, CaseCommand::Close), CaseRefusal::AnswerMissing, "{kind}");
        let told = silent.on(0, says(Direction::Outbound));
        assert_eq!(names(&told.when(0, CaseCommand::Close)), ["CaseClosed"], "{kind}");
        let again = told.on(1, reopen.clone()).on(1, resolve(Outcome::Answered));
        assert_eq!(again.refused(1, CaseCommand::Close), CaseRefusal::AnswerMissing, "{kind}");
        for outcome in [Outcome::Withdrawn, Outcome::Duplicate] {
            let ended = opened.clone().on(0, resolve(outcome));
            assert_eq!(names(&ended.when(0, CaseCommand::Close)), ["CaseClosed"], "{kind}");
        }
    }
}

#[test]
fn a_complaint_is_closed_when_its_decision_is_accepted() {
    let case = decided();
    assert_eq!(case.refused(2, CaseCommand::Close), CaseRefusal::DecisionNotAccepted);
    let accepted = case.on(2, accept());
    assert_eq!(names(&accepted.when(2, accept())), Vec::<&str>::new(), "once is enough");
    assert_eq!(names(&accepted.when(2, CaseCommand::Close)), ["CaseClosed"]);
}

#[test]
fn a_complaint_is_closed_when_the_time_for_an_appeal_has_passed() {
    assert_eq!(decided().refused(8, CaseCommand::Close), CaseRefusal::DecisionNotAccepted);
    assert_eq!(names(&decided().when(9, CaseCommand::Close)), ["CaseClosed"]);
}

#[test]
fn after_the_last_decision_a_complaint_stays_open_until_alternatives_are_offered() {
    let case = decided().on(2, appeal()).on(3, decision(None, Some(Channel::Letter)));
    assert_eq!(case.refused(60, CaseCommand::Close), CaseRefusal::DecisionNotAccepted);
    assert_eq!(case.refused(4, appeal()), CaseRefusal::DecisionFinal);
    assert_eq!(names(&case.on(4, offer()).when(4, CaseCommand::Close)), ["CaseClosed"]);
}

#[test]
fn a_complaint_does_not_end_without_an_answer_of_a_person() {
    let case = opened(CaseKind::Complaint)
        .on(0, assess(false))
        .on(0, says(Direction::Outbound))
        .on(1, decision(Some(day(8)), None))
        .on(2, accept());
    assert_eq!(case.refused(2, CaseCommand::Close), CaseRefusal::AnswerMissing, "before it only");
    let automatic = CaseCommand::RecordInteraction(RecordInteraction {
        direction: Direction::Outbound,
        channel: Channel::Email,
        body: text("x"),
        automatic: true,
    });
    let case = case.on(2, automatic).on(2, says(Direction::Internal));
    assert_eq!(case.refused(2, CaseCommand::Close), CaseRefusal::AnswerMissing);
    let told = case.on(2, says(Direction::Outbound));
    assert_eq!(names(&told.when(2, CaseCommand::Close)), ["CaseClosed"]);
    let withdrawn =
        opened(CaseKind::Complaint).on(0, acknowledge()).on(0, resolve(Outcome::Withdrawn));
    assert_eq!(withdrawn.refused(2, CaseCommand::Close), CaseRefusal::AnswerMissing);
}

#[test]
fn the_time_for_an_appeal_cannot_be_dated_away() {
    let case = opened(CaseKind::Complaint).on(2, assess(false));
    let dated_back = Context { recorded_at: day(9), ..context(day(3), ActorKind::Staff) };
    let decide = |until| Case::decide(&case.0, decision(Some(until), None), &dated_back);
    let refused = CaseRefusal::DueDatePassed { field: "appeal_until" };
    assert_eq!(decide(day(8)).unwrap_err(), refused, "it has passed already");
    assert!(decide(day(10)).is_ok());
}

#[test]
fn people_date_nothing_before_the_opening_and_other_programs_as_their_logs_say() {
    let case = opened(CaseKind::Complaint);
    let dated_back = |actor| Context { recorded_at: day(1), ..context(day(-1), actor) };
    for step in [says(Direction::Inbound), assess(false), resolve(Outcome::Withdrawn)] {
        let refused = Case::decide(&case.0, step.clone(), &dated_back(ActorKind::Staff));
        assert_eq!(refused.unwrap_err(), CaseRefusal::OccurredBeforeOpening);
        let imported = Case::decide(&case.0, step.clone(), &dated_back(ActorKind::Service));
        assert!(imported.is_ok());
        // Nobody dated it: the clock of this replica is behind that of the one that opened the case.
        let undated = Case::decide(&case.0, step, &context(day(-1), ActorKind::Staff));
        assert!(undated.is_ok());
    }
}

#[test]
fn each_appeal_leads_to_a_decision_at_the_next_level() {
    let case = decided();
    let events = case.when(2, appeal());
    let [CaseEvent::Appealed(appealed), CaseEvent::Reopened(_)] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(appealed.level, 2);
    let case = case.on(2, appeal());
    assert_eq!(case.refused(2, appeal()), CaseRefusal::DecisionMissing, "nothing is decided now");
    let events = case.when(3, decision(Some(day(10)), None));
    let CaseEvent::Decided(decided) = &events[0] else { panic!("{events:?}") };
    assert_eq!(decided.level, 2);
}

#[test]
fn an_appeal_comes_in_time_and_before_the_decision_is_accepted() {
    let case = decided();
    assert_eq!(names(&case.when(8, appeal())), ["CaseAppealed", "CaseReopened"]);
    assert_eq!(case.refused(9, appeal()), CaseRefusal::AppealTooLate);
    assert_eq!(case.on(2, accept()).refused(3, appeal()), CaseRefusal::DecisionAlreadyAccepted);
}

#[test]
fn customers_cannot_date_their_appeals_back() {
    let context = Context { recorded_at: day(90), ..context(day(2), ActorKind::Customer) };
    let refused = Case::decide(&decided().0, appeal(), &context).unwrap_err();
    assert_eq!(refused, CaseRefusal::AppealTooLate, "it is the ninetieth day");
}

#[test]
fn a_reopened_complaint_needs_a_new_decision() {
    let reopen = CaseCommand::Reopen(ReopenCase { reason: text("new facts") });
    let case = decided().on(2, accept()).on(3, reopen);
    assert_eq!(case.refused(3, resolve(Outcome::NotUpheld)), CaseRefusal::DecisionMissing);
    let events = case.when(3, decision(None, None));
    let CaseEvent::Decided(decided) = &events[0] else { panic!("{events:?}") };
    assert_eq!(decided.level, 1, "nobody appealed");
}

#[test]
fn causes_and_corrective_actions_are_recorded_also_after_the_end() {
    let case = decided().on(2, accept()).on(2, CaseCommand::Close);
    let cause = |explanation| {
        let cause = RootCauseId::new("worn-valve").unwrap();
        CaseCommand::Complaint(ComplaintCommand::RecordRootCause(RecordRootCause {
            cause,
            explanation,
        }))
    };
    let case_id = CaseId(crate::id::derived(&["case", "corrective"]));
    let link =
        CaseCommand::Complaint(ComplaintCommand::LinkCorrectiveAction(LinkCorrectiveAction {
            case_id,
        }));
    assert_eq!(names(&case.when(5, cause(None))), ["RootCauseRecorded"]);
    assert_eq!(names(&case.when(5, link.clone())), ["CorrectiveActionLinked"]);
    let case = case.on(5, cause(None)).on(5, link.clone());
    assert_eq!(names(&case.when(6, cause(None))), Vec::<&str>::new());
    assert_eq!(names(&case.when(6, cause(Some(text("since 1395"))))), ["RootCauseRecorded"]);
    assert_eq!(names(&case.when(6, link)), Vec::<&str>::new());
}

#[test]
fn a_unit_takes_a_case_on_or_sends_it_back_to_where_it_came_from() {
    let case = opened(CaseKind::Request);
    assert_eq!(case.refused(0, take_on()), CaseRefusal::NotReferred);
    let case = case.on(0, refer("care", None)).on(0, refer("technical", None));
    let assignee = StaffId::new("agent-7").unwrap();
    let assigned =
        case.clone().on(0, CaseCommand::Assign(AssignCase { assignee: assignee.clone() }));
    assert_eq!(assigned.0.assignee, Some(assignee));
    let back = assigned.on(0, send_back());
    assert_eq!(back.0.unit, Some(UnitId::new("care").unwrap()));
    assert_eq!(back.0.assignee, None, "they worked for the other unit");
    assert_eq!(back.refused(0, send_back()), CaseRefusal::NotReferred, "once is enough");
    let taken = case.on(0, take_on());
    assert_eq!(names(&taken.when(0, take_on())), Vec::<&str>::new());
    assert_eq!(taken.refused(0, send_back()), CaseRefusal::ReferralAccepted);
    let from_intake = opened(CaseKind::Request).on(0, refer("care", None)).on(0, send_back());
    assert_eq!(from_intake.0.unit, None, "it waits at intake again");
}

#[test]
fn a_referral_is_escalated_once_and_only_while_its_unit_is_silent() {
    let case = opened(CaseKind::Request).on(0, refer("care", Some(day(1))));
    assert_eq!(names(&case.when(2, escalate("care", day(1)))), ["ReferralEscalated"]);
    let nothing = Vec::<&str>::new();
    let told = case.clone().on(2, escalate("care", day(1)));
    assert_eq!(names(&told.when(2, escalate("care", day(1)))), nothing);
    assert_eq!(names(&told.when(2, take_on())), ["ReferralAccepted"], "late is better than never");
    for after in [take_on(), send_back(), resolve(Outcome::Answered), refer("legal", None)] {
        let answered = case.clone().on(0, after);
        assert_eq!(names(&answered.when(2, escalate("care", day(1)))), nothing);
    }
}

#[test]
fn a_promise_is_kept_or_missed_and_can_be_kept_late() {
    let case = opened(CaseKind::Request).on(0, promise(day(2))).on(0, promise(day(3)));
    assert_eq!(names(&case.when(1, keep(2))), ["FollowUpKept"]);
    assert_eq!(case.refused(1, keep(3)), CaseRefusal::FollowUpUnknown);
    let nothing = Vec::<&str>::new();
    let case = case.on(1, keep(2));
    assert_eq!(names(&case.when(4, miss(2, day(3)))), nothing, "it was kept");
    assert_eq!(names(&case.when(4, keep(2))), nothing, "once is enough");
    let missed = case.on(3, miss(1, day(2)));
    assert_eq!(names(&missed.when(3, miss(1, day(2)))), nothing);
    assert_eq!(names(&missed.when(4, keep(1))), ["FollowUpKept"]);
}

#[test]
fn a_case_with_a_promise_that_waits_is_not_closed() {
    let case = opened(CaseKind::Request).on(0, promise(day(5))).on(1, resolve(Outcome::Fulfilled));
    assert_eq!(case.refused(1, CaseCommand::Close), CaseRefusal::FollowUpWaiting);
    assert_eq!(names(&case.clone().on(2, keep(1)).when(2, CaseCommand::Close)), ["CaseClosed"]);
    let missed = case.on(5, miss(1, day(5)));
    assert_eq!(names(&missed.when(6, CaseCommand::Close)), ["CaseClosed"]);
}

#[test]
fn a_case_has_no_more_promises_to_keep_than_anybody_can_oversee() {
    let full = (0..50).fold(opened(CaseKind::Request), |case, _| case.on(0, promise(day(5))));
    assert_eq!(full.refused(0, promise(day(5))), CaseRefusal::TooManyFollowUps);
    assert_eq!(names(&full.on(1, keep(7)).when(1, promise(day(5)))), ["FollowUpPromised"]);
}

#[test]
fn every_text_of_the_process_is_checked() {
    use ComplaintCommand::{
        Appeal, Assess, Decide, OfferAlternatives as Offer, RecordFinding as Find,
        RecordRootCause as Root,
    };
    let empty = || text(" ");
    let assessment = |immediate_action| AssessCase {
        severity: Severity::Major,
        safety: false,
        complexity: Complexity::Simple,
        impact: Impact::Single,
        immediate_action,
    };
    let deciding = |reasons, appeal_to: &str| {
        let (outcome, appeal_until) = (Outcome::Upheld, Some(day(8)));
        let appeal_to = Some(appeal_to.to_owned());
        Decide(DecideCase { outcome, reasons, appeal_until, appeal_to, channel: None })
    };
    let cause = RootCauseId::new("valve").unwrap();
    let found = |finding, evidence| Find(RecordFinding { finding, evidence });
    let complaint = opened(CaseKind::Complaint).on(0, assess(false));
    let decided = decided();
    for (told, command, field) in [
        (&complaint, Assess(assessment(Some(empty()))), "immediate_action"),
        (&complaint, found(empty(), None), "finding"),
        (&complaint, found(text("x"), Some(empty())), "evidence"),
        (&complaint, deciding(empty(), "x"), "reasons"),
        (&complaint, deciding(text("x"), " "), "appeal_to"),
        (&decided, Appeal(AppealCase { grounds: empty() }), "grounds"),
        (&decided, Offer(OfferAlternatives { alternatives: empty() }), "alternatives"),
        (&decided, Root(RecordRootCause { cause, explanation: Some(empty()) }), "explanation"),
    ] {
        let refusal = told.refused(2, CaseCommand::Complaint(command));
        assert_eq!((refusal.code(), refusal.field()), ("TEXT_EMPTY", Some(field)));
    }
    let referred = opened(CaseKind::Request).on(0, refer("care", None));
    let back = ReferralCommand::Return(ReturnReferral { reason: empty() });
    let refusal = referred.refused(0, CaseCommand::Referral(back));
    assert_eq!((refusal.code(), refusal.field()), ("TEXT_EMPTY", Some("reason")));
}
