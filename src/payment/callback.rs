//! What a provider tells by a callback, and how it shows that it is the one who tells it.
//!
//! A callback is signed as Standard Webhooks has it: `webhook-signature` is `v1,` and the base64 of an HMAC-SHA-256 over
//! `<webhook-id>.<webhook-timestamp>.<body>`. The timestamp is signed too and must not be older or newer than five minutes, so that
//! what somebody recorded is worth nothing later. Sent again within that time, it finds the payment as it left it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::{hmac, rand};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use parvandeh_domain::id::{PaymentId, ProviderReference};
use parvandeh_domain::money::Money;
use parvandeh_domain::payment::PaymentFailure;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// How far the moment of signing may be from now.
pub const WINDOW: SignedDuration = SignedDuration::from_mins(5);
/// The fewest bytes that are a secret.
const SECRET_BYTES_MIN: usize = 24;
/// The most secrets that are good at one time, and the most signatures that are looked at.
const SECRETS_MAX: usize = 4;

/// What a provider tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callback {
    /// When it happened.
    pub timestamp: Timestamp,
    /// What.
    #[serde(flatten)]
    pub told: Told,
}

/// What happened, as a provider tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
#[allow(missing_docs, reason = "the fields are described in docs/payments.md")]
pub enum Told {
    /// The money came.
    #[serde(rename = "payment.paid")]
    Paid { payment_id: PaymentId, reference: ProviderReference, money: Money },
    /// No money came.
    #[serde(rename = "payment.failed")]
    Failed { payment_id: PaymentId, reason: PaymentFailure },
}

/// The headers of a callback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedHeaders {
    /// `webhook-id`.
    pub id: String,
    /// `webhook-timestamp`: seconds since 1970.
    pub timestamp: String,
    /// `webhook-signature`.
    pub signature: String,
}

/// Why there are no secrets.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// The file cannot be read.
    #[error("payments.callback_secret_file {} cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There is no secret in it, or too many, or one that can be guessed.
    #[error(
        "payments.callback_secret_file {} must have one to {SECRETS_MAX} lines, each a secret of {SECRET_BYTES_MIN} bytes or more: \
         `openssl rand -base64 32` makes one",
        path.display()
    )]
    Form {
        /// The file.
        path: PathBuf,
    },
}

/// The secrets that the provider signs with: the first one, and others that are good still while they are changed. They never print.
#[derive(Clone)]
pub struct CallbackSecrets(Arc<[hmac::Key]>);

impl fmt::Debug for CallbackSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CallbackSecrets({})", self.0.len())
    }
}

impl CallbackSecrets {
    /// Reads the secrets of a file, one a line: `whsec_` and base64, or the bytes themselves.
    ///
    /// # Errors
    /// When the file cannot be read, or holds no secrets.
    pub fn read(path: &Path) -> Result<Self, SecretsError> {
        let text = std::fs::read_to_string(path)
            .map(Zeroizing::new)
            .map_err(|source| SecretsError::Read { path: path.to_owned(), source })?;
        Self::parse(&text).ok_or_else(|| SecretsError::Form { path: path.to_owned() })
    }

    fn parse(text: &str) -> Option<Self> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let keys: Option<Vec<_>> = lines.map(key).collect();
        let keys = keys.filter(|keys| (1..=SECRETS_MAX).contains(&keys.len()))?;
        Some(Self(keys.into()))
    }

    /// A secret that nobody else has: for a provider inside this program.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn random() -> Result<Self, aws_lc_rs::error::Unspecified> {
        let mut bytes = Zeroizing::new([0; 32]);
        rand::fill(&mut *bytes)?;
        Ok(Self([hmac::Key::new(hmac::HMAC_SHA256, &*bytes)].into()))
    }

    /// Signs a callback.
    pub fn sign(&self, id: &str, now: Timestamp, body: &[u8]) -> SignedHeaders {
        let timestamp = now.as_second().to_string();
        let tag = hmac::sign(&self.0[0], &signed(id, &timestamp, body));
        let signature = format!("v1,{}", STANDARD.encode(tag.as_ref()));
        SignedHeaders { id: id.to_owned(), timestamp, signature }
    }

    /// Whether a callback was signed with one of the secrets, just now. Takes the same time wherever a signature goes wrong.
    pub fn vouch_for(&self, headers: &SignedHeaders, now: Timestamp, body: &[u8]) -> bool {
        let moment = headers.timestamp.parse().ok().and_then(|at| Timestamp::from_second(at).ok());
        let Some(moment) = moment else { return false };
        let message = signed(&headers.id, &headers.timestamp, body);
        let tags = headers.signature.split_whitespace().take(SECRETS_MAX);
        let tags = tags.filter_map(|text| STANDARD.decode(text.strip_prefix("v1,")?).ok());
        let is_signed = tags.fold(false, |found, tag| {
            let by = |key: &hmac::Key| hmac::verify(key, &message, &tag).is_ok();
            self.0.iter().fold(found, |found, key| by(key) | found)
        });
        is_signed && now.duration_since(moment).abs() <= WINDOW
    }
}

fn key(line: &str) -> Option<hmac::Key> {
    let bytes = Zeroizing::new(match line.strip_prefix("whsec_") {
        Some(encoded) => STANDARD.decode(encoded).ok()?,
        None => line.as_bytes().to_vec(),
    });
    (bytes.len() >= SECRET_BYTES_MIN).then(|| hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

fn signed(id: &str, timestamp: &str, body: &[u8]) -> Vec<u8> {
    [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_second(1_614_265_330).unwrap()
    }

    #[test]
    fn the_example_of_standard_webhooks_is_vouched_for() {
        // The example of the specification's reference libraries.
        let secrets = CallbackSecrets::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = br#"{"test": 2432232314}"#;
        let headers = secrets.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", now(), body);
        assert_eq!(headers.signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert!(secrets.vouch_for(&headers, now(), body));
    }

    #[test]
    fn whatever_is_changed_nobody_vouches_for_it() {
        let secrets = CallbackSecrets::parse("a secret that is long enough").unwrap();
        let body = b"{}";
        let good = secrets.sign("msg-1", now(), body);
        let later = |seconds| now() + SignedDuration::from_secs(seconds);
        assert!(secrets.vouch_for(&good, later(300), body));
        assert!(!secrets.vouch_for(&good, later(301), body));
        assert!(!secrets.vouch_for(&good, later(-301), body));
        assert!(!secrets.vouch_for(&good, now(), b"{ }"));
        let changed = |change: fn(&mut SignedHeaders)| {
            let mut headers = good.clone();
            change(&mut headers);
            secrets.vouch_for(&headers, now(), body)
        };
        assert!(!changed(|headers| headers.id.push('x')));
        assert!(!changed(|headers| headers.timestamp = (now().as_second() + 1).to_string()));
        assert!(!changed(|headers| headers.timestamp = "now".to_owned()));
        assert!(!changed(|headers| headers.signature = String::new()));
        assert!(!changed(|headers| headers.signature = headers.signature.replace("v1,", "v2,")));
        assert!(!changed(|headers| headers.signature.insert(5, 'A')));
        let other = CallbackSecrets::parse("another secret, long enough").unwrap();
        assert!(!other.vouch_for(&good, now(), body));
    }

    #[test]
    fn while_a_secret_is_changed_both_are_good() {
        let old = CallbackSecrets::parse("a secret that is long enough").unwrap();
        let both = "another secret, long enough\n\na secret that is long enough\n";
        let both = CallbackSecrets::parse(both).unwrap();
        assert!(both.vouch_for(&old.sign("msg-1", now(), b"{}"), now(), b"{}"));
        assert!(!old.vouch_for(&both.sign("msg-1", now(), b"{}"), now(), b"{}"));
        for wrong in ["", "short", "whsec_", "whsec_&&&", "a secret that is long enough\nshort"] {
            assert!(CallbackSecrets::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_callback_reads_as_it_was_written_and_a_fraction_is_no_money() {
        let text = r#"{"type":"payment.paid","timestamp":"2026-03-21T08:00:00Z","data":{"payment_id":"0198c1f0-5d7e-7c3a-9b1e-2f4a6c8e0d12","reference":"r-1","money":{"minor_units":5,"currency":"IRR"},"card":"not ours"}}"#;
        let callback: Callback = serde_json::from_str(text).unwrap();
        assert!(matches!(callback.told, Told::Paid { .. }));
        let written = serde_json::to_string(&callback).unwrap();
        assert_eq!(serde_json::from_str::<Callback>(&written).unwrap(), callback);
        for wrong in [text.replace(":5,", ":5.5,"), text.replace("payment.paid", "payment.other")] {
            assert!(serde_json::from_str::<Callback>(&wrong).is_err(), "{wrong}");
        }
    }
}
