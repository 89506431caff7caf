//! Commands: what may not follow on what, revisions, and what customers may not say.

use parvandeh::principal::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use super::world::{World, global_id, with};
use super::{Expected, Row};

/// Every command on a case that an agent has, with the least that it needs.
fn on_cases() -> Vec<(&'static str, Value)> {
    vec![
        ("classifyCase", json!({ "priority": "LOW" })),
        ("referCase", json!({ "unit": "technical", "reason": "x" })),
        ("assignCase", json!({ "assignee": "somebody" })),
        ("enterStage", json!({ "stage": "x" })),
        ("recordInteraction", json!({ "direction": "OUTBOUND", "channel": "EMAIL", "body": "x" })),
        ("addNote", json!({ "body": "x" })),
        ("holdCase", json!({ "reason": "OTHER" })),
        ("resumeCase", json!({})),
        ("setDueDate", json!({ "dueAt": "2999-01-01T00:00:00Z" })),
        ("resolveCase", json!({ "outcome": "ANSWERED" })),
        ("reopenCase", json!({ "reason": "x" })),
        ("closeCase", json!({})),
        (
            "mergeCase",
            json!({ "into": global_id(&format!("Case:{}", Uuid::nil())), "reason": "x" }),
        ),
        ("unmergeCase", json!({ "reason": "x" })),
        ("acknowledgeCase", json!({ "channel": "SMS" })),
        ("assessCase", assessment()),
        ("recordFinding", json!({ "finding": "x" })),
        ("decideCase", json!({ "outcome": "UPHELD", "reasons": "x" })),
        ("appealCase", json!({ "grounds": "x" })),
        ("acceptDecision", json!({ "channel": "PHONE" })),
        ("offerAlternatives", json!({ "alternatives": "x" })),
        ("recordRootCause", json!({ "cause": "x" })),
        (
            "linkCorrectiveAction",
            json!({ "correctiveCaseId": global_id(&format!("Case:{}", Uuid::nil())) }),
        ),
        ("acceptReferral", json!({})),
        ("returnReferral", json!({ "reason": "x" })),
        ("promiseFollowUp", json!({ "what": "x", "dueAt": "2999-01-01T00:00:00Z" })),
        ("keepFollowUp", json!({ "number": 1 })),
    ]
}

fn assessment() -> Value {
    json!({ "severity": "MINOR", "safety": false, "complexity": "SIMPLE", "impact": "SINGLE" })
}

pub(super) fn rows(world: &World) -> Vec<Row> {
    let mut rows = refusals_of_a_case(world);
    rows.extend(merges(world));
    rows.extend(not_found(world));
    rows.extend(revisions(world));
    rows.extend(customers(world));
    rows.extend(said_by_customers(world));
    rows
}

fn refusals_of_a_case(world: &World) -> Vec<Row> {
    let commands = on_cases();
    let refused = |name: &str, state: &str, id: &str, code| {
        let input = commands.iter().find(|(known, _)| *known == name).unwrap().1.clone();
        let request = world.mutate(name, with(input, json!({ "caseId": id })));
        Row::new(format!("{name} on {state}"), request, Expected::User(code, None))
    };
    let mut rows = vec![
        refused("resumeCase", "an open case", &world.open, "CASE_NOT_ON_HOLD"),
        refused("reopenCase", "an open case", &world.open, "CASE_NOT_FINISHED"),
        refused("closeCase", "an open case", &world.open, "CASE_NOT_RESOLVED"),
        refused("holdCase", "a case on hold", &world.held, "CASE_ALREADY_ON_HOLD"),
        refused("closeCase", "a case on hold", &world.held, "CASE_NOT_RESOLVED"),
        refused("reopenCase", "a case on hold", &world.held, "CASE_NOT_FINISHED"),
    ];
    for name in ["referCase", "assignCase", "holdCase", "resumeCase", "setDueDate", "resolveCase"] {
        rows.push(refused(name, "a resolved case", &world.resolved, "CASE_RESOLVED"));
        rows.push(refused(name, "a closed case", &world.closed, "CASE_CLOSED"));
    }
    for name in ["classifyCase", "enterStage", "closeCase", "mergeCase"] {
        rows.push(refused(name, "a closed case", &world.closed, "CASE_CLOSED"));
    }
    for (name, _) in &commands {
        // What people say is kept, and undoing the merge is what is left to do.
        // A promise outlives the merge; and the case that is linked is looked up first.
        if !matches!(
            *name,
            "recordInteraction"
                | "addNote"
                | "unmergeCase"
                | "keepFollowUp"
                | "linkCorrectiveAction"
        ) {
            rows.push(refused(name, "a merged case", &world.merged, "CASE_MERGED"));
        }
    }
    for (state, id) in [("an open case", &world.open), ("a closed case", &world.closed)] {
        rows.push(refused("unmergeCase", state, id, "CASE_NOT_MERGED"));
    }
    let nothing = world.mutate("classifyCase", json!({ "caseId": world.open }));
    rows.push(Row::new(
        "a classification of nothing",
        nothing,
        Expected::User("NOTHING_TO_CLASSIFY", None),
    ));
    rows
}

fn merges(world: &World) -> Vec<Row> {
    let unknown = global_id(&format!("Case:{}", Uuid::new_v4()));
    let open = json!({ "kind": "REQUEST", "subject": "x", "channel": "APP" });
    let into = |name: &str, into: &str, expected| {
        let input = json!({ "caseId": world.open, "into": into, "reason": "x" });
        Row::new(name, world.mutate("mergeCase", input), expected)
    };
    let split = |name: &str, from: &str, expected| {
        let request = world.mutate("openCase", with(open.clone(), json!({ "splitFrom": from })));
        Row::new(name, request, expected)
    };
    let not_found = |field| Expected::User("CASE_NOT_FOUND", Some(field));
    vec![
        into("a merge into itself", &world.open, Expected::User("MERGE_INTO_ITSELF", Some("into"))),
        into("a merge into no case", &unknown, not_found("into")),
        into("a merge into a case of others", &world.foreign, not_found("into")),
        into(
            "a merge into a merged case",
            &world.merged,
            Expected::User("MERGE_TARGET_MERGED", Some("into")),
        ),
        into("a merge into a customer", &world.customer, Expected::Argument("into")),
        into("a merge into what is no id", "این نیست", Expected::Argument("into")),
        split("a case split from no case", &unknown, not_found("splitFrom")),
        split("a case split from a case of others", &world.foreign, not_found("splitFrom")),
        split("a case split from a customer", &world.customer, Expected::Argument("splitFrom")),
        split("a case split from what is no id", "1", Expected::Argument("splitFrom")),
    ]
}

fn not_found(world: &World) -> Vec<Row> {
    let unknown = global_id(&format!("Case:{}", Uuid::new_v4()));
    let mut rows = Vec::new();
    for (name, input) in on_cases() {
        // A revision or a moment that would be refused must not tell a case of others from one that is not there.
        let extras = [
            json!({}),
            json!({ "expectedRevision": 77 }),
            json!({ "occurredAt": "2999-01-01T00:00:00Z" }),
        ];
        for (id, extra) in [&unknown, &world.foreign]
            .into_iter()
            .flat_map(|id| extras.iter().map(move |extra| (id, extra)))
        {
            let input = with(with(input.clone(), json!({ "caseId": id })), extra.clone());
            let expected = Expected::User("CASE_NOT_FOUND", Some("caseId"));
            rows.push(Row::new(
                format!("{name} on no case, {extra}"),
                world.mutate(name, input),
                expected,
            ));
        }
    }
    rows
}

fn revisions(world: &World) -> Vec<Row> {
    let note = |name: &str, revision: i64, expected| {
        let input = json!({ "caseId": world.open, "body": "x", "expectedRevision": revision });
        Row::new(name, world.mutate("addNote", input), expected)
    };
    let conflict = || Expected::User("REVISION_CONFLICT", Some("expectedRevision"));
    let customer =
        json!({ "customerId": world.full_customer, "tier": "gold", "expectedRevision": 0 });
    vec![
        note("a revision that is still to come", 50, conflict()),
        note("the largest revision", i64::MAX, conflict()),
        note("a negative revision", -1, Expected::Argument("expectedRevision")),
        note("the smallest revision", i64::MIN, Expected::Argument("expectedRevision")),
        Row::new(
            "a stale revision of a case",
            world.mutate("closeCase", json!({ "caseId": world.resolved, "expectedRevision": 0 })),
            conflict(),
        ),
        Row::new(
            "a stale revision of a customer",
            world.mutate("changeCustomerDetails", customer),
            conflict(),
        ),
    ]
}

fn customers(world: &World) -> Vec<Row> {
    let unknown = global_id(&format!("Customer:{}", Uuid::new_v4()));
    let contact = json!({ "kind": "POSTAL_ADDRESS", "value": "شیراز" });
    let not_found = || Expected::User("CUSTOMER_NOT_FOUND", Some("customerId"));
    vec![
        Row::new(
            "a case for no customer",
            world.mutate("openCase", json!({ "kind": "REQUEST", "subject": "x", "channel": "APP", "customerId": unknown })),
            not_found(),
        ),
        Row::new(
            "a contact point for no customer",
            world.mutate("addContactPoint", with(contact.clone(), json!({ "customerId": unknown }))),
            not_found(),
        ),
        Row::new(
            "details of no customer",
            world.mutate("changeCustomerDetails", json!({ "customerId": unknown, "tier": "x", "expectedRevision": 3 })),
            not_found(),
        ),
        Row::new(
            "details of nothing",
            world.mutate("changeCustomerDetails", json!({ "customerId": world.customer })),
            Expected::User("NOTHING_TO_CHANGE", None),
        ),
        Row::new(
            "one contact point too many",
            world.mutate("addContactPoint", with(contact, json!({ "customerId": world.full_customer }))),
            Expected::User("TOO_MANY_CONTACT_POINTS", None),
        ),
    ]
}

fn said_by_customers(world: &World) -> Vec<Row> {
    let open = json!({ "kind": "REQUEST", "subject": "x", "channel": "PORTAL" });
    let opening = |field: &'static str, value: Value| {
        let request =
            world.mutate_as_customer("openCase", with(open.clone(), json!({ field: value })));
        Row::new(
            format!("a customer who says {field}"),
            request,
            Expected::User("FIELD_NOT_ALLOWED", Some(field)),
        )
    };
    let message = |field: &'static str, changes: Value| {
        let input = json!({ "caseId": world.open, "direction": "INBOUND", "channel": "PORTAL", "body": "x" });
        let request = world.mutate_as_customer("recordInteraction", with(input, changes));
        Row::new(
            format!("a customer who writes with another {field}"),
            request,
            Expected::User("FIELD_NOT_ALLOWED", Some(field)),
        )
    };
    let mut rows = vec![
        opening("priority", json!("URGENT")),
        opening("severity", json!("CRITICAL")),
        opening("unit", json!("care")),
        opening("dueAt", json!("2999-01-01T00:00:00Z")),
        opening("externalReference", json!("x")),
        opening("splitFrom", json!(world.open)),
        message("direction", json!({ "direction": "OUTBOUND" })),
        message("direction", json!({ "direction": "INTERNAL" })),
        message("automatic", json!({ "automatic": true })),
        Row::new(
            "a customer who opens a case for another",
            world.mutate_as_customer(
                "openCase",
                with(open, json!({ "customerId": world.full_customer })),
            ),
            Expected::User("CUSTOMER_NOT_FOUND", Some("customerId")),
        ),
    ];
    for (name, input) in on_cases() {
        if !matches!(name, "recordInteraction" | "reopenCase" | "appealCase" | "acceptDecision") {
            let request =
                world.mutate_as_customer(name, with(input, json!({ "caseId": world.open })));
            rows.push(Row::new(
                format!("a customer who sends {name}"),
                request,
                Expected::Refused("FORBIDDEN"),
            ));
        }
    }
    rows.push(Row::new(
        "an auditor who writes a note",
        world.mutate_as(Role::Auditor, "addNote", json!({ "caseId": world.open, "body": "x" })),
        Expected::Refused("FORBIDDEN"),
    ));
    rows
}
