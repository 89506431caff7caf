//! The tokens of holders who signed in: signed by this program with an Ed25519 key of the keyring.
//!
//! The identity provider's tokens and these never stand for each other: a token names its key, each key verifies its own issuer alone, and
//! these give the role `customer` and no other.

use std::path::PathBuf;

use aws_lc_rs::rand;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use parvandeh_domain::id::CustomerId;
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::vault::{Keyring, KeyringError};

/// The environment variable that may hold the key in place of the file.
pub const KEY_VARIABLE: &str = "PARVANDEH_SIGN_IN_KEY";
/// The file of the keyring.
pub const KEY_FILE: &str = "sign-in.key";
/// The `aud` of the tokens.
pub const AUDIENCE: &str = "parvandeh";

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum TokenKeyError {
    /// The file cannot be read or written, or must not be used.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// What should be the key is none.
    #[error("{0} must be the base64 of 32 bytes")]
    Malformed(String),
    /// There is none, and replicas draw none.
    #[error(
        "{} is missing, and replicas share one: `parvandeh keys create` draws it where the keyring can be written", .0.display()
    )]
    Missing(PathBuf),
}

/// Signs tokens.
pub struct TokenKey {
    pair: Ed25519KeyPair,
    issuer: String,
    id: String,
}

/// What verifies the tokens of a [`TokenKey`].
#[derive(Clone, Debug)]
pub struct TokenVerifier {
    /// The `iss`.
    pub issuer: String,
    /// The `kid`.
    pub key_id: String,
    /// The public key.
    pub public: Vec<u8>,
}

/// A token and its end.
pub struct Token {
    /// The token. Whoever has it is its customer, so it is wiped and never printed.
    pub text: Zeroizing<String>,
    /// From this moment on it is not accepted.
    pub expires_at: Timestamp,
}

impl TokenKey {
    /// The key of a keyring, or of the environment. Where there is none a new one is drawn, if it may be.
    ///
    /// # Errors
    /// When there is none that can be used.
    pub fn of(
        keyring: &Keyring,
        variable: Option<&str>,
        issuer: &str,
        may_create: bool,
    ) -> Result<Self, TokenKeyError> {
        let path = keyring.directory().join(KEY_FILE);
        let (source, text) = match variable {
            Some(text) => (KEY_VARIABLE.to_owned(), Zeroizing::new(text.to_owned())),
            None => match keyring.read_secret(KEY_FILE)? {
                Some(text) => (path.display().to_string(), text),
                None if may_create => (path.display().to_string(), create(keyring)?),
                None => return Err(TokenKeyError::Missing(path)),
            },
        };
        let mut seed = Zeroizing::new([0; 32]);
        match STANDARD.decode_slice(text.trim(), &mut *seed) {
            Ok(32) => Self::from_seed(&seed, issuer).ok_or(TokenKeyError::Malformed(source)),
            _ => Err(TokenKeyError::Malformed(source)),
        }
    }

    fn from_seed(seed: &[u8; 32], issuer: &str) -> Option<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok()?;
        let hash = Sha256::digest(pair.public_key().as_ref());
        let id = format!("card-{}", URL_SAFE_NO_PAD.encode(&hash[..12]));
        Some(Self { pair, issuer: issuer.to_owned(), id })
    }

    /// What verifies the tokens.
    pub fn verifier(&self) -> TokenVerifier {
        let public = self.pair.public_key().as_ref().to_vec();
        TokenVerifier { issuer: self.issuer.clone(), key_id: self.id.clone(), public }
    }

    /// A token of this customer, good from now for `life`.
    pub fn issue(&self, customer_id: CustomerId, now: Timestamp, life: SignedDuration) -> Token {
        // Tokens count whole seconds.
        let expires_at = Timestamp::from_second(now.as_second())
            .and_then(|now| now.saturating_add(life))
            .unwrap_or(now);
        let header = json!({ "alg": "EdDSA", "typ": "JWT", "kid": self.id });
        let claims = json!({
            "iss": self.issuer,
            "aud": AUDIENCE,
            "sub": customer_id.to_string(),
            "role": "customer",
            "customer_id": customer_id.to_string(),
            "iat": now.as_second(),
            "exp": expires_at.as_second(),
            "jti": Uuid::new_v4().to_string(),
        });
        let part = |json: serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let signed = Zeroizing::new(format!("{}.{}", part(header), part(claims)));
        let signature = URL_SAFE_NO_PAD.encode(self.pair.sign(signed.as_bytes()));
        Token { text: Zeroizing::new(format!("{}.{signature}", signed.as_str())), expires_at }
    }
}

/// Draws the key of a keyring that is to be shared by replicas, which only read it. One that is there stays.
///
/// # Errors
/// When it cannot be read or written.
pub fn create_key(keyring: &Keyring) -> Result<(), KeyringError> {
    if keyring.read_secret(KEY_FILE)?.is_none() {
        create(keyring)?;
    }
    Ok(())
}

fn create(keyring: &Keyring) -> Result<Zeroizing<String>, KeyringError> {
    let mut seed = Zeroizing::new([0; 32]);
    rand::fill(&mut *seed).expect("aws-lc waits for the system's randomness and does not fail");
    let text = Zeroizing::new(format!("{}\n", STANDARD.encode(seed.as_slice())));
    keyring.write_secret(KEY_FILE, &text)?;
    Ok(text)
}
