//! Arguments: ids, cursors, pages, moments and types.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parvandeh::principal::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use super::world::{World, global_id, uuid_of, with};
use super::{Expected, Row};

pub(super) fn rows(world: &World) -> Vec<Row> {
    let mut rows = ids(world);
    rows.extend(cursors(world));
    rows.extend(pages(world));
    rows.extend(moments(world));
    rows.extend(types(world));
    rows
}

fn ids(world: &World) -> Vec<Row> {
    let mut rows = Vec::new();
    let bad = [
        ("an id that is not base64", "این نیست".to_owned()),
        ("an empty id", String::new()),
        ("a plain UUID", uuid_of(&world.open).to_string()),
        ("a number", "1".to_owned()),
        ("an id of no type", global_id(&format!("Person:{}", Uuid::nil()))),
        ("an id without a UUID", global_id("Case:1")),
        ("an id with something after it", global_id(&format!("Case:{}:1", Uuid::nil()))),
        ("an id that is no UTF-8", URL_SAFE_NO_PAD.encode([0xff, 0xfe])),
        ("a very long id", "A".repeat(100_000)),
    ];
    for (name, id) in bad {
        for (query, argument) in [
            ("query($id: ID!) { case(id: $id) { id } }", "id"),
            ("query($id: ID!) { customer(id: $id) { id } }", "id"),
            ("query($id: ID!) { node(id: $id) { id } }", "id"),
            ("query($id: ID!) { nodes(ids: [$id]) { id } }", "ids"),
            ("query($id: ID!) { cases(filter: { customerId: $id }) { totalCount } }", "customerId"),
            ("query($id: ID!) { slaBreaches(filter: { caseId: $id }) { totalCount } }", "caseId"),
        ] {
            let request = world.ask(query, json!({ "id": id }));
            rows.push(Row::new(
                format!("{name} in {query}"),
                request,
                Expected::Argument(argument),
            ));
        }
        let request = world.mutate("addNote", json!({ "caseId": id, "body": "x" }));
        rows.push(Row::new(format!("{name} in addNote"), request, Expected::Argument("caseId")));
        let follow = "subscription($id: ID!) { caseEvents(caseId: $id) { cursor } }";
        let request = world.follow(follow, json!({ "id": id }));
        rows.push(Row::new(format!("{name} in caseEvents"), request, Expected::Argument("caseId")));
    }
    let case = "query($id: ID!) { case(id: $id) { id } }";
    let customer = "query($id: ID!) { customer(id: $id) { id } }";
    let unknown = global_id(&format!("Case:{}", Uuid::new_v4()));
    let of = |name: &str, query: &str, id: &str, expected| {
        Row::new(name, world.ask(query, json!({ "id": id })), expected)
    };
    rows.extend([
        of("a customer's id for a case", case, &world.customer, Expected::Argument("id")),
        of("a case's id for a customer", customer, &world.open, Expected::Argument("id")),
        of("an unknown case", case, &unknown, Expected::Done("/data/case", Value::Null)),
        of("a case of others", case, &world.foreign, Expected::Done("/data/case", Value::Null)),
        Row::new(
            "too many ids",
            world.ask("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", json!({ "ids": vec![&world.open; 101] })),
            Expected::Argument("ids"),
        ),
        Row::new(
            "a customer's id for a case in a mutation",
            world.mutate("resumeCase", json!({ "caseId": world.customer })),
            Expected::Argument("caseId"),
        ),
        Row::new(
            "a case's id for the customer of a new case",
            world.mutate("openCase", json!({ "kind": "REQUEST", "subject": "x", "channel": "APP", "customerId": world.open })),
            Expected::Argument("customerId"),
        ),
    ]);
    rows
}

fn cursors(world: &World) -> Vec<Row> {
    let of = |name: &str, arguments: &str, cursor: &str| {
        let query = format!("query($cursor: String) {{ cases({arguments}) {{ totalCount }} }}");
        let argument = if arguments.contains("before") { "before" } else { "after" };
        Row::new(name, world.ask(&query, json!({ "cursor": cursor })), Expected::Argument(argument))
    };
    let elsewhere = |name: &str, query: &str, cursor: &str| {
        let query = query.replace('%', "after: $cursor");
        let variables = json!({ "cursor": cursor, "id": world.open, "other": world.held });
        Row::new(name, world.ask(&query, variables), Expected::Argument("after"))
    };
    let inside =
        String::from_utf8(URL_SAFE_NO_PAD.decode(&world.cursor_of_cases).unwrap()).unwrap();
    let longer = URL_SAFE_NO_PAD.encode(format!("{inside}.1"));
    let overflow = URL_SAFE_NO_PAD.encode(inside.replacen('.', ".9999999999999999999.", 1));
    let (cases, timeline) = (&world.cursor_of_cases, &world.cursor_of_timeline);
    let follow = "subscription($id: ID!, $cursor: String) { caseEvents(caseId: $id, after: $cursor) { cursor } }";
    let follow_breaches =
        "subscription($cursor: String) { slaBreaches(after: $cursor) { cursor } }";
    vec![
        of("a cursor of garbage", "after: $cursor", "این نیست"),
        of("an empty cursor", "after: $cursor", ""),
        of("a cursor of base64 garbage", "before: $cursor", "AAAA"),
        of("a very long cursor", "after: $cursor", &"A".repeat(500_000)),
        of("a cursor with something after it", "after: $cursor", &longer),
        of("a cursor with a number too large", "after: $cursor", &overflow),
        of("a cursor of a timeline", "after: $cursor", timeline),
        of("a cursor of another order", "sort: DUE_AT_ASC, after: $cursor", cases),
        of("a cursor of another filter", "filter: { kind: [REQUEST] }, before: $cursor", cases),
        elsewhere(
            "a cursor of cases for customers",
            "query($cursor: String) { customers(%) { totalCount } }",
            cases,
        ),
        elsewhere(
            "a cursor of cases for breaches",
            "query($cursor: String) { slaBreaches(%) { totalCount } }",
            cases,
        ),
        elsewhere(
            "a cursor of another case's timeline",
            "query($cursor: String, $other: ID!) { case(id: $other) { timeline(%) { totalCount } } }",
            timeline,
        ),
        Row::new(
            "a timeline's cursor for a subscription",
            world.follow(follow, json!({ "id": world.open, "cursor": timeline })),
            Expected::Argument("after"),
        ),
        Row::new(
            "a cursor of garbage for the feed of breaches",
            world.follow(follow_breaches, json!({ "cursor": "x" })),
            Expected::Argument("after"),
        ),
        Row::new(
            "a last event id of garbage",
            world.follow(follow_breaches, json!({})).header("last-event-id", "x"),
            Expected::Argument("after"),
        ),
    ]
}

fn pages(world: &World) -> Vec<Row> {
    let of = |arguments: &str, expected: Expected| {
        let query = format!("{{ cases({arguments}) {{ totalCount }} }}");
        Row::new(format!("a page of {arguments}"), world.ask(&query, json!({})), expected)
    };
    let by_variable = |first: Value, expected: Expected| {
        let query = "query($first: Int) { customers(first: $first) { totalCount } }";
        let name = format!("a page of {first} by a variable");
        Row::new(name, world.ask(query, json!({ "first": first })), expected)
    };
    vec![
        of("first: 1, last: 1", Expected::Argument("last")),
        of("first: 0", Expected::Argument("first")),
        of("last: 0", Expected::Argument("last")),
        of("first: -1", Expected::Argument("first")),
        of("last: -2147483648", Expected::Argument("last")),
        of("first: 101", Expected::Argument("first")),
        of("last: 2147483647", Expected::Refused("GRAPHQL_VALIDATION_FAILED")),
        of("first: 2147483648", Expected::Refused("GRAPHQL_VALIDATION_FAILED")),
        of("first: 99999999999999999999999", Expected::Refused("GRAPHQL_VALIDATION_FAILED")),
        of("first: -99999999999", Expected::Refused("BAD_USER_INPUT")),
        by_variable(json!(101), Expected::Argument("first")),
        by_variable(json!(-3_000_000_000_i64), Expected::Refused("BAD_USER_INPUT")),
        by_variable(json!("10"), Expected::Refused("GRAPHQL_VALIDATION_FAILED")),
        by_variable(json!(1.5), Expected::Refused("GRAPHQL_VALIDATION_FAILED")),
        by_variable(json!([1]), Expected::Refused("GRAPHQL_VALIDATION_FAILED")),
    ]
}

fn moments(world: &World) -> Vec<Row> {
    let mut rows = Vec::new();
    let bad = [
        "2026-03-21T08:00:00",
        "2026-03-21",
        "2026-02-30T08:00:00Z",
        "2025-02-29T08:00:00Z",
        "2026-13-01T08:00:00Z",
        "2026-03-21T25:00:00Z",
        "2026-03-21T08:60:00Z",
        "2026-03-21T08:00:00+99:00",
        "۲۰۲۶-۰۳-۲۱T۰۸:۰۰:۰۰Z",
        "۱۴۰۵/۰۱/۰۱",
        "99999-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "-99999-01-01T00:00:00Z",
        "tomorrow",
        "1774080000",
        "",
        "2026-03-21T08:00:00Z\u{0}",
    ];
    let open = json!({ "kind": "REQUEST", "subject": "x", "channel": "APP" });
    for text in bad {
        let opened = world.mutate("openCase", with(open.clone(), json!({ "occurredAt": text })));
        rows.push(Row::new(
            format!("{text:?} as occurredAt"),
            opened,
            Expected::Refused("BAD_USER_INPUT"),
        ));
        let asked = world.ask(
            "query($from: DateTime) { slaCompliance(from: $from) { total } }",
            json!({ "from": text }),
        );
        rows.push(Row::new(
            format!("{text:?} as from"),
            asked,
            Expected::Refused("BAD_USER_INPUT"),
        ));
    }
    let opening = |name: &str, changes: Value, expected| {
        Row::new(name, world.mutate("openCase", with(open.clone(), changes)), expected)
    };
    let period = |name: &str, from: &str, to: &str| {
        let query = "query($from: DateTime, $to: DateTime) { slaCompliance(from: $from, to: $to) { total } }";
        Row::new(
            name,
            world.ask(query, json!({ "from": from, "to": to })),
            Expected::Argument("to"),
        )
    };
    let on_case = |name: &str, mutation: &str, input: Value, code, field| {
        let input = with(json!({ "caseId": world.open }), input);
        Row::new(name, world.mutate(mutation, input), Expected::User(code, Some(field)))
    };
    rows.extend([
        opening(
            "a case of tomorrow",
            json!({ "occurredAt": "2999-01-01T00:00:00Z" }),
            Expected::User("OCCURRED_IN_FUTURE", Some("occurredAt")),
        ),
        opening(
            "a case due before it began",
            json!({ "dueAt": "2020-01-01T00:00:00Z" }),
            Expected::User("DUE_DATE_PASSED", Some("dueAt")),
        ),
        opening(
            "a moment as a number",
            json!({ "occurredAt": 1_774_080_000 }),
            Expected::Refused("BAD_USER_INPUT"),
        ),
        opening(
            "a moment as an object",
            json!({ "dueAt": {} }),
            Expected::Refused("BAD_USER_INPUT"),
        ),
        opening(
            "a very old case",
            json!({ "occurredAt": "-009998-01-02T00:00:00Z" }),
            Expected::Done("/data/openCase/userErrors", json!([])),
        ),
        opening(
            "the last day of all",
            json!({ "dueAt": "9999-12-30T00:00:00Z" }),
            Expected::Done("/data/openCase/userErrors", json!([])),
        ),
        on_case(
            "a note of tomorrow",
            "addNote",
            json!({ "body": "x", "occurredAt": "2999-01-01T00:00:00Z" }),
            "OCCURRED_IN_FUTURE",
            "occurredAt",
        ),
        on_case(
            "a promise in the past",
            "setDueDate",
            json!({ "dueAt": "2020-01-01T00:00:00Z" }),
            "DUE_DATE_PASSED",
            "dueAt",
        ),
        on_case(
            "an answer due in the past",
            "referCase",
            json!({ "unit": "technical", "reason": "x", "answerDueAt": "2020-01-01T00:00:00Z" }),
            "DUE_DATE_PASSED",
            "answerDueAt",
        ),
        period("a period backwards", "2026-02-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        period("a period of no time", "2026-01-01T00:00:00Z", "2026-01-01T03:30:00+03:30"),
        Row::new(
            "a view of a time before time",
            world.ask(
                "query($id: ID!) { case(id: $id, asOf: \"-009998-01-02T00:00:00Z\") { id } }",
                json!({ "id": world.open }),
            ),
            Expected::Done("/data/case", Value::Null),
        ),
    ]);
    rows
}

fn types(world: &World) -> Vec<Row> {
    let open = json!({ "kind": "REQUEST", "subject": "x", "channel": "APP" });
    let opening = |name: &str, changes: Value| {
        let request = world.mutate("openCase", with(open.clone(), changes));
        Row::new(name, request, Expected::Refused("GRAPHQL_VALIDATION_FAILED"))
    };
    let many: Vec<String> = (0..101).map(|index| format!("unit{index}")).collect();
    vec![
        opening("an unknown kind", json!({ "kind": "RANT" })),
        opening("a kind in small letters", json!({ "kind": "request" })),
        opening("a subject that is a number", json!({ "subject": 5 })),
        opening("a subject that is null", json!({ "subject": null })),
        opening("a subject that is a list", json!({ "subject": ["x", "y"] })),
        opening("an unknown field of the input", json!({ "colour": "red" })),
        Row::new(
            "a field that is missing",
            world.mutate("openCase", json!({ "kind": "REQUEST", "subject": "x" })),
            Expected::Refused("GRAPHQL_VALIDATION_FAILED"),
        ),
        Row::new(
            "an input that is text",
            world.mutate("openCase", json!("x")),
            Expected::Refused("BAD_USER_INPUT"),
        ),
        Row::new(
            "an input that is null",
            world.mutate("openCase", Value::Null),
            Expected::Refused("GRAPHQL_VALIDATION_FAILED"),
        ),
        Row::new(
            "a flag that is text",
            world.mutate("recordInteraction", json!({ "caseId": world.open, "direction": "INBOUND", "channel": "APP", "body": "x", "automatic": "yes" })),
            Expected::Refused("GRAPHQL_VALIDATION_FAILED"),
        ),
        Row::new(
            "a revision that is text",
            world.mutate("resumeCase", json!({ "caseId": world.open, "expectedRevision": "1" })),
            Expected::Refused("GRAPHQL_VALIDATION_FAILED"),
        ),
        Row::new(
            "too many codes in a filter",
            world.ask("query($in: [String!]) { cases(filter: { unit: { in: $in } }) { totalCount } }", json!({ "in": many })),
            Expected::Refused("BAD_USER_INPUT"),
        ),
        Row::new(
            "too many event types in a filter",
            world.ask(
                "query($id: ID!, $types: [String!]) { case(id: $id) { timeline(filter: { eventType: $types }) { totalCount } } }",
                json!({ "id": world.open, "types": vec!["CaseOpened"; 51] }),
            ),
            Expected::Refused("BAD_USER_INPUT"),
        ),
        Row::new(
            "a group twice",
            world.ask("{ slaCompliance(groupBy: [UNIT, UNIT]) { total } }", json!({})),
            Expected::Argument("groupBy"),
        ),
        Row::new(
            "a filter of NUL and wildcards finds nothing",
            world.ask("{ cases(filter: { reference: \"%\\u0000' OR 1=1 --\", unit: { eq: \"*\" } }) { totalCount } }", json!({})),
            Expected::Done("/data/cases/totalCount", json!(0)),
        ),
        Row::new(
            "a customer who filters by who works on a case",
            world.ask_as(&world.customer_token, "{ cases(filter: { assignee: { eq: \"test-agent\" } }) { totalCount } }", json!({})),
            Expected::Refused("FORBIDDEN"),
        ),
        Row::new(
            "a monitor who filters by customer",
            world.ask_as(
                &crate::harness::token(Role::Monitor, None, &[]),
                "query($id: ID!) { cases(filter: { customerId: $id }) { totalCount } }",
                json!({ "id": world.customer }),
            ),
            Expected::Refused("FORBIDDEN"),
        ),
    ]
}
