//! A small log that is the same at every run, but for the log's own id: what exports must cope with, told in a few cases.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use parvandeh::app::App;
use parvandeh::clock::ManualClock;
use parvandeh::command::handler::CommandMetadata;
use parvandeh::store::{Expect, NewEvent};
use parvandeh_domain::case::command::{
    AddNote, AssignCase, ClassifyCase, EnterStage, HoldCase, MergeCase, OpenCase, RecordActivity,
    RecordInteraction, ReferCase, ReopenCase, ResolveCase, Survivor,
};
use parvandeh_domain::case::{
    Case, CaseCommand, CaseKind, Channel, Direction, HoldReason, Outcome, Priority, Severity,
};
use parvandeh_domain::customer::command::{AddContactPoint, RegisterCustomer};
use parvandeh_domain::customer::{
    ContactPointKind, Customer, CustomerCommand, CustomerKind, Language,
};
use parvandeh_domain::decider::{Actor, ActorKind, Metadata};
use parvandeh_domain::event::StoredEvent as _;
use parvandeh_domain::id::{
    CaseId, CategoryId, CommandId, CustomerId, EventId, StaffId, UnitId, derived,
};
use parvandeh_domain::pii::Pii;
use parvandeh_domain::sla::{ClockSubject, SlaBreached, SlaEvent, SlaMet};
use uuid::Uuid;

use crate::harness::work::stream;

/// Stands in every personal text of the story, and nowhere else.
pub const CANARY: &str = "قناری";

/// The id of a case by its letter.
pub fn case_id(letter: &str) -> CaseId {
    CaseId(derived(&["story case", letter]))
}

pub fn customer_id() -> CustomerId {
    CustomerId(derived(&["story customer"]))
}

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Tells the story into a new data directory.
pub struct Story {
    app: App,
    clock: Arc<ManualClock>,
    told: u32,
}

fn secret(text: &str) -> Pii<String> {
    Pii::new(format!("{text} {CANARY}"))
}

fn unit(code: &str) -> Option<UnitId> {
    Some(UnitId::new(code).unwrap())
}

pub fn staff(id: &str) -> Actor {
    Actor { kind: ActorKind::Staff, id: id.to_owned() }
}

/// The opening of a complaint.
pub fn opening(unit_code: Option<&str>) -> OpenCase {
    OpenCase {
        kind: CaseKind::Complaint,
        subject: secret("قبض نادرست"),
        description: Some(secret("دو بار کسر شده است")),
        customer_id: Some(customer_id()),
        channel: Channel::Portal,
        category: None,
        priority: Priority::Normal,
        severity: None,
        unit: unit_code.and_then(unit),
        due_at: None,
        external_reference: None,
        split_from: None,
        remedy_sought: None,
    }
}

/// An activity as an import brings it.
pub fn activity(name: &str, resource: Option<&str>, group: Option<&str>) -> CaseCommand {
    CaseCommand::RecordActivity(RecordActivity {
        name: name.to_owned(),
        resource: resource.map(str::to_owned),
        group: group.map(str::to_owned),
        transition: resource.map(|_| "complete".to_owned()),
    })
}

impl Story {
    pub async fn begin(directory: &Path) -> Self {
        let clock = Arc::new(ManualClock::starting_at(at("2026-03-01T00:00:00Z")));
        let app = App::open_with_clock(directory, clock.clone()).await.unwrap();
        Self { app, clock, told: 0 }
    }

    pub async fn end(self) {
        self.app.stop().await;
    }

    fn metadata(
        &mut self,
        actor: Actor,
        occurred_at: Timestamp,
        recorded_at: Timestamp,
    ) -> CommandMetadata {
        self.told += 1;
        self.clock.set(recorded_at);
        let command_id = CommandId(derived(&["story", &self.told.to_string()]));
        CommandMetadata {
            command_id,
            digest: None,
            actor,
            occurred_at: Some(occurred_at),
            correlation_id: Uuid::nil(),
            subject: None,
        }
    }

    pub async fn case(&mut self, letter: &str, actor: Actor, moment: &str, command: CaseCommand) {
        self.late(letter, actor, moment, moment, command).await;
    }

    /// What was recorded later than it happened.
    pub async fn late(
        &mut self,
        letter: &str,
        actor: Actor,
        occurred_at: &str,
        recorded_at: &str,
        command: CaseCommand,
    ) {
        let metadata = self.metadata(actor, at(occurred_at), at(recorded_at));
        let stream = stream("case", case_id(letter));
        let batch = vec![(metadata, command)];
        self.app.commands.execute::<Case>(&stream, batch, None, |_| true).await.unwrap();
    }

    async fn customer(&mut self, moment: &str, command: CustomerCommand) {
        let metadata = self.metadata(staff("sara"), at(moment), at(moment));
        let stream = stream("customer", customer_id());
        let batch = vec![(metadata, command)];
        self.app.commands.execute::<Customer>(&stream, batch, None, |_| true).await.unwrap();
    }

    async fn fact(&mut self, letter: &str, moment: &str, fact: SlaEvent) {
        self.told += 1;
        let command_id = CommandId(derived(&["story", &self.told.to_string()]));
        let metadata = Metadata {
            occurred_at: at(moment),
            recorded_at: at(moment),
            actor: Actor { kind: ActorKind::System, id: "sla-monitor".to_owned() },
            causation_id: command_id,
            correlation_id: Uuid::nil(),
            command_digest: None,
            personal: None,
        };
        let event = NewEvent {
            id: EventId::of(command_id, 0).0,
            type_name: fact.event_type().name,
            version: fact.event_type().version,
            metadata: Bytes::from(serde_json::to_vec(&metadata).unwrap()),
            data: Bytes::from(fact.to_json()),
            envelope: None,
        };
        let stream = stream("clock", case_id(letter));
        self.app.store.append(&stream, Expect::Any, vec![event]).await.unwrap();
    }

    /// Cases A (the whole life of one), B (merged into A), C (split from A, another unit's) and D (imported, with all that is awkward).
    pub async fn tell(directory: &Path) {
        let mut story = Self::begin(directory).await;
        let client = || Actor { kind: ActorKind::Customer, id: "leila@example.com".to_owned() };
        let name = secret("لیلا");
        let (kind, language) = (CustomerKind::Individual, Language::Persian);
        let register = RegisterCustomer { kind, name, language, tier: Some("gold".to_owned()) };
        story.customer("2026-03-02T07:00:00+03:30", CustomerCommand::Register(register)).await;
        let point =
            AddContactPoint { kind: ContactPointKind::PostalAddress, value: secret("تهران") };
        story.customer("2026-03-02T07:01:00+03:30", CustomerCommand::AddContactPoint(point)).await;

        let open = CaseCommand::Open(opening(Some("care")));
        story.case("A", client(), "2026-03-02T08:00:00+03:30", open).await;
        let classify = ClassifyCase {
            category: Some(CategoryId::new("صورت‌حساب").unwrap()),
            priority: Some(Priority::High),
            severity: Some(Severity::Major),
        };
        let classify = CaseCommand::Classify(classify);
        story.case("A", staff("sara"), "2026-03-02T08:05:00+03:30", classify).await;
        let open = CaseCommand::Open(opening(Some("care")));
        story.case("B", client(), "2026-03-02T08:10:00+03:30", open).await;
        let stage = EnterStage { stage: "در دست <بررسی> & \"=1+1\"".to_owned() };
        let stage = CaseCommand::EnterStage(stage);
        story.case("A", staff("=sara"), "2026-03-02T08:15:00.000001+03:30", stage).await;
        let assign = AssignCase { assignee: StaffId::new("omid@example.com").unwrap() };
        story
            .case("A", staff("sara"), "2026-03-02T08:16:00+03:30", CaseCommand::Assign(assign))
            .await;
        let refer = ReferCase {
            unit: UnitId::new("شکایات").unwrap(),
            reason: secret("در حوزه ماست"),
            answer_due_at: Some(at("2026-03-04T08:00:00Z")),
        };
        story
            .case("A", staff("sara"), "2026-03-02T08:20:00+03:30", CaseCommand::Refer(refer))
            .await;
        for (direction, automatic) in
            [(Direction::Inbound, false), (Direction::Outbound, true), (Direction::Internal, false)]
        {
            let (body, channel) = (secret("<پیام>\n\"دوم\", سوم"), Channel::Email);
            let record = RecordInteraction { direction, channel, body, automatic };
            let record = CaseCommand::RecordInteraction(record);
            story.case("A", staff("omid"), "2026-03-02T09:00:00+03:30", record).await;
        }
        let hold =
            HoldCase { reason: HoldReason::AwaitingCustomer, note: Some(secret("منتظریم")) };
        story.case("A", staff("omid"), "2026-03-02T10:00:00+03:30", CaseCommand::Hold(hold)).await;
        story.case("A", staff("omid"), "2026-03-02T11:00:00+03:30", CaseCommand::Resume).await;
        let subject = |clock: &str| ClockSubject {
            case_id: case_id("A"),
            clock: clock.parse().unwrap(),
            metric: parvandeh_domain::sla::Metric::Resolution,
            policy_id: "default".parse().unwrap(),
            policy_version: 1,
            rule: "=any, case".to_owned(),
            unit: None,
            category: None,
            priority: None,
            channel: None,
            actions: vec![],
        };
        let breached = SlaBreached {
            subject: subject("resolution-1"),
            due_at: at("2026-03-02T12:00:00+03:30"),
            started_at: at("2026-03-02T08:00:00+03:30"),
            stopped_at: None,
            silent: false,
        };
        story.fact("A", "2026-03-02T12:00:01+03:30", breached.into()).await;
        let merge = MergeCase {
            into: case_id("A"),
            reason: secret("همان موضوع"),
            survivor: Survivor::Standing { customer_id: Some(customer_id()) },
        };
        story
            .case("B", staff("omid"), "2026-03-02T12:30:00+03:30", CaseCommand::Merge(merge))
            .await;
        let split = OpenCase { split_from: Some(case_id("A")), ..opening(Some("technical")) };
        story.case("C", staff("omid"), "2026-03-02T12:40:00+03:30", CaseCommand::Open(split)).await;
        let note = CaseCommand::AddNote(AddNote { body: secret("یادداشت") });
        story
            .late(
                "A",
                staff("omid"),
                "2026-03-02T11:30:00+03:30",
                "2026-03-02T12:50:00+03:30",
                note,
            )
            .await;
        let resolve =
            || ResolveCase { outcome: Outcome::Upheld, summary: Some(secret("پرداخت شد")) };
        let moments =
            ["2026-03-03T08:00:00+03:30", "2026-03-04T08:00:00+03:30", "2026-03-05T08:00:00+03:30"];
        story.case("A", staff("omid"), moments[0], CaseCommand::Resolve(resolve())).await;
        let reopen = CaseCommand::Reopen(ReopenCase { reason: secret("ناتمام") });
        story.case("A", staff("omid"), moments[1], reopen).await;
        story.case("A", staff("omid"), moments[2], CaseCommand::Resolve(resolve())).await;
        let met = SlaMet {
            subject: subject("resolution-2"),
            due_at: None,
            started_at: at(moments[1]),
            stopped_at: at(moments[2]),
        };
        story.fact("A", moments[2], met.into()).await;
        story.imported("D", "=W,1").await;
        story.end().await;
    }

    /// A case as an import brings it: recorded in the order of its source, which is not that of time; two activities at one time.
    pub async fn imported(&mut self, letter: &str, key: &str) {
        let import = || Actor { kind: ActorKind::Service, id: "import".to_owned() };
        let now = "2026-03-06T00:00:00Z";
        let open = OpenCase {
            kind: CaseKind::Request,
            customer_id: None,
            external_reference: Some(key.to_owned()),
            ..opening(Some("General"))
        };
        let done = ResolveCase { outcome: Outcome::Unknown, summary: None };
        for (moment, command) in [
            ("2025-10-11T13:42:22.688+02:00", CaseCommand::Open(open)),
            (
                "2025-10-12T08:26:25.398+02:00",
                activity("ثبت & <T02>", Some("Resource21"), Some("EMPTY")),
            ),
            ("2025-10-12T08:26:25.398+02:00", activity("+T03, \"دوم\"", None, None)),
            (
                "2025-10-11T13:45:40.276+02:00",
                activity("Case opened", Some("Resource10"), Some("Group 4")),
            ),
            ("2025-11-24T15:36:51.302+01:00", CaseCommand::Resolve(done)),
            ("2025-11-24T15:36:51.302+01:00", CaseCommand::Close),
        ] {
            self.late(letter, import(), moment, now, command).await;
        }
    }
}
