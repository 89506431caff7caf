//! The cache of an identity provider's key set.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use actix_web::{App, HttpResponse, HttpServer, web};
use jiff::SignedDuration;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use parvandeh::clock::ManualClock;
use parvandeh::http::authentication::{Authenticator, KeySource, SigningAlgorithm};
use serde_json::{Value, json};

use super::authentication::{EC, RSA, RSA_OTHER, claims, clock, config, rs256, sign};

/// An identity provider whose answer can be changed.
struct Provider {
    answer: Arc<Mutex<Option<String>>>,
    asked: Arc<AtomicUsize>,
    authenticator: Arc<Authenticator>,
    clock: Arc<ManualClock>,
}

impl Provider {
    fn start(keys: &[Value]) -> Self {
        let answer = Arc::new(Mutex::new(None));
        let asked = Arc::new(AtomicUsize::new(0));
        let (shared, counter) = (answer.clone(), asked.clone());
        let server = HttpServer::new(move || {
            let (shared, counter) = (shared.clone(), counter.clone());
            App::new().default_service(web::to(move || {
                counter.fetch_add(1, Ordering::SeqCst);
                let answer: Option<String> = shared.lock().unwrap().clone();
                async move {
                    match answer {
                        Some(answer) => HttpResponse::Ok().body(answer),
                        None => HttpResponse::ServiceUnavailable().finish(),
                    }
                }
            }))
        });
        let server = server.workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/keys", server.addrs()[0]);
        actix_web::rt::spawn(server.run());
        let clock = clock();
        let algorithms = [SigningAlgorithm::Rs256, SigningAlgorithm::Es256];
        let config = config(KeySource::JwksUrl { url }, &algorithms);
        let authenticator = Arc::new(Authenticator::new(config, clock.clone()).unwrap());
        let provider = Self { answer, asked, authenticator, clock };
        provider.publish(keys);
        provider
    }

    fn publish(&self, keys: &[Value]) {
        *self.answer.lock().unwrap() = Some(json!({ "keys": keys }).to_string());
    }

    fn fail(&self) {
        *self.answer.lock().unwrap() = None;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    async fn reason(&self, token: &str) -> String {
        match self.authenticator.verify(token).await {
            Ok(_) => "accepted".to_owned(),
            Err(error) => error.reason().into_owned(),
        }
    }
}

fn rsa_jwk(pem: &[u8], changes: Value) -> Value {
    let key = EncodingKey::from_rsa_pem(pem).unwrap();
    changed(serde_json::to_value(Jwk::from_encoding_key(&key, Algorithm::RS256).unwrap()), changes)
}

fn changed(jwk: serde_json::Result<Value>, changes: Value) -> Value {
    let mut jwk = jwk.unwrap();
    for (name, value) in changes.as_object().unwrap() {
        jwk[name] = value.clone();
    }
    jwk
}

fn token(kid: &str, pem: &[u8]) -> String {
    sign(&rs256(Some(kid)), &claims(), pem)
}

#[actix_web::test]
async fn a_key_is_taken_by_its_id_and_fetched_once() {
    let provider = Provider::start(&[
        rsa_jwk(RSA, json!({"kid": "k1", "use": "sig"})),
        rsa_jwk(RSA_OTHER, json!({"kid": "k2"})),
    ]);
    assert_eq!(provider.reason(&token("k1", RSA)).await, "accepted");
    assert_eq!(provider.reason(&token("k2", RSA_OTHER)).await, "accepted");
    assert_eq!(provider.reason(&token("k1", RSA_OTHER)).await, "bad_signature");
    assert_eq!(provider.reason(&sign(&rs256(None), &claims(), RSA)).await, "unknown_key");
    assert_eq!(provider.asked(), 1);
}

#[actix_web::test]
async fn keys_that_are_not_for_this_algorithm_and_use_are_not_used() {
    let secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA";
    let ec = EncodingKey::from_ec_pem(EC).unwrap();
    let ec = serde_json::to_value(Jwk::from_encoding_key(&ec, Algorithm::ES256).unwrap());
    let provider = Provider::start(&[
        json!({"kty": "oct", "kid": "oct", "k": secret, "alg": "HS256"}),
        rsa_jwk(RSA, json!({"kid": "enc", "use": "enc"})),
        rsa_jwk(RSA, json!({"kid": "ps", "alg": "PS256"})),
        rsa_jwk(RSA, json!({"kid": "wrap", "key_ops": ["wrapKey"]})),
        rsa_jwk(RSA, json!({"kid": "short", "n": "AQAB"})),
        json!({"kty": "future", "kid": "odd"}),
        changed(ec, json!({"kid": "ec"})),
    ]);
    for kid in ["enc", "ps", "wrap", "short", "odd", "oct", "ec"] {
        assert_eq!(provider.reason(&token(kid, RSA)).await, "unknown_key", "{kid}");
    }
    let hs256 = Header { kid: Some("oct".to_owned()), ..Header::new(Algorithm::HS256) };
    let forged = sign(&hs256, &claims(), b"secret-secret-secret-secret-secret");
    assert_eq!(provider.reason(&forged).await, "algorithm_not_allowed");
    let es256 = Header { kid: Some("ec".to_owned()), ..Header::new(Algorithm::ES256) };
    assert_eq!(provider.reason(&sign(&es256, &claims(), EC)).await, "accepted");
}

#[actix_web::test]
async fn an_unknown_key_asks_the_provider_again_but_not_more_than_once_in_thirty_seconds() {
    let provider = Provider::start(&[rsa_jwk(RSA, json!({"kid": "k1"}))]);
    assert_eq!(provider.reason(&token("k1", RSA)).await, "accepted");
    provider.publish(&[rsa_jwk(RSA_OTHER, json!({"kid": "k2"}))]);
    for kid in ["k2", "k3", "k4"] {
        assert_eq!(provider.reason(&token(kid, RSA_OTHER)).await, "unknown_key");
    }
    assert_eq!(provider.asked(), 1);
    provider.clock.advance(SignedDuration::from_secs(30));
    assert_eq!(provider.reason(&token("k2", RSA_OTHER)).await, "accepted");
    assert_eq!(provider.asked(), 2);
}

#[actix_web::test]
async fn many_callers_at_once_are_one_fetch() {
    let provider = Provider::start(&[rsa_jwk(RSA, json!({"kid": "k1"}))]);
    let tokens: Vec<_> = (0..20)
        .map(|index| {
            let mut claims = claims();
            claims["sub"] = json!(format!("subject {index}"));
            sign(&rs256(Some("k1")), &claims, RSA)
        })
        .collect();
    let asked = tokens.iter().map(|token| provider.reason(token));
    let reasons = futures_util::future::join_all(asked).await;
    assert!(reasons.iter().all(|reason| reason == "accepted"), "{reasons:?}");
    assert_eq!(provider.asked(), 1);
}

#[actix_web::test]
async fn while_the_provider_fails_the_last_good_keys_stay_in_use() {
    let provider = Provider::start(&[rsa_jwk(RSA, json!({"kid": "k1"}))]);
    assert_eq!(provider.reason(&token("k1", RSA)).await, "accepted");
    for broken in [None, Some("{}".to_owned()), Some("x".repeat(300 * 1024))] {
        *provider.answer.lock().unwrap() = broken;
        let asked = provider.asked();
        provider.clock.advance(SignedDuration::from_mins(11));
        let mut fresh = claims();
        fresh["exp"] = json!(super::authentication::NOW + 1_000_000);
        fresh["sub"] = json!(format!("after {asked}"));
        let fresh = sign(&rs256(Some("k1")), &fresh, RSA);
        assert_eq!(provider.reason(&fresh).await, "accepted");
        assert_eq!(provider.asked(), asked + 1);
    }
}

#[actix_web::test]
async fn without_any_keys_nothing_is_accepted_and_the_caller_is_not_blamed() {
    let provider = Provider::start(&[]);
    provider.fail();
    assert_eq!(provider.reason(&token("k1", RSA)).await, "keys_unavailable");
    assert_eq!(provider.reason(&token("k1", RSA)).await, "keys_unavailable");
    assert_eq!(provider.asked(), 1);
}
