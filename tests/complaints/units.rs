//! Units as a tree with owners, as it is and as it was known.

use parvandeh::principal::Role;
use serde_json::{Value, json};

use super::refused;
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
