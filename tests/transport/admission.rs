//! What is let in, decided from documents, variables and roles.

use async_graphql::parser::types::OperationType;
use async_graphql::{PathSegment, Variables};
use parvandeh::error::{ErrorCode, RequestError};
use parvandeh::graphql::admission::{Admission, AdmissionLimits, Admitted};
use parvandeh::graphql::parameters::Parameters;
use parvandeh::graphql::permissions::{rows_missing, rows_unknown};
use parvandeh::principal::{Role, Roles};
use serde_json::json;

use super::toy::{Counters, TABLE, schema};

fn admission(introspection: Roles) -> Admission {
    let sdl = schema(Counters::default()).sdl();
    Admission::new(&sdl, TABLE, introspection, AdmissionLimits::default()).unwrap()
}

fn parameters(query: &str) -> Parameters {
    Parameters { query: query.to_owned(), ..Parameters::default() }
}

fn admit(query: &str, role: Role) -> Result<Admitted, Vec<RequestError>> {
    admission(Roles::NONE).admit(parameters(query), role)
}

fn code(result: &Result<Admitted, Vec<RequestError>>) -> Option<ErrorCode> {
    result.as_ref().err().map(|errors| errors[0].code)
}

fn nested(levels: usize) -> String {
    let inner = "inner { ".repeat(levels - 3);
    format!("{{ items(first: 1) {{ {inner} nodes {{ id }} {} }} }}", "}".repeat(levels - 3))
        .replace("inner", "inner(first: 1)")
}

#[test]
fn limits_of_a_document_hold_at_their_edges() {
    use ErrorCode::{GraphqlParseFailed, GraphqlValidationFailed};
    let aliases = |count: usize| {
        let fields: String = (0..count).map(|index| format!(" a{index}: hello")).collect();
        format!("{{ {fields} }}")
    };
    let in_fragments = format!(
        "query {{ ...A ...B }} fragment A on Query {} fragment B on Query {}",
        aliases(16),
        aliases(16)
    );
    let doubling: String = (0..30)
        .map(|index| format!("fragment F{index} on Query {{ ...F{0} ...F{0} hello }} ", index + 1))
        .collect();
    let doubling = format!("{{ hello }} {doubling} fragment F30 on Query {{ hello }}");
    let cases: Vec<(&str, String, Option<ErrorCode>)> = vec![
        ("depth 15", nested(15), None),
        ("depth 16", nested(16), Some(GraphqlValidationFailed)),
        ("30 aliases", aliases(30), None),
        ("31 aliases", aliases(31), Some(GraphqlValidationFailed)),
        ("aliases in fragments", in_fragments, Some(GraphqlValidationFailed)),
        ("many tokens", format!("{{ {} }}", "hello ".repeat(5000)), Some(GraphqlValidationFailed)),
        ("a bomb of braces", "{a".repeat(30_000), Some(GraphqlValidationFailed)),
        (
            "a bomb of brackets",
            format!("{{a(b:{}", "[".repeat(60_000)),
            Some(GraphqlValidationFailed),
        ),
        (
            "a fragment in itself",
            "{ ...A } fragment A on Query { hello ...B } fragment B on Query { ...A }".to_owned(),
            Some(GraphqlValidationFailed),
        ),
        (
            "doubling fragments, in an operation that is not selected",
            doubling.replacen("{ hello }", "query A { hello } query B { ...F0 }", 1),
            Some(GraphqlValidationFailed),
        ),
        ("an unused doubling", doubling, None),
        (
            "a large text",
            format!("{{ hello }} #{}", "x".repeat(70_000)),
            Some(GraphqlValidationFailed),
        ),
        ("no text", String::new(), Some(GraphqlParseFailed)),
        (
            "two operations, none named",
            "query A {hello} query B {hello}".to_owned(),
            Some(GraphqlValidationFailed),
        ),
        ("an unknown field", "{ nothing { at { all } } }".to_owned(), None),
        ("an unknown fragment", "{ ...Nothing }".to_owned(), None),
        (
            "two subscriptions in one",
            "subscription { a: silent { value } b: silent { value } }".to_owned(),
            Some(GraphqlValidationFailed),
        ),
        (
            "a subscription behind a fragment",
            "subscription { ... { silent { value } } }".to_owned(),
            Some(GraphqlValidationFailed),
        ),
    ];
    for (name, query, expected) in cases {
        assert_eq!(code(&admit(&query, Role::Agent)), expected, "{name}");
    }
}

#[test]
fn complexity_is_fields_times_page_sizes() {
    // Each level costs its own field times the pages around it.
    let paged = "query($n: Int = 20, $m: Int) { items(first: $n) { inner(last: $m) { \
                 inner(first: 20) { nodes { id title } } } } }";
    let cases = [
        // 1 + 20 + 20*m + 20*m*20*3
        (json!({"m": 10}), true),
        (json!({"m": 16}), true),
        (json!({"m": 17}), false),
        (json!({}), false),
        (json!({"m": 50}), false),
        (json!({"n": 1}), true),
        (json!({"n": 5000, "m": 1}), false),
        (json!({"n": -5, "m": 1}), true),
        (json!({"n": null, "m": 1}), true),
        (json!({"n": 99999999999999999999.0, "m": 99999999999999999999.0}), false),
    ];
    let admission = admission(Roles::NONE);
    for (variables, admitted) in cases {
        let shown = variables.to_string();
        let variables = Variables::from_json(variables);
        let parameters = Parameters { variables, ..parameters(paged) };
        let result = admission.admit(parameters, Role::Agent);
        assert_eq!(result.is_ok(), admitted, "{shown}");
    }
    for (query, admitted) in [
        ("{ items(first: 5000) { nodes { id } } }", true),
        ("{ items(first: 5000) { nodes { id title children { id } } } }", false),
        ("{ items { inner { inner { nodes { id } } } } }", false),
        (
            "{ items { ...F } } fragment F on Items { inner { ...G } } \
          fragment G on Items { inner { nodes { id } } }",
            false,
        ),
    ] {
        assert_eq!(admit(query, Role::Agent).is_ok(), admitted, "{query}");
    }
}

#[test]
fn a_field_is_refused_to_roles_without_a_row_wherever_it_hides() {
    let cases = [
        ("{ vault { id } }", "vault"),
        ("{ hello secret: vault { id } }", "secret"),
        ("{ node { ... on Vault { combination } } }", "node/combination"),
        ("{ node { ...F } } fragment F on Vault { combination }", "node/combination"),
        ("{ search { ... on Item { id } ... on Vault { c: combination } } }", "search/c"),
        ("{ ... { ... on Query { vault { id } } } }", "vault"),
        ("query($no: Boolean = false) { vault @include(if: $no) { id } }", "vault"),
        ("subscription { privileged { value } }", "privileged"),
        ("query A { hello } query B { vault { id } }", "vault"),
    ];
    let admission = admission(Roles::NONE);
    for (query, path) in cases {
        let ask = |role| {
            let named = query.contains("query B").then(|| "B".to_owned());
            admission.admit(Parameters { operation_name: named, ..parameters(query) }, role)
        };
        let errors = ask(Role::Customer).unwrap_err();
        assert_eq!(errors[0].code, ErrorCode::Forbidden, "{query}");
        let found: Vec<_> = errors[0]
            .path
            .iter()
            .map(|segment| match segment {
                PathSegment::Field(name) => name.clone(),
                PathSegment::Index(index) => index.to_string(),
            })
            .collect();
        assert_eq!(found.join("/"), path, "{query}");
        // The answer is kept by role, so each role is asked for twice.
        assert!(ask(Role::Admin).is_ok(), "{query}");
        assert!(ask(Role::Customer).is_err(), "{query}");
        assert!(ask(Role::Admin).is_ok(), "{query}");
    }
}

#[test]
fn what_an_operation_is_does_not_depend_on_whether_it_has_a_name() {
    use OperationType::{Mutation, Query, Subscription};
    for (query, expected) in [
        ("{ hello }", Query),
        ("query Q { hello }", Query),
        ("mutation { rename(title: \"x\") }", Mutation),
        ("mutation M { rename(title: \"x\") }", Mutation),
        ("subscription { silent { value } }", Subscription),
        ("subscription S { silent { value } }", Subscription),
    ] {
        assert_eq!(admit(query, Role::Agent).unwrap().kind, expected, "{query}");
    }
}

#[test]
fn introspection_is_for_the_roles_it_is_configured_for() {
    let for_admins = admission(Roles::of(&[Role::Admin]));
    for query in ["{ __schema { types { name } } }", "{ __type(name: \"Query\") { name } }"] {
        assert!(for_admins.admit(parameters(query), Role::Admin).is_ok(), "{query}");
        let refused = for_admins.admit(parameters(query), Role::Agent);
        assert_eq!(code(&refused), Some(ErrorCode::Forbidden), "{query}");
    }
    assert!(for_admins.admit(parameters("{ __typename }"), Role::Agent).is_ok());
}

#[test]
fn the_table_covers_every_field_and_names_no_other() {
    let sdl = schema(Counters::default()).sdl();
    assert_eq!(rows_missing(&sdl, TABLE).unwrap(), Vec::<String>::new());
    assert_eq!(rows_unknown(&sdl, TABLE).unwrap(), Vec::<String>::new());

    let table = &[("Query", Roles::ALL, &["hello", "gone"] as &[_]), ("Lost", Roles::ALL, &["x"])];
    assert!(rows_missing(&sdl, table).unwrap().contains(&"Mutation.rename".to_owned()));
    assert!(!rows_missing(&sdl, table).unwrap().contains(&"Query.hello".to_owned()));
    assert_eq!(rows_unknown(&sdl, table).unwrap(), ["Lost.x", "Query.gone"]);
}
