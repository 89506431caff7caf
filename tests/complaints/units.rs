//! Units as a tree with owners, as it is and as it was known.

use parvandeh::command::handler::CommandMetadata;
use parvandeh::principal::Role;
use parvandeh_domain::id::{CommandId, UnitId, derived};
use parvandeh_domain::unit::{MoveUnit, ParentIs, Unit, UnitCommand};
use serde_json::{Value, json};

use super::refused;
use crate::harness::work::{metadata, stream};
use crate::harness::{Caller, System};

async fn define(admin: &Caller<'_>, input: Value) -> Value {
    let fields = "unit { code name parent owner responsible staff }";
    admin.mutate("defineUnit", fields, input).await["unit"].take()
}

async fn responsible(caller: &Caller<'_>, as_of: Value) -> Vec<(String, Value)> {
    let query = "query($asOf: DateTime) { units(asOf: $asOf) { code responsible } }";
    let data = caller.ask(query, json!({ "asOf": as_of })).await;
    let units = data["units"].as_array().unwrap();
    let pair =
        |unit: &Value| (unit["code"].as_str().unwrap().to_owned(), unit["responsible"].clone());
    units.iter().map(pair).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tree_of_units_is_seen_as_it_is_and_as_it_was_known() {
    let system = System::start().await;
    let (admin, agent) = (system.caller(Role::Admin), system.caller(Role::Agent));
    define(&admin, json!({ "unit": "operations", "name": "بهره‌برداری", "owner": "maryam" })).await;
    let desk = json!({ "unit": "Help desk", "name": "میز خدمت", "parent": "operations" });
    let desk = define(&admin, desk).await;
    assert_eq!(
        desk,
        json!({ "code": "Help desk", "name": "میز خدمت", "parent": "operations",
        "owner": null, "responsible": "maryam", "staff": [] })
    );
    let then = system.app.clock.now().to_string();
    let appoint = json!({ "unit": "Help desk", "owner": "omid" });
    admin.mutate("appointUnitOwner", "unit { owner }", appoint).await;
    let join = json!({ "unit": "Help desk", "staff": "sara" });
    let joined = admin.mutate("addUnitStaff", "unit { staff }", join.clone()).await;
    assert_eq!(joined["unit"]["staff"], json!(["sara"]));
    let left = admin.mutate("removeUnitStaff", "unit { staff }", join).await;
    assert_eq!(left["unit"]["staff"], json!([]));

    let pairs = |desk: &str| {
        [("Help desk".to_owned(), json!(desk)), ("operations".to_owned(), json!("maryam"))]
    };
    assert_eq!(responsible(&agent, Value::Null).await, pairs("omid"));
    assert_eq!(responsible(&agent, json!(then)).await, pairs("maryam"), "as it was known then");

    let under = |unit: &str, parent: &str| json!({ "unit": unit, "parent": parent });
    for (unit, parent, code) in [
        ("operations", "Help desk", "UNIT_UNDER_ITSELF"),
        ("operations", "operations", "UNIT_UNDER_ITSELF"),
        ("operations", "nowhere", "UNIT_NOT_FOUND"),
    ] {
        let refusal = refused(&admin, "moveUnit", under(unit, parent)).await;
        assert_eq!(refusal, (code.to_owned(), json!("parent")), "{unit} under {parent}");
    }
    let nobody = json!({ "unit": "nowhere", "owner": "omid" });
    assert_eq!(refused(&admin, "appointUnitOwner", nobody).await.0, "UNIT_NOT_FOUND");
    let moved = admin.mutate("moveUnit", "unit { parent }", json!({ "unit": "Help desk" })).await;
    assert_eq!(moved["unit"]["parent"], Value::Null, "at the top");
    system.stop().await;
}

/// Puts a unit under another; the code of the refusal where there is one.
async fn put(admin: &Caller<'_>, unit: &str, parent: &str) -> Option<String> {
    let query =
        "mutation($input: MoveUnitInput!) { moveUnit(input: $input) { userErrors { code } } }";
    let input = json!({ "input": { "unit": unit, "parent": parent } });
    let answer = admin.ask(query, input).await;
    answer["moveUnit"]["userErrors"][0]["code"].as_str().map(str::to_owned)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_administrators_who_move_units_crosswise_at_once_make_no_ring() {
    let system = System::start().await;
    let (one, other) = (system.caller(Role::Admin), system.caller(Role::Admin));
    define(&one, json!({ "unit": "top", "name": "اداره" })).await;
    for round in 0..20 {
        let (a, b) = (format!("a{round}"), format!("b{round}"));
        for unit in [&a, &b] {
            define(&one, json!({ "unit": unit, "name": "واحد", "parent": "top" })).await;
        }
        let (first, second) = tokio::join!(put(&one, &a, &b), put(&other, &b, &a));
        let refused: Vec<_> = [&first, &second].into_iter().flatten().collect();
        assert_eq!(refused, ["UNIT_UNDER_ITSELF"], "exactly one of the two: {first:?} {second:?}");
        let units = one.ask("{ units { code parent } }", json!({})).await["units"].take();
        let parent = |code: &str| {
            let units = units.as_array().unwrap();
            units.iter().find(|unit| unit["code"] == code).unwrap()["parent"].clone()
        };
        let expected = match first {
            None => (json!(b), json!("top")),
            Some(_) => (json!("top"), json!(a)),
        };
        assert_eq!((parent(&a), parent(&b)), expected, "who was refused stays where it was");
        // What was refused is no part of what is known: asked again once the other is away, it is done.
        let (moved, under) = if first.is_none() { (&a, &b) } else { (&b, &a) };
        assert_eq!(put(&one, moved, "top").await, None);
        assert_eq!(put(&one, under, moved).await, None);
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_placement_that_was_refused_is_refused_again_when_it_is_sent_again() {
    let system = System::start().await;
    let admin = system.caller(Role::Admin);
    define(&admin, json!({ "unit": "top", "name": "اداره" })).await;
    for unit in ["a", "b"] {
        define(&admin, json!({ "unit": unit, "name": "واحد", "parent": "top" })).await;
    }
    assert_eq!(put(&admin, "a", "b").await, None);
    // The other half of the ring.
    let key = "crosswise";
    put_b_under_a_as_a_replica_that_ends(&system, key).await;

    let again = json!({ "unit": "b", "parent": "a", "idempotencyKey": key });
    for time in ["it is taken back", "it was taken back", "and stays so"] {
        assert_eq!(admin.refusal("moveUnit", again.clone()).await, "UNIT_UNDER_ITSELF", "{time}");
    }
    // Also when it would be fine by now.
    assert_eq!(put(&admin, "a", "top").await, None);
    assert_eq!(admin.refusal("moveUnit", again).await, "UNIT_UNDER_ITSELF");
    let units = admin.ask("{ units { code parent } }", json!({})).await["units"].take();
    let parents: Vec<_> = units.as_array().unwrap().iter().map(|unit| &unit["parent"]).collect();
    assert_eq!(parents, [&json!("top"), &json!("top"), &Value::Null]);
    let events = system.app.store.read_stream(&stream("unit", "b"), None, 10).await.unwrap();
    assert_eq!(events.len(), 3, "defined, put under the other, taken back once");
    system.stop().await;
}

/// Puts unit `b` under `a` as a replica does that does not know what became of `a`, and that ends before it can look again.
async fn put_b_under_a_as_a_replica_that_ends(system: &System, key: &str) {
    let command_id = CommandId(derived(&["idempotency key", "test-admin", key]));
    let parent = Some(UnitId::new("a").unwrap());
    let command = UnitCommand::Move(MoveUnit { parent, parent_is: ParentIs::Fine });
    let batch = vec![(CommandMetadata { command_id, ..metadata(None) }, command)];
    let stream = stream("unit", "b");
    let written = system.app.commands.execute::<Unit>(&stream, batch, None, |_| true).await;
    assert_eq!(written.unwrap().event_count, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_placement_that_was_void_and_never_taken_back_is_made_when_it_is_fine_by_now() {
    let name = |parent: Value| json!({ "unit": "b", "name": "واحد نو", "parent": parent });
    // Asked for by a move, by a new definition; or not at all, by a definition that says nothing of the place.
    for (mutation, input, expected) in [
        ("moveUnit", json!({ "unit": "b", "parent": "a" }), "a"),
        ("defineUnit", name(json!("a")), "a"),
        ("defineUnit", name(Value::Null), "top"),
    ] {
        let system = System::start().await;
        let admin = system.caller(Role::Admin);
        define(&admin, json!({ "unit": "top", "name": "اداره" })).await;
        for unit in ["a", "b"] {
            define(&admin, json!({ "unit": unit, "name": "واحد", "parent": "top" })).await;
        }
        assert_eq!(put(&admin, "a", "b").await, None);
        put_b_under_a_as_a_replica_that_ends(&system, "crosswise").await;
        assert_eq!(put(&admin, "a", "top").await, None);

        let done = admin.mutate(mutation, "unit { parent }", input.clone()).await;
        assert_eq!(done["unit"]["parent"], expected, "{mutation} {input}");
        system.stop().await;
    }
}
