//! Why a caller is not authenticated: a stable reason for us, a careful message for them.

use std::borrow::Cow;
use std::time::Duration;

/// Why a caller is not authenticated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthenticationError {
    /// No token where one is needed.
    #[error("no token was given")]
    MissingToken,
    /// Not a JWT, or not a proper bearer header.
    #[error("the token is malformed")]
    Malformed,
    /// The `alg` is not among the configured ones.
    #[error("the token's algorithm is not allowed")]
    AlgorithmNotAllowed,
    /// The header carries a member that is refused: `jku`, `x5u`, `jwk` or `crit`.
    #[error("the token's header has `{0}`, which is refused")]
    HeaderRefused(&'static str),
    /// No key of that id for that algorithm.
    #[error("the token's key is unknown")]
    UnknownKey,
    /// The key set could not be fetched and none was fetched before.
    #[error("no signing keys are available")]
    KeysUnavailable,
    /// The signature is wrong.
    #[error("the token's signature is wrong")]
    BadSignature,
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// `nbf` is still to come.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `iss` is another.
    #[error("the token is from another issuer")]
    WrongIssuer,
    /// `aud` does not name us.
    #[error("the token is for another audience")]
    WrongAudience,
    /// A claim that must be there is not.
    #[error("the token lacks the claim `{0}`")]
    MissingClaim(Cow<'static, str>),
    /// The address has failed so often that unknown tokens from there are not looked at for a while.
    #[error("too many tokens from this address were not valid")]
    TooManyFailures {
        /// How long.
        wait: Duration,
    },
    /// A claim is of the wrong form.
    #[error("the token's claim `{0}` is not usable")]
    InvalidClaim(&'static str),
}

impl AuthenticationError {
    /// A stable name for logs and metrics.
    pub fn reason(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::MissingToken => "missing_token",
            Self::Malformed => "malformed",
            Self::AlgorithmNotAllowed => "algorithm_not_allowed",
            Self::HeaderRefused(_) => "header_refused",
            Self::UnknownKey => "unknown_key",
            Self::KeysUnavailable => "keys_unavailable",
            Self::BadSignature => "bad_signature",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::WrongIssuer => "wrong_issuer",
            Self::WrongAudience => "wrong_audience",
            Self::TooManyFailures { .. } => "too_many_failures",
            Self::MissingClaim(claim) => return format!("missing_claim_{claim}").into(),
            Self::InvalidClaim(claim) => return format!("invalid_claim_{claim}").into(),
        })
    }

    /// What the caller is told. Someone who probes with forged tokens learns nothing about keys or
    /// algorithms; someone whose token ran out, or whose provider leaves out a claim, learns what to mend.
    pub fn public_message(&self) -> String {
        match self {
            Self::MissingToken => {
                "No token was given. Send one as `Authorization: Bearer <token>`.".to_owned()
            }
            Self::Expired => "The token has expired. Sign in again.".to_owned(),
            Self::NotYetValid => "The token is not valid yet.".to_owned(),
            Self::KeysUnavailable => {
                "Tokens cannot be verified at the moment. Try again shortly.".to_owned()
            }
            Self::MissingClaim(claim) => format!("The token lacks the claim `{claim}`."),
            Self::InvalidClaim(claim) => format!("The token's claim `{claim}` is not usable."),
            Self::TooManyFailures { .. } => {
                "Too many requests from your address came without a valid token. Wait a little."
                    .to_owned()
            }
            Self::WrongAudience => "The token is for another audience.".to_owned(),
            _ => "The token is not valid.".to_owned(),
        }
    }
}
