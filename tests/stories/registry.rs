//! One person who called and wrote becomes one customer, by decision, and two again; and somebody acts for a child.

use parvandeh::principal::Role;
use serde_json::{Value, json};

use super::{Stage, assert_in_order};
use crate::harness::Caller;

/// The cases of a customer, and how many entries their timeline has.
async fn known(caller: &Caller<'_>, customer: &Value) -> (Vec<Value>, Value) {
    let query =
        "query($id: ID!) { customer(id: $id) { cases { nodes { id } } timeline { totalCount } } }";
    let found = caller.ask(query, json!({ "id": customer })).await["customer"].take();
    let cases = found["cases"]["nodes"].as_array().unwrap().iter().map(|case| case["id"].clone());
    (cases.collect(), found["timeline"]["totalCount"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_story_of_a_customer_who_is_known_twice_and_of_one_for_whom_another_acts() {
    let stage = Stage::set();
    let agent = stage.staff(Role::Agent);
    let mut records = Vec::new();
    for (name, phone) in [("نسترن کاظمی", "0912 765 4321"), ("Nastaran Kazemi", "+989127654321")]
    {
        let id = stage.register(name).await;
        // Whoever takes the call opens the case; only then is the customer theirs to see.
        let case = json!({ "kind": "COMPLAINT", "subject": "قبض نادرست", "channel": "PHONE", "customerId": id });
        let service = stage.staff(Role::Service);
        let case = service.mutate("openCase", "case { id }", case).await["case"]["id"].take();
        let refer = json!({ "caseId": case, "unit": "care", "reason": "مالی نیست" });
        service.mutate("referCase", "case { id }", refer).await;
        let point = json!({ "customerId": id, "kind": "PHONE", "value": phone });
        agent.mutate("addContactPoint", "customer { id }", point).await;
        records.push((id, case));
    }
    let [(called, first), (wrote, second)] = records.try_into().unwrap();
    let query =
        "query($id: ID!) { matchProposals(customerId: $id) { customer { id } likeness reasons } }";
    let proposed = agent.ask(query, json!({ "id": called })).await["matchProposals"].take();
    let same = json!([{ "customer": { "id": wrote }, "likeness": "SAME", "reasons": ["SAME_NAME", "SAME_PHONE"] }]);
    assert_eq!(proposed, same);
    assert_eq!(
        known(&agent, &called).await.0,
        std::slice::from_ref(&first),
        "nothing is merged by itself"
    );

    let merge = json!({ "customerId": wrote, "into": called, "reason": "یک شخص است" });
    agent.mutate("mergeCustomer", "customer { id }", merge).await;
    assert_eq!(known(&agent, &called).await, (vec![second.clone(), first.clone()], json!(4)));
    let undo = json!({ "customerId": wrote, "reason": "دو خواهرند" });
    agent.mutate("unmergeCustomer", "customer { id }", undo).await;
    assert_eq!(known(&agent, &called).await, (vec![first], json!(2)));
    assert_eq!(known(&agent, &wrote).await, (vec![second], json!(2)));

    let (child, guardian) =
        (stage.register("کودک نمونه").await, stage.register("سرپرست نمونه").await);
    let service = stage.staff(Role::Service);
    let appoint =
        json!({ "customerId": child, "representativeId": guardian, "basis": "GUARDIANSHIP" });
    service.mutate("appointRepresentative", "customer { id }", appoint).await;
    let query = "query($id: ID!) { customer(id: $id) { represents { basis inForce } } }";
    let own = stage.customer(&guardian).ask(query, json!({ "id": guardian })).await;
    let acts = json!([{ "basis": "GUARDIANSHIP", "inForce": true }]);
    assert_eq!(own["customer"]["represents"], acts);
    let dismiss = json!({ "customerId": child, "representativeId": guardian });
    service.mutate("dismissRepresentative", "customer { id }", dismiss).await;

    let told = stage.tell_the_log(&["نسترن", "Nastaran", "7654321", "کودک", "سرپرست", "یک شخص"]);
    assert_in_order(
        &told,
        &[
            "CustomerRegistered",
            "ContactPointAdded",
            "CustomerMerged",
            "CustomerUnmerged",
            "RepresentativeAppointed",
            "RepresentativeDismissed",
        ],
    );
}
