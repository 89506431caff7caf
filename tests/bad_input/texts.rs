//! Texts that people type: sizes, control characters, codes, telephone numbers and addresses.

use parvandeh::principal::Role;
use serde_json::{Value, json};

use super::world::{World, with};
use super::{Expected, Row};

pub(super) fn rows(world: &World) -> Vec<Row> {
    let mut rows = sizes(world);
    rows.extend(codes(world));
    rows.extend(phones(world));
    rows.extend(emails(world));
    rows
}

fn sizes(world: &World) -> Vec<Row> {
    let open = json!({ "kind": "REQUEST", "subject": "x", "channel": "APP" });
    let opening = |name: &str, changes: Value, code, field| {
        let request = world.mutate("openCase", with(open.clone(), changes));
        Row::new(name, request, Expected::User(code, Some(field)))
    };
    let on_case = |name: &str, mutation: &str, input: Value, code, field| {
        let input = with(json!({ "caseId": world.open }), input);
        Row::new(name, world.mutate(mutation, input), Expected::User(code, Some(field)))
    };
    let message = |body: &str| json!({ "direction": "OUTBOUND", "channel": "EMAIL", "body": body });
    let activity = |name: &str, changes: Value, code, field| {
        let input = with(json!({ "caseId": world.open, "name": "review" }), changes);
        Row::new(
            name,
            world.mutate_as(Role::Service, "recordActivity", input),
            Expected::User(code, Some(field)),
        )
    };
    let (line, body) = ("ی".repeat(201), "ی".repeat(20_001));
    let control = "TEXT_HAS_CONTROL_CHARACTERS";
    vec![
        opening("an empty subject", json!({ "subject": "" }), "TEXT_EMPTY", "subject"),
        opening(
            "a subject of spaces",
            json!({ "subject": " \u{2003}\t " }),
            "TEXT_EMPTY",
            "subject",
        ),
        opening("a long Persian subject", json!({ "subject": line }), "TEXT_TOO_LONG", "subject"),
        opening("a subject of NUL", json!({ "subject": "a\u{0}b" }), control, "subject"),
        opening("a subject of two lines", json!({ "subject": "a\nb" }), control, "subject"),
        opening(
            "a subject with an escape sequence",
            json!({ "subject": "\u{1b}[31mred" }),
            control,
            "subject",
        ),
        opening(
            "a subject with a C1 control",
            json!({ "subject": "a\u{85}b" }),
            control,
            "subject",
        ),
        opening("an empty description", json!({ "description": "" }), "TEXT_EMPTY", "description"),
        opening(
            "a description of nearly 1 MiB",
            json!({ "description": "x".repeat(1_000_000) }),
            "TEXT_TOO_LONG",
            "description",
        ),
        opening(
            "a long key of another system",
            json!({ "externalReference": line }),
            "TEXT_TOO_LONG",
            "externalReference",
        ),
        opening(
            "a long idempotency key",
            json!({ "idempotencyKey": "k".repeat(201) }),
            "IDEMPOTENCY_KEY_INVALID",
            "idempotencyKey",
        ),
        opening(
            "a long Persian idempotency key",
            json!({ "idempotencyKey": "ک".repeat(101) }),
            "IDEMPOTENCY_KEY_INVALID",
            "idempotencyKey",
        ),
        opening(
            "an empty idempotency key",
            json!({ "idempotencyKey": "" }),
            "IDEMPOTENCY_KEY_INVALID",
            "idempotencyKey",
        ),
        on_case("an empty message", "recordInteraction", message(" "), "TEXT_EMPTY", "body"),
        on_case("a long message", "recordInteraction", message(&body), "TEXT_TOO_LONG", "body"),
        on_case("a message with a bell", "recordInteraction", message("\u{7}"), control, "body"),
        on_case("an empty note", "addNote", json!({ "body": "" }), "TEXT_EMPTY", "body"),
        on_case("a long note", "addNote", json!({ "body": body }), "TEXT_TOO_LONG", "body"),
        on_case("an empty stage", "enterStage", json!({ "stage": "" }), "TEXT_EMPTY", "stage"),
        on_case("a long stage", "enterStage", json!({ "stage": line }), "TEXT_TOO_LONG", "stage"),
        on_case(
            "an empty reason",
            "referCase",
            json!({ "unit": "technical", "reason": "" }),
            "TEXT_EMPTY",
            "reason",
        ),
        on_case(
            "a merge without a reason",
            "mergeCase",
            json!({ "into": world.held, "reason": "" }),
            "TEXT_EMPTY",
            "reason",
        ),
        Row::new(
            "an undone merge with a long reason",
            world.mutate("unmergeCase", json!({ "caseId": world.merged, "reason": body })),
            Expected::User("TEXT_TOO_LONG", Some("reason")),
        ),
        on_case(
            "an empty note on a hold",
            "holdCase",
            json!({ "reason": "OTHER", "note": "" }),
            "TEXT_EMPTY",
            "note",
        ),
        on_case(
            "an empty summary",
            "resolveCase",
            json!({ "outcome": "UPHELD", "summary": "" }),
            "TEXT_EMPTY",
            "summary",
        ),
        activity("an empty activity", json!({ "name": "" }), "TEXT_EMPTY", "name"),
        activity("a long resource", json!({ "resource": line }), "TEXT_TOO_LONG", "resource"),
        activity("a group of NUL", json!({ "group": "\u{0}" }), control, "group"),
        activity("an empty transition", json!({ "transition": "" }), "TEXT_EMPTY", "transition"),
        Row::new(
            "a customer without a name",
            world.mutate(
                "registerCustomer",
                json!({ "kind": "INDIVIDUAL", "name": "\u{2003}", "language": "PERSIAN" }),
            ),
            Expected::User("TEXT_EMPTY", Some("name")),
        ),
        Row::new(
            "a long tier",
            world.mutate(
                "changeCustomerDetails",
                json!({ "customerId": world.customer, "tier": line }),
            ),
            Expected::User("TEXT_TOO_LONG", Some("tier")),
        ),
    ]
}

fn codes(world: &World) -> Vec<Row> {
    let mut rows = Vec::new();
    let open = json!({ "kind": "REQUEST", "subject": "x", "channel": "APP" });
    let never = ["", " ", " care", "care ", "a  b", "a\tb", "a\u{0}", "a/b", "care;", "😀"];
    let long = "ک".repeat(65);
    for code in never.into_iter().chain([long.as_str()]) {
        let refer = json!({ "caseId": world.open, "unit": code, "reason": "x" });
        let requests = [
            ("unit", world.mutate("openCase", with(open.clone(), json!({ "unit": code })))),
            ("category", world.mutate("openCase", with(open.clone(), json!({ "category": code })))),
            ("unit", world.mutate("referCase", refer)),
            (
                "assignee",
                world.mutate("assignCase", json!({ "caseId": world.open, "assignee": code })),
            ),
            (
                "category",
                world.mutate("classifyCase", json!({ "caseId": world.open, "category": code })),
            ),
            (
                "id",
                world.mutate_as(
                    Role::Admin,
                    "publishPolicy",
                    json!({ "id": code, "document": {} }),
                ),
            ),
            (
                "id",
                world.mutate_as(
                    Role::Admin,
                    "publishCalendar",
                    json!({ "id": code, "document": {} }),
                ),
            ),
        ];
        rows.extend(requests.map(|(field, request)| {
            Row::new(
                format!("{code:?} as {field}"),
                request,
                Expected::User("CODE_INVALID", Some(field)),
            )
        }));
    }
    rows.push(Row::new(
        "a member of staff with a space",
        world.mutate("assignCase", json!({ "caseId": world.open, "assignee": "two words" })),
        Expected::User("CODE_INVALID", Some("assignee")),
    ));
    rows
}

fn phones(world: &World) -> Vec<Row> {
    let add = |value: &str, expected| {
        let input = json!({ "customerId": world.customer, "kind": "PHONE", "value": value });
        let query = "mutation($input: AddContactPointInput!) { addContactPoint(input: $input) { customer { contactPoints { value } } userErrors { code field message } } }";
        Row::new(
            format!("the number {value:?}"),
            world.ask(query, json!({ "input": input })),
            expected,
        )
    };
    let bad = [
        "۱۲۳",
        "12345",
        "1234567890123456",
        "+98 912 abc 4567",
        "شماره",
        "+98+9121234567",
        "0912x1234567",
        "۰۹۱۲ سه ۱۲۳۴۵",
        "０９１２１２３４５６７",
        "+",
        "(021)",
        "0912_123_4567",
        "²³⁴⁵⁶⁷⁸⁹",
    ];
    let good = [
        "۰۹۱۲۱۲۳۴۵۶۷",
        "+۹۸ ۲۱ ۱۲۳۴ ۵۶۷۸",
        "٠٩١٢١٢٣٤٥٦٨",
        "۰٩1۲ (345) ۶۷-۸9",
        "\u{200e}+98.21.8888.0000",
    ];
    let normal = ["09121234567", "+982112345678", "09121234568", "09123456789", "+982188880000"];
    let mut rows: Vec<Row> =
        bad.map(|value| add(value, Expected::User("PHONE_INVALID", Some("value")))).into();
    rows.push(add("", Expected::User("TEXT_EMPTY", Some("value"))));
    rows.push(add(
        "0912\u{0}1234567",
        Expected::User("TEXT_HAS_CONTROL_CHARACTERS", Some("value")),
    ));
    for (index, (value, normal)) in good.into_iter().zip(normal).enumerate() {
        let pointers = [
            "/data/addContactPoint/customer/contactPoints/0/value",
            "/data/addContactPoint/customer/contactPoints/1/value",
            "/data/addContactPoint/customer/contactPoints/2/value",
            "/data/addContactPoint/customer/contactPoints/3/value",
            "/data/addContactPoint/customer/contactPoints/4/value",
        ];
        rows.push(add(value, Expected::Done(pointers[index], json!(normal))));
    }
    rows
}

fn emails(world: &World) -> Vec<Row> {
    let bad = [
        "نسترن",
        "a",
        "@",
        "a@",
        "@b.ir",
        "a@b",
        "a@.ir",
        "a@b.",
        "a b@c.ir",
        "a@b .ir",
        "a@\u{a0}b.ir",
    ];
    let add = |value: &str, expected| {
        let input = json!({ "customerId": world.customer, "kind": "EMAIL", "value": value });
        Row::new(format!("the address {value:?}"), world.mutate("addContactPoint", input), expected)
    };
    let mut rows: Vec<Row> =
        bad.map(|value| add(value, Expected::User("EMAIL_INVALID", Some("value")))).into();
    rows.push(add(
        &format!("{}@b.ir", "a".repeat(300)),
        Expected::User("TEXT_TOO_LONG", Some("value")),
    ));
    rows.push(add(
        "a@b.ir\r\nBcc: c@d.ir",
        Expected::User("TEXT_HAS_CONTROL_CHARACTERS", Some("value")),
    ));
    rows
}
