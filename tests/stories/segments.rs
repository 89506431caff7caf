//! Tiers follow from facts by published rules, and what is promised follows from tiers, from then on.

use parvandeh::principal::Role;
use serde_json::{Value, json};

use super::{Stage, assert_in_order, until};

#[tokio::test(flavor = "multi_thread")]
async fn the_story_of_a_customer_who_becomes_valuable_and_of_what_is_promised_to_them_then() {
    let stage = Stage::set();
    let (admin, service, auditor) =
        (stage.staff(Role::Admin), stage.staff(Role::Service), stage.staff(Role::Auditor));
    let target = |hours: u32| json!([{ "metric": "resolution", "target": format!("{hours} elapsed hours") }]);
    let document = json!({ "name": "By tier", "rules": [
        { "name": "gold", "when": { "tier": ["gold"] }, "targets": target(4) },
        { "name": "all others", "targets": target(10) },
    ] });
    let policy = json!({ "id": "service", "document": document });
    admin.mutate("publishPolicy", "policy { version }", policy).await;
    let tiers = json!({
        "name": "Tiers",
        "rules": [{ "tier": "gold", "when": { "value_at_least": 1000 } }, { "tier": "basic" }],
        "asset_matrix": { "valuable_from": 1000, "strong_when": { "contacts_at_least": 2 } },
    });
    let customer = stage.register("مهری").await;
    let of = json!({ "id": customer });
    let draft = "query($document: JSON!) { draftSegmentation(document: $document) { moves { from to customers } } }";
    let would = auditor.ask(draft, json!({ "document": tiers })).await["draftSegmentation"].take();
    assert_eq!(would["moves"], json!([{ "from": null, "to": "basic", "customers": 1 }]));
    let publish = json!({ "id": "default", "document": tiers });
    admin.mutate("publishSegmentation", "segmentation { version }", publish).await;
    let tier = "query($id: ID!) { customer(id: $id) { tier } }";
    until(&auditor, tier, of.clone(), "/customer/tier", json!("basic")).await;

    let open = async || -> Value {
        let input = json!({ "kind": "REQUEST", "subject": "x", "channel": "EMAIL", "customerId": customer });
        service.mutate("openCase", "case { id }", input).await["case"]["id"].take()
    };
    let (kept, waiting) = (open().await, open().await);
    let resolve = json!({ "caseId": kept, "outcome": "FULFILLED" });
    service.mutate("resolveCase", "case { id }", resolve).await;
    let value = json!({ "customerId": customer, "value": 1_200 });
    service.mutate("assessCustomerValue", "customer { id }", value).await;
    until(&auditor, tier, of, "/customer/tier", json!("gold")).await;
    let rule = async |case: &Value| -> Value {
        let query = "query($id: ID!) { case(id: $id) { slaClocks { rule } } }";
        auditor.ask(query, json!({ "id": case })).await["case"]["slaClocks"][0]["rule"].take()
    };
    assert_eq!(rule(&waiting).await, "gold");
    assert_eq!(rule(&open().await).await, "gold");
    assert_eq!(rule(&kept).await, "all others", "what is past stays as it was");
    let matrix = "{ assetMatrix { cell count } }";
    let matrix = auditor.ask(matrix, json!({})).await["assetMatrix"].take();
    let cell = json!({ "cell": "VULNERABLE", "count": 1 });
    assert!(matrix.as_array().unwrap().contains(&cell), "{matrix}");

    let told = stage.tell_the_log(&["مهری"]);
    assert_eq!(told.iter().filter(|name| *name == "CustomerTierChanged").count(), 2);
    assert_in_order(
        &told,
        &[
            "PolicyPublished",
            "CustomerRegistered",
            "SegmentationPublished",
            "CustomerTierChanged",
            "CaseOpened",
            "CaseResolved",
            "CustomerValueAssessed",
            "CustomerTierChanged",
        ],
    );
}
