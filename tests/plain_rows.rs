//! Lists of plain columns are answered in one pass; the answers must be those of the executor.

use parvandeh::principal::Role;
use serde_json::{Value, json};

use crate::harness::System;

const COLUMNS: &str = "__typename id reference kind subject description channel category priority \
    severity status holdReason unit assignee stage outcome externalReference dueAt openedAt updatedAt \
    resolvedAt closedAt interactionCount revision";
/// A link, which rows of plain columns do not have.
const LINK: &str = "link: customer { id }";

/// Takes the link out of an answer, and makes sure that it was there.
fn without_links(value: &mut Value) -> usize {
    match value {
        Value::Object(object) => {
            let here = usize::from(object.remove("link").is_some());
            here + object.values_mut().map(without_links).sum::<usize>()
        }
        Value::Array(items) => items.iter_mut().map(without_links).sum(),
        _ => 0,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_plain_columns_is_answered_as_the_executor_answers_it() {
    let system = System::start().await;
    let agent = system.caller(Role::Agent);
    for (input, then) in [
        (
            json!({ "kind": "MEDIA_INQUIRY", "subject": "پرسش \"خبرنگار\"", "channel": "SOCIAL_NETWORK" }),
            vec![],
        ),
        (
            json!({
                "kind": "COMPLAINT", "subject": "نامه بی‌پاسخ", "description": "در دو خط\nو با ممیز \\",
                "channel": "LETTER", "unit": "care", "category": "billing", "priority": "URGENT",
                "severity": "MAJOR", "dueAt": "2030-01-01T08:30:00.123456+03:30", "externalReference": "X-1",
            }),
            vec![
                ("assignCase", json!({ "assignee": "staff-1" })),
                ("enterStage", json!({ "stage": "در دست بررسی" })),
                ("holdCase", json!({ "reason": "AWAITING_THIRD_PARTY" })),
            ],
        ),
        (
            json!({ "kind": "REQUEST", "subject": "Done", "channel": "IN_PERSON", "unit": "technical" }),
            vec![
                (
                    "recordInteraction",
                    json!({ "direction": "OUTBOUND", "channel": "EMAIL", "body": "سلام" }),
                ),
                ("resolveCase", json!({ "outcome": "PARTLY_UPHELD" })),
                ("closeCase", json!({})),
            ],
        ),
    ] {
        let opened = agent.mutate("openCase", "case { id }", input).await;
        for (name, mut input) in then {
            input["caseId"] = opened["case"]["id"].clone();
            agent.mutate(name, "case { id }", input).await;
        }
    }

    let auditor = system.caller(Role::Auditor);
    for (query, links) in [
        (format!("{{ cases(first: 2) {{ nodes {{ {COLUMNS} %link% }} pageInfo {{ endCursor }} }} }}"), 2),
        (format!("{{ cases {{ totalCount edges {{ cursor node {{ {COLUMNS} %link% }} }} }} }}"), 3),
        ("{ cases { nodes { a: id b: id subject subject %link% } edges { node { revision } } } }".to_owned(), 3),
        ("{ cases { nodes { id } more: nodes { subject %link% } nodes { kind } } }".to_owned(), 3),
        ("query { cases { nodes { ...Row subject } } } fragment Row on Case { dueAt ...Name %link% } fragment Name on Case { reference }".to_owned(), 3),
        ("{ cases { nodes { ... on Node { id } ... { kind } status %link% } } }".to_owned(), 3),
        ("{ cases { nodes { id @include(if: true) subject @skip(if: true) %link% } } }".to_owned(), 3),
        ("{ cases { ... { nodes { id %link% } } } }".to_owned(), 3),
        ("{ cases(sort: PRIORITY_DESC, filter: { status: [OPEN, CLOSED, MERGED] }) { nodes { openedAt %link% } } }".to_owned(), 2),
    ] {
        let plain = auditor.ask(&query.replace("%link%", ""), json!({})).await;
        let mut whole = auditor.ask(&query.replace("%link%", LINK), json!({})).await;
        assert_eq!(without_links(&mut whole), links, "{query}");
        assert_eq!(plain.to_string(), whole.to_string(), "{query}");
    }
    system.stop().await;
}
