//! From a bearer token to a [`Principal`].
//!
//! A token is a JWT signed by the identity provider. The rules are stricter than the usual library defaults:
//! the algorithm comes from configuration and never from the token, `exp`, `iss`, `aud` and `sub` must all be
//! present, `nbf` is obeyed, and a token that brings its own key (`jwk`, `jku`, `x5u`) or asks for extensions
//! (`crit`) is refused. Time is the injected [`Clock`]'s, so expiry is checked here and not in the library.
//!
//! Nothing in this module prints a token or a secret.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use moka::sync::Cache;
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::clock::Clock;
pub use crate::http::authentication_error::AuthenticationError;
use crate::http::keys::Keys;
pub use crate::http::keys::KeysError;
use crate::principal::{Principal, Role};
use crate::sign_in::token::{self, TokenVerifier};

const TOKEN_BYTES_MAX: usize = 8 * 1024;
const SUBJECT_BYTES_MAX: usize = 256;
const UNITS_MAX: usize = 100;
const UNIT_BYTES_MAX: usize = 128;
const VERIFIED_TOKENS_MAX: u64 = 10_000;
/// A verified token is looked at again after this time at the latest, so that a key withdrawn by the
/// identity provider stops working soon.
const VERIFIED_TOKEN_LIFE: Duration = Duration::from_secs(300);

/// The issuer of tokens made by [`issue_demo_token`].
pub const DEMO_ISSUER: &str = "parvandeh-demo";
/// The audience of tokens made by [`issue_demo_token`].
pub const DEMO_AUDIENCE: &str = "parvandeh";

/// The signature algorithms that this program verifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
pub enum SigningAlgorithm {
    /// HMAC with SHA-256; for the demo alone, since whoever verifies could also sign.
    #[serde(rename = "HS256")]
    Hs256,
    /// RSA PKCS#1 v1.5 with SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl SigningAlgorithm {
    /// The name in a token's `alg`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    const fn algorithm(self) -> Algorithm {
        match self {
            Self::Hs256 => Algorithm::HS256,
            Self::Rs256 => Algorithm::RS256,
            Self::Es256 => Algorithm::ES256,
            Self::EdDsa => Algorithm::EdDSA,
        }
    }
}

/// Bytes that are never printed.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct Secret(Vec<u8>);

impl Secret {
    /// The bytes themselves.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text.into_bytes())
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("[secret]")
    }
}

/// Where the keys that verify signatures come from.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// A shared secret of at least 32 bytes, algorithm HS256. For the demo only.
    Hmac(Secret),
    /// One public key in a PEM file. With `kid`, a token must name it.
    PemFile {
        /// The file.
        path: PathBuf,
        /// The one algorithm that the key is for.
        algorithm: SigningAlgorithm,
        /// The key's id, if tokens carry one.
        kid: Option<String>,
    },
    /// The identity provider's key set, by `https` (or `http` on the loopback interface).
    JwksUrl {
        /// The address of the JSON Web Key Set.
        url: String,
    },
}

/// What a token must satisfy.
#[derive(Debug, Clone)]
pub struct AuthenticationConfig {
    /// The only accepted `iss`.
    pub issuer: String,
    /// A value that `aud` must contain.
    pub audience: String,
    /// The accepted `alg` values.
    pub algorithms: Vec<SigningAlgorithm>,
    /// How far the provider's clock may differ from ours, in seconds.
    pub leeway_seconds: u32,
    /// The keys.
    pub keys: KeySource,
}

impl AuthenticationConfig {
    /// Accepts what [`issue_demo_token`] makes with the same secret.
    pub fn demo(secret: Secret) -> Self {
        Self {
            issuer: DEMO_ISSUER.to_owned(),
            audience: DEMO_AUDIENCE.to_owned(),
            algorithms: vec![SigningAlgorithm::Hs256],
            leeway_seconds: 5,
            keys: KeySource::Hmac(secret),
        }
    }
}

/// Why an [`Authenticator`] could not be made from its configuration.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticationSetupError {
    /// The algorithms do not fit the kind of key.
    #[error("algorithms {algorithms:?} do not fit the key source: {rule}")]
    Algorithms {
        /// What was configured.
        algorithms: Vec<SigningAlgorithm>,
        /// What is allowed.
        rule: &'static str,
    },
    /// The keys cannot be used.
    #[error(transparent)]
    Keys(#[from] KeysError),
}

/// Verifies tokens. Cheap to share: clones are handles.
pub struct Authenticator {
    issuer: String,
    audience: String,
    algorithms: Vec<SigningAlgorithm>,
    leeway_seconds: i64,
    keys: Keys,
    /// The tokens that this program signs itself.
    own: Option<OwnTokens>,
    verified: Cache<[u8; 32], Arc<Principal>>,
    clock: Arc<dyn Clock>,
}

impl Authenticator {
    /// Checks the configuration and reads what can be read now; a key set is fetched when first needed.
    ///
    /// # Errors
    /// When algorithms and keys do not fit each other, or the key file or address cannot be used.
    pub fn new(
        config: AuthenticationConfig,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, AuthenticationSetupError> {
        let refuse = |rule| AuthenticationSetupError::Algorithms {
            algorithms: config.algorithms.clone(),
            rule,
        };
        let symmetric = config.algorithms.contains(&SigningAlgorithm::Hs256);
        match &config.keys {
            KeySource::Hmac(_) if config.algorithms != [SigningAlgorithm::Hs256] => {
                return Err(refuse("a shared secret is for HS256 and nothing else"));
            }
            KeySource::PemFile { algorithm, .. } if config.algorithms != [*algorithm] => {
                return Err(refuse("a key file has exactly its own algorithm"));
            }
            KeySource::PemFile { .. } | KeySource::JwksUrl { .. } if symmetric => {
                return Err(refuse("a public key must never verify HS256"));
            }
            _ if config.algorithms.is_empty() => return Err(refuse("name at least one")),
            _ => {}
        }
        Ok(Self {
            issuer: config.issuer,
            audience: config.audience,
            algorithms: config.algorithms,
            leeway_seconds: i64::from(config.leeway_seconds),
            keys: Keys::open(config.keys, clock.clone())?,
            own: None,
            verified: Cache::builder()
                .max_capacity(VERIFIED_TOKENS_MAX)
                .time_to_live(VERIFIED_TOKEN_LIFE)
                .build(),
            clock,
        })
    }

    /// Accepts the tokens of holders of cards as well, which this program signs itself.
    #[must_use]
    pub fn with_own_tokens(mut self, verifier: TokenVerifier) -> Self {
        let key = DecodingKey::from_ed_der(&verifier.public);
        self.own = Some(OwnTokens { verifier, key });
        self
    }

    /// The principal of this token.
    ///
    /// # Errors
    /// The first rule that the token breaks. Nothing about a failure is remembered.
    pub async fn verify(&self, token: &str) -> Result<Arc<Principal>, AuthenticationError> {
        self.verify_if(token, || Ok(())).await
    }

    /// The same; a token that was not verified a moment ago is looked at only if it `may` be.
    ///
    /// # Errors
    /// Those of [`Authenticator::verify`], and those of `may`.
    pub async fn verify_if(
        &self,
        token: &str,
        may: impl FnOnce() -> Result<(), AuthenticationError>,
    ) -> Result<Arc<Principal>, AuthenticationError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(AuthenticationError::Malformed);
        }
        let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        if let Some(principal) = self.verified.get(&digest) {
            if self.clock.now() < principal.expires_at {
                return Ok(principal);
            }
            self.verified.invalidate(&digest);
            return Err(AuthenticationError::Expired);
        }
        may()?;
        let principal = Arc::new(self.verify_afresh(token).await?);
        self.verified.insert(digest, principal.clone());
        Ok(principal)
    }

    async fn verify_afresh(&self, token: &str) -> Result<Principal, AuthenticationError> {
        let header = TokenHeader::read(token)?;
        // A token that names our key is verified with it or not at all: the two issuers' keys never stand for each other.
        if let Some(own) = self.own.as_ref().filter(|own| own.is_named(&header)) {
            return self.verify_own(own, &header, token);
        }
        let algorithm = self
            .algorithms
            .iter()
            .copied()
            .find(|algorithm| algorithm.as_str() == header.algorithm)
            .ok_or(AuthenticationError::AlgorithmNotAllowed)?;
        let key = self.keys.find(header.kid.as_deref(), algorithm).await?;

        let mut validation = Validation::new(algorithm.algorithm());
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.audience]);
        // The library would ask the machine's clock; both are checked below against ours.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        let claims = jsonwebtoken::decode::<Map<String, Value>>(token, &key, &validation)
            .map_err(|error| library_error(error.into_kind()))?
            .claims;
        self.principal(&claims, self.leeway_seconds)
    }

    fn verify_own(
        &self,
        own: &OwnTokens,
        header: &TokenHeader,
        token: &str,
    ) -> Result<Principal, AuthenticationError> {
        if header.algorithm != SigningAlgorithm::EdDsa.as_str() {
            return Err(AuthenticationError::AlgorithmNotAllowed);
        }
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.set_issuer(&[&own.verifier.issuer]);
        validation.set_audience(&[token::AUDIENCE]);
        validation.validate_exp = false;
        validation.validate_nbf = false;
        let claims = jsonwebtoken::decode::<Map<String, Value>>(token, &own.key, &validation)
            .map_err(|error| library_error(error.into_kind()))?
            .claims;
        // Their end is meant as it is said.
        let principal = self.principal(&claims, 0)?;
        // Whatever is signed with this key, it makes nobody more than a customer.
        match principal.role {
            Role::Customer => Ok(principal),
            _ => Err(AuthenticationError::InvalidClaim("role")),
        }
    }

    fn principal(
        &self,
        claims: &Map<String, Value>,
        leeway_seconds: i64,
    ) -> Result<Principal, AuthenticationError> {
        use AuthenticationError::{InvalidClaim, MissingClaim};

        // The library would also take a list of issuers that merely contains ours.
        if !claims.get("iss").is_some_and(Value::is_string) {
            return Err(InvalidClaim("iss"));
        }
        let now = self.clock.now();
        let expires_at =
            self.moment(claims, "exp", leeway_seconds)?.ok_or(MissingClaim("exp".into()))?;
        if now >= expires_at {
            return Err(AuthenticationError::Expired);
        }
        if self.moment(claims, "nbf", -leeway_seconds)?.is_some_and(|nbf| now < nbf) {
            return Err(AuthenticationError::NotYetValid);
        }
        let subject = text(claims, "sub")?.ok_or(MissingClaim("sub".into()))?;
        if subject.is_empty() || subject.len() > SUBJECT_BYTES_MAX {
            return Err(InvalidClaim("sub"));
        }
        let role = text(claims, "role")?.ok_or(MissingClaim("role".into()))?;
        let role = Role::from_name(role).ok_or(InvalidClaim("role"))?;
        let customer_id = match role {
            Role::Customer => {
                let id = text(claims, "customer_id")?.ok_or(MissingClaim("customer_id".into()))?;
                Some(Uuid::try_parse(id).map_err(|_| InvalidClaim("customer_id"))?)
            }
            _ => None,
        };
        let units = match role {
            Role::Agent | Role::Supervisor => units(claims)?,
            _ => Vec::new(),
        };
        Ok(Principal { subject: subject.to_owned(), role, customer_id, units, expires_at })
    }

    /// A claim in seconds since 1970, possibly with a fraction, moved by `leeway` seconds.
    fn moment(
        &self,
        claims: &Map<String, Value>,
        name: &'static str,
        leeway: i64,
    ) -> Result<Option<Timestamp>, AuthenticationError> {
        let Some(value) = claims.get(name) else { return Ok(None) };
        let invalid = || AuthenticationError::InvalidClaim(name);
        let seconds = value.as_f64().filter(|seconds| seconds.is_finite()).ok_or_else(invalid)?;
        // The cast saturates, and what saturates is out of range for a timestamp.
        let seconds = (seconds.floor() as i64).saturating_add(leeway);
        Timestamp::from_second(seconds).map(Some).map_err(|_| invalid())
    }
}

/// What verifies the tokens that this program signs itself.
struct OwnTokens {
    verifier: TokenVerifier,
    key: DecodingKey,
}

impl OwnTokens {
    fn is_named(&self, header: &TokenHeader) -> bool {
        header.kid.as_deref() == Some(&self.verifier.key_id)
    }
}

/// The part of a token's header that decides how it is verified.
struct TokenHeader {
    algorithm: String,
    kid: Option<String>,
}

impl TokenHeader {
    fn read(token: &str) -> Result<Self, AuthenticationError> {
        use AuthenticationError::{HeaderRefused, Malformed};

        let mut parts = token.split('.');
        let (Some(header), Some(_), Some(_), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Malformed);
        };
        let header = URL_SAFE_NO_PAD.decode(header).map_err(|_| Malformed)?;
        let header: Map<String, Value> = serde_json::from_slice(&header).map_err(|_| Malformed)?;
        for refused in ["jku", "x5u", "jwk", "crit"] {
            if header.contains_key(refused) {
                return Err(HeaderRefused(refused));
            }
        }
        let algorithm = header.get("alg").and_then(Value::as_str).ok_or(Malformed)?.to_owned();
        let kid = match header.get("kid") {
            None => None,
            Some(Value::String(kid)) => Some(kid.clone()),
            Some(_) => return Err(Malformed),
        };
        Ok(Self { algorithm, kid })
    }
}

fn library_error(kind: ErrorKind) -> AuthenticationError {
    match kind {
        ErrorKind::InvalidSignature => AuthenticationError::BadSignature,
        ErrorKind::InvalidIssuer => AuthenticationError::WrongIssuer,
        ErrorKind::InvalidAudience => AuthenticationError::WrongAudience,
        ErrorKind::MissingRequiredClaim(claim) => AuthenticationError::MissingClaim(claim.into()),
        ErrorKind::InvalidAlgorithm => AuthenticationError::AlgorithmNotAllowed,
        _ => AuthenticationError::Malformed,
    }
}

fn text<'a>(
    claims: &'a Map<String, Value>,
    name: &'static str,
) -> Result<Option<&'a str>, AuthenticationError> {
    match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(AuthenticationError::InvalidClaim(name)),
    }
}

fn units(claims: &Map<String, Value>) -> Result<Vec<String>, AuthenticationError> {
    let invalid = AuthenticationError::InvalidClaim("units");
    let units = match claims.get("units") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(units)) if units.len() <= UNITS_MAX => units,
        Some(_) => return Err(invalid),
    };
    let unit = |unit: &Value| {
        let unit = unit.as_str()?;
        (!unit.is_empty() && unit.len() <= UNIT_BYTES_MAX).then(|| unit.to_owned())
    };
    units.iter().map(unit).collect::<Option<_>>().ok_or(invalid)
}

/// The token of an `Authorization: Bearer` header; `None` when there is no such header.
///
/// # Errors
/// [`AuthenticationError::Malformed`] when the header is repeated or of another form.
pub fn bearer_token(headers: &HeaderMap) -> Result<Option<&str>, AuthenticationError> {
    let mut values = headers.get_all(AUTHORIZATION);
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(AuthenticationError::Malformed);
    }
    let value = value.to_str().map_err(|_| AuthenticationError::Malformed)?;
    bearer(value).map(Some)
}

/// The token of the text `Bearer <token>`.
///
/// # Errors
/// [`AuthenticationError::Malformed`] when the text is of another form.
pub fn bearer(value: &str) -> Result<&str, AuthenticationError> {
    let (scheme, token) = value.trim().split_once(' ').ok_or(AuthenticationError::Malformed)?;
    let token = token.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() || token.contains(' ') {
        return Err(AuthenticationError::Malformed);
    }
    Ok(token)
}

/// A token for the demo, valid from `now` until the principal's `expires_at`, that
/// [`AuthenticationConfig::demo`] with the same secret accepts.
pub fn issue_demo_token(secret: &Secret, principal: &Principal, now: Timestamp) -> String {
    let mut claims = serde_json::json!({
        "iss": DEMO_ISSUER,
        "aud": DEMO_AUDIENCE,
        "sub": principal.subject,
        "role": principal.role,
        "iat": now.as_second(),
        "nbf": now.as_second(),
        "exp": principal.expires_at.as_second(),
    });
    if let Some(customer_id) = principal.customer_id {
        claims["customer_id"] = Value::String(customer_id.to_string());
    }
    if !principal.units.is_empty() {
        claims["units"] = Value::from(principal.units.clone());
    }
    let key = EncodingKey::from_secret(secret.expose());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)
        .expect("an HMAC over JSON made of strings and numbers cannot fail")
}
