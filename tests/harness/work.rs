//! Work to be done: commands of every kind, chosen by two small numbers, so that a random test can say anything and say it again.

use std::sync::{Arc, LazyLock};

use jiff::{SignedDuration, Timestamp};
use parvandeh::command::handler::{CommandError, CommandHandler, CommandMetadata, Executed};
use parvandeh::store::StreamId;
use parvandeh::vault::{Keyring, Vault};
use parvandeh_domain::calendar::{Calendar, CalendarCommand, PublishCalendar};
use parvandeh_domain::case::command::{
    AcceptDecision, AcknowledgeCase, AppealCase, AssessCase, ComplaintCommand, DecideCase,
    FollowUpCommand, KeepFollowUp, LinkCorrectiveAction, OfferAlternatives, PromiseFollowUp,
    RecordFinding, RecordRootCause, ReferralCommand, ReturnReferral,
};
use parvandeh_domain::case::command::{
    AddNote, AssignCase, ClassifyCase, EnterStage, HoldCase, MergeCase, OpenCase, RecordActivity,
    RecordInteraction, ReferCase, ReopenCase, ResolveCase, SetDueDate, Survivor, UnmergeCase,
};
use parvandeh_domain::case::{
    Case, CaseCommand, CaseKind, CaseRefusal, Channel, Complexity, Direction, HoldReason, Impact,
    Outcome, Priority, Severity,
};
use parvandeh_domain::decider::{Actor, ActorKind};
use parvandeh_domain::id::{CaseId, CategoryId, CommandId, RootCauseId, StaffId, UnitId, derived};
use parvandeh_domain::pii::Pii;
use parvandeh_domain::policy::{Policy, PolicyCommand, PublishPolicy};
use serde_json::json;
use tempfile::TempDir;
use uuid::Uuid;

/// How many kinds of commands [`case_command`] knows.
pub const KINDS: u8 = 24;

/// A new command of a member of staff.
pub fn metadata(occurred_at: Option<Timestamp>) -> CommandMetadata {
    let command_id = CommandId(Uuid::now_v7());
    CommandMetadata {
        command_id,
        digest: None,
        actor: Actor { kind: ActorKind::Staff, id: "tester".to_owned() },
        occurred_at,
        correlation_id: command_id.0,
        subject: None,
    }
}

/// The stream of an aggregate.
pub fn stream(category: &str, id: impl std::fmt::Display) -> StreamId {
    StreamId::new(&format!("{category}-{id}")).unwrap()
}

/// Sends a command to a case.
pub async fn on_case(
    commands: &CommandHandler,
    id: Uuid,
    metadata: CommandMetadata,
    command: CaseCommand,
) -> Result<Executed, CommandError<CaseRefusal>> {
    let batch = vec![(metadata, command)];
    commands.execute::<Case>(&stream("case", id), batch, None, |_| true).await
}

fn of<T: Copy>(choices: &[T], argument: u8) -> T {
    choices[argument as usize % choices.len()]
}

fn hours(argument: u8) -> SignedDuration {
    SignedDuration::from_hours(1 + i64::from(argument % 60))
}

fn text(argument: u8) -> Pii<String> {
    Pii::new(format!(
        "{} {argument}",
        of(&["پیگیری شد", "Answered", "تماس گرفتند", "Sent"], argument)
    ))
}

/// The id of the case with this number, for tests that know their cases by numbers.
pub fn numbered_case(number: u8) -> Uuid {
    derived(&["case", &number.to_string()])
}

/// The opening of a case that happened at `at`.
pub fn open_case(argument: u8, at: Timestamp) -> CaseCommand {
    let unit = of(&[None, Some("care"), Some("technical")], argument);
    CaseCommand::Open(OpenCase {
        kind: of(CaseKind::ALL, argument),
        subject: text(argument),
        description: (argument.is_multiple_of(3)).then(|| text(argument)),
        customer_id: None,
        channel: of(Channel::ALL, argument / 2),
        category: (argument.is_multiple_of(2)).then(|| CategoryId::new("billing").unwrap()),
        priority: of(Priority::ALL, argument / 3),
        severity: (argument.is_multiple_of(5)).then(|| of(Severity::ALL, argument)),
        unit: unit.map(|unit| UnitId::new(unit).unwrap()),
        due_at: (!argument.is_multiple_of(4)).then(|| at + hours(argument)),
        external_reference: (argument.is_multiple_of(7)).then(|| format!("W-{argument}")),
        split_from: (argument.is_multiple_of(6)).then(|| CaseId(numbered_case(argument % 4))),
        remedy_sought: (argument.is_multiple_of(9)).then(|| text(argument)),
    })
}

/// A command to an open case; what it tells of happened at `at`.
pub fn case_command(kind: u8, argument: u8, at: Timestamp) -> CaseCommand {
    match kind % KINDS {
        0 => CaseCommand::Classify(ClassifyCase {
            category: (argument.is_multiple_of(2)).then(|| CategoryId::new("delivery").unwrap()),
            priority: Some(of(Priority::ALL, argument)),
            severity: (argument.is_multiple_of(3)).then(|| of(Severity::ALL, argument)),
        }),
        1 => CaseCommand::Refer(ReferCase {
            unit: UnitId::new(of(&["care", "technical", "شکایات"], argument)).unwrap(),
            reason: text(argument),
            answer_due_at: (argument.is_multiple_of(2)).then(|| at + hours(argument)),
        }),
        2 => CaseCommand::Assign(AssignCase {
            assignee: StaffId::new(of(&["sara", "omid"], argument)).unwrap(),
        }),
        3 => CaseCommand::EnterStage(EnterStage {
            stage: of(&["در دست بررسی", "waiting for parts"], argument).to_owned(),
        }),
        4..=6 => CaseCommand::RecordInteraction(RecordInteraction {
            direction: of(Direction::ALL, argument),
            channel: of(Channel::ALL, argument / 3),
            body: text(argument),
            automatic: argument.is_multiple_of(11),
        }),
        7 => CaseCommand::AddNote(AddNote { body: text(argument) }),
        8 => CaseCommand::Hold(HoldCase {
            reason: of(HoldReason::ALL, argument),
            note: (argument.is_multiple_of(2)).then(|| text(argument)),
        }),
        9 => CaseCommand::Resume,
        10 => CaseCommand::SetDueDate(SetDueDate { due_at: at + hours(argument) }),
        11 => CaseCommand::Resolve(ResolveCase {
            outcome: of(Outcome::ALL, argument),
            summary: (argument.is_multiple_of(2)).then(|| text(argument)),
        }),
        12 if argument.is_multiple_of(2) => {
            CaseCommand::Reopen(ReopenCase { reason: text(argument) })
        }
        12 => CaseCommand::Close,
        // Nobody looks at the survivor here: read models take also rings and merges into nothing, should the log have them.
        13 => CaseCommand::Merge(MergeCase {
            into: CaseId(numbered_case(argument % 4)),
            reason: text(argument),
            survivor: Survivor::Standing { customer_id: None },
        }),
        14 => CaseCommand::Unmerge(UnmergeCase { reason: text(argument) }),
        16 => CaseCommand::Complaint(ComplaintCommand::Acknowledge(AcknowledgeCase {
            channel: of(Channel::ALL, argument),
        })),
        17 => CaseCommand::Complaint(ComplaintCommand::Assess(AssessCase {
            severity: of(Severity::ALL, argument),
            safety: argument.is_multiple_of(5),
            complexity: of(Complexity::ALL, argument / 2),
            impact: of(Impact::ALL, argument / 3),
            immediate_action: (argument.is_multiple_of(3)).then(|| text(argument)),
        })),
        18 => CaseCommand::Complaint(ComplaintCommand::Decide(DecideCase {
            outcome: of(&[Outcome::Upheld, Outcome::NotUpheld], argument),
            reasons: text(argument),
            appeal_until: (argument.is_multiple_of(2)).then(|| at + hours(argument)),
            appeal_to: (argument.is_multiple_of(2)).then(|| "کمیته".to_owned()),
            channel: (argument.is_multiple_of(3)).then(|| of(Channel::ALL, argument)),
        })),
        19 => CaseCommand::Complaint(match argument % 5 {
            0 => ComplaintCommand::Appeal(AppealCase { grounds: text(argument) }),
            1 => ComplaintCommand::AcceptDecision(AcceptDecision { channel: Channel::Phone }),
            2 => {
                let alternatives = text(argument);
                ComplaintCommand::OfferAlternatives(OfferAlternatives { alternatives })
            }
            3 => ComplaintCommand::RecordFinding(RecordFinding {
                finding: text(argument),
                evidence: (argument.is_multiple_of(2)).then(|| text(argument)),
            }),
            _ => ComplaintCommand::LinkCorrectiveAction(LinkCorrectiveAction {
                case_id: CaseId(numbered_case(argument % 4)),
            }),
        }),
        20 => CaseCommand::Complaint(ComplaintCommand::RecordRootCause(RecordRootCause {
            cause: RootCauseId::new(of(&["worn valve", "آموزش"], argument)).unwrap(),
            explanation: (argument.is_multiple_of(3)).then(|| text(argument)),
        })),
        21 if argument.is_multiple_of(2) => CaseCommand::Referral(ReferralCommand::Accept),
        21 => CaseCommand::Referral(ReferralCommand::Return(ReturnReferral {
            reason: text(argument),
        })),
        22 => CaseCommand::FollowUp(FollowUpCommand::Promise(PromiseFollowUp {
            what: text(argument),
            due_at: at + hours(argument),
        })),
        23 => CaseCommand::FollowUp(FollowUpCommand::Keep(KeepFollowUp {
            number: 1 + u32::from(argument % 3),
        })),
        _ => CaseCommand::RecordActivity(RecordActivity {
            name: "check".to_owned(),
            resource: (argument.is_multiple_of(2)).then(|| "R1".to_owned()),
            group: None,
            transition: Some("complete".to_owned()),
        }),
    }
}

/// Publishes a version of the calendar `office`, whose hours follow from the argument.
pub async fn publish_calendar(
    commands: &CommandHandler,
    argument: u8,
    effective_from: Option<Timestamp>,
) {
    let day = json!([
        { "from": "08:00", "to": "12:00" },
        { "from": "13:00", "to": format!("{}:30", 15 + argument % 6) },
    ]);
    let document = json!({
        "name": "دفتر", "time_zone": "Asia/Tehran", "week_starts_on": "saturday",
        "weekly": { "saturday": day, "sunday": day, "monday": day, "tuesday": day, "wednesday": day,
            "thursday": [{ "from": "08:00", "to": "12:00" }] },
        "exceptions": [{ "date": "2026-03-21", "name": "نوروز" }],
    });
    let document = serde_json::from_value(document).unwrap();
    let command = CalendarCommand::Publish(PublishCalendar { document, effective_from });
    commands
        .execute::<Calendar>(
            &stream("calendar", "office"),
            vec![(metadata(None), command)],
            None,
            |_| true,
        )
        .await
        .unwrap();
}

/// Publishes a version of a policy with all three metrics; its targets follow from the argument.
pub async fn publish_policy(
    commands: &CommandHandler,
    id: &str,
    argument: u8,
    effective_from: Option<Timestamp>,
) {
    let document = json!({
        "name": "همه",
        "rules": [
            { "name": "urgent", "when": { "priority": ["urgent", "high"] }, "targets": [
                { "metric": "first_response", "target": "PT1H", "calendar": "office" },
                { "metric": "resolution", "target": format!("PT{}H", 2 + argument % 5), "calendar": "office",
                  "pause_on": ["awaiting_customer"] },
                { "metric": "due_date" } ] },
            { "name": "all", "targets": [
                { "metric": "first_response", "target": "PT4H", "calendar": "office" },
                { "metric": "resolution", "target": format!("PT{}H", 8 + argument % 9), "calendar": "office" },
                { "metric": "due_date" } ] },
        ],
    });
    publish(commands, id, document, effective_from).await;
}

/// Publishes a policy that watches the dates of all cases, and nothing else.
pub async fn publish_dates(commands: &CommandHandler) {
    let document = json!({
        "name": "dates", "rules": [{ "name": "all", "targets": [{ "metric": "due_date" }] }],
    });
    publish(commands, "dates", document, Some(Timestamp::UNIX_EPOCH)).await;
}

async fn publish(
    commands: &CommandHandler,
    id: &str,
    document: serde_json::Value,
    effective_from: Option<Timestamp>,
) {
    let document = serde_json::from_value(document).unwrap();
    let command = PolicyCommand::Publish(PublishPolicy { document, effective_from });
    commands
        .execute::<Policy>(&stream("policy", id), vec![(metadata(None), command)], None, |_| true)
        .await
        .unwrap();
}

/// A vault for what has no data directory of its own: one for all tests of the process.
pub fn vault() -> Arc<Vault> {
    static VAULT: LazyLock<(TempDir, Arc<Vault>)> = LazyLock::new(|| {
        let directory = tempfile::tempdir().unwrap();
        let keyring = Keyring::at(directory.path().join("keyring"));
        let vault = Vault::open(directory.path(), keyring).unwrap();
        (directory, Arc::new(vault))
    });
    VAULT.1.clone()
}
