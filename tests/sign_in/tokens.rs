//! The program's own tokens: what is accepted, and what is not.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::bank::Bank;
use crate::harness::SECRET;

const WHO: &str = "{ viewer { customer { id } } }";

/// The parts of a token.
fn parts(token: &str) -> (Value, Value) {
    let mut parts = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap());
    let mut json = || serde_json::from_slice(&parts.next().unwrap()).unwrap();
    (json(), json())
}

fn encoded(header: &Value, claims: &Value) -> String {
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    format!("{}.{}", part(header), part(claims))
}

/// The token's JSON with some fields others.
fn with(of: &Value, changes: Value) -> Value {
    let mut changed = of.clone();
    for (name, value) in changes.as_object().unwrap() {
        changed[name] = value.clone();
    }
    changed
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_short_and_says_who_and_nothing_more() {
    let bank = Bank::start().await;
    let holder = bank.holder("+98 912 000 0001").await;
    let (header, claims) = parts(&bank.sign_in(&holder).await);
    assert_eq!((&header["alg"], &header["typ"]), (&json!("EdDSA"), &json!("JWT")));
    assert_eq!(claims["role"], "customer");
    assert_eq!(claims["iss"], "parvandeh");
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 900);
    let mut names: Vec<_> = claims.as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(names, ["aud", "customer_id", "exp", "iat", "iss", "jti", "role", "sub"]);
    bank.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_token_is_refused_whatever_it_is_forged_from() {
    let bank = Bank::start().await;
    let holder = bank.holder("+98 912 000 0001").await;
    let token = bank.sign_in(&holder).await;
    assert_eq!(bank.ask(&token, WHO, json!({})).await.status, 200);
    let (header, claims) = parts(&token);
    let signature = token.rsplit('.').next().unwrap();
    let staff = with(&claims, json!({ "role": "admin" }));
    let later = with(&claims, json!({ "exp": 9_999_999_999_i64 }));

    // The key, which nobody should have: even so it makes nobody more than a customer.
    let file = bank.directory.path().join("keyring/sign-in.key");
    let seed = STANDARD.decode(std::fs::read_to_string(file).unwrap().trim()).unwrap();
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
    let signed = |header: &Value, claims: &Value| {
        let text = encoded(header, claims);
        let signature = URL_SAFE_NO_PAD.encode(pair.sign(text.as_bytes()));
        format!("{text}.{signature}")
    };
    assert_eq!(bank.ask(&signed(&header, &claims), WHO, json!({})).await.status, 200);
    let hmac = |kid: Option<&str>, claims: &Value, secret: &[u8]| {
        let header = Header { kid: kid.map(str::to_owned), ..Header::new(Algorithm::HS256) };
        jsonwebtoken::encode(&header, claims, &EncodingKey::from_secret(secret)).unwrap()
    };
    let own_kid = header["kid"].as_str();
    let demo = with(&staff, json!({ "iss": "parvandeh-demo", "aud": "parvandeh" }));
    let past = Timestamp::now().as_second() - 1;
    let no_kid = json!({ "alg": "EdDSA", "typ": "JWT" });
    let none = with(&header, json!({ "alg": "none" }));
    let brings_its_own = with(&header, json!({ "jwk": { "kty": "OKP" } }));
    let forged = [
        ("another role", format!("{}.{signature}", encoded(&header, &staff))),
        ("a longer life", format!("{}.{signature}", encoded(&header, &later))),
        ("no signature", format!("{}.", encoded(&none, &claims))),
        ("no algorithm", format!("{}.{signature}", encoded(&none, &claims))),
        ("the public key as a secret", hmac(own_kid, &claims, pair.public_key().as_ref())),
        ("the demo's key under our name", hmac(own_kid, &claims, SECRET.as_bytes())),
        ("the demo's key under our name for staff", hmac(own_kid, &demo, SECRET.as_bytes())),
        ("our issuer by the demo's key", hmac(None, &claims, SECRET.as_bytes())),
        ("our key for staff", signed(&header, &staff)),
        ("our key for the provider's issuer", signed(&header, &demo)),
        ("our key without its name", signed(&no_kid, &claims)),
        ("our key for another audience", signed(&header, &with(&claims, json!({ "aud": "x" })))),
        ("our key, too late", signed(&header, &with(&claims, json!({ "exp": past })))),
        ("a key that it brings itself", signed(&brings_its_own, &claims)),
    ];
    let (_, no_token) = ("", bank.ask("x.y.z", WHO, json!({})).await);
    for (name, token) in &forged {
        let answer = bank.ask(token, WHO, json!({})).await;
        assert_eq!(answer.status, 401, "{name}: {answer:?}");
        assert!(!answer.body.contains("viewer"), "{name}");
    }
    assert_eq!(no_token.status, 401);
    bank.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_good_after_a_restart_for_its_key_is_in_the_keyring() {
    let bank = Bank::start().await;
    let holder = bank.holder("+98 912 000 0001").await;
    let token = bank.sign_in(&holder).await;
    let bank = bank.restart().await;
    let answer = bank.send(&token, WHO, json!({})).await;
    assert_eq!(answer["data"]["viewer"]["customer"]["id"], holder.customer, "{answer}");
    // The identity provider's tokens are good beside it.
    let caller = bank.system.caller(parvandeh::principal::Role::Agent);
    caller.ask("{ cases { totalCount } }", json!({})).await;
    bank.stop().await;
}
