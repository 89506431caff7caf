//! Tokens: what is accepted, and how each attack fails.

use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use parvandeh::clock::ManualClock;
use parvandeh::http::authentication::{
    AuthenticationConfig, AuthenticationError, AuthenticationSetupError, Authenticator, KeySource,
    Secret, SigningAlgorithm, issue_demo_token,
};
use parvandeh::principal::{Principal, Role};
use serde_json::{Value, json};
use uuid::Uuid;

pub const RSA: &[u8] = include_bytes!("keys/rsa.pem");
pub const RSA_PUBLIC: &[u8] = include_bytes!("keys/rsa.pub.pem");
pub const RSA_OTHER: &[u8] = include_bytes!("keys/rsa_other.pem");
pub const EC: &[u8] = include_bytes!("keys/ec.pem");
pub const ED: &[u8] = include_bytes!("keys/ed.pem");

pub const NOW: i64 = 1_774_083_600;

pub fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::starting_at(Timestamp::from_second(NOW).unwrap()))
}

pub fn claims() -> Value {
    json!({
        "iss": "https://id.example.org", "aud": "parvandeh", "sub": "someone", "role": "agent",
        "units": ["tehran-1"], "exp": NOW + 600, "nbf": NOW - 10,
    })
}

/// The claims with some replaced, or removed where the value is null.
fn claims_with(changes: Value) -> Value {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    claims
}

pub fn config(keys: KeySource, algorithms: &[SigningAlgorithm]) -> AuthenticationConfig {
    AuthenticationConfig {
        issuer: "https://id.example.org".to_owned(),
        audience: "parvandeh".to_owned(),
        algorithms: algorithms.to_vec(),
        leeway_seconds: 5,
        keys,
    }
}

fn key_file(name: &str, algorithm: SigningAlgorithm, kid: Option<&str>) -> KeySource {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/transport/keys").join(name);
    KeySource::PemFile { path, algorithm, kid: kid.map(str::to_owned) }
}

fn rsa_authenticator(kid: Option<&str>) -> Authenticator {
    let keys = key_file("rsa.pub.pem", SigningAlgorithm::Rs256, kid);
    Authenticator::new(config(keys, &[SigningAlgorithm::Rs256]), clock()).unwrap()
}

pub fn sign(header: &Header, claims: &Value, pem: &[u8]) -> String {
    let key = match header.alg {
        Algorithm::RS256 | Algorithm::PS256 => EncodingKey::from_rsa_pem(pem),
        Algorithm::ES256 => EncodingKey::from_ec_pem(pem),
        Algorithm::EdDSA => EncodingKey::from_ed_pem(pem),
        _ => Ok(EncodingKey::from_secret(pem)),
    };
    jsonwebtoken::encode(header, claims, &key.unwrap()).unwrap()
}

pub fn rs256(kid: Option<&str>) -> Header {
    Header { kid: kid.map(str::to_owned), ..Header::new(Algorithm::RS256) }
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// The token with another header; the signature stays.
fn with_header(token: &str, header: Value) -> String {
    let (_, rest) = token.split_once('.').unwrap();
    format!("{}.{rest}", part(&header))
}

async fn reason(authenticator: &Authenticator, token: &str) -> String {
    match authenticator.verify(token).await {
        Ok(_) => "accepted".to_owned(),
        Err(error) => error.reason().into_owned(),
    }
}

#[tokio::test]
async fn a_good_token_becomes_a_principal() {
    let verified = rsa_authenticator(None).verify(&sign(&rs256(None), &claims(), RSA)).await;
    let expected = Principal {
        subject: "someone".to_owned(),
        role: Role::Agent,
        customer_id: None,
        units: vec!["tehran-1".to_owned()],
        // The leeway is included.
        expires_at: Timestamp::from_second(NOW + 605).unwrap(),
    };
    assert_eq!(*verified.unwrap(), expected);
}

#[tokio::test]
async fn every_algorithm_verifies_its_own_signatures_and_no_others() {
    let of = |name, algorithm| {
        Authenticator::new(config(key_file(name, algorithm, None), &[algorithm]), clock()).unwrap()
    };
    let authenticators = [
        of("rsa.pub.pem", SigningAlgorithm::Rs256),
        of("ec.pub.pem", SigningAlgorithm::Es256),
        of("ed.pub.pem", SigningAlgorithm::EdDsa),
    ];
    let tokens = [
        sign(&Header::new(Algorithm::RS256), &claims(), RSA),
        sign(&Header::new(Algorithm::ES256), &claims(), EC),
        sign(&Header::new(Algorithm::EdDSA), &claims(), ED),
    ];
    for (a, authenticator) in authenticators.iter().enumerate() {
        for (t, token) in tokens.iter().enumerate() {
            let expected = if a == t { "accepted" } else { "algorithm_not_allowed" };
            assert_eq!(reason(authenticator, token).await, expected, "{a} {t}");
        }
    }
}

#[tokio::test]
async fn every_attack_fails_for_its_own_reason() {
    let authenticator = rsa_authenticator(Some("k1"));
    let good = sign(&rs256(Some("k1")), &claims(), RSA);
    assert_eq!(reason(&authenticator, &good).await, "accepted");

    let header = |extra: Value| {
        let mut header = json!({"alg": "RS256", "typ": "JWT", "kid": "k1"});
        for (name, value) in extra.as_object().unwrap() {
            header[name] = value.clone();
        }
        header
    };
    let (unsigned, _) = good.rsplit_once('.').unwrap();
    let hs256 = Header { kid: Some("k1".to_owned()), ..Header::new(Algorithm::HS256) };
    let ps256 = Header { kid: Some("k1".to_owned()), ..Header::new(Algorithm::PS256) };
    let another_payload = {
        let mut parts = good.split('.');
        let (head, _, signature) = (parts.next(), parts.next(), parts.next());
        let claims = part(&claims_with(json!({"role": "admin"})));
        format!("{}.{claims}.{}", head.unwrap(), signature.unwrap())
    };
    let with_claims = |changes| sign(&rs256(Some("k1")), &claims_with(changes), RSA);
    let jwk = json!({"kty": "oct", "k": "c2VjcmV0"});
    let cases = [
        ("nothing", String::new(), "malformed"),
        ("no token", "not a token".to_owned(), "malformed"),
        ("two parts", "a.b".to_owned(), "malformed"),
        ("five parts, encrypted", "a.b.c.d.e".to_owned(), "malformed"),
        ("very long", "x".repeat(9000), "malformed"),
        ("alg none", with_header(&good, header(json!({"alg": "none"}))), "algorithm_not_allowed"),
        (
            "alg None, unsigned",
            with_header(&format!("{unsigned}."), header(json!({"alg": "None"}))),
            "algorithm_not_allowed",
        ),
        ("alg missing", with_header(&good, json!({"kid": "k1"})), "malformed"),
        ("alg of another form", with_header(&good, header(json!({"alg": ["RS256"]}))), "malformed"),
        ("HS256 with the public key", sign(&hs256, &claims(), RSA_PUBLIC), "algorithm_not_allowed"),
        ("another algorithm of the family", sign(&ps256, &claims(), RSA), "algorithm_not_allowed"),
        ("no signature", format!("{unsigned}."), "bad_signature"),
        ("another key", sign(&rs256(Some("k1")), &claims(), RSA_OTHER), "bad_signature"),
        ("another payload", another_payload, "bad_signature"),
        ("another kid", sign(&rs256(Some("k2")), &claims(), RSA), "unknown_key"),
        ("no kid", sign(&rs256(None), &claims(), RSA), "unknown_key"),
        ("a kid of another form", with_header(&good, header(json!({"kid": 1}))), "malformed"),
        ("jku", with_header(&good, header(json!({"jku": "https://evil"}))), "header_refused"),
        ("x5u", with_header(&good, header(json!({"x5u": "https://evil"}))), "header_refused"),
        ("jwk", with_header(&good, header(json!({"jwk": jwk}))), "header_refused"),
        ("crit", with_header(&good, header(json!({"crit": ["x"]}))), "header_refused"),
        ("expired", with_claims(json!({"exp": NOW - 5})), "expired"),
        ("expired within the leeway", with_claims(json!({"exp": NOW - 4})), "accepted"),
        ("no exp", with_claims(json!({"exp": null})), "missing_claim_exp"),
        ("exp as text", with_claims(json!({"exp": "soon"})), "missing_claim_exp"),
        ("exp beyond time", with_claims(json!({"exp": 9e17})), "invalid_claim_exp"),
        ("nbf in the future", with_claims(json!({"nbf": NOW + 6})), "not_yet_valid"),
        ("nbf within the leeway", with_claims(json!({"nbf": NOW + 5})), "accepted"),
        ("nbf as text", with_claims(json!({"nbf": "soon"})), "invalid_claim_nbf"),
        ("no aud", with_claims(json!({"aud": null})), "missing_claim_aud"),
        ("another aud", with_claims(json!({"aud": "other"})), "wrong_audience"),
        ("aud among several", with_claims(json!({"aud": ["other", "parvandeh"]})), "accepted"),
        ("an empty list of aud", with_claims(json!({"aud": []})), "wrong_audience"),
        ("no iss", with_claims(json!({"iss": null})), "missing_claim_iss"),
        ("another iss", with_claims(json!({"iss": "https://evil"})), "wrong_issuer"),
        (
            "a list of iss",
            with_claims(json!({"iss": ["https://id.example.org", "https://evil"]})),
            "invalid_claim_iss",
        ),
        ("no sub", with_claims(json!({"sub": null})), "missing_claim_sub"),
        ("an empty sub", with_claims(json!({"sub": ""})), "invalid_claim_sub"),
        ("no role", with_claims(json!({"role": null})), "missing_claim_role"),
        ("another role", with_claims(json!({"role": "root"})), "invalid_claim_role"),
        ("two roles", with_claims(json!({"role": ["agent", "admin"]})), "invalid_claim_role"),
        (
            "a customer of no id",
            with_claims(json!({"role": "customer"})),
            "missing_claim_customer_id",
        ),
        (
            "a customer of an odd id",
            with_claims(json!({"role": "customer", "customer_id": "7"})),
            "invalid_claim_customer_id",
        ),
        ("units of another form", with_claims(json!({"units": "tehran-1"})), "invalid_claim_units"),
        ("too many units", with_claims(json!({"units": vec!["u"; 101]})), "invalid_claim_units"),
    ];
    for (name, token, expected) in cases {
        assert_eq!(reason(&authenticator, &token).await, expected, "{name}");
    }
}

#[tokio::test]
async fn a_role_has_only_what_belongs_to_it() {
    let authenticator = rsa_authenticator(None);
    let id = Uuid::from_u128(7);
    for (role, customer_id, units) in [
        ("customer", Some(id), 0),
        ("agent", None, 1),
        ("supervisor", None, 1),
        ("auditor", None, 0),
        ("admin", None, 0),
    ] {
        let claims = claims_with(json!({"role": role, "customer_id": id.to_string()}));
        let principal = authenticator.verify(&sign(&rs256(None), &claims, RSA)).await.unwrap();
        assert_eq!((principal.customer_id, principal.units.len()), (customer_id, units), "{role}");
    }
}

#[tokio::test]
async fn a_remembered_token_still_expires() {
    let clock = clock();
    let keys = key_file("rsa.pub.pem", SigningAlgorithm::Rs256, None);
    let authenticator =
        Authenticator::new(config(keys, &[SigningAlgorithm::Rs256]), clock.clone()).unwrap();
    let token = sign(&rs256(None), &claims(), RSA);
    assert_eq!(reason(&authenticator, &token).await, "accepted");
    assert_eq!(reason(&authenticator, &token).await, "accepted");
    clock.advance(SignedDuration::from_secs(605));
    assert_eq!(reason(&authenticator, &token).await, "expired");
    assert_eq!(reason(&authenticator, &token).await, "expired");
}

#[tokio::test]
async fn a_demo_token_is_accepted_with_its_own_secret_alone() {
    let secret = |text: &str| Secret::from(text.repeat(40));
    let clock = clock();
    let now = Timestamp::from_second(NOW).unwrap();
    let principal = Principal {
        subject: "demo".to_owned(),
        role: Role::Customer,
        customer_id: Some(Uuid::from_u128(7)),
        units: Vec::new(),
        expires_at: now + SignedDuration::from_mins(5),
    };
    let token = issue_demo_token(&secret("a"), &principal, now);
    let of = |secret| Authenticator::new(AuthenticationConfig::demo(secret), clock.clone());
    let verified = of(secret("a")).unwrap().verify(&token).await.unwrap();
    assert_eq!(verified.customer_id, principal.customer_id);
    assert_eq!(reason(&of(secret("b")).unwrap(), &token).await, "bad_signature");
}

#[test]
fn a_configuration_that_mixes_keys_and_algorithms_is_refused() {
    use SigningAlgorithm::{EdDsa, Hs256, Rs256};
    let secret = || KeySource::Hmac("x".repeat(40).into());
    let file = || key_file("rsa.pub.pem", Rs256, None);
    let url = |url: &str| KeySource::JwksUrl { url: url.to_owned() };
    let refused = [
        config(secret(), &[Hs256, Rs256]),
        config(secret(), &[Rs256]),
        config(secret(), &[]),
        config(KeySource::Hmac("short".to_owned().into()), &[Hs256]),
        config(file(), &[Rs256, Hs256]),
        config(file(), &[EdDsa]),
        config(key_file("rsa.pub.pem", EdDsa, None), &[EdDsa]),
        config(key_file("absent.pem", Rs256, None), &[Rs256]),
        config(url("https://id.example.org/jwks"), &[Rs256, Hs256]),
        config(url("https://id.example.org/jwks"), &[]),
        config(url("http://id.example.org/jwks"), &[Rs256]),
        config(url("http://localhost.example.org/jwks"), &[Rs256]),
        config(url("file:///etc/passwd"), &[Rs256]),
    ];
    for config in refused {
        let shown = format!("{config:?}");
        assert!(Authenticator::new(config, clock()).is_err(), "{shown}");
    }
    let accepted = [
        config(url("https://id.example.org/jwks"), &[Rs256, EdDsa]),
        config(url("http://127.0.0.1:9/jwks"), &[Rs256]),
        config(url("http://[::1]:9/jwks"), &[Rs256]),
    ];
    for config in accepted {
        let made: Result<_, AuthenticationSetupError> = Authenticator::new(config, clock());
        assert!(made.is_ok());
    }
}

#[test]
fn what_is_printed_holds_no_secret() {
    let secret = KeySource::Hmac("hunter2".repeat(10).into());
    assert!(!format!("{:?}", config(secret, &[SigningAlgorithm::Hs256])).contains("hunter2"));
    for error in [
        AuthenticationError::BadSignature,
        AuthenticationError::UnknownKey,
        AuthenticationError::AlgorithmNotAllowed,
        AuthenticationError::HeaderRefused("jku"),
        AuthenticationError::WrongIssuer,
    ] {
        assert_eq!(error.public_message(), "The token is not valid.");
    }
}
