//! The story of a voice, told through GraphQL on a running server.

use parvandeh::principal::Role;
use serde_json::{Value, json};

use crate::authorisation::documents::{register, uuid_of};
use crate::harness::{Caller, System};

const OWN: &str = "{ myStaffCases { id reference subject anonymous status became messages { fromAuthor body } } }";
const BY_CODE: &str = "query($code: String!) { anonymousCase(code: $code) { id reference subject description \
    anonymous status stage became toldAt messages { fromAuthor automatic body } } }";

/// The code of the only user error of a mutation, and its field.
async fn refused(caller: &Caller<'_>, name: &str, input: Value) -> (String, Value) {
    let input_type = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
    let query = format!(
        "mutation($input: {input_type}!) {{ {name}(input: $input) {{ userErrors {{ code field }} }} }}"
    );
    let data = caller.ask(&query, json!({ "input": input })).await;
    let error = data[name]["userErrors"][0].clone();
    (error["code"].as_str().unwrap_or_else(|| panic!("{data}")).to_owned(), error["field"].clone())
}

async fn draw(caller: &Caller<'_>) -> String {
    let drawn = caller.ask("mutation { drawAnonymousCode { code } }", json!({})).await;
    drawn["drawAnonymousCode"]["code"].as_str().unwrap().to_owned()
}

/// What stands in the log, one line an event: its stream's category, its type, who acted, and its own fields.
async fn print_log(system: &System) -> Vec<String> {
    let logged = system.app.store.read_all(None, 1_000).await.unwrap();
    let lines = logged.iter().map(|logged| {
        let meta: Value = serde_json::from_slice(&logged.metadata).unwrap();
        let data = String::from_utf8_lossy(&logged.data);
        let actor = meta["actor"]["id"].as_str().unwrap();
        format!("{} {} by {actor}: {data}", logged.stream.category(), logged.type_name)
    });
    let lines: Vec<String> = lines.collect();
    lines.iter().for_each(|line| println!("{line}"));
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suggestion_of_staff_is_followed_to_what_became_of_it_and_its_author_reads_it() {
    let system = System::start().await;
    let (author, lead) = (system.caller(Role::Agent), system.caller(Role::Supervisor));
    let input = json!({ "kind": "SUGGESTION", "subject": "صندلی برای سالن انتظار", "unit": "finance",
        "idempotencyKey": "1" });
    let fields = "staffCase { id reference anonymous status }";
    let raised = author.mutate("openStaffCase", fields, input.clone()).await;
    let again = author.mutate("openStaffCase", fields, input).await;
    assert_eq!(raised, again);
    let id = raised["staffCase"]["id"].clone();
    assert_eq!(raised["staffCase"]["anonymous"], false);

    // The author does not work for the unit that looks at it, and follows it all the same; nobody else does so as its author.
    let seen = author.ask("query($id: ID!) { case(id: $id) { id } }", json!({ "id": id })).await;
    assert_eq!(seen["case"], Value::Null);
    let message = json!({ "caseId": id, "body": "ده عدد بس است" });
    author.mutate("writeToStaffCase", "staffCase { id }", message.clone()).await;
    assert_eq!(refused(&lead, "writeToStaffCase", message).await.0, "CASE_NOT_FOUND");
    assert_eq!(lead.ask(OWN, json!({})).await["myStaffCases"], json!([]));

    // The unit answers it, and cannot close it before its author knows what became of it.
    let unit = system.caller_as(Role::Supervisor, None, &["finance"]);
    let resolve = json!({ "caseId": id, "outcome": "FULFILLED" });
    unit.mutate("resolveCase", "case { id }", resolve).await;
    assert_eq!(refused(&unit, "closeCase", json!({ "caseId": id })).await.0, "AUTHOR_NOT_TOLD");
    let untold = "{ voices(filter: { told: false, byStaff: true }) { totalCount nodes { author raisedBy case { subject } } } }";
    let voices = unit.ask(untold, json!({})).await["voices"].take();
    let expected = json!([{ "author": "test-agent", "raisedBy": "STAFF",
        "case": { "subject": "صندلی برای سالن انتظار" } }]);
    assert_eq!(voices["nodes"], expected);
    let told = json!({ "caseId": id, "became": "ADOPTED", "whatWasDone": "ده صندلی گذاشته شد",
        "channel": "PORTAL" });
    unit.mutate("tellAuthor", "case { id }", told).await;
    unit.mutate("closeCase", "case { status }", json!({ "caseId": id })).await;
    assert_eq!(unit.ask(untold, json!({})).await["voices"]["totalCount"], 0);

    let own = author.ask(OWN, json!({})).await["myStaffCases"][0].take();
    assert_eq!((&own["status"], &own["became"]), (&json!("CLOSED"), &json!("ADOPTED")));
    let messages = json!([
        { "fromAuthor": true, "body": "ده عدد بس است" },
        { "fromAuthor": false, "body": "ده صندلی گذاشته شد" },
    ]);
    assert_eq!(own["messages"], messages);
    print_log(&system).await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_anonymous_author_opens_reads_and_writes_by_code_alone() {
    let system = System::start().await;
    let (author, colleague) = (system.caller(Role::Agent), system.caller(Role::Supervisor));
    let code = draw(&author).await;
    let input =
        json!({ "code": code, "kind": "CRITICISM", "subject": "شلوغی باجه‌ها", "unit": "care" });
    let opened =
        author.mutate("openAnonymousCase", "staffCase { id anonymous }", input.clone()).await;
    assert_eq!(opened["staffCase"], json!({ "id": null, "anonymous": true }));
    // Sent again it is done once; for another matter the code is used up.
    author.mutate("openAnonymousCase", "staffCase { id }", input.clone()).await;
    let other = json!({ "code": code, "kind": "PRAISE", "subject": "چیز دیگر" });
    let used = ("CODE_USED".to_owned(), json!("code"));
    assert_eq!(refused(&author, "openAnonymousCase", other).await, used);
    let strange = json!({ "code": "0000", "kind": "PRAISE", "subject": "x" });
    assert_eq!(refused(&author, "openAnonymousCase", strange).await.0, "CODE_NOT_DRAWN");

    let cases = "{ cases { totalCount nodes { id subject } } }";
    let listed = colleague.ask(cases, json!({})).await["cases"].take();
    assert_eq!(listed["totalCount"], 1);
    let id = listed["nodes"][0]["id"].clone();
    let question = json!({ "caseId": id, "direction": "OUTBOUND", "channel": "PORTAL", "body": "کدام روزها؟" });
    colleague.mutate("recordInteraction", "case { id }", question).await;
    let note = json!({ "caseId": id, "body": "میان خودمان" });
    colleague.mutate("addNote", "case { id }", note).await;
    let wait = json!({ "caseId": id, "reason": "AWAITING_CUSTOMER" });
    colleague.mutate("holdCase", "case { id }", wait).await;

    // The author reads what was written to them, and not what staff say among themselves; their answer ends the wait.
    let spoken = code.to_lowercase().replace('-', " ");
    let read = author.ask(BY_CODE, json!({ "code": spoken })).await["anonymousCase"].take();
    let message = json!({ "fromAuthor": false, "automatic": false, "body": "کدام روزها؟" });
    assert_eq!((&read["status"], &read["messages"]), (&json!("PENDING"), &json!([message])));
    let answer = json!({ "code": code, "body": "شنبه‌ها" });
    let written =
        author.mutate("writeToAnonymousCase", "staffCase { status }", answer.clone()).await;
    assert_eq!(written["staffCase"]["status"], "OPEN");

    // A code that opened nothing, and one that is none, are alike.
    for unknown in [draw(&author).await, "x".to_owned()] {
        let read = author.ask(BY_CODE, json!({ "code": unknown })).await;
        assert_eq!(read["anonymousCase"], Value::Null);
        let to_nobody = json!({ "code": unknown, "body": "x" });
        let nobody = ("CASE_NOT_FOUND".to_owned(), json!("code"));
        assert_eq!(refused(&author, "writeToAnonymousCase", to_nobody).await, nobody);
    }
    // The case of a code is nobody's by name.
    let by_id = json!({ "caseId": id, "body": "x" });
    assert_eq!(refused(&author, "writeToStaffCase", by_id).await.0, "CASE_NOT_FOUND");

    // On the log of the case stands nobody but the colleague, and no reading of the author's.
    let log = print_log(&system).await;
    let of_author: Vec<&String> = log.iter().filter(|line| line.contains("test-agent")).collect();
    assert!(of_author.is_empty(), "{of_author:#?}");
    assert_eq!(log.iter().filter(|line| line.contains("by anonymous")).count(), 4, "{log:#?}");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_are_tried_out_for_a_moment_and_no_longer() {
    let system = System::start().await;
    let author = system.caller(Role::Agent);
    let mut limited = None;
    for tries in 0..100 {
        let answer = author.send(BY_CODE, json!({ "code": "0000" })).await;
        if answer["errors"][0]["extensions"]["code"] == "RATE_LIMITED" {
            limited = Some(tries);
            break;
        }
        assert_eq!(answer["data"]["anonymousCase"], Value::Null, "{answer}");
    }
    assert!(limited.is_some_and(|tries| tries >= 30), "{limited:?}");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_anonymous_authors_ask_stands_alone_in_its_operation() {
    let system = System::start().await;
    let author = system.caller(Role::Agent);
    for mixed in [
        "{ anonymousCase(code: \"x\") { subject } cases { totalCount } }",
        "{ cases { totalCount } ... on Query { anonymousCase(code: \"x\") { subject } } }",
        "mutation { drawAnonymousCode { code } closeCase(input: { caseId: \"x\" }) { userErrors { code } } }",
    ] {
        let answer = author.send(mixed, json!({})).await;
        let code = &answer["errors"][0]["extensions"]["code"];
        assert_eq!(code, "GRAPHQL_VALIDATION_FAILED", "{mixed}: {answer}");
        assert!(answer.get("data").is_none(), "{answer}");
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_hears_what_became_of_their_suggestion_and_that_it_changed() {
    let system = System::start().await;
    let (agent, customer) = (system.caller(Role::Agent), register(&system).await);
    let own = system.customer(uuid_of(&customer));
    let input =
        json!({ "kind": "SUGGESTION", "subject": "پرداخت با تلفن همراه", "channel": "APP" });
    let id = own.mutate("openCase", "case { id }", input).await["case"]["id"].take();
    for (became, done) in [("PLANNED", "از پاییز"), ("PARTLY_ADOPTED", "برای قبض‌ها شدنی است")]
    {
        let told = json!({ "caseId": id, "became": became, "whatWasDone": done, "channel": "APP" });
        agent.mutate("tellAuthor", "case { id }", told).await;
    }
    let timeline = "query($id: ID!) { case(id: $id) { timeline { nodes { eventType text changes { field value } } } } }";
    let seen = own.ask(timeline, json!({ "id": id })).await["case"]["timeline"]["nodes"].take();
    let became: Vec<&Value> = seen
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["eventType"] == "CaseAuthorTold")
        .map(|entry| &entry["changes"][0]["value"])
        .collect();
    assert_eq!(became, ["planned", "partly_adopted"]);
    assert_eq!(seen[4]["text"], "برای قبض‌ها شدنی است", "{seen}");

    let voices = "{ voices(filter: { became: [PARTLY_ADOPTED] }) { totalCount nodes { raisedBy author toldAt } } }";
    let found = agent.ask(voices, json!({})).await["voices"].take();
    assert_eq!(found["totalCount"], 1);
    assert_eq!(found["nodes"][0]["raisedBy"], "CUSTOMER");
    // Another matter than an opinion has no such end, and units see their own voices only.
    let complaint = json!({ "kind": "COMPLAINT", "subject": "x", "channel": "APP" });
    let complaint = agent.mutate("openCase", "case { id }", complaint).await["case"]["id"].take();
    let told =
        json!({ "caseId": complaint, "became": "ADOPTED", "whatWasDone": "x", "channel": "APP" });
    assert_eq!(refused(&agent, "tellAuthor", told).await.0, "CASE_NOT_AN_OPINION");
    agent
        .mutate(
            "referCase",
            "case { id }",
            json!({ "caseId": id, "unit": "finance", "reason": "x" }),
        )
        .await;
    assert_eq!(agent.ask(voices, json!({})).await["voices"]["totalCount"], 0);
    system.stop().await;
}
