//! The keys that verify tokens, and the cache of an identity provider's key set.
//!
//! A key is found by the token's `kid` together with the configured algorithm, so that an RSA key can never
//! be used as an HMAC secret. A key set (JWKS) is fetched when first needed and when it grows old; an unknown
//! `kid` fetches it again at most once in thirty seconds, whoever asks; and while the provider cannot be
//! reached, the last good set stays in use.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{
    AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse,
};
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::clock::Clock;
use crate::http::authentication::{AuthenticationError, KeySource, SigningAlgorithm};

const SECRET_BYTES_MIN: usize = 32;
const KEY_SET_BYTES_MAX: usize = 256 * 1024;
const KEY_SET_KEYS_MAX: usize = 100;
const RSA_MODULUS_BYTES_MIN: usize = 256;
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// A set older than this is fetched again when it is next used.
const KEY_SET_FRESH: SignedDuration = SignedDuration::from_mins(10);
/// The provider is asked no more often than this, whatever tokens arrive.
const FETCH_INTERVAL_MIN: SignedDuration = SignedDuration::from_secs(30);

/// Why keys cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The demo secret is too short to be one.
    #[error("the shared secret has fewer than {SECRET_BYTES_MIN} bytes; use a longer random one")]
    ShortSecret,
    /// The key file cannot be read.
    #[error("cannot read the key file {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The key file does not hold such a key.
    #[error("the key file {path} holds no public key for {algorithm}")]
    Pem {
        /// The file.
        path: PathBuf,
        /// The configured algorithm.
        algorithm: &'static str,
        /// Why.
        source: jsonwebtoken::errors::Error,
    },
    /// The address is not acceptable.
    #[error("the key set address must be https, or http on the loopback interface")]
    Address,
    /// No client could be made.
    #[error("cannot make an HTTP client for the key set")]
    Client(#[source] reqwest::Error),
}

/// The keys of one [`KeySource`].
pub(super) enum Keys {
    Single { key: Arc<DecodingKey>, algorithm: SigningAlgorithm, kid: Option<String> },
    Set(KeySet),
}

impl Keys {
    pub(super) fn open(source: KeySource, clock: Arc<dyn Clock>) -> Result<Self, KeysError> {
        match source {
            KeySource::Hmac(secret) if secret.expose().len() < SECRET_BYTES_MIN => {
                Err(KeysError::ShortSecret)
            }
            KeySource::Hmac(secret) => Ok(Self::Single {
                key: Arc::new(DecodingKey::from_secret(secret.expose())),
                algorithm: SigningAlgorithm::Hs256,
                kid: None,
            }),
            KeySource::PemFile { path, algorithm, kid } => {
                let pem = std::fs::read(&path)
                    .map_err(|source| KeysError::Read { path: path.clone(), source })?;
                let key = match algorithm {
                    SigningAlgorithm::Rs256 => DecodingKey::from_rsa_pem(&pem),
                    SigningAlgorithm::Es256 => DecodingKey::from_ec_pem(&pem),
                    SigningAlgorithm::EdDsa => DecodingKey::from_ed_pem(&pem),
                    SigningAlgorithm::Hs256 => {
                        Err(jsonwebtoken::errors::ErrorKind::UnsupportedAlgorithm.into())
                    }
                };
                let algorithm_name = algorithm.as_str();
                let key = key.map_err(|source| KeysError::Pem {
                    path,
                    algorithm: algorithm_name,
                    source,
                })?;
                Ok(Self::Single { key: Arc::new(key), algorithm, kid })
            }
            KeySource::JwksUrl { url } => KeySet::open(&url, clock).map(Self::Set),
        }
    }

    pub(super) async fn find(
        &self,
        kid: Option<&str>,
        algorithm: SigningAlgorithm,
    ) -> Result<Arc<DecodingKey>, AuthenticationError> {
        match self {
            Self::Single { key, algorithm: own, kid: own_kid } => {
                let named = own_kid.is_none() || own_kid.as_deref() == kid;
                if named && *own == algorithm {
                    Ok(key.clone())
                } else {
                    Err(AuthenticationError::UnknownKey)
                }
            }
            Self::Set(set) => {
                let kid = kid.ok_or(AuthenticationError::UnknownKey)?;
                set.find(kid, algorithm).await
            }
        }
    }
}

type KeysById = HashMap<(String, SigningAlgorithm), Arc<DecodingKey>>;

/// What was last fetched.
struct Fetched {
    keys: KeysById,
    at: Timestamp,
}

/// A key set at an address. The lock around `attempted_at` is what makes a refresh single-flight: who holds
/// it fetches, and who waited for it looks again before fetching.
pub(super) struct KeySet {
    url: reqwest::Url,
    client: reqwest::Client,
    clock: Arc<dyn Clock>,
    fetched: RwLock<Option<Arc<Fetched>>>,
    attempted_at: Mutex<Option<Timestamp>>,
}

impl KeySet {
    fn open(url: &str, clock: Arc<dyn Clock>) -> Result<Self, KeysError> {
        let url = reqwest::Url::parse(url).map_err(|_| KeysError::Address)?;
        if !(url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url))) {
            return Err(KeysError::Address);
        }
        let client = reqwest::Client::builder()
            .timeout(FETCH_TIMEOUT)
            // A redirect could lead away from https.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(KeysError::Client)?;
        let (fetched, attempted_at) = (RwLock::new(None), Mutex::new(None));
        Ok(Self { url, client, clock, fetched, attempted_at })
    }

    async fn find(
        &self,
        kid: &str,
        algorithm: SigningAlgorithm,
    ) -> Result<Arc<DecodingKey>, AuthenticationError> {
        let wanted = (kid.to_owned(), algorithm);
        if let Some(fetched) = self.current() {
            let age = self.clock.now().duration_since(fetched.at);
            if let Some(key) = fetched.keys.get(&wanted) {
                // An old set is refreshed by one caller; the others use what there is meanwhile.
                if age > KEY_SET_FRESH
                    && let Ok(mut attempted_at) = self.attempted_at.try_lock()
                {
                    self.refresh(&mut attempted_at).await;
                    let refreshed = self.current().ok_or(AuthenticationError::KeysUnavailable)?;
                    return refreshed
                        .keys
                        .get(&wanted)
                        .cloned()
                        .ok_or(AuthenticationError::UnknownKey);
                }
                return Ok(key.clone());
            }
        }
        let mut attempted_at = self.attempted_at.lock().await;
        let known = |set: &Self| set.current().and_then(|set| set.keys.get(&wanted).cloned());
        if let Some(key) = known(self) {
            return Ok(key);
        }
        self.refresh(&mut attempted_at).await;
        match known(self) {
            Some(key) => Ok(key),
            None if self.current().is_none() => Err(AuthenticationError::KeysUnavailable),
            None => Err(AuthenticationError::UnknownKey),
        }
    }

    fn current(&self) -> Option<Arc<Fetched>> {
        self.fetched.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Fetches the set unless that was tried a moment ago. A failure leaves the last good set in place.
    async fn refresh(&self, attempted_at: &mut Option<Timestamp>) {
        let now = self.clock.now();
        let recently = attempted_at.is_some_and(|attempted_at| {
            // A clock that stepped back must not keep us from asking.
            now >= attempted_at && now.duration_since(attempted_at) < FETCH_INTERVAL_MIN
        });
        if recently {
            return;
        }
        *attempted_at = Some(now);
        match self.fetch().await {
            Ok(keys) => {
                let fetched = Arc::new(Fetched { keys, at: now });
                *self.fetched.write().unwrap_or_else(PoisonError::into_inner) = Some(fetched);
            }
            Err(error) => tracing::warn!(
                url = %self.url,
                error = &error as &dyn std::error::Error,
                "the key set could not be fetched; the last good one stays in use"
            ),
        }
    }

    async fn fetch(&self) -> Result<KeysById, FetchError> {
        let mut response = self.client.get(self.url.clone()).send().await?.error_for_status()?;
        if !response.status().is_success() {
            return Err(FetchError::Status(response.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > KEY_SET_BYTES_MAX {
                return Err(FetchError::Large);
            }
            body.extend_from_slice(&chunk);
        }
        read_key_set(&body)
    }
}

#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("the request failed")]
    Request(#[from] reqwest::Error),
    #[error("the answer has status {0}")]
    Status(u16),
    #[error("the answer has more than {KEY_SET_BYTES_MAX} bytes")]
    Large,
    #[error("the answer is not a key set")]
    Form(#[from] serde_json::Error),
    #[error("the key set has more than {KEY_SET_KEYS_MAX} keys")]
    Keys,
    #[error("the key set has no usable signature key")]
    Empty,
}

#[derive(Deserialize)]
struct KeySetBody {
    keys: Vec<serde_json::Value>,
}

fn read_key_set(body: &[u8]) -> Result<KeysById, FetchError> {
    let body: KeySetBody = serde_json::from_slice(body)?;
    if body.keys.len() > KEY_SET_KEYS_MAX {
        return Err(FetchError::Keys);
    }
    let mut keys = KeysById::new();
    for value in body.keys {
        // A key of a kind that we do not know is no reason to do without the others.
        let Ok(jwk) = serde_json::from_value::<Jwk>(value) else { continue };
        let Some((kid, algorithm)) = usable(&jwk) else {
            tracing::debug!(kid = jwk.common.key_id, "a key of the key set is not usable");
            continue;
        };
        if let Ok(key) = DecodingKey::from_jwk(&jwk) {
            keys.entry((kid, algorithm)).or_insert(Arc::new(key));
        }
    }
    if keys.is_empty() { Err(FetchError::Empty) } else { Ok(keys) }
}

/// The id and algorithm of a public signature key whose kty, curve, alg, use and key_ops all agree.
fn usable(jwk: &Jwk) -> Option<(String, SigningAlgorithm)> {
    let (algorithm, declared) = match &jwk.algorithm {
        AlgorithmParameters::RSA(rsa) => {
            let modulus = URL_SAFE_NO_PAD.decode(&rsa.n).ok()?;
            if modulus.len() < RSA_MODULUS_BYTES_MIN {
                return None;
            }
            (SigningAlgorithm::Rs256, KeyAlgorithm::RS256)
        }
        AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P256 => {
            (SigningAlgorithm::Es256, KeyAlgorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(okp) if okp.curve == EllipticCurve::Ed25519 => {
            (SigningAlgorithm::EdDsa, KeyAlgorithm::EdDSA)
        }
        // `oct` is a shared secret; one that is published is none.
        _ => return None,
    };
    let common = &jwk.common;
    let fits = common.key_algorithm.is_none_or(|key_algorithm| key_algorithm == declared)
        && matches!(&common.public_key_use, None | Some(PublicKeyUse::Signature))
        && common.key_operations.as_ref().is_none_or(|ops| ops.contains(&KeyOperations::Verify));
    let kid = common.key_id.clone()?;
    fits.then_some((kid, algorithm))
}

fn is_loopback(url: &reqwest::Url) -> bool {
    url.host_str().is_some_and(|host| {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    })
}
