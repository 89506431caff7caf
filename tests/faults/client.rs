//! A client as it should be written: it names every request, and sends it again, the same, until it knows what became of it.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use parvandeh::principal::Role;
use parvandeh_domain::id::derived;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::random::Random;

/// The subject of the load's token: part of the identity of its commands.
pub const SUBJECT: &str = "load";
pub const ISSUER: &str = "fault-run";
pub const AUDIENCE: &str = "parvandeh";
/// An attempt that is not answered by then is made again elsewhere.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(12);
/// The codes of failures after which the same request may be sent again.
const TRY_AGAIN: [&str; 5] =
    ["CONFLICT", "TIMEOUT", "RATE_LIMITED", "REPLICA_BEHIND", "INTERNAL_SERVER_ERROR"];
/// Where an answer tells how much it shows, and a request how much its answer must show.
const POSITION: &str = "parvandeh-position";

/// Signs tokens that live through every step of a clock.
pub struct Signer {
    key: EncodingKey,
    /// What the server verifies them with.
    pub public_pem: String,
}

impl Signer {
    /// With a new key.
    pub fn new() -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
        // RFC 8410: the fixed beginning of a SubjectPublicKeyInfo of Ed25519, then the key.
        let mut info = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00".to_vec();
        info.extend_from_slice(pair.public_key().as_ref());
        let public_pem = format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            STANDARD.encode(info)
        );
        Self { key: EncodingKey::from_ed_der(pkcs8.as_ref()), public_pem }
    }

    /// A token of a role that sees all cases.
    pub fn token(&self, subject: &str, role: Role) -> String {
        let year = SignedDuration::from_hours(24 * 365);
        let claims = json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": subject, "role": role,
            "iat": (Timestamp::now() - year).as_second(), "exp": (Timestamp::now() + year).as_second(),
        });
        jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), &claims, &self.key).unwrap()
    }
}

/// What became of a command.
pub struct Answered {
    pub command_id: Uuid,
    /// The payload of the mutation, or the code with which it was refused.
    pub outcome: Result<Value, String>,
}

/// The API of one process, or of several that are equal.
pub struct Api {
    bases: Vec<String>,
    token: String,
    /// For subscribers to breaches.
    pub watcher_token: String,
    /// For subscribers to cases.
    pub reader_token: String,
    http: reqwest::Client,
    /// How far the servers' clocks are ahead of ours, in milliseconds.
    ahead_ms: AtomicI64,
    /// The position of the log that was seen, on any of the processes.
    seen: AtomicU64,
    /// Attempts that were not answered with an outcome.
    pub failed_attempts: AtomicU64,
}

impl Api {
    /// Over these base addresses (`http://127.0.0.1:8080`).
    pub fn new(bases: Vec<String>, signer: &Signer) -> Self {
        Self {
            bases,
            token: signer.token(SUBJECT, Role::Service),
            watcher_token: signer.token("watcher", Role::Monitor),
            reader_token: signer.token("reader", Role::Auditor),
            http: reqwest::Client::builder().timeout(ATTEMPT_TIMEOUT).build().unwrap(),
            ahead_ms: AtomicI64::new(0),
            seen: AtomicU64::new(0),
            failed_attempts: AtomicU64::new(0),
        }
    }

    /// The same with a token of another role.
    pub fn acting_as(bases: Vec<String>, signer: &Signer, role: Role) -> Self {
        Self { token: signer.token(SUBJECT, role), ..Self::new(bases, signer) }
    }

    /// Says what was seen elsewhere: nothing older is taken for an answer.
    pub fn has_seen(&self, position: u64) {
        self.seen.fetch_max(position, Ordering::Relaxed);
    }

    /// One of the addresses.
    pub fn base(&self, random: &mut Random) -> &str {
        random.one_of::<String>(&self.bases)
    }

    /// Says how far the servers' clocks are ahead of ours.
    pub fn step_clock(&self, ahead: SignedDuration) {
        self.ahead_ms.store(ahead.as_millis() as i64, Ordering::Relaxed);
    }

    /// The time as the servers have it, about.
    pub fn now(&self) -> Timestamp {
        Timestamp::now() + SignedDuration::from_millis(self.ahead_ms.load(Ordering::Relaxed))
    }

    /// Runs the mutation `name(input)`, which must answer `fields`, until it is known what became of it.
    pub async fn command(
        &self,
        random: &mut Random,
        name: &str,
        fields: &str,
        mut input: Value,
    ) -> Answered {
        let key = Uuid::from_u64_pair(random.number(), random.number()).to_string();
        input["idempotencyKey"] = json!(key);
        let input_type = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
        let query = format!(
            "mutation($input: {input_type}!) {{ {name}(input: $input) {{ {fields} userErrors {{ code }} }} }}"
        );
        let mut data = self.answered(random, &query, json!({ "input": input })).await;
        let payload = data[name].take();
        let outcome = match payload["userErrors"][0]["code"].as_str() {
            None => Ok(payload),
            Some(code) => Err(code.to_owned()),
        };
        // As the server makes it of its caller and the key.
        let command_id = derived(&["idempotency key", SUBJECT, &key]);
        Answered { command_id, outcome }
    }

    /// Sends a document until it is answered; gives the data.
    pub async fn answered(&self, random: &mut Random, query: &str, variables: Value) -> Value {
        let body = json!({ "query": query, "variables": variables }).to_string();
        loop {
            let base = self.base(random).to_owned();
            match self.attempt(&base, body.clone()).await {
                Ok(mut answer) if answer.get("errors").is_none() => return answer["data"].take(),
                Ok(answer) => {
                    let code = answer["errors"][0]["extensions"]["code"].as_str().unwrap_or("");
                    assert!(TRY_AGAIN.contains(&code), "{query}\n{answer:#}");
                }
                // No answer, or half of one.
                Err(_) => {}
            }
            self.failed_attempts.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(20 + random.below(200))).await;
        }
    }

    async fn attempt(&self, base: &str, body: String) -> reqwest::Result<Value> {
        let request = self
            .http
            .post(format!("{base}/graphql"))
            .bearer_auth(&self.token)
            .header("content-type", "application/json")
            .header(POSITION, self.seen.load(Ordering::Relaxed))
            .body(body);
        let response = request.send().await?;
        let position = response.headers().get(POSITION).and_then(|value| value.to_str().ok());
        let position = position.and_then(|text| text.parse().ok());
        let text = response.text().await?;
        self.seen.fetch_max(position.unwrap_or(0), Ordering::Relaxed);
        // A server that is going down may answer with something else.
        Ok(serde_json::from_str(&text).unwrap_or_else(
            |_| json!({ "errors": [{ "message": text, "extensions": { "code": "TIMEOUT" } }] }),
        ))
    }
}
