//! A case as it was known at a moment is what the events recorded until then make of it, folded here by hand from the log: its fields
//! with the unit and the assignee of that moment, and its clocks with the unit, assignee, policy, rule and calendar version of each stretch.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use parvandeh::clock::SystemClock;
use parvandeh::principal::Role;
use parvandeh::store::{LoggedEvent, Position, READ_EVENTS_MAX};
use parvandeh::vault::Keyring;
use parvandeh_domain::calendar::{CalendarPublished, CalendarVersions, WorkingTime};
use parvandeh_domain::decider::Metadata;
use parvandeh_domain::id::{CalendarId, PolicyId};
use parvandeh_domain::policy::{PolicyDocument, PolicyPublished};
use parvandeh_domain::sla::{
    AnswerKind, CalendarSource, Clock, Fact, FactKind, FactSource, Opening, PolicyBinding,
    PolicySource, SlaHistory, evaluate,
};
use parvandeh_projections::{follow_ups, sla_clocks};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::System;
use crate::harness::random::Random;
use crate::harness::work::{
    KINDS, case_command, metadata, on_case, open_case, publish_calendar, publish_policy,
};

/// An event with its own fields as JSON, as it stands in the log.
pub struct Raw {
    pub stream: String,
    pub id: Uuid,
    pub revision: u64,
    pub position: u64,
    pub type_name: String,
    pub meta: Metadata,
    pub data: Value,
}

impl Raw {
    fn of(logged: &LoggedEvent) -> Self {
        Self {
            stream: logged.stream.to_string(),
            id: logged.id,
            revision: logged.revision,
            position: logged.position.0,
            type_name: logged.type_name.to_string(),
            meta: serde_json::from_slice(&logged.metadata).unwrap(),
            data: serde_json::from_slice(&logged.data).unwrap(),
        }
    }

    /// A field's value in the words of the API.
    fn loud(&self, field: &str) -> Value {
        self.data[field].as_str().map_or(Value::Null, |text| json!(text.to_uppercase()))
    }

    fn field<T: DeserializeOwned>(&self, field: &str) -> T {
        serde_json::from_value(self.data[field].clone()).unwrap()
    }
}

pub async fn log_of(system: &System) -> Vec<Raw> {
    let mut log: Vec<Raw> = Vec::new();
    loop {
        let after = log.last().map(|last| Position(last.position));
        let page = system.app.store.read_all(after, READ_EVENTS_MAX).await.unwrap();
        if page.is_empty() {
            return log;
        }
        log.extend(page.iter().map(Raw::of));
    }
}

/// What the API must say of a case, from the events of its stream that were recorded until a moment.
pub fn folded(events: &[&Raw]) -> Value {
    if events.is_empty() {
        return Value::Null;
    }
    let mut case = json!({ "status": "OPEN", "unit": null, "assignee": null, "priority": null, "category": null,
        "holdReason": null, "outcome": null, "stage": null, "dueAt": null, "interactionCount": 0 });
    let mut before_merge = (Value::Null, Value::Null);
    for event in events {
        match event.type_name.as_str() {
            "CaseOpened" => {
                case["priority"] = event.loud("priority");
                for (name, field) in
                    [("unit", "unit"), ("category", "category"), ("dueAt", "due_at")]
                {
                    case[name] = event.data[field].clone();
                }
            }
            "CaseClassified" => {
                if !event.data["priority"].is_null() {
                    case["priority"] = event.loud("priority");
                }
                if !event.data["category"].is_null() {
                    case["category"] = event.data["category"].clone();
                }
            }
            "CaseReferred" => {
                case["unit"] = event.data["unit"].clone();
                case["assignee"] = Value::Null;
            }
            "CaseAssigned" => case["assignee"] = event.data["assignee"].clone(),
            "CaseStageEntered" => case["stage"] = event.data["stage"].clone(),
            "CaseDueDateSet" => case["dueAt"] = event.data["due_at"].clone(),
            // What staff say among themselves is no exchange with the customer.
            "InteractionRecorded" if event.data["direction"] == "internal" => {}
            "InteractionRecorded" => {
                case["interactionCount"] = json!(case["interactionCount"].as_u64().unwrap() + 1);
            }
            "CaseHeld" => {
                case["holdReason"] = event.loud("reason");
                let by_customer = event.data["reason"] == "awaiting_customer";
                case["status"] = json!(if by_customer { "PENDING" } else { "ON_HOLD" });
            }
            "CaseResumed" => {
                case["holdReason"] = Value::Null;
                case["status"] = json!("OPEN");
            }
            "CaseResolved" => {
                case["holdReason"] = Value::Null;
                case["status"] = json!("RESOLVED");
                case["outcome"] = event.loud("outcome");
            }
            "CaseReopened" => {
                case["status"] = json!("OPEN");
                case["outcome"] = Value::Null;
            }
            "CaseClosed" => case["status"] = json!("CLOSED"),
            "CaseMerged" => {
                before_merge = (case["status"].clone(), case["holdReason"].take());
                case["status"] = json!("MERGED");
            }
            "CaseUnmerged" => {
                (case["status"], case["holdReason"]) = std::mem::take(&mut before_merge);
            }
            "ReferralReturned" => {
                case["unit"] = event.data["unit"].clone();
                case["assignee"] = Value::Null;
            }
            "CaseNoteAdded" | "CaseActivityRecorded" => {}
            "CaseAuthorTold"
            | "CaseAcknowledged"
            | "CaseAssessed"
            | "FindingRecorded"
            | "CaseDecided"
            | "CaseAppealed"
            | "DecisionAccepted"
            | "AlternativesOffered"
            | "RootCauseRecorded"
            | "CorrectiveActionLinked"
            | "ReferralAccepted"
            | "ReferralEscalated"
            | "FollowUpPromised"
            | "FollowUpKept"
            | "FollowUpMissed"
            | "FollowUpReminded"
            | "SurveyAsked"
            | "SurveyAnswered" => {}
            other => panic!("the fold does not know {other}"),
        }
    }
    case["revision"] = json!(events.last().unwrap().revision);
    let mut timeline: Vec<_> = events.iter().collect();
    timeline.sort_by_key(|event| (event.meta.occurred_at, event.position));
    let timeline: Vec<_> =
        timeline.iter().map(|event| json!({ "eventId": event.id.to_string() })).collect();
    case["timeline"] = json!({ "totalCount": timeline.len(), "nodes": timeline });
    case
}

/// The policies and calendars that some events of the log publish.
pub struct Published {
    policies: BTreeMap<PolicyId, Vec<PolicyPublished>>,
    pub calendars: BTreeMap<CalendarId, CalendarVersions>,
}

impl Published {
    fn by<'a>(events: impl Iterator<Item = &'a Raw>) -> Self {
        let mut policies: BTreeMap<_, Vec<_>> = BTreeMap::new();
        let mut hours: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for event in events {
            let (category, id) = event.stream.split_once('-').unwrap();
            match category {
                "policy" => {
                    let id = PolicyId::new(id).unwrap();
                    let published = serde_json::from_value(event.data.clone()).unwrap();
                    policies.entry(id).or_default().push(published);
                }
                "calendar" => {
                    let published: CalendarPublished =
                        serde_json::from_value(event.data.clone()).unwrap();
                    let compiled = WorkingTime::compile(&published.document).unwrap().into();
                    let id = CalendarId::new(id).unwrap();
                    let version = (published.version, published.effective_from, compiled);
                    hours.entry(id).or_default().push(version);
                }
                _ => {}
            }
        }
        let calendars = hours
            .into_iter()
            .map(|(id, versions)| (id, CalendarVersions::new(versions).unwrap()))
            .collect();
        Self { policies, calendars }
    }

    fn in_force(&self, at: Timestamp) -> Vec<PolicyBinding> {
        let versions = self.policies.iter().filter_map(|(id, versions)| {
            Some((id, PolicyPublished::in_force(versions, at)?.version))
        });
        versions.map(|(id, version)| PolicyBinding { policy_id: id.clone(), version }).collect()
    }
}

impl PolicySource for Published {
    fn policy(&self, id: &PolicyId, version: u32) -> Option<&PolicyDocument> {
        let versions = self.policies.get(id)?;
        versions.iter().find(|known| known.version == version).map(|known| &known.document)
    }
}

impl CalendarSource for Published {
    fn calendar(&self, id: &CalendarId, _: Option<&str>) -> Option<&CalendarVersions> {
        self.calendars.get(id)
    }
}

/// The clocks of a case, as far as the log was recorded by a moment.
pub struct Evaluated {
    pub clocks: Vec<Clock>,
    /// The keys of those whose breach is on record.
    pub breached: BTreeSet<String>,
    /// By which they are counted.
    pub known: Published,
}

/// The clocks that follow from the case's own events among those of the log; `None` before the opening.
pub fn evaluated(
    log: &[Raw],
    events: &[&Raw],
    clock_stream: &str,
    moment: Timestamp,
) -> Option<Evaluated> {
    let opening = events.first()?;
    let before = Published::by(log.iter().filter(|event| event.position < opening.position));
    let known = Published::by(log.iter().filter(|event| event.meta.recorded_at <= moment));
    let bindings = before.in_force(opening.meta.occurred_at);
    let mut history = SlaHistory::new(bindings);
    let customer = opening.data["customer_id"].as_str().map(|id| format!("customer-{id}"));
    let mut traits = (None, None);
    for event in log.iter().filter(|event| Some(&event.stream) == customer.as_ref()) {
        if event.meta.recorded_at > moment {
            continue;
        }
        let (tier, kind) = match event.type_name.as_str() {
            "CustomerRegistered" => (event.field("tier"), event.field("kind")),
            "CustomerDetailsChanged" => (event.field::<Option<String>>("tier"), None),
            _ => continue,
        };
        if event.position < opening.position {
            traits = (tier.or(traits.0), kind.or(traits.1));
        } else if tier.is_some() || kind.is_some() {
            history.insert(Fact {
                occurred_at: event.meta.occurred_at,
                recorded_at: event.meta.recorded_at,
                source: FactSource::Customer(event.revision),
                kind: FactKind::CustomerChanged { tier, kind },
            });
        }
    }
    for event in events {
        let by = event.meta.actor.id.clone();
        let kind = match event.type_name.as_str() {
            "CaseOpened" => FactKind::Opened(Opening {
                kind: event.field("kind"),
                channel: event.field("channel"),
                category: event.field("category"),
                priority: event.field("priority"),
                severity: event.field("severity"),
                unit: event.field("unit"),
                tier: traits.0.clone(),
                customer_kind: traits.1,
                due_at: event.field("due_at"),
            }),
            "CaseClassified" => FactKind::Classified {
                category: event.field("category"),
                priority: event.field("priority"),
                severity: event.field("severity"),
            },
            "InteractionRecorded" => match event.data["direction"].as_str().unwrap() {
                "inbound" => FactKind::CustomerMessage,
                "internal" => FactKind::Answered { kind: AnswerKind::Internal, by },
                _ if event.data["automatic"] == true => {
                    FactKind::Answered { kind: AnswerKind::Automatic, by }
                }
                _ => FactKind::Answered { kind: AnswerKind::Public, by },
            },
            "CaseReferred" => FactKind::Referred {
                unit: event.field("unit"),
                answer_due_at: event.field("answer_due_at"),
            },
            "CaseAssigned" => FactKind::Assigned { assignee: event.field("assignee") },
            "CaseStageEntered" => FactKind::StageEntered { stage: event.field("stage") },
            "CaseNoteAdded" => FactKind::NoteAdded,
            "CaseHeld" => FactKind::Held { reason: event.field("reason") },
            "CaseResumed" => FactKind::Resumed,
            "CaseDueDateSet" => FactKind::DueDateSet { due_at: event.field("due_at") },
            "CaseResolved" => FactKind::Resolved,
            "CaseReopened" => FactKind::Reopened,
            "CaseClosed" => FactKind::Closed,
            "CaseMerged" => FactKind::Merged,
            "CaseUnmerged" => FactKind::Unmerged,
            "CaseActivityRecorded" => FactKind::ActivityRecorded,
            "ReferralReturned" => FactKind::Returned { unit: event.field("unit") },
            "CaseAuthorTold"
            | "CaseAcknowledged"
            | "CaseAssessed"
            | "FindingRecorded"
            | "CaseDecided"
            | "CaseAppealed"
            | "DecisionAccepted"
            | "AlternativesOffered"
            | "RootCauseRecorded"
            | "CorrectiveActionLinked"
            | "ReferralAccepted"
            | "ReferralEscalated"
            | "FollowUpPromised"
            | "FollowUpKept"
            | "FollowUpMissed"
            | "FollowUpReminded"
            | "SurveyAsked"
            | "SurveyAnswered" => continue,
            other => panic!("the fold does not know {other}"),
        };
        history.insert(Fact {
            occurred_at: event.meta.occurred_at,
            recorded_at: event.meta.recorded_at,
            source: FactSource::Case(event.revision),
            kind,
        });
    }
    late_policies(log, opening, moment, &mut history);
    let mut breached = BTreeSet::new();
    for event in log.iter().filter(|event| event.stream == clock_stream) {
        let clock = event.data["clock"].as_str().unwrap();
        if event.meta.recorded_at > moment {
            continue;
        }
        match event.type_name.as_str() {
            "SlaBreached" => drop(breached.insert(clock.to_owned())),
            "SlaRestated" if event.data["to"] == "breached" => {
                breached.insert(clock.to_owned());
            }
            "SlaRestated" => drop(breached.remove(clock)),
            _ => {}
        }
    }
    let clocks = evaluate(&history, &known, &known);
    Some(Evaluated { clocks, breached, known })
}

/// What the API must say of the clocks of a case at a moment.
fn clocks(log: &[Raw], events: &[&Raw], clock_stream: &str, moment: Timestamp) -> Value {
    let found = evaluated(log, events, clock_stream, moment);
    let Some(Evaluated { clocks, breached, known }) = found else { return Value::Null };
    let mut clocks: Vec<_> = clocks
        .into_iter()
        .map(|clock| {
            let state = clock.verdict_at(moment).to_string().to_uppercase();
            json!({
                "key": clock.key.to_string(), "state": state, "startedAt": clock.started_at,
                "dueAt": clock.due_at, "stoppedAt": clock.stopped_at,
                "elapsed": clock.elapsed_at(moment, &known).to_string(),
                "paused": clock.paused_at(moment, &known).to_string(),
                "rule": clock.rule, "policyVersion": clock.policy_version,
                "breachRecorded": breached.contains(&*clock.key.to_string()),
                "intervals": intervals(&clock, &known),
            })
        })
        .collect();
    clocks.sort_by_key(|clock| clock["key"].to_string());
    json!(clocks)
}

/// Who was counted by what: the organisation, the policy and the calendar in force in each stretch.
fn intervals(clock: &Clock, known: &Published) -> Value {
    let intervals = clock.intervals.iter().map(|part| {
        let calendar = part.calendar_id.as_ref().and_then(|id| known.calendars.get(id));
        json!({
            "unit": part.unit, "assignee": part.assignee, "policyVersion": part.policy_version,
            "rule": part.rule, "calendarId": part.calendar_id,
            "calendarVersion": calendar.map(|calendar| calendar.version_at(part.from)),
        })
    });
    intervals.collect()
}

/// What was published after the opening and reaches the case all the same: because it held at the opening already.
fn late_policies(log: &[Raw], opening: &Raw, moment: Timestamp, history: &mut SlaHistory) {
    let mut versions: BTreeMap<PolicyId, Vec<PolicyPublished>> = BTreeMap::new();
    for event in log.iter().filter(|event| event.type_name == "PolicyPublished") {
        if event.meta.recorded_at > moment {
            continue;
        }
        let id = PolicyId::new(event.stream.split_once('-').unwrap().1).unwrap();
        let published: PolicyPublished = serde_json::from_value(event.data.clone()).unwrap();
        let versions = versions.entry(id.clone()).or_default();
        versions.push(published.clone());
        let held = PolicyPublished::in_force(&*versions, opening.meta.occurred_at);
        if event.position > opening.position
            && published.effective_from <= opening.meta.occurred_at
            && held.is_some_and(|held| held.version == published.version)
        {
            let version = published.version;
            history.insert(Fact {
                occurred_at: published.effective_from,
                recorded_at: event.meta.recorded_at,
                source: FactSource::Policy(u64::from(version)),
                kind: FactKind::PolicyChanged(PolicyBinding { policy_id: id, version }),
            });
        }
    }
}

const QUERY: &str = "query($id: ID!, $asOf: DateTime) { case(id: $id, asOf: $asOf) {
    status unit assignee priority category holdReason outcome stage dueAt interactionCount revision
    timeline(first: 100) { totalCount nodes { eventId } }
    slaClocks { key state startedAt dueAt stoppedAt elapsed paused rule policyVersion breachRecorded
        intervals { unit assignee policyVersion rule calendarId calendarVersion } } } }";

/// Waits until the monitors have recorded what came: what it appends while the log is read here bears times of before.
pub async fn nothing_is_due(system: &System) {
    let mut moved = system.app.read_models.position_changes();
    loop {
        moved.borrow_and_update();
        // What the monitor has recorded a moment ago is not yet in the read models.
        system.app.read_models.wait_for(system.app.store.head().unwrap()).await.unwrap();
        let now = system.app.clock.now();
        let due = system.app.read_models.query(move |db| {
            let clocks = sla_clocks::due(db, now, 1, |_, _| true)?;
            Ok(clocks.len() + follow_ups::overdue(db, now, 1)?.len())
        });
        if due.await.unwrap() == 0 {
            return;
        }
        moved.changed().await.unwrap();
    }
}

/// Asks for every case of the log at several moments of its past, and compares; answers how many views that were.
async fn compare(system: &System, random: &mut Random, own_moments: usize) -> usize {
    nothing_is_due(system).await;
    let log = log_of(system).await;
    system.app.read_models.wait_for(Position(log.len() as u64)).await.unwrap();
    let auditor = system.caller(Role::Auditor);
    let mut views = 0;
    for opening in log.iter().filter(|event| event.type_name == "CaseOpened") {
        let all: Vec<_> = log.iter().filter(|event| event.stream == opening.stream).collect();
        let uuid: Uuid = opening.stream.split_once('-').unwrap().1.parse().unwrap();
        let id = parvandeh::graphql::global_id::encode_case(uuid);
        let clock_stream = format!("clock-{uuid}");
        let mut moments = vec![all[0].meta.recorded_at - SignedDuration::from_micros(1)];
        for _ in 0..own_moments {
            let moment = random.one_of(&all).meta.recorded_at;
            moments.extend([moment, moment - SignedDuration::from_micros(1)]);
        }
        moments.extend((0..2).map(|_| random.one_of(&log).meta.recorded_at));
        moments.push(log.last().unwrap().meta.recorded_at);
        for moment in moments {
            let known: Vec<_> =
                all.iter().copied().filter(|event| event.meta.recorded_at <= moment).collect();
            let mut expected = folded(&known);
            if !expected.is_null() {
                expected["slaClocks"] = clocks(&log, &known, &clock_stream, moment);
            }
            let mut found = auditor.ask(QUERY, json!({ "id": id, "asOf": moment })).await;
            if let Some(Value::Array(clocks)) = found.pointer_mut("/case/slaClocks") {
                clocks.sort_by_key(|clock| clock["key"].to_string());
            }
            assert_eq!(found["case"], expected, "{} as of {moment}", opening.stream);
            views += 1;
        }
    }
    views
}

/// Lets anything happen to thirty cases while what is promised to them changes.
pub async fn random_work(system: &System, random: &mut Random) {
    let commands = &system.app.commands;
    let long_ago = Some(Timestamp::UNIX_EPOCH);
    publish_calendar(commands, 1, long_ago).await;
    publish_policy(commands, "all", 1, long_ago).await;
    let cases: Vec<Uuid> = (0..30).map(|_| Uuid::new_v4()).collect();
    for part in 0..4 {
        // What is promised changes while the cases go on.
        publish_calendar(commands, part, Some(Timestamp::now() - SignedDuration::from_hours(20)))
            .await;
        publish_policy(
            commands,
            "all",
            part,
            Some(Timestamp::now() - SignedDuration::from_hours(30)),
        )
        .await;
        let seeds: Vec<_> = cases.iter().map(|case| (*case, random.number())).collect();
        stream::iter(seeds)
            .for_each_concurrent(8, |(case, seed)| async move {
                let mut random = Random::of(seed);
                for _ in 0..5 {
                    let late = SignedDuration::from_secs(random.below(150_000) as i64);
                    // Times are kept to the microsecond, as every transport gives them.
                    let at = (Timestamp::now() - late).as_microsecond();
                    let at = Timestamp::from_microsecond(at).unwrap();
                    let argument = random.below(256) as u8;
                    let command = match random.below(5) {
                        0 => open_case(argument, at),
                        _ => case_command(random.below(u64::from(KINDS)) as u8, argument, at),
                    };
                    // What does not fit the case is refused, and nothing is recorded.
                    let _ = on_case(commands, case, metadata(Some(at)), command).await;
                }
            })
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_case_as_of_a_moment_is_the_fold_of_what_was_recorded_until_then() {
    let mut random = Random::printed();
    let system = System::start().await;
    random_work(&system, &mut random).await;
    let views = compare(&system, &mut random, 3).await;
    println!("{views} views compared");
    assert!(views > 100);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_is_every_case_of_the_demo() {
    let mut random = Random::printed();
    let directory = tempfile::tempdir().unwrap();
    parvandeh::demo::fill(directory.path(), Keyring::at(directory.path().join("keyring")))
        .await
        .unwrap();
    let system = System::start_in(directory.path(), SystemClock).await;
    let views = compare(&system, &mut random, 1).await;
    println!("{views} views compared");
    system.stop().await;
}
