//! Tokens: none, broken ones, and those of others.

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use parvandeh::principal::Role;
use serde_json::{Value, json};

use super::world::{World, global_id, with};
use super::{Expected, Row};
use crate::harness::{SECRET, token};

const QUESTION: &str = r#"{"query": "{ __typename }"}"#;

pub(super) fn rows(world: &World) -> Vec<Row> {
    let now = Timestamp::now().as_second();
    let claims = json!({
        "iss": "parvandeh-demo", "aud": "parvandeh", "sub": "somebody", "role": "agent", "exp": now + 600,
    });
    let bearer = |name: &str, token: String| {
        Row::new(name, world.post_as(&token, QUESTION), Expected::Refused("UNAUTHENTICATED"))
    };
    let header = |name: &str, value: &str| {
        let request = world.http.post(&world.url).header("content-type", "application/json");
        let request = request.header("authorization", value.to_owned()).body(QUESTION);
        Row::new(name, request, Expected::Refused("UNAUTHENTICATED"))
    };
    let claiming = |name: &str, changes: Value| {
        bearer(name, signed(Algorithm::HS256, &with(claims.clone(), changes)))
    };
    let lacking = |claim: &str| {
        let mut claims = claims.clone();
        claims.as_object_mut().unwrap().remove(claim);
        bearer(&format!("a token without {claim}"), signed(Algorithm::HS256, &claims))
    };
    let good = token(Role::Agent, None, &["care"]);
    let unsigned =
        format!("{}.{}.", global_id(r#"{"alg":"none"}"#), global_id(&claims.to_string()));
    let bare = world.http.post(&world.url).header("content-type", "application/json");
    vec![
        Row::new("no token", bare.body(QUESTION), Expected::Refused("UNAUTHENTICATED")),
        header("an empty header", ""),
        header("another scheme", "Basic c29tZWJvZHk6c2VjcmV0"),
        header("no scheme", &good),
        header("two tokens in one header", &format!("Bearer {good} {good}")),
        bearer("a word", "token".to_owned()),
        bearer("three dots and nothing else", "...".to_owned()),
        bearer("a very long token", "a".repeat(9 * 1024)),
        bearer("a signature cut short", good[..good.len() - 4].to_owned()),
        bearer("no signature and alg none", unsigned),
        bearer("another algorithm", signed(Algorithm::HS512, &claims)),
        claiming("an expired token", json!({ "exp": now - 60 })),
        claiming("a token of tomorrow", json!({ "nbf": now + 86_400 })),
        claiming("another audience", json!({ "aud": "another" })),
        claiming("another issuer", json!({ "iss": "another" })),
        claiming("a role that does not exist", json!({ "role": "root" })),
        claiming("several roles", json!({ "role": ["agent", "admin"] })),
        claiming("an expiry in words", json!({ "exp": "tomorrow" })),
        claiming("a customer without an id", json!({ "role": "customer" })),
        claiming("a customer id that is none", json!({ "role": "customer", "customer_id": "1" })),
        claiming("units that are no list", json!({ "units": "care" })),
        lacking("exp"),
        lacking("aud"),
        lacking("sub"),
        lacking("role"),
        Row::new(
            "the wrong role",
            world.mutate("publishPolicy", json!({ "id": "x", "document": {} })),
            Expected::Refused("FORBIDDEN"),
        ),
    ]
}

fn signed(algorithm: Algorithm, claims: &Value) -> String {
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    encode(&Header::new(algorithm), claims, &key).unwrap()
}
