//! Segments and tiers: rules over facts, tiers that follow from them, promises that follow from tiers, and the customer-asset matrix.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use parvandeh::clock::ManualClock;
use parvandeh::command::tier_keeper::TierKeeper;
use parvandeh::principal::Role;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::harness::System;

/// A service with a clock that stands until it is moved, tiers, and promises that look at tiers.
struct World {
    system: System,
    clock: Arc<ManualClock>,
    begin: Timestamp,
}

fn tiers() -> Value {
    json!({
        "name": "Tiers",
        "rules": [
            { "tier": "asleep", "when": { "quiet_days_at_least": 90 } },
            { "tier": "gold", "when": { "value_at_least": 1000 } },
            { "tier": "basic" },
        ],
        "by_hand": ["friend"],
        "asset_matrix": { "valuable_from": 1000, "strong_when": { "contacts_at_least": 2 } },
    })
}

impl World {
    async fn start() -> Self {
        let begin: Timestamp = "2026-03-02T08:00:00Z".parse().unwrap();
        let clock = Arc::new(ManualClock::starting_at(begin));
        let system = System::start_with_clock(clock.clone()).await;
        let target = |hours: u32| json!([{ "metric": "resolution", "target": format!("{hours} elapsed hours") }]);
        let document = json!({ "name": "By tier", "rules": [
            { "name": "gold", "when": { "tier": ["gold"] }, "targets": target(4) },
            { "name": "all others", "targets": target(10) },
        ] });
        let policy = json!({ "id": "service", "document": document });
        system.caller(Role::Admin).mutate("publishPolicy", "policy { version }", policy).await;
        Self { system, clock, begin }
    }

    async fn publish(&self, document: Value) {
        let input = json!({ "id": "default", "document": document });
        let admin = self.system.caller(Role::Admin);
        admin.mutate("publishSegmentation", "segmentation { version }", input).await;
    }

    async fn register(&self, tier: Value) -> Value {
        let input =
            json!({ "kind": "INDIVIDUAL", "name": "آزمایش", "language": "PERSIAN", "tier": tier });
        let service = self.system.caller(Role::Service);
        service.mutate("registerCustomer", "customer { id }", input).await["customer"]["id"].take()
    }

    async fn value(&self, customer: &Value, value: i64) {
        let input = json!({ "customerId": customer, "value": value });
        let service = self.system.caller(Role::Service);
        service.mutate("assessCustomerValue", "customer { id }", input).await;
    }

    async fn open(&self, customer: &Value) -> Value {
        let input = json!({ "kind": "REQUEST", "subject": "درخواست", "channel": "EMAIL",
            "customerId": customer });
        let service = self.system.caller(Role::Service);
        service.mutate("openCase", "case { id }", input).await["case"]["id"].take()
    }

    async fn tier(&self, customer: &Value) -> Value {
        let query = "query($id: ID!) { customer(id: $id) { tier } }";
        let auditor = self.system.caller(Role::Auditor);
        auditor.ask(query, json!({ "id": customer })).await["customer"]["tier"].take()
    }

    /// Waits until the keeper has given them this tier.
    async fn await_tier(&self, customer: &Value, tier: &str) {
        for _ in 0..2_000 {
            if self.tier(customer).await == tier {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{customer} never came to {tier}: {}", self.tier(customer).await);
    }

    fn advance(&self, hours: i64) {
        self.clock.set(self.begin + SignedDuration::from_hours(hours));
    }

    /// The only clock of a case: its rule, what it promises, and by when.
    async fn clock_of(&self, case: &Value) -> (Value, Value, Value) {
        let query = "query($id: ID!) { case(id: $id) { slaClocks { rule state dueAt } } }";
        let auditor = self.system.caller(Role::Auditor);
        let clock = auditor.ask(query, json!({ "id": case })).await["case"]["slaClocks"][0].take();
        (clock["rule"].clone(), clock["state"].clone(), clock["dueAt"].clone())
    }

    /// The changes of tiers on the log: from, to, and who said so.
    async fn changes(&self) -> Vec<(Value, Value, Value)> {
        let logged = self.system.app.store.read_all(None, 1_000).await.unwrap();
        let changes = logged.iter().filter(|logged| &*logged.type_name == "CustomerTierChanged");
        let told = changes.map(|logged| {
            let data: Value = serde_json::from_slice(&logged.data).unwrap();
            let meta: Value = serde_json::from_slice(&logged.metadata).unwrap();
            println!("{data}");
            (data["from"].clone(), data["to"].clone(), meta["actor"]["id"].clone())
        });
        told.collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tier_follows_from_the_facts_and_promises_follow_from_then_on_and_not_before() {
    let world = World::start().await;
    let customer = world.register(Value::Null).await;
    let (kept, open) = (world.open(&customer).await, world.open(&customer).await);
    world.publish(tiers()).await;
    world.await_tier(&customer, "basic").await;
    let resolve = json!({ "caseId": kept, "outcome": "FULFILLED" });
    world.advance(1);
    world.system.caller(Role::Service).mutate("resolveCase", "case { id }", resolve).await;

    // The customer turns out to be valuable five hours after the opening: the gold promise of four hours is late already, and no
    // earlier than it was made does it bind.
    world.advance(5);
    assert_eq!(world.clock_of(&open).await.2, "2026-03-02T18:00:00Z");
    world.value(&customer, 1200).await;
    world.await_tier(&customer, "gold").await;
    let (rule, _, due_at) = world.clock_of(&open).await;
    assert_eq!((rule, due_at), (json!("gold"), json!("2026-03-02T12:00:00Z")));
    let past = world.clock_of(&kept).await;
    assert_eq!((past.0, past.1), (json!("all others"), json!("MET")));
    let later = world.open(&customer).await;
    assert_eq!(world.clock_of(&later).await.2, "2026-03-02T17:00:00Z");
    // What was known before the change is shown as it was.
    let query =
        "query($id: ID!, $at: DateTime!) { case(id: $id, asOf: $at) { slaClocks { rule } } }";
    let then = json!({ "id": open, "at": "2026-03-02T12:30:00Z" });
    let then = world.system.caller(Role::Auditor).ask(query, then).await;
    assert_eq!(then["case"]["slaClocks"][0]["rule"], "all others");

    // Time alone moves them as well, and a message brings them back.
    world.advance(24 * 100);
    world.await_tier(&customer, "asleep").await;
    let message =
        json!({ "caseId": later, "direction": "INBOUND", "channel": "EMAIL", "body": "سلام" });
    world.system.caller(Role::Service).mutate("recordInteraction", "case { id }", message).await;
    world.await_tier(&customer, "gold").await;
    let keeper = || json!("tier-keeper");
    let expected = [
        (Value::Null, json!("basic"), keeper()),
        (json!("basic"), json!("gold"), keeper()),
        (json!("gold"), json!("asleep"), keeper()),
        (json!("asleep"), json!("gold"), keeper()),
    ];
    assert_eq!(world.changes().await, expected);
    world.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_keepers_change_each_tier_once_and_leave_those_given_by_hand() {
    let world = World::start().await;
    let friend = world.register(json!("friend")).await;
    let mut customers = Vec::new();
    for _ in 0..20 {
        customers.push(world.register(Value::Null).await);
    }
    let (stop, receiver) = watch::channel(false);
    let second = TierKeeper {
        commands: world.system.app.commands.clone(),
        read_models: world.system.app.read_models.clone(),
        clock: world.system.app.clock.clone(),
    };
    let second = tokio::spawn(second.run(receiver));
    world.publish(tiers()).await;
    for customer in &customers {
        world.await_tier(customer, "basic").await;
    }
    world.value(&customers[0], 5_000).await;
    world.await_tier(&customers[0], "gold").await;
    // What a person sets and the rules do not leave to people is taken back, each time anew.
    for _ in 0..2 {
        let by_hand = json!({ "customerId": customers[0], "tier": "basic" });
        let agent = world.system.caller(Role::Service);
        agent.mutate("changeCustomerDetails", "customer { tier }", by_hand).await;
        world.await_tier(&customers[0], "gold").await;
    }
    stop.send_replace(true);
    second.await.unwrap();
    assert_eq!(world.tier(&friend).await, "friend");
    assert_eq!(world.changes().await.len(), 23);
    world.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_tells_what_it_would_change_and_writes_nothing() {
    let world = World::start().await;
    let (rich, poor) = (world.register(json!("basic")).await, world.register(Value::Null).await);
    world.value(&rich, 3_000).await;
    world.value(&poor, 3).await;
    let head = world.system.app.store.head();
    let auditor = world.system.caller(Role::Auditor);
    let query = "query($document: JSON!) { draftSegmentation(document: $document) { problems customers \
                 tiers { tier customers } moves { from to customers } } }";
    let draft =
        auditor.ask(query, json!({ "document": tiers() })).await["draftSegmentation"].take();
    let expected = json!({
        "problems": [],
        "customers": 2,
        "tiers": [{ "tier": "basic", "customers": 1 }, { "tier": "gold", "customers": 1 }],
        "moves": [
            { "from": null, "to": "basic", "customers": 1 },
            { "from": "basic", "to": "gold", "customers": 1 },
        ],
    });
    assert_eq!(draft, expected);
    let faulty = json!({ "name": "x", "rules": [{ "tier": "a" }, { "tier": "b" }] });
    let told = auditor.ask(query, json!({ "document": faulty })).await["draftSegmentation"].take();
    assert!(told["problems"][0].as_str().unwrap().starts_with("rules[0].when: "), "{told}");
    assert_eq!(world.system.app.store.head(), head);
    let refused = "mutation($input: PublishSegmentationInput!) { publishSegmentation(input: $input) { userErrors { code field } } }";
    let input = json!({ "input": { "id": "default", "document": faulty } });
    let answer = world.system.caller(Role::Admin).ask(refused, input).await;
    let error = json!({ "code": "SEGMENTATION_INVALID", "field": "document" });
    assert_eq!(answer["publishSegmentation"]["userErrors"][0], error);
    world.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_matrix_shows_whom_there_is_most_to_lose_each_within_their_scope() {
    let world = World::start().await;
    world.publish(tiers()).await;
    let service = world.system.caller(Role::Service);
    let mut customers = Vec::new();
    for (value, messages) in [(2_000, 2), (10, 2), (1_500, 0), (1_000, 1), (5, 0)] {
        let customer = world.register(Value::Null).await;
        world.value(&customer, value).await;
        let case = world.open(&customer).await;
        let unit = if value == 1_500 { "finance" } else { "care" };
        let refer = json!({ "caseId": case, "unit": unit, "reason": "x" });
        service.mutate("referCase", "case { id }", refer).await;
        for _ in 0..messages {
            let message =
                json!({ "caseId": case, "direction": "INBOUND", "channel": "EMAIL", "body": "x" });
            service.mutate("recordInteraction", "case { id }", message).await;
        }
        customers.push(customer);
    }
    let query = "{ assetMatrix { cell count value customers(first: 5) { id } } }";
    let auditor = world.system.caller(Role::Auditor);
    let matrix = auditor.ask(query, json!({})).await["assetMatrix"].take();
    let cell = |cell: &str, value: i64, of: &[usize]| {
        let listed: Vec<Value> = of.iter().map(|n| json!({ "id": customers[*n] })).collect();
        json!({ "cell": cell, "count": of.len(), "value": value, "customers": listed })
    };
    let expected = json!([
        cell("SECURE", 2_000, &[0]),
        cell("GOOD", 10, &[1]),
        cell("VULNERABLE", 2_500, &[2, 3]),
        cell("FRAGILE", 5, &[4]),
    ]);
    assert_eq!(matrix, expected);
    // The lead of one unit sees those whose cases the unit has.
    let lead = world.system.caller_as(Role::Supervisor, None, &["finance"]);
    let seen = lead.ask(query, json!({})).await["assetMatrix"].take();
    assert_eq!(seen[2], cell("VULNERABLE", 1_500, &[2]));
    assert_eq!((&seen[0]["count"], &seen[3]["count"]), (&json!(0), &json!(0)));
    world.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_knows_a_record_that_was_given_up_counts_the_person_with_all_that_they_are_worth() {
    let world = World::start().await;
    world.publish(tiers()).await;
    let service = world.system.caller(Role::Service);
    let mut records = Vec::new();
    for (value, unit) in [(400, "care"), (500, "finance"), (300, "technical")] {
        let customer = world.register(Value::Null).await;
        world.value(&customer, value).await;
        let case = world.open(&customer).await;
        let refer = json!({ "caseId": case, "unit": unit, "reason": "x" });
        service.mutate("referCase", "case { id }", refer).await;
        records.push(customer);
    }
    // A chain: the record that survives is the one of a case that finance and care do not see.
    for (given_up, into) in [(0, 1), (1, 2)] {
        let input = json!({ "customerId": records[given_up], "into": records[into], "reason": "یک شخص است" });
        service.mutate("mergeCustomer", "customer { id }", input).await;
    }
    let matrix = "{ assetMatrix { cell count value customers { id } } }";
    for (unit, listed) in
        [("care", json!([])), ("finance", json!([])), ("technical", json!([{ "id": records[2] }]))]
    {
        let lead = world.system.caller_as(Role::Supervisor, None, &[unit]);
        let seen = lead.ask(matrix, json!({})).await["assetMatrix"].take();
        let person =
            json!({ "cell": "VULNERABLE", "count": 1, "value": 1_200, "customers": listed });
        assert_eq!(seen[2], person, "{unit}");
        let all: u64 =
            seen.as_array().unwrap().iter().map(|cell| cell["count"].as_u64().unwrap()).sum();
        assert_eq!(all, 1, "{unit}: a person is counted once");
    }
    let other = world.system.caller_as(Role::Supervisor, None, &["elsewhere"]);
    let seen = other.ask(matrix, json!({})).await["assetMatrix"].take();
    assert!(seen.as_array().unwrap().iter().all(|cell| cell["count"] == 0), "{seen}");
    world.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn points_that_were_earned_make_a_customer_valuable_and_those_given_for_a_case_do_not() {
    let world = World::start().await;
    let mut document = tiers();
    document["value_per_point"] = json!(2);
    world.publish(document).await;
    let customer = world.register(Value::Null).await;
    world.value(&customer, 200).await;
    let case = world.open(&customer).await;
    world.await_tier(&customer, "basic").await;
    let (leader, till) =
        (world.system.caller(Role::Supervisor), world.system.caller(Role::Service));
    let leader = &leader;
    let earn = async |posting: &str, points: i64, case: &Value| {
        let input = json!({ "customerId": customer, "postingId": posting, "points": points, "caseId": case });
        leader.mutate("earnPoints", "account { points }", input).await;
    };
    let reverse = async |posting: &str, reversed: &str| {
        let input = json!({ "customerId": customer, "postingId": posting, "reversed": reversed });
        leader.mutate("reversePosting", "account { points }", input).await;
    };
    let matrix = "{ assetMatrix { cell value } }";
    let auditor = world.system.caller(Role::Auditor);
    let worth = async || {
        let cells = auditor.ask(matrix, json!({})).await["assetMatrix"].take();
        cells.as_array().unwrap().iter().map(|cell| cell["value"].as_i64().unwrap()).sum::<i64>()
    };
    earn("redress", 5_000, &case).await;
    earn("receipt-1", 300, &Value::Null).await;
    assert_eq!(worth().await, 800, "200 assessed, and 300 points");
    earn("receipt-2", 100, &Value::Null).await;
    world.await_tier(&customer, "gold").await;

    // What becomes of them says nothing of what was bought.
    let redeem =
        json!({ "customerId": customer, "postingId": "centre-1", "points": 350, "centre": "shop" });
    till.mutate("redeemPoints", "account { points }", redeem).await;
    reverse("back-1", "centre-1").await;
    reverse("back-2", "redress").await;
    assert_eq!(worth().await, 1_000);
    // Taken together with what was just written, and looked up where it was written long before.
    earn("redress-2", 7, &case).await;
    reverse("back-3", "redress-2").await;
    assert_eq!(worth().await, 1_000);
    assert_eq!(world.tier(&customer).await, "gold");

    reverse("back-4", "receipt-2").await;
    world.await_tier(&customer, "basic").await;
    assert_eq!(worth().await, 800);
    world.system.app.read_models.rebuild(|_| {}).await.unwrap();
    assert_eq!(worth().await, 800, "in one go as one by one");
    let logged = world.system.app.store.read_all(None, 1_000).await.unwrap();
    let facts: Vec<Value> = logged
        .iter()
        .filter(|logged| &*logged.type_name == "CustomerTierChanged")
        .map(|logged| {
            let mut data: Value = serde_json::from_slice(&logged.data).unwrap();
            json!([data["to"].take(), data["facts"]["value"], data["facts"]["points_earned"]])
        })
        .collect();
    let expected = [json!(["gold", 200, 400]), json!(["basic", 200, 300])];
    assert_eq!(facts[facts.len() - 2..], expected);
    world.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_one_person_are_looked_at_together_from_their_merge_until_it_is_undone() {
    let world = World::start().await;
    let (one, other, end) = (
        world.register(Value::Null).await,
        world.register(Value::Null).await,
        world.register(Value::Null).await,
    );
    world.publish(tiers()).await;
    for (customer, value) in [(&one, 400), (&other, 500), (&end, 300)] {
        world.value(customer, value).await;
        world.await_tier(customer, "basic").await;
    }
    let case = world.open(&one).await;
    let service = world.system.caller(Role::Service);
    let matrix = "{ assetMatrix { cell count value customers { id } } }";
    let auditor = world.system.caller(Role::Auditor);
    let valuable = async || {
        let cells = auditor.ask(matrix, json!({})).await["assetMatrix"].take();
        let cells = cells.as_array().unwrap().clone();
        let all: u64 = cells.iter().map(|cell| cell["count"].as_u64().unwrap()).sum();
        let vulnerable = cells.into_iter().find(|cell| cell["cell"] == "VULNERABLE").unwrap();
        (all, vulnerable["value"].clone(), vulnerable["customers"].clone())
    };
    assert_eq!(valuable().await, (3, json!(0), json!([])));

    // Two together are not worth enough; the third, at the end of a chain, makes the person golden in each of their records.
    for (given_up, into) in [(&one, &other), (&other, &end)] {
        assert_eq!(world.tier(&one).await, "basic");
        let input = json!({ "customerId": given_up, "into": into, "reason": "یک شخص است" });
        service.mutate("mergeCustomer", "customer { id }", input).await;
    }
    for customer in [&one, &other, &end] {
        world.await_tier(customer, "gold").await;
    }
    assert_eq!(world.clock_of(&case).await.0, "gold", "of a case under a record that was given up");
    assert_eq!(valuable().await, (1, json!(1200), json!([{ "id": end }])));

    // What is undone in the middle leaves two on one side and one on the other.
    let undo = json!({ "customerId": other, "reason": "دو نفرند" });
    service.mutate("unmergeCustomer", "customer { id }", undo).await;
    for customer in [&one, &other, &end] {
        world.await_tier(customer, "basic").await;
    }
    assert_eq!(valuable().await, (2, json!(0), json!([])));
    let changes = world.changes().await;
    assert_eq!(changes.len(), 9, "one event for each record and each move");

    world.system.app.read_models.rebuild(|_| {}).await.unwrap();
    assert_eq!(valuable().await, (2, json!(0), json!([])));
    world.system.stop().await;
}
