//! What may follow on what, told as given, when, then.

use jiff::{SignedDuration, Timestamp};

use super::attribute::{
    CaseKind, Channel, Direction, HoldReason, Outcome, Priority, Severity, Status,
};
use super::command::*;
use super::event::{CaseEvent, CaseResumed};
use super::{Became, Case, CaseCommand, CaseRefusal, CaseState};
use crate::decider::{Actor, ActorKind, Context, Decider, Metadata, Refusal};
use crate::event::StoredEvent;
use crate::id::{CaseId, CategoryId, CommandId, CustomerId, DataSubject, StaffId, UnitId};
use crate::pii::Pii;

fn context() -> Context {
    let now: Timestamp = "2026-03-21T08:00:00Z".parse().unwrap();
    let actor = Actor { kind: ActorKind::Staff, id: "agent-1".to_owned() };
    let command_id = CommandId(crate::id::derived(&["test"]));
    Context { command_id, occurred_at: now, recorded_at: now, actor }
}

fn meta() -> Metadata {
    let context = context();
    Metadata {
        occurred_at: context.occurred_at,
        recorded_at: context.recorded_at,
        actor: context.actor,
        causation_id: context.command_id,
        correlation_id: context.command_id.0,
        command_digest: None,
        personal: None,
    }
}

/// The state after these commands, each of which must be accepted.
#[track_caller]
fn given(commands: impl IntoIterator<Item = CaseCommand>) -> CaseState {
    commands.into_iter().fold(CaseState::default(), |state, command| {
        let events = Case::decide(&state, command, &context()).unwrap();
        events.iter().fold(state, |state, event| Case::evolve(state, event, &meta()))
    })
}

/// The stored names of the events that follow from a command.
#[track_caller]
fn when(state: &CaseState, command: CaseCommand) -> Vec<&'static str> {
    let events = Case::decide(state, command, &context()).unwrap();
    events.iter().map(|event| event.event_type().name).collect()
}

/// Why a command is refused.
#[track_caller]
fn refused(state: &CaseState, command: CaseCommand) -> CaseRefusal {
    Case::decide(state, command, &context()).unwrap_err()
}

pub(super) fn text(text: &str) -> Pii<String> {
    Pii::new(text.to_owned())
}

fn open() -> CaseCommand {
    CaseCommand::Open(OpenCase {
        kind: CaseKind::Complaint,
        subject: text("قبض نادرست"),
        description: None,
        customer_id: None,
        channel: Channel::Letter,
        category: None,
        priority: Priority::Normal,
        severity: None,
        unit: Some(UnitId::new("finance").unwrap()),
        due_at: None,
        external_reference: None,
        split_from: None,
        remedy_sought: None,
    })
}

fn hold(reason: HoldReason) -> CaseCommand {
    CaseCommand::Hold(HoldCase { reason, note: None })
}

pub(super) fn says(direction: Direction) -> CaseCommand {
    let (channel, body) = (Channel::Phone, text("سلام"));
    CaseCommand::RecordInteraction(RecordInteraction { direction, channel, body, automatic: false })
}

fn resolve() -> CaseCommand {
    CaseCommand::Resolve(ResolveCase { outcome: Outcome::Upheld, summary: None })
}

fn reopen() -> CaseCommand {
    CaseCommand::Reopen(ReopenCase { reason: text("not settled") })
}

fn refer(unit: &str) -> CaseCommand {
    let unit = UnitId::new(unit).unwrap();
    CaseCommand::Refer(ReferCase { unit, reason: text("theirs"), answer_due_at: None })
}

fn assign() -> CaseCommand {
    CaseCommand::Assign(AssignCase { assignee: StaffId::new("agent-7").unwrap() })
}

fn classify(priority: Option<Priority>) -> CaseCommand {
    CaseCommand::Classify(ClassifyCase { category: None, priority, severity: None })
}

fn enter(stage: &str) -> CaseCommand {
    CaseCommand::EnterStage(EnterStage { stage: stage.to_owned() })
}

fn survivor() -> CaseId {
    CaseId(crate::id::derived(&["case", "survivor"]))
}

fn merge_where(survivor_is: Survivor) -> CaseCommand {
    let (into, reason) = (survivor(), text("همان موضوع"));
    CaseCommand::Merge(MergeCase { into, reason, survivor: survivor_is })
}

fn standing() -> Survivor {
    Survivor::Standing { customer_id: None }
}

fn merge() -> CaseCommand {
    merge_where(standing())
}

fn unmerge() -> CaseCommand {
    CaseCommand::Unmerge(UnmergeCase { reason: text("two matters after all") })
}

#[test]
fn a_case_that_was_not_opened_is_not_found() {
    let nothing = CaseState::default();
    for command in
        [CaseCommand::Close, CaseCommand::Resume, resolve(), refer("care"), merge(), unmerge()]
    {
        assert_eq!(refused(&nothing, command), CaseRefusal::NotFound);
    }
}

#[test]
fn a_case_is_opened_once() {
    assert_eq!(when(&CaseState::default(), open()), ["CaseOpened"]);
    assert_eq!(refused(&given([open()]), open()), CaseRefusal::AlreadyOpened);
}

#[test]
fn a_case_is_its_customers_data_and_without_a_customer_its_own() {
    let id = uuid::Uuid::from_u128(1);
    let customer = CustomerId(uuid::Uuid::from_u128(2));
    let CaseCommand::Open(mut opening) = open() else { panic!("it opens") };
    assert_eq!(Case::data_subject(&given([open()]), id), Some(DataSubject::Case(CaseId(id))));
    opening.customer_id = Some(customer);
    let state = given([CaseCommand::Open(opening)]);
    assert_eq!(Case::data_subject(&state, id), Some(DataSubject::Customer(customer)));
    assert_eq!(state.kind, Some(CaseKind::Complaint));
}

#[test]
fn waiting_for_the_customer_is_pending_and_for_anybody_else_on_hold() {
    let status = |reason| given([open(), hold(reason)]).status;
    assert_eq!(status(HoldReason::AwaitingCustomer), Some(Status::Pending));
    assert_eq!(status(HoldReason::AwaitingThirdParty), Some(Status::OnHold));
    assert_eq!(status(HoldReason::Other), Some(Status::OnHold));
}

#[test]
fn a_customers_message_ends_the_wait_for_the_customer_and_no_other() {
    let pending = given([open(), hold(HoldReason::AwaitingCustomer)]);
    assert_eq!(when(&pending, says(Direction::Inbound)), ["InteractionRecorded", "CaseResumed"]);
    assert_eq!(when(&pending, says(Direction::Outbound)), ["InteractionRecorded"]);
    assert_eq!(when(&pending, says(Direction::Internal)), ["InteractionRecorded"]);
    let on_hold = given([open(), hold(HoldReason::AwaitingThirdParty)]);
    assert_eq!(when(&on_hold, says(Direction::Inbound)), ["InteractionRecorded"]);

    // Who ended it is told apart from staff who did, and no machine's message ends it.
    let events = Case::decide(&pending, says(Direction::Inbound), &context()).unwrap();
    assert_eq!(events[1], CaseResumed { by_customer_message: true }.into());
    let events = Case::decide(&pending, CaseCommand::Resume, &context()).unwrap();
    assert_eq!(events, [CaseResumed { by_customer_message: false }.into()]);
    let CaseCommand::RecordInteraction(mut said) = says(Direction::Inbound) else { panic!() };
    said.automatic = true;
    let automatic = CaseCommand::RecordInteraction(said);
    assert_eq!(when(&pending, automatic), ["InteractionRecorded"]);
}

#[test]
fn a_hold_begins_once_and_ends_once() {
    let held = given([open(), hold(HoldReason::Other)]);
    assert_eq!(refused(&held, hold(HoldReason::Other)), CaseRefusal::AlreadyHeld);
    let resumed = given([open(), hold(HoldReason::Other), CaseCommand::Resume]);
    assert_eq!(refused(&resumed, CaseCommand::Resume), CaseRefusal::NotHeld);
    assert_eq!((resumed.status, resumed.hold), (Some(Status::Open), None));
}

#[test]
fn resolving_ends_a_hold() {
    let state = given([open(), hold(HoldReason::Other), resolve(), reopen()]);
    assert_eq!((state.status, state.hold), (Some(Status::Open), None));
}

#[test]
fn only_a_resolved_case_is_closed_and_only_a_finished_one_reopened() {
    let opened = given([open()]);
    assert_eq!(refused(&opened, CaseCommand::Close), CaseRefusal::NotResolved);
    assert_eq!(refused(&opened, reopen()), CaseRefusal::NotFinished);
    let resolved = given([open(), resolve()]);
    assert_eq!(when(&resolved, CaseCommand::Close), ["CaseClosed"]);
    assert_eq!(when(&resolved, reopen()), ["CaseReopened"]);
    let closed = given([open(), resolve(), CaseCommand::Close]);
    assert_eq!(refused(&closed, CaseCommand::Close), CaseRefusal::Closed);
    assert_eq!(when(&closed, reopen()), ["CaseReopened"]);
}

#[test]
fn work_on_a_finished_case_is_refused_but_what_people_say_is_kept() {
    let resolved = given([open(), resolve()]);
    let closed = given([open(), resolve(), CaseCommand::Close]);
    let due_at = context().occurred_at + SignedDuration::from_hours(1);
    for command in [
        resolve(),
        refer("care"),
        hold(HoldReason::Other),
        CaseCommand::Resume,
        assign(),
        CaseCommand::SetDueDate(SetDueDate { due_at }),
    ] {
        assert_eq!(refused(&resolved, command.clone()), CaseRefusal::Resolved);
        assert_eq!(refused(&closed, command), CaseRefusal::Closed);
    }
    // Until it is closed it can still be described.
    for command in [classify(Some(Priority::Urgent)), enter("بررسی")] {
        assert_eq!(when(&resolved, command.clone()).len(), 1);
        assert_eq!(refused(&closed, command), CaseRefusal::Closed);
    }
    assert_eq!(when(&closed, says(Direction::Inbound)), ["InteractionRecorded"]);
    let note = CaseCommand::AddNote(AddNote { body: text("called twice") });
    assert_eq!(when(&closed, note), ["CaseNoteAdded"]);
}

#[test]
fn a_case_is_merged_into_another_and_knows_which() {
    let opened = given([open()]);
    assert_eq!(when(&opened, merge()), ["CaseMerged"]);
    let merged = given([open(), merge()]);
    assert_eq!(merged.status, Some(Status::Merged));
    assert_eq!(merged.merged.map(|merge| merge.into), Some(survivor()));
}

#[test]
fn a_case_is_merged_into_one_that_stands_and_is_not_itself() {
    let opened = given([open()]);
    let other = CaseId(crate::id::derived(&["case", "other"]));
    for (survivor, code) in [
        (Survivor::Itself, "MERGE_INTO_ITSELF"),
        (Survivor::Unknown, "CASE_NOT_FOUND"),
        (Survivor::MergedInto(other), "MERGE_TARGET_MERGED"),
        (Survivor::Ended, "MERGE_TARGET_ENDED"),
    ] {
        let refusal = refused(&opened, merge_where(survivor));
        assert_eq!((refusal.code(), refusal.field()), (code, Some("into")));
    }
    let refusal = refused(&opened, merge_where(Survivor::MergedInto(other)));
    assert!(refusal.to_string().contains(&other.reference()), "{refusal}");
}

#[test]
fn a_customers_case_is_merged_only_into_another_of_theirs() {
    let customer = |name| Some(CustomerId(crate::id::derived(&["customer", name])));
    let opened = |customer_id| {
        let CaseCommand::Open(open) = open() else { panic!("it opens") };
        given([CaseCommand::Open(OpenCase { customer_id, ..open })])
    };
    let into = |customer_id| merge_where(Survivor::Standing { customer_id });
    let theirs = opened(customer("one"));
    assert_eq!(refused(&theirs, into(customer("other"))), CaseRefusal::SurvivorOfAnother);
    assert_eq!(refused(&theirs, into(None)), CaseRefusal::SurvivorOfAnother);
    assert_eq!(when(&theirs, into(customer("one"))), ["CaseMerged"]);
    assert_eq!(when(&opened(None), into(customer("other"))), ["CaseMerged"], "it was nobody's");
}

#[test]
fn the_author_of_a_merged_voice_is_told_all_the_same() {
    let CaseCommand::Open(open) = open() else { panic!("it opens") };
    let voice = CaseCommand::Open(OpenCase { kind: CaseKind::Suggestion, ..open });
    let (became, channel) = (Became::Adopted, Channel::Portal);
    let tell = TellAuthor { became, what_was_done: text("انجام شد"), channel };
    let told = when(&given([voice, merge()]), CaseCommand::TellAuthor(tell));
    assert_eq!(told, ["CaseAuthorTold", "InteractionRecorded"]);
}

#[test]
fn a_closed_case_is_reopened_before_it_is_merged() {
    let closed = given([open(), resolve(), CaseCommand::Close]);
    assert_eq!(refused(&closed, merge()), CaseRefusal::Closed);
    assert_eq!(when(&given([open(), resolve()]), merge()), ["CaseMerged"]);
}

#[test]
fn work_on_a_merged_case_is_refused_with_the_name_of_the_survivor() {
    let merged = given([open(), merge()]);
    let classify = ClassifyCase { category: None, priority: Some(Priority::Low), severity: None };
    for command in [
        CaseCommand::Classify(classify),
        refer("care"),
        CaseCommand::Assign(AssignCase { assignee: StaffId::new("agent-7").unwrap() }),
        CaseCommand::EnterStage(EnterStage { stage: "x".to_owned() }),
        hold(HoldReason::Other),
        CaseCommand::Resume,
        CaseCommand::SetDueDate(SetDueDate { due_at: Timestamp::MAX }),
        resolve(),
        reopen(),
        CaseCommand::Close,
        merge(),
    ] {
        let refusal = refused(&merged, command);
        assert_eq!(refusal, CaseRefusal::Merged { into: survivor() });
        assert_eq!(refusal.code(), "CASE_MERGED");
        assert!(refusal.to_string().contains(&survivor().reference()), "{refusal}");
    }
}

#[test]
fn what_people_say_to_a_merged_case_is_kept_and_does_not_wake_it() {
    let merged = given([open(), hold(HoldReason::AwaitingCustomer), merge()]);
    assert_eq!(when(&merged, says(Direction::Inbound)), ["InteractionRecorded"]);
    let note = CaseCommand::AddNote(AddNote { body: text("called twice") });
    assert_eq!(when(&merged, note), ["CaseNoteAdded"]);
    assert_eq!(refused(&merged, open()), CaseRefusal::AlreadyOpened);
}

#[test]
fn undoing_a_merge_gives_back_the_status_that_held_before() {
    let lives: [&[CaseCommand]; 4] = [
        &[open()],
        &[open(), hold(HoldReason::AwaitingCustomer)],
        &[open(), hold(HoldReason::Other)],
        &[open(), resolve()],
    ];
    for life in lives {
        let before = given(life.iter().cloned());
        let after = given(life.iter().cloned().chain([merge(), unmerge()]));
        assert_eq!(after, before);
    }
    assert_eq!(refused(&given([open()]), unmerge()), CaseRefusal::NotMerged);
    let unmerged = given([open(), merge(), unmerge()]);
    assert_eq!(refused(&unmerged, unmerge()), CaseRefusal::NotMerged);
    assert_eq!(when(&unmerged, merge()), ["CaseMerged"]);
}

#[test]
fn a_merge_and_its_undoing_say_why() {
    let blank = || text(" ");
    let silent = MergeCase { into: survivor(), reason: blank(), survivor: standing() };
    let refusal = refused(&given([open()]), CaseCommand::Merge(silent));
    assert_eq!((refusal.code(), refusal.field()), ("TEXT_EMPTY", Some("reason")));
    let silent = CaseCommand::Unmerge(UnmergeCase { reason: blank() });
    let refusal = refused(&given([open(), merge()]), silent);
    assert_eq!((refusal.code(), refusal.field()), ("TEXT_EMPTY", Some("reason")));
}

#[test]
fn how_the_survivor_stands_and_an_absent_origin_are_no_part_of_the_request() {
    let json = |command| serde_json::to_value(command).unwrap();
    assert_eq!(json(merge_where(Survivor::Unknown)), json(merge()));
    assert_eq!(json(open()).get("split_from"), None);
}

#[test]
fn a_case_that_is_split_off_says_from_which() {
    let CaseCommand::Open(mut split) = open() else { panic!("it opens") };
    split.split_from = Some(survivor());
    let events = Case::decide(&CaseState::default(), CaseCommand::Open(split), &context()).unwrap();
    let [CaseEvent::Opened(opened)] = &events[..] else { panic!("{events:?}") };
    assert_eq!(opened.split_from, Some(survivor()));
    let stored = events[0].to_json();
    assert_eq!(CaseEvent::from_json("CaseOpened", 1, stored.as_ref()).unwrap(), events[0]);
}

#[test]
fn a_referral_frees_the_assignee_and_to_the_same_unit_it_is_nothing() {
    let state = given([open(), assign(), refer("care")]);
    assert_eq!((state.unit, state.assignee), (Some(UnitId::new("care").unwrap()), None));
    assert_eq!(when(&given([open()]), refer("finance")), <[&str; 0]>::default());
}

#[test]
fn a_classification_tells_only_what_changed() {
    let state = given([open()]);
    assert_eq!(refused(&state, classify(None)), CaseRefusal::NothingToClassify);
    assert_eq!(when(&state, classify(Some(Priority::Normal))), <[&str; 0]>::default());
    let events = Case::decide(&state, classify(Some(Priority::Urgent)), &context()).unwrap();
    let [CaseEvent::Classified(classified)] = &events[..] else { panic!("{events:?}") };
    assert_eq!(classified.priority, Some(Priority::Urgent));
    assert_eq!(classified.category, None);
}

#[test]
fn a_date_that_has_passed_cannot_be_promised() {
    let due_at = context().occurred_at;
    let CaseCommand::Open(mut late) = open() else { panic!("it opens") };
    late.due_at = Some(due_at);
    let CaseCommand::Refer(mut handed) = refer("care") else { panic!("it refers") };
    handed.answer_due_at = Some(due_at);
    for (state, command, field) in [
        (given([open()]), CaseCommand::SetDueDate(SetDueDate { due_at }), "due_at"),
        (CaseState::default(), CaseCommand::Open(late), "due_at"),
        (given([open()]), CaseCommand::Refer(handed), "answer_due_at"),
    ] {
        let refusal = refused(&state, command);
        assert_eq!((refusal.code(), refusal.field()), ("DUE_DATE_PASSED", Some(field)));
    }
}

#[test]
fn what_holds_already_is_nothing_new() {
    let due_at = context().occurred_at + SignedDuration::from_hours(1);
    let CaseCommand::Open(mut opening) = open() else { panic!("it opens") };
    opening.category = Some(CategoryId::new("billing").unwrap());
    opening.severity = Some(Severity::Major);
    opening.due_at = Some(due_at);
    let state = given([CaseCommand::Open(opening.clone())]);
    let as_it_is = ClassifyCase {
        category: opening.category,
        priority: Some(opening.priority),
        severity: opening.severity,
    };
    let set = |due_at| CaseCommand::SetDueDate(SetDueDate { due_at });
    for command in [CaseCommand::Classify(as_it_is), set(due_at)] {
        assert_eq!(when(&state, command), <[&str; 0]>::default());
    }
    let later = due_at + SignedDuration::from_hours(1);
    let classified = CaseCommand::Classify(ClassifyCase {
        category: Some(CategoryId::new("water").unwrap()),
        priority: Some(Priority::Low),
        severity: Some(Severity::Minor),
    });
    for command in [set(later), assign(), enter("بررسی"), classified] {
        let once = [open(), command.clone()];
        assert_eq!(when(&given(once), command), <[&str; 0]>::default());
    }
}

#[test]
fn texts_are_checked_and_the_refusal_names_the_field() {
    let note = |body: &str| CaseCommand::AddNote(AddNote { body: text(body) });
    let state = given([open()]);
    for (body, code) in [
        (" \n", "TEXT_EMPTY"),
        ("a\u{0}b", "TEXT_HAS_CONTROL_CHARACTERS"),
        (&"ی".repeat(20_001), "TEXT_TOO_LONG"),
    ] {
        let refusal = refused(&state, note(body));
        assert_eq!((refusal.code(), refusal.field()), (code, Some("body")));
    }
}

#[test]
fn every_text_of_every_command_is_checked() {
    let empty = || Some(text(" "));
    let opening = |change: fn(&mut OpenCase)| {
        let CaseCommand::Open(mut opening) = open() else { panic!("it opens") };
        change(&mut opening);
        (CaseState::default(), CaseCommand::Open(opening))
    };
    let activity = |change: fn(&mut RecordActivity)| {
        let name = "called".to_owned();
        let mut activity = RecordActivity { name, resource: None, group: None, transition: None };
        change(&mut activity);
        (given([open()]), CaseCommand::RecordActivity(activity))
    };
    let CaseCommand::Refer(mut refer) = refer("care") else { panic!("it refers") };
    refer.reason = text(" ");
    let CaseCommand::RecordInteraction(mut said) = says(Direction::Inbound) else { panic!() };
    said.body = text(" ");
    let resolved = ResolveCase { outcome: Outcome::Upheld, summary: empty() };
    let held = HoldCase { reason: HoldReason::Other, note: empty() };
    let reopened = ReopenCase { reason: text(" ") };
    for ((state, command), field) in [
        (opening(|it| it.subject = text(" ")), "subject"),
        (opening(|it| it.description = Some(text(" "))), "description"),
        (opening(|it| it.remedy_sought = Some(text(" "))), "remedy_sought"),
        (opening(|it| it.external_reference = Some(" ".to_owned())), "external_reference"),
        (activity(|it| it.name = " ".to_owned()), "name"),
        (activity(|it| it.resource = Some(" ".to_owned())), "resource"),
        (activity(|it| it.group = Some(" ".to_owned())), "group"),
        (activity(|it| it.transition = Some(" ".to_owned())), "transition"),
        ((given([open()]), CaseCommand::Refer(refer)), "reason"),
        ((given([open()]), enter(" ")), "stage"),
        ((given([open()]), CaseCommand::RecordInteraction(said)), "body"),
        ((given([open()]), CaseCommand::Resolve(resolved)), "summary"),
        ((given([open()]), CaseCommand::Hold(held)), "note"),
        ((given([open(), resolve()]), CaseCommand::Reopen(reopened)), "reason"),
    ] {
        let refusal = refused(&state, command);
        assert_eq!((refusal.code(), refusal.field()), ("TEXT_EMPTY", Some(field)));
    }
}
