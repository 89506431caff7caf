//! Requests: media types, encodings, the form of the body, the document and its limits.

use serde_json::{Value, json};

use super::world::{World, mutation};
use super::{Expected, Row};

const MIB: usize = 1024 * 1024;

pub(super) fn rows(world: &World) -> Vec<Row> {
    let mut rows = bodies(world);
    rows.extend(media(world));
    rows.extend(documents(world));
    rows
}

/// What the body must be: UTF-8, JSON, one object.
fn bodies(world: &World) -> Vec<Row> {
    let body = |name: &str, body: Vec<u8>| {
        Row::new(name, world.post(body), Expected::Refused("BAD_USER_INPUT"))
    };
    let utf_16 = |bytes: fn(u16) -> [u8; 2]| {
        r#"{"query":"{ __typename }"}"#.encode_utf16().flat_map(bytes).collect::<Vec<u8>>()
    };
    let note = mutation("addNote");
    let lone = format!(
        r#"{{"query":{},"variables":{{"input":{{"caseId":"x","body":"\ud83d"}}}}}}"#,
        json!(note)
    );
    vec![
        body("an empty body", vec![]),
        body("white space", b" \r\n\t".to_vec()),
        body("half an object", br#"{"query": "{ __typ"#.to_vec()),
        body("a string", br#""{ __typename }""#.to_vec()),
        body("something after the object", br#"{"query":"{ __typename }"} {}"#.to_vec()),
        body("bytes that are no UTF-8", b"{\"query\":\"{ a\xff\xfe }\"}".to_vec()),
        body("an overlong encoding", b"{\"query\":\"{ \xc0\xaf }\"}".to_vec()),
        body("a surrogate in UTF-8", b"{\"query\":\"{ \xed\xa0\x80 }\"}".to_vec()),
        body("UTF-16, little end first", utf_16(u16::to_le_bytes)),
        body("UTF-16, big end first", utf_16(u16::to_be_bytes)),
        body("a byte order mark", b"\xef\xbb\xbf{\"query\":\"{ __typename }\"}".to_vec()),
        body("a raw line feed in a string", b"{\"query\":\"{\n__typename }\"}".to_vec()),
        body("a raw NUL", b"{\"query\":\"{ \0 }\"}".to_vec()),
        body(
            "half of a surrogate pair in the query",
            br#"{"query":"{ a(b: \"\ud800\") }"}"#.to_vec(),
        ),
        body("half of a surrogate pair in a variable", lone.into_bytes()),
        body("no query", br#"{"variables":{}}"#.to_vec()),
        body("a query that is a number", br#"{"query":1}"#.to_vec()),
        body("a query twice", br#"{"query":"{a}","query":"{b}"}"#.to_vec()),
        body("an operation name that is a list", br#"{"query":"{a}","operationName":[]}"#.to_vec()),
        body("variables that are a list", br#"{"query":"{a}","variables":[1]}"#.to_vec()),
        body("variables that are text", br#"{"query":"{a}","variables":"{}"}"#.to_vec()),
        body("extensions that are text", br#"{"query":"{a}","extensions":"x"}"#.to_vec()),
        body(
            "a number beyond every number",
            br#"{"query":"{a}","variables":{"a":1e999}}"#.to_vec(),
        ),
        body("a batch", br#"[{"query":"{ __typename }"}]"#.to_vec()),
        body("an empty batch", b"[]".to_vec()),
        body(
            "a deep variable",
            [&br#"{"query":"{a}","variables":{"a":"#[..], &[b'['; 2000], b"}}"].concat(),
        ),
        Row::new(
            "more than 1 MiB",
            world.post(vec![b' '; MIB + 1]),
            Expected::Refused("PAYLOAD_TOO_LARGE"),
        ),
        body("1 MiB of white space", vec![b' '; MIB]),
    ]
}

/// How it must be sent.
fn media(world: &World) -> Vec<Row> {
    let unsupported = |name: &str, header: &str, value: &str| {
        let mut request = world.post(r#"{"query":"{ __typename }"}"#).build().unwrap();
        let header: reqwest::header::HeaderName = header.parse().unwrap();
        request.headers_mut().insert(header, value.parse().unwrap());
        let request = reqwest::RequestBuilder::from_parts(world.http.clone(), request);
        Row::new(name, request, Expected::Refused("UNSUPPORTED_MEDIA_TYPE"))
    };
    let get = |name: &str, query_string: String, code| {
        let token = crate::harness::token(parvandeh::principal::Role::Agent, None, &["care"]);
        let request = world.http.get(format!("{}?{query_string}", world.url)).bearer_auth(token);
        Row::new(name, request, Expected::Refused(code))
    };
    let close = format!(
        r#"mutation {{ closeCase(input: {{ caseId: "{}" }}) {{ case {{ id }} }} }}"#,
        world.resolved
    );
    let breaches = "subscription { slaBreaches { cursor } }";
    let accepting = |name: &str, accept: &str, query: &str| {
        let request = world.ask(query, json!({})).header("accept", accept);
        Row::new(name, request, Expected::Refused("NOT_ACCEPTABLE"))
    };
    vec![
        unsupported("a form", "content-type", "application/x-www-form-urlencoded"),
        unsupported("plain text", "content-type", "text/plain"),
        unsupported("a bare document", "content-type", "application/graphql"),
        unsupported("a multipart request", "content-type", "multipart/form-data; boundary=x"),
        unsupported("JSON in another charset", "content-type", "application/json; charset=utf-16"),
        unsupported("a compressed body", "content-encoding", "gzip"),
        Row::new(
            "another method",
            world.http.put(&world.url),
            Expected::Refused("METHOD_NOT_ALLOWED"),
        ),
        get("a mutation over GET", format!("query={}", percent(&close)), "METHOD_NOT_ALLOWED"),
        get("GET without a query", String::new(), "BAD_USER_INPUT"),
        get("GET with a query twice", "query={a}&query={b}".to_owned(), "BAD_USER_INPUT"),
        get("GET with half an escape", "query=%7".to_owned(), "BAD_USER_INPUT"),
        get("GET with bytes that are no UTF-8", "query=%ff".to_owned(), "BAD_USER_INPUT"),
        get(
            "GET with variables that are no JSON",
            "query={a}&variables=x".to_owned(),
            "BAD_USER_INPUT",
        ),
        accepting("a subscription over plain POST", "application/json", breaches),
        accepting("an answer as a picture", "image/png", "{ __typename }"),
    ]
}

/// What the document must be, and how large it may be.
fn documents(world: &World) -> Vec<Row> {
    let of = |name: &str, query: String, code| {
        Row::new(name, world.ask(&query, json!({})), Expected::Refused(code))
    };
    let invalid = |name: &str, query: &str| of(name, query.to_owned(), "GRAPHQL_VALIDATION_FAILED");
    let unparsed = |name: &str, query: &str| of(name, query.to_owned(), "GRAPHQL_PARSE_FAILED");
    let named = |name: &str, query: &str, operation: Value, code| {
        let body = json!({ "query": query, "operationName": operation });
        Row::new(name, world.post(body.to_string()), Expected::Refused(code))
    };
    let two = "query A { __typename } query B { __typename }";
    let aliases: String = (0..31).map(|index| format!(" a{index}: __typename")).collect();
    let deep = (0..5).fold("id".to_owned(), |inner, _| {
        format!("cases(first: 1) {{ nodes {{ customer {{ {inner} }} }} }}")
    });
    let wide = "{ cases(first: 100) { nodes { timeline(first: 100) { nodes { eventId text actorId } } } } }";
    let spread = "{ cases(first: 1) { nodes { ...F } } } fragment F on Case { customer { cases { nodes { ...F } } } }";
    let block = format!(
        "mutation {{ addNote(input: {{ caseId: \"{}\", body: \"\"\"\n  سلام\n ی\u{200c}\n\u{a0} \"\"\", idempotencyKey: \"\\u0000\" }}) {{ userErrors {{ code field message }} }} }}",
        world.open
    );
    vec![
        unparsed("an empty document", ""),
        unparsed("a comment alone", "# nothing"),
        unparsed("a brace too few", "{ cases { totalCount }"),
        unparsed("a Persian field name", "{ پرونده }"),
        unparsed("half of a surrogate pair in the document", "{ case(id: \"\\ud800\") { id } }"),
        unparsed("an escape that is none", "{ case(id: \"\\x\") { id } }"),
        unparsed("two operations of one name", "query A { __typename } query A { __typename }"),
        unparsed("two operations without a name", "{ __typename } { __typename }"),
        invalid("an unknown field", "{ cases { nodes { colour } } }"),
        invalid("an unknown query", "{ everything { id } }"),
        invalid("an unknown argument", "{ cases(colour: 1) { totalCount } }"),
        invalid("an unknown input field", "{ cases(filter: { colour: 1 }) { totalCount } }"),
        invalid("an unknown enum value", "{ cases(filter: { status: [LOST] }) { totalCount } }"),
        invalid("an enum value as a number", "{ cases(filter: { status: [1] }) { totalCount } }"),
        invalid("an unknown type", "query($a: Nothing) { cases(reference: $a) { totalCount } }"),
        invalid("an unknown directive", "{ cases @loud { totalCount } }"),
        invalid("an unknown fragment", "{ cases { ...Nothing } }"),
        invalid("an argument that is missing", "{ case { id } }"),
        invalid("an argument of null", "{ case(id: null) { id } }"),
        invalid("text for a number", "{ cases(first: \"1\") { totalCount } }"),
        invalid("a fraction for a number", "{ cases(first: 1.5) { totalCount } }"),
        invalid("an object for text", "{ cases(after: {}) { totalCount } }"),
        invalid("fields of a scalar", "{ cases { totalCount { value } } }"),
        invalid("an object without fields", "{ cases }"),
        invalid("a variable without a value", "query($id: ID!) { case(id: $id) { id } }"),
        invalid("a variable that is not declared", "{ case(id: $id) { id } }"),
        invalid("a fragment in itself", spread),
        invalid("two fields of one name that differ", "{ a: __typename a: slaPolicies { id } }"),
        of("too deep", format!("{{ {deep} }}"), "GRAPHQL_VALIDATION_FAILED"),
        invalid("too much at once", wide),
        of("too many aliases", format!("{{ {aliases} }}"), "GRAPHQL_VALIDATION_FAILED"),
        of(
            "too many brackets",
            format!("{{ a(b: {}", "[".repeat(5_000)),
            "GRAPHQL_VALIDATION_FAILED",
        ),
        of("too many tokens", format!("{{ {} }}", "a ".repeat(5_000)), "GRAPHQL_VALIDATION_FAILED"),
        of("too long", format!("{{ a }} #{}", "ی".repeat(40_000)), "GRAPHQL_VALIDATION_FAILED"),
        invalid(
            "two subscriptions in one",
            "subscription { a: slaBreaches { cursor } b: slaBreaches { cursor } }",
        ),
        named("an operation that is not there", two, json!("C"), "GRAPHQL_VALIDATION_FAILED"),
        named("an operation name that is empty", two, json!(""), "GRAPHQL_VALIDATION_FAILED"),
        named(
            "no operation name where one is needed",
            two,
            Value::Null,
            "GRAPHQL_VALIDATION_FAILED",
        ),
        Row::new(
            "a Persian block string and a key of NUL",
            world.ask(&block, json!({})),
            Expected::User("IDEMPOTENCY_KEY_INVALID", Some("idempotencyKey")),
        ),
        Row::new(
            "variables that nobody asked for are left alone",
            world.ask("{ __typename }", json!({ "colour": 1 })),
            Expected::Done("/data/__typename", json!("Query")),
        ),
    ]
}

/// Every byte but letters and digits as an escape.
fn percent(text: &str) -> String {
    let escaped = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        other => format!("%{other:02x}"),
    };
    text.bytes().map(escaped).collect()
}
