//! Staff say what they think, by name and without, and hear what became of it; so does a customer.

use parvandeh::principal::Role;
use serde_json::{Value, json};

use super::{Stage, assert_in_order};

const BY_CODE: &str = "query($code: String!) { anonymousCase(code: $code) { status became messages { fromAuthor body } } }";

#[tokio::test(flavor = "multi_thread")]
async fn the_story_of_three_voices_and_of_what_became_of_them() {
    let stage = Stage::set();
    let author = stage.staff_of(Role::Agent, "author-1", "finance");
    let hidden = stage.staff_of(Role::Agent, "author-2", "finance");
    let lead = stage.staff(Role::Supervisor);
    let told = |case: &Value, became: &str, what: &str| json!({ "caseId": case, "became": became, "whatWasDone": what, "channel": "PORTAL" });

    // By name: whoever raised it follows it although it is not a case of their unit.
    let raise = json!({ "kind": "SUGGESTION", "subject": "صندلی برای سالن", "unit": "care" });
    let raised =
        author.mutate("openStaffCase", "staffCase { id }", raise).await["staffCase"]["id"].take();
    lead.mutate("resolveCase", "case { id }", json!({ "caseId": raised, "outcome": "FULFILLED" }))
        .await;
    assert_eq!(lead.refusal("closeCase", json!({ "caseId": raised })).await, "AUTHOR_NOT_TOLD");
    lead.mutate("tellAuthor", "case { id }", told(&raised, "ADOPTED", "ده صندلی")).await;
    lead.mutate("closeCase", "case { id }", json!({ "caseId": raised })).await;
    let own = "{ myStaffCases { became messages { fromAuthor body } } }";
    let read = author.ask(own, json!({})).await["myStaffCases"].take();
    let message = json!([{ "fromAuthor": false, "body": "ده صندلی" }]);
    assert_eq!(read, json!([{ "became": "ADOPTED", "messages": message }]));

    // Without a name: a code opens the case, reads it and writes to it.
    let drawn = hidden.ask("mutation { drawAnonymousCode { code } }", json!({})).await;
    let code = drawn["drawAnonymousCode"]["code"].as_str().unwrap().to_owned();
    let raise =
        json!({ "code": code, "kind": "CRITICISM", "subject": "شلوغی باجه‌ها", "unit": "care" });
    hidden.mutate("openAnonymousCase", "staffCase { anonymous }", raise).await;
    let open =
        "{ voices(filter: { told: false, byStaff: true }) { nodes { author case { id } } } }";
    let found = lead.ask(open, json!({})).await["voices"]["nodes"].take();
    assert_eq!((found.as_array().unwrap().len(), &found[0]["author"]), (1, &Value::Null));
    let case = found[0]["case"]["id"].clone();
    let ask = json!({ "caseId": case, "direction": "OUTBOUND", "channel": "PORTAL", "body": "کدام روزها؟" });
    lead.mutate("recordInteraction", "case { id }", ask).await;
    let write = json!({ "code": code, "body": "شنبه‌ها" });
    hidden.mutate("writeToAnonymousCase", "staffCase { status }", write).await;
    lead.mutate("tellAuthor", "case { id }", told(&case, "PLANNED", "از پاییز")).await;
    let read = hidden.ask(BY_CODE, json!({ "code": code })).await["anonymousCase"].take();
    assert_eq!(read["became"], "PLANNED");
    let messages = json!([
        { "fromAuthor": false, "body": "کدام روزها؟" },
        { "fromAuthor": true, "body": "شنبه‌ها" },
        { "fromAuthor": false, "body": "از پاییز" },
    ]);
    assert_eq!(read["messages"], messages);

    // A customer's idea goes the same way.
    let customer = stage.register("مهری").await;
    let idea = json!({ "kind": "SUGGESTION", "subject": "پرداخت با تلفن", "channel": "APP" });
    let own = stage.customer(&customer);
    let idea = own.mutate("openCase", "case { id }", idea).await["case"]["id"].take();
    lead.mutate("tellAuthor", "case { id }", told(&idea, "PARTLY_ADOPTED", "برای قبض‌ها")).await;
    let query = "query($id: ID!) { case(id: $id) { timeline { nodes { text } } } }";
    let read = own.ask(query, json!({ "id": idea })).await["case"]["timeline"].to_string();
    assert!(read.contains("برای قبض‌ها"), "{read}");

    // Nothing in the log says who had no name.
    let told = stage.tell_the_log(&["author-2", &code, "مهری", "شلوغی", "شنبه‌ها", "صندلی"]);
    assert_in_order(
        &told,
        &[
            "CaseOpened",
            "CaseAuthorTold",
            "CaseClosed",
            "CaseOpened",
            "InteractionRecorded",
            "CaseAuthorTold",
            "CaseAuthorTold",
        ],
    );
}
