//! Why a call to the cluster failed, in our words, and whether the client is of any more use after it.

use kurrentdb::{CurrentRevision, Error};

/// Most characters of the client's or the server's words that are passed on.
const REASON_CHARACTERS_MAX: usize = 300;

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    /// The stream is not where it was expected to be.
    #[error("the stream has moved")]
    Conflict { actual: Option<u64> },
    /// There is no such stream.
    #[error("there is no such stream")]
    NotFound,
    /// The stream was deleted for good.
    #[error("the stream was deleted for good")]
    Deleted,
    /// The user may not do that.
    #[error("the server does not allow it: check the user and the rights of the store")]
    Denied,
    /// The server says no to this call, and will say it again.
    #[error("the server refuses: {0}")]
    Refused(String),
    /// Nothing has reached the server.
    #[error("the cluster cannot be reached: {0}")]
    Unsent(String),
    /// It may have been carried out.
    #[error("no answer: {0}")]
    Unknown(String),
}

impl Failure {
    pub(super) fn of(error: Error) -> Self {
        match error {
            Error::WrongExpectedVersion { current: CurrentRevision::Current(revision), .. } => {
                Self::Conflict { actual: Some(revision) }
            }
            Error::WrongExpectedVersion { current: CurrentRevision::NoStream, .. } => {
                Self::Conflict { actual: None }
            }
            Error::ResourceNotFound => Self::NotFound,
            Error::ResourceDeleted => Self::Deleted,
            Error::AccessDenied => Self::Denied,
            Error::NotLeaderException(_) => Self::Unsent("the node is not the leader".to_owned()),
            Error::ConnectionClosed => Self::Unsent("the connection is closed".to_owned()),
            Error::GrpcConnectionError(error) => Self::Unsent(cut(&error.to_string())),
            Error::InitializationError(error) => Self::Unsent(cut(&error)),
            Error::UnsupportedFeature => Self::Refused("it does not know the call".to_owned()),
            Error::Grpc { code, message } => {
                let reason = cut(&format!("{code}: {message}"));
                match i32::from(code) {
                    INVALID_ARGUMENT | FAILED_PRECONDITION | OUT_OF_RANGE => Self::Refused(reason),
                    _ => Self::Unknown(reason),
                }
            }
            error => Self::Unknown(cut(&error.to_string())),
        }
    }
}

/// gRPC's numbers for answers.
const INVALID_ARGUMENT: i32 = 3;
const FAILED_PRECONDITION: i32 = 9;
const ABORTED: i32 = 10;
const OUT_OF_RANGE: i32 = 11;

/// Whether the client may be of no more use after this error.
pub(super) fn breaks_client(error: &Error) -> bool {
    match error {
        Error::WrongExpectedVersion { .. }
        | Error::ResourceNotFound
        | Error::ResourceDeleted
        | Error::ResourceAlreadyExists
        | Error::AccessDenied
        | Error::UnsupportedFeature => false,
        // The client goes to the leader by itself.
        Error::NotLeaderException(_) => false,
        Error::Grpc { code, .. } => {
            let harmless = [INVALID_ARGUMENT, FAILED_PRECONDITION, ABORTED, OUT_OF_RANGE];
            !harmless.contains(&i32::from(*code))
        }
        _ => true,
    }
}

/// The beginning of somebody else's words.
pub(super) fn cut(text: &str) -> String {
    text.chars().take(REASON_CHARACTERS_MAX).collect()
}
