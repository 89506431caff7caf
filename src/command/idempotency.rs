//! Idempotency keys: a client's own name for a request, so that sending it twice does it once.
//!
//! The key, together with the caller's name, *is* the command's id. A retry on the same stream is recognised by the stream itself. What
//! remains is the same key with another request, perhaps for another stream: a digest of the request is kept for each key, first in
//! memory (for requests that are under way) and, once events are written, in the read model of receipts.

use std::sync::Arc;

use parvandeh_domain::id::{CommandId, derived};
use parvandeh_projections::command_receipts;
use serde::Serialize;
use uuid::Uuid;

use crate::principal::Principal;
use crate::subscription::read_models::{QueryError, ReadModels};
use crate::vault::Vault;

/// The longest key, in bytes.
pub const KEY_LENGTH_MAX: usize = 200;
/// How many keys are remembered in memory: enough to bridge the moment until the read models show them.
const RECENT_KEYS_MAX: u64 = 100_000;

/// The identity of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestIdentity {
    /// The command's id.
    pub command_id: CommandId,
    /// The digest of the request, where the client gave a key.
    pub digest: Option<String>,
    /// Whether it was answered with events before. `false` says nothing: the read models may not have them yet.
    pub is_repeated: bool,
}

/// Keeps a key from standing for two requests.
pub struct Idempotency {
    recent: moka::sync::Cache<Uuid, String>,
    read_models: Arc<ReadModels>,
    vault: Arc<Vault>,
}

/// The key stands for another request.
#[derive(Debug)]
pub enum ClaimError {
    /// The key was used for another request.
    Reused,
    /// It could not be found out.
    Query(QueryError),
}

impl Idempotency {
    /// A keeper over these read models.
    pub fn new(read_models: Arc<ReadModels>, vault: Arc<Vault>) -> Self {
        Self { recent: moka::sync::Cache::new(RECENT_KEYS_MAX), read_models, vault }
    }

    /// The identity of a request: from the client's key where it gave one, else a new one.
    ///
    /// `request` is all that makes the request what it is: the target and the command.
    pub async fn claim(
        &self,
        principal: &Principal,
        key: Option<&str>,
        request: &impl Serialize,
    ) -> Result<RequestIdentity, ClaimError> {
        let Some(key) = key else {
            let command_id = CommandId(Uuid::now_v7());
            return Ok(RequestIdentity { command_id, digest: None, is_repeated: false });
        };
        let command_id = CommandId(derived(&["idempotency key", &principal.subject, key]));
        let digest = self.digest(key, request);
        let claimed = self.recent.get_with(command_id.0, || digest.clone());
        if claimed != digest {
            return Err(ClaimError::Reused);
        }
        let receipt = self
            .read_models
            .query(move |db| command_receipts::receipt(db, command_id.0))
            .await
            .map_err(ClaimError::Query)?;
        let is_repeated = receipt.is_some();
        if let Some(receipt) = receipt
            && receipt.digest != digest
        {
            // The claim above was this request's; the key is the other's, for whom it must go on working.
            self.recent.insert(command_id.0, receipt.digest);
            return Err(ClaimError::Reused);
        }
        Ok(RequestIdentity { command_id, digest: Some(digest), is_repeated })
    }

    /// A keyed digest, which nobody who reads the log can try texts against: requests say personal things, and the digest stays when
    /// these are erased. The client's key is part of it, so that equal requests do not look alike.
    fn digest(&self, key: &str, request: &impl Serialize) -> String {
        let json = serde_json::to_vec(request).expect("requests have string keys and plain values");
        self.vault.digest(&[key.as_bytes(), &json])
    }

    /// Gives a key back when its request was refused, so that the client may mend the request and send it again.
    pub fn release(&self, identity: &RequestIdentity) {
        if identity.digest.is_some() {
            self.recent.invalidate(&identity.command_id.0);
        }
    }
}
