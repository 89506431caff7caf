//! Merging cases, undoing it, and splitting one off: what staff do, and what each reader sees of it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parvandeh::principal::Role;
use parvandeh_domain::id::CaseId;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Caller, System};

fn uuid_of(global_id: &Value) -> Uuid {
    let text = URL_SAFE_NO_PAD.decode(global_id.as_str().unwrap()).unwrap();
    String::from_utf8(text).unwrap().split_once(':').unwrap().1.parse().unwrap()
}

fn reference_of(id: &Value) -> String {
    CaseId(uuid_of(id)).reference()
}

async fn register(agent: &Caller<'_>) -> Value {
    let input = json!({ "kind": "INDIVIDUAL", "name": "نسترن", "language": "PERSIAN" });
    agent.mutate("registerCustomer", "customer { id }", input).await["customer"]["id"].take()
}

async fn open(agent: &Caller<'_>, more: Value) -> Value {
    let mut input = json!({ "kind": "COMPLAINT", "subject": "قبض نادرست", "channel": "LETTER", "unit": "care" });
    for (field, value) in more.as_object().unwrap() {
        input[field] = value.clone();
    }
    agent.mutate("openCase", "case { id }", input).await["case"]["id"].take()
}

async fn merge(agent: &Caller<'_>, case: &Value, into: &Value) -> Value {
    let input = json!({ "caseId": case, "into": into, "reason": "همان موضوع" });
    let fields = "case { status holdReason mergedInto { id } }";
    agent.mutate("mergeCase", fields, input).await["case"].take()
}

/// The code and the message of the only user error of a mutation.
async fn refused(agent: &Caller<'_>, name: &str, input: Value) -> (String, String) {
    let input_type = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
    let query = format!(
        "mutation($input: {input_type}!) {{ {name}(input: $input) {{ userErrors {{ code message }} }} }}"
    );
    let data = agent.ask(&query, json!({ "input": input })).await;
    let error = &data[name]["userErrors"][0];
    let text = |field: &str| error[field].as_str().unwrap_or_else(|| panic!("{data}")).to_owned();
    (text("code"), text("message"))
}

const LINKS: &str = "query($id: ID!, $asOf: DateTime) { case(id: $id, asOf: $asOf) { status \
    mergedInto { id } splitFrom { id } mergedCases { totalCount nodes { id status } } } }";

async fn links(caller: &Caller<'_>, id: &Value, as_of: Value) -> Value {
    caller.ask(LINKS, json!({ "id": id, "asOf": as_of })).await["case"].take()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merged_case_names_its_survivor_until_the_merge_is_undone() {
    let system = System::start().await;
    let agent = system.caller(Role::Agent);
    let (survivor, given_up) = (open(&agent, json!({})).await, open(&agent, json!({})).await);
    let hold = json!({ "caseId": given_up, "reason": "AWAITING_CUSTOMER" });
    agent.mutate("holdCase", "case { id }", hold).await;

    let merged = merge(&agent, &given_up, &survivor).await;
    assert_eq!(
        merged,
        json!({ "status": "MERGED", "holdReason": null, "mergedInto": { "id": survivor } })
    );
    let seen = links(&agent, &survivor, Value::Null).await;
    let nodes = json!([{ "id": given_up, "status": "MERGED" }]);
    assert_eq!(seen["mergedCases"], json!({ "totalCount": 1, "nodes": nodes }));
    let count = "query($status: [Status!]) { cases(filter: { status: $status }) { totalCount } }";
    for (status, found) in [("MERGED", 1), ("CLOSED", 0), ("OPEN", 1)] {
        let data = agent.ask(count, json!({ "status": [status] })).await;
        assert_eq!(data["cases"]["totalCount"], found, "{status}");
    }

    let resolve = json!({ "caseId": given_up, "outcome": "ANSWERED" });
    let (code, message) = refused(&agent, "resolveCase", resolve).await;
    assert_eq!(code, "CASE_MERGED");
    assert!(message.contains(&reference_of(&survivor)), "{message}");
    let message =
        json!({ "caseId": given_up, "direction": "INBOUND", "channel": "PHONE", "body": "سلام" });
    let told = agent.mutate("recordInteraction", "case { status }", message).await;
    assert_eq!(told["case"]["status"], "MERGED");

    let undo = json!({ "caseId": given_up, "reason": "دو موضوع بود" });
    let fields = "case { status holdReason mergedInto { id } }";
    let undone = agent.mutate("unmergeCase", fields, undo).await;
    let expected =
        json!({ "status": "PENDING", "holdReason": "AWAITING_CUSTOMER", "mergedInto": null });
    assert_eq!(undone["case"], expected);
    let seen = links(&agent, &survivor, Value::Null).await;
    assert_eq!(seen["mergedCases"], json!({ "totalCount": 0, "nodes": [] }));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_of_a_past_moment_shows_the_merge_that_was_known_then() {
    let system = System::start().await;
    let agent = system.caller(Role::Agent);
    let (survivor, given_up) = (open(&agent, json!({})).await, open(&agent, json!({})).await);
    merge(&agent, &given_up, &survivor).await;
    let undo = json!({ "caseId": given_up, "reason": "x" });
    agent.mutate("unmergeCase", "case { id }", undo).await;
    let query = "query($id: ID!) { case(id: $id) { timeline { nodes { eventType recordedAt \
                 internal text changes { field value } } } } }";
    let data = agent.ask(query, json!({ "id": given_up })).await;
    let entries = data["case"]["timeline"]["nodes"].as_array().unwrap();
    let [opened, merged, unmerged] = &entries[..] else { panic!("{entries:?}") };
    assert_eq!(merged["eventType"], "CaseMerged");
    assert_eq!((&merged["text"], &merged["internal"]), (&json!("همان موضوع"), &json!(true)));
    let reference = reference_of(&survivor);
    assert_eq!(merged["changes"], json!([{ "field": "merged_into", "value": reference }]));
    assert_eq!(unmerged["eventType"], "CaseUnmerged");

    let then = merged["recordedAt"].clone();
    let seen = links(&agent, &given_up, then.clone()).await;
    assert_eq!((&seen["status"], &seen["mergedInto"]["id"]), (&json!("MERGED"), &survivor));
    let seen = links(&agent, &survivor, then).await;
    let nodes = json!([{ "id": given_up, "status": "MERGED" }]);
    assert_eq!(seen["mergedCases"], json!({ "totalCount": 1, "nodes": nodes }));
    for moment in [opened, unmerged] {
        let seen = links(&agent, &given_up, moment["recordedAt"].clone()).await;
        assert_eq!((&seen["status"], &seen["mergedInto"]), (&json!("OPEN"), &Value::Null));
        let seen = links(&agent, &survivor, unmerged["recordedAt"].clone()).await;
        assert_eq!(seen["mergedCases"]["totalCount"], 0);
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn links_lead_only_to_cases_that_the_reader_may_know_of() {
    let system = System::start().await;
    let agent = system.caller(Role::Agent);
    let (ours, theirs) = (register(&agent).await, register(&agent).await);
    let survivor = open(&agent, json!({ "customerId": ours, "unit": "technical" })).await;
    let own = open(&agent, json!({ "customerId": ours })).await;
    let nobodys = open(&agent, json!({})).await;
    for case in [&own, &nobodys] {
        merge(&agent, case, &survivor).await;
    }
    let split = json!({ "customerId": theirs, "splitFrom": survivor });
    let split = open(&agent, split).await;

    let seen = links(&agent, &survivor, Value::Null).await;
    assert_eq!(seen["mergedCases"]["totalCount"], 2);
    assert_eq!(links(&agent, &split, Value::Null).await["splitFrom"]["id"], survivor);

    let customer = system.customer(uuid_of(&ours));
    let seen = links(&customer, &survivor, Value::Null).await;
    let nodes = json!([{ "id": own, "status": "MERGED" }]);
    assert_eq!(seen["mergedCases"], json!({ "totalCount": 1, "nodes": nodes }));
    assert_eq!(links(&customer, &own, Value::Null).await["mergedInto"]["id"], survivor);

    let other = system.customer(uuid_of(&theirs));
    let care = system.caller_as(Role::Agent, None, &["care"]);
    let past = json!("2999-01-01T00:00:00Z");
    for (caller, moment) in
        [(&other, Value::Null), (&other, past.clone()), (&care, Value::Null), (&care, past)]
    {
        if std::ptr::eq(caller, &care) {
            let seen = links(caller, &nobodys, moment.clone()).await;
            assert_eq!((&seen["status"], &seen["mergedInto"]), (&json!("MERGED"), &Value::Null));
        }
        assert_eq!(links(caller, &split, moment).await["splitFrom"], Value::Null);
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_merges_that_cross_one_is_done_and_the_other_refused() {
    let system = System::start().await;
    let agent = system.caller(Role::Agent);
    for _ in 0..20 {
        let (one, other) = (open(&agent, json!({})).await, open(&agent, json!({})).await);
        let query = "mutation($input: MergeCaseInput!) { mergeCase(input: $input) { \
                     case { id } userErrors { code } } }";
        let cross = |case: &Value, into: &Value| json!({ "input": { "caseId": case, "into": into, "reason": "x" } });
        let (first, second) = tokio::join!(
            agent.ask(query, cross(&one, &other)),
            agent.ask(query, cross(&other, &one)),
        );
        let codes: Vec<_> =
            [&first, &second].map(|data| data["mergeCase"]["userErrors"][0]["code"].clone()).into();
        let refused = codes.iter().filter(|code| **code == "MERGE_TARGET_MERGED").count();
        let done = codes.iter().filter(|code| code.is_null()).count();
        assert_eq!((done, refused), (1, 1), "{codes:?}");
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_sent_again_after_its_survivor_was_given_up_too_is_still_done() {
    let system = System::start().await;
    let agent = system.caller(Role::Agent);
    let (end, middle) = (open(&agent, json!({})).await, open(&agent, json!({})).await);
    let case = open(&agent, json!({})).await;
    let input =
        json!({ "caseId": case, "into": middle, "reason": "x", "idempotencyKey": "merge-1" });
    let fields = "case { mergedInto { id mergedInto { id } } revision }";
    let first = agent.mutate("mergeCase", fields, input.clone()).await;
    merge(&agent, &middle, &end).await;
    let again = agent.mutate("mergeCase", fields, input).await;
    assert_eq!(again["case"]["revision"], first["case"]["revision"]);
    let chain = json!({ "id": middle, "mergedInto": { "id": end } });
    assert_eq!(again["case"]["mergedInto"], chain);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_leaves_nobody_without_an_answer() {
    let system = System::start().await;
    let agent = system.caller(Role::Agent);
    let (ours, theirs) = (register(&agent).await, register(&agent).await);
    let case = open(&agent, json!({ "customerId": ours })).await;
    let survivor = open(&agent, json!({ "customerId": ours })).await;
    let foreign = open(&agent, json!({ "customerId": theirs })).await;
    let into = |into: &Value| json!({ "caseId": case, "into": into, "reason": "x" });
    assert_eq!(refused(&agent, "mergeCase", into(&foreign)).await.0, "MERGE_TARGET_OF_ANOTHER");
    let resolve = json!({ "caseId": survivor, "outcome": "ANSWERED" });
    agent.mutate("resolveCase", "case { id }", resolve).await;
    assert_eq!(refused(&agent, "mergeCase", into(&survivor)).await.0, "MERGE_TARGET_ENDED");
    let reopen = json!({ "caseId": survivor, "reason": "x" });
    agent.mutate("reopenCase", "case { id }", reopen).await;
    merge(&agent, &case, &survivor).await;

    // The customer is told, and what they write to the merged case waits there for an answer.
    let own = system.customer(uuid_of(&ours));
    let told = "{ viewer { notifications { nodes { kind case { id } } } } }";
    let told = own.ask(told, json!({})).await["viewer"]["notifications"]["nodes"][0].take();
    assert_eq!(told, json!({ "kind": "MERGED", "case": { "id": case } }));
    let waits = async || {
        let found = agent.ask("{ unansweredCases { nodes { id } } }", json!({})).await;
        let nodes = found["unansweredCases"]["nodes"].as_array().unwrap().clone();
        nodes.iter().any(|node| node["id"] == case)
    };
    assert!(!waits().await, "it is answered where it goes on");
    let says = |direction: &str| json!({ "caseId": case, "direction": direction, "channel": "PORTAL", "body": "x" });
    own.mutate("recordInteraction", "case { id }", says("INBOUND")).await;
    assert!(waits().await);
    agent.mutate("recordInteraction", "case { id }", says("OUTBOUND")).await;
    assert!(!waits().await);
    system.stop().await;
}
