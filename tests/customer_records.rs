//! One person's records belong together: proposed by the program, decided by people, undone without a trace; and those who act for another.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parvandeh::principal::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Caller, System};

fn uuid_of(global_id: &Value) -> Uuid {
    let text = URL_SAFE_NO_PAD.decode(global_id.as_str().unwrap()).unwrap();
    String::from_utf8(text).unwrap().split_once(':').unwrap().1.parse().unwrap()
}

async fn register(staff: &Caller<'_>, name: &str, contact_points: &[(&str, &str)]) -> Value {
    let input = json!({ "kind": "INDIVIDUAL", "name": name, "language": "PERSIAN" });
    let mut done = staff.mutate("registerCustomer", "customer { id }", input).await;
    let id = done["customer"]["id"].take();
    for (kind, value) in contact_points {
        let input = json!({ "customerId": id, "kind": kind, "value": value });
        staff.mutate("addContactPoint", "customer { id }", input).await;
    }
    id
}

/// Opens a case of a customer at a moment of a day.
async fn open(staff: &Caller<'_>, customer: &Value, unit: &str, at: &str) -> Value {
    let input = json!({ "kind": "COMPLAINT", "subject": "قبض نادرست", "channel": "PHONE",
        "unit": unit, "customerId": customer, "occurredAt": format!("2026-03-01T{at}Z") });
    staff.mutate("openCase", "case { id }", input).await["case"]["id"].take()
}

async fn merge(staff: &Caller<'_>, customer: &Value, into: &Value) -> Value {
    let input = json!({ "customerId": customer, "into": into, "reason": "یک شخص است" });
    staff.mutate("mergeCustomer", "customer { mergedInto { id } }", input).await["customer"].take()
}

/// The code of the only user error of a mutation.
async fn refused(staff: &Caller<'_>, name: &str, input: Value) -> String {
    let input_type = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
    let query = format!(
        "mutation($input: {input_type}!) {{ {name}(input: $input) {{ userErrors {{ code field }} }} }}"
    );
    let data = staff.ask(&query, json!({ "input": input })).await;
    data[name]["userErrors"][0]["code"].as_str().unwrap_or_else(|| panic!("{data}")).to_owned()
}

async fn proposals(staff: &Caller<'_>, customer: &Value) -> Value {
    let query =
        "query($id: ID!) { matchProposals(customerId: $id) { customer { id } likeness reasons } }";
    staff.ask(query, json!({ "id": customer })).await["matchProposals"].take()
}

/// The cases of a customer by their ids, and the entries of their timeline as moments.
async fn shown(caller: &Caller<'_>, customer: &Value) -> (Vec<Value>, Vec<String>) {
    let query = "query($id: ID!) { customer(id: $id) { \
        cases { totalCount nodes { id } } timeline { totalCount nodes { occurredAt caseId } } } }";
    let data = caller.ask(query, json!({ "id": customer })).await;
    let list = |name: &str, field: &str| {
        let list = &data["customer"][name];
        let values: Vec<Value> =
            list["nodes"].as_array().unwrap().iter().map(|node| node[field].clone()).collect();
        assert_eq!(list["totalCount"], values.len(), "{list}");
        values
    };
    let moments = list("timeline", "occurredAt")
        .iter()
        .map(|at| at.as_str().unwrap()[11..16].to_owned())
        .collect();
    (list("cases", "id"), moments)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_records_of_one_person_are_proposed_merged_by_decision_and_taken_apart_again() {
    let system = System::start().await;
    let agent = system.caller(Role::Agent);
    // The same woman by telephone and on the website; a namesake; her brother at the same number.
    let called = register(&agent, "نسترن کاظمی", &[("PHONE", "0912 765 4321")]).await;
    let wrote = register(
        &agent,
        "Nastaran Kazemi",
        &[("PHONE", "+98 912 765 4321"), ("EMAIL", "nastaran@example.com")],
    )
    .await;
    let namesake = register(&agent, "نسترن كاظمي", &[("PHONE", "0935 111 2233")]).await;
    let brother = register(&agent, "کامران کاظمی", &[("PHONE", "۰۹۱۲۷۶۵۴۳۲۱")]).await;
    let first = open(&agent, &called, "care", "08:00:00").await;
    let second = open(&agent, &wrote, "care", "09:00:00").await;
    let third = open(&agent, &called, "care", "10:00:00").await;
    for other in [&namesake, &brother] {
        open(&agent, other, "care", "11:00:00").await;
    }

    let proposed = json!([{ "customer": { "id": wrote }, "likeness": "SAME", "reasons": ["SAME_NAME", "SAME_PHONE"] }]);
    assert_eq!(proposals(&agent, &called).await, proposed);
    assert_eq!(proposals(&agent, &namesake).await, json!([]));
    assert_eq!(shown(&agent, &called).await.0, [third.clone(), first.clone()], "nothing by itself");

    assert_eq!(merge(&agent, &wrote, &called).await, json!({ "mergedInto": { "id": called } }));
    assert_eq!(proposals(&agent, &called).await, json!([]), "it is decided");
    let (cases, moments) = shown(&agent, &called).await;
    assert_eq!(cases, [third.clone(), second.clone(), first.clone()]);
    assert_eq!(moments, ["10:00", "09:00", "08:00"]);
    let query =
        "query($id: ID!) { customer(id: $id) { mergedCustomers { id name } mergedInto { id } } }";
    let seen = agent.ask(query, json!({ "id": called })).await;
    let given_up = json!([{ "id": wrote, "name": "Nastaran Kazemi" }]);
    assert_eq!(seen["customer"], json!({ "mergedCustomers": given_up, "mergedInto": null }));

    // What is learned now is said of the record that survives; who merges into the one that was given up is told.
    let phone = json!({ "customerId": wrote, "kind": "PHONE", "value": "+982188001122" });
    assert_eq!(refused(&agent, "addContactPoint", phone).await, "CUSTOMER_MERGED");
    let into = |customer: &Value, into: &Value| json!({ "customerId": customer, "into": into, "reason": "x" });
    assert_eq!(
        refused(&agent, "mergeCustomer", into(&brother, &wrote)).await,
        "MERGE_TARGET_MERGED"
    );
    assert_eq!(refused(&agent, "mergeCustomer", into(&called, &called)).await, "MERGE_INTO_ITSELF");
    assert_eq!(
        refused(&agent, "mergeCustomer", into(&called, &wrote)).await,
        "MERGE_TARGET_MERGED"
    );

    // Staff see what belongs together. Whoever signs in with one of the two records sees what was opened under it and nothing else.
    let own = system.customer(uuid_of(&called));
    assert_eq!(shown(&own, &called).await.0, [third.clone(), first.clone()]);
    let stranger = system.customer(uuid_of(&wrote));
    assert_eq!(shown(&stranger, &wrote).await.0, std::slice::from_ref(&second));

    for rebuilt in [false, true] {
        if rebuilt {
            system.app.read_models.rebuild(|_| {}).await.unwrap();
        }
        assert_eq!(shown(&agent, &called).await.0.len(), 3, "rebuilt: {rebuilt}");
    }

    let undo = json!({ "customerId": wrote, "reason": "دو خواهرند" });
    agent.mutate("unmergeCustomer", "customer { id }", undo.clone()).await;
    assert_eq!(shown(&agent, &called).await.0, [third, first]);
    assert_eq!(shown(&agent, &wrote).await, (vec![second], vec!["09:00".to_owned()]));
    assert_eq!(proposals(&agent, &called).await, proposed, "as before");
    assert_eq!(refused(&agent, "unmergeCustomer", undo).await, "CUSTOMER_NOT_MERGED");

    for logged in system.app.store.read_all(None, 100).await.unwrap() {
        println!("{:>3} {} {}", logged.position.0, logged.stream, logged.type_name);
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_merges_of_customers_that_cross_one_is_done_and_the_other_refused() {
    let system = System::start().await;
    let agent = system.caller(Role::Agent);
    for _ in 0..10 {
        let one = register(&agent, "نسترن", &[]).await;
        let other = register(&agent, "نسترن", &[]).await;
        let query = "mutation($input: MergeCustomerInput!) { mergeCustomer(input: $input) { \
                     customer { id } userErrors { code } } }";
        let cross = |customer: &Value, into: &Value| json!({ "input": { "customerId": customer, "into": into, "reason": "x" } });
        let (first, second) = tokio::join!(
            agent.ask(query, cross(&one, &other)),
            agent.ask(query, cross(&other, &one)),
        );
        let codes: Vec<_> = [&first, &second]
            .map(|data| data["mergeCustomer"]["userErrors"][0]["code"].clone())
            .into();
        let refused = codes.iter().filter(|code| **code == "MERGE_TARGET_MERGED").count();
        let done = codes.iter().filter(|code| code.is_null()).count();
        assert_eq!((done, refused), (1, 1), "{codes:?}");
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timeline_across_records_is_paged_in_order_either_way_and_within_the_scope() {
    let system = System::start().await;
    let staff = system.caller(Role::Service);
    let (one, other, end) = (
        register(&staff, "یک", &[]).await,
        register(&staff, "دو", &[]).await,
        register(&staff, "سه", &[]).await,
    );
    let mut expected = Vec::new();
    for minute in 0..14 {
        let customer = [&one, &other, &end][minute % 3];
        let unit = if minute % 7 == 0 { "finance" } else { "care" };
        let at = format!("08:{minute:02}:00");
        let case = open(&staff, customer, unit, &at).await;
        expected.push(at[..5].to_owned());
        if minute == 5 {
            let note =
                json!({ "caseId": case, "body": "یادداشت", "occurredAt": "2026-03-01T08:30:00Z" });
            staff.mutate("addNote", "case { id }", note).await;
        }
    }
    expected.push("08:30".to_owned());
    expected.reverse();
    merge(&staff, &one, &other).await;
    merge(&staff, &other, &end).await;
    assert_eq!(shown(&staff, &end).await.1, expected, "by a chain of merges");

    for backwards in [false, true] {
        let (mut found, mut cursor) = (Vec::new(), Value::Null);
        loop {
            let query = if backwards {
                "query($id: ID!, $cursor: String) { customer(id: $id) { timeline(last: 4, before: $cursor) { \
                 nodes { occurredAt } pageInfo { more: hasPreviousPage end: startCursor } } } }"
            } else {
                "query($id: ID!, $cursor: String) { customer(id: $id) { timeline(first: 4, after: $cursor) { \
                 nodes { occurredAt } pageInfo { more: hasNextPage end: endCursor } } } }"
            };
            let data = staff.ask(query, json!({ "id": end, "cursor": cursor })).await;
            let page = &data["customer"]["timeline"];
            let nodes = page["nodes"].as_array().unwrap().iter();
            let moments: Vec<_> =
                nodes.map(|node| node["occurredAt"].as_str().unwrap()[11..16].to_owned()).collect();
            let at = if backwards { 0 } else { found.len() };
            found.splice(at..at, moments);
            if page["pageInfo"]["more"] == false {
                break;
            }
            cursor = page["pageInfo"]["end"].clone();
        }
        assert_eq!(found, expected, "backwards: {backwards}");
    }

    // The note is kept among staff; cases of another unit are not theirs to see.
    let care = system.caller_as(Role::Agent, None, &["care"]);
    let of_care = shown(&care, &end).await.1;
    let inside: Vec<_> =
        expected.iter().filter(|at| !["08:00", "08:07"].contains(&at.as_str())).cloned().collect();
    assert_eq!(of_care, inside);
    let customer = system.customer(uuid_of(&end));
    assert_eq!(shown(&customer, &end).await.1, ["08:11", "08:08", "08:05", "08:02"]);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_acts_for_a_customer_is_on_record_with_their_right_and_their_term() {
    let system = System::start().await;
    let staff = system.caller(Role::Service);
    let (ward, guardian) =
        (register(&staff, "کودک نمونه", &[]).await, register(&staff, "سرپرست نمونه", &[]).await);
    let appoint = json!({ "customerId": ward, "representativeId": guardian, "basis": "GUARDIANSHIP",
        "caseKinds": ["COMPLAINT"], "until": "2999-01-01T00:00:00Z" });
    let fields = "customer { representatives { representative { name } customer { name } basis caseKinds inForce until } }";
    let done = staff.mutate("appointRepresentative", fields, appoint.clone()).await;
    let told = json!([{ "representative": { "name": "سرپرست نمونه" }, "customer": { "name": "کودک نمونه" },
        "basis": "GUARDIANSHIP", "caseKinds": ["COMPLAINT"], "inForce": true, "until": "2999-01-01T00:00:00Z" }]);
    assert_eq!(done["customer"]["representatives"], told);

    let query = "query($id: ID!) { customer(id: $id) { represents { customer { name } basis } } }";
    let represents = staff.ask(query, json!({ "id": guardian })).await;
    let of_ward = json!([{ "customer": { "name": "کودک نمونه" }, "basis": "GUARDIANSHIP" }]);
    assert_eq!(represents["customer"]["represents"], of_ward);
    // The guardian learns that they act, but reads nobody else's record.
    let own = system.customer(uuid_of(&guardian));
    let seen = own.ask(query, json!({ "id": guardian })).await;
    assert_eq!(
        seen["customer"]["represents"],
        json!([{ "customer": null, "basis": "GUARDIANSHIP" }])
    );

    let mut input = appoint.clone();
    input["representativeId"] = ward.clone();
    assert_eq!(refused(&staff, "appointRepresentative", input).await, "REPRESENTATIVE_NOT_FOUND");
    let mut input = appoint;
    input["until"] = json!("2001-01-01T00:00:00Z");
    assert_eq!(refused(&staff, "appointRepresentative", input).await, "REPRESENTATION_ENDED");

    let dismiss = json!({ "customerId": ward, "representativeId": guardian });
    let done = staff.mutate("dismissRepresentative", fields, dismiss).await;
    assert_eq!(done["customer"]["representatives"], json!([]));
    system.stop().await;
}
