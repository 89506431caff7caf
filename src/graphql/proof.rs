//! The proof for auditors: the signed checkpoint, and proofs about it. Their formats are those of RFC 6962 and C2SP; see `docs/proofs.md`.

use async_graphql::{Context, ID, SimpleObject};
use jiff::Timestamp;
use uuid::Uuid;

use super::context::{failure, refused, services};
use super::scalar::DateTime;
use crate::error::RequestError;
use crate::proof::merkle::leaf_hash;
use crate::proof::service::{Inclusion, ProofError, Signed};
use crate::proof::verify::base64;

/// A signed statement: the log has so many events, and this is the root of the Merkle tree over them.
#[derive(SimpleObject)]
pub struct ProofCheckpoint {
    /// The statement with its signatures, as a signed note. Keep it: what it covers cannot be changed unnoticed any more.
    pub note: String,
    /// Which log it is about.
    pub origin: String,
    /// How many events it covers.
    pub size: u64,
    /// The root over them, in base64.
    pub root: String,
    /// The public key that verifies it. Whoever suspects the server gets it another way.
    pub verifier_key: String,
    /// When it was stored.
    pub stored_at: DateTime,
}

impl ProofCheckpoint {
    fn of(signed: &Signed) -> Self {
        let checkpoint = &signed.checkpoint.checkpoint;
        let stored_at = Timestamp::try_from(signed.stored_at).unwrap_or(Timestamp::UNIX_EPOCH);
        Self {
            note: signed.checkpoint.note.to_string(),
            origin: checkpoint.origin.clone(),
            size: checkpoint.size,
            root: base64(&checkpoint.root),
            verifier_key: signed.key.to_string(),
            stored_at: DateTime(stored_at),
        }
    }
}

/// The proof that an event is under a root.
#[derive(SimpleObject)]
pub struct InclusionProof {
    /// The event's position in the log, from 1.
    pub position: u64,
    /// The index of its leaf, from 0.
    pub index: u64,
    /// How many events the tree of the proof has.
    pub tree_size: u64,
    /// The leaf: what the tree says of the event, as JSON. Its hash is SHA-256 over a zero byte and this text.
    pub leaf: String,
    /// The hash of the leaf, in base64.
    pub leaf_hash: String,
    /// The hashes beside the way from the leaf to the root, in base64.
    pub hashes: Vec<String>,
    /// The root that they lead to, in base64: that of the checkpoint, where `treeSize` is its size.
    pub root: String,
    /// The present checkpoint.
    pub checkpoint: ProofCheckpoint,
}

/// The proof that a tree is the beginning of a later one.
#[derive(SimpleObject)]
pub struct ConsistencyProof {
    /// How many events the earlier tree has.
    pub from: u64,
    /// How many events the later tree has.
    pub to: u64,
    /// The root of the earlier tree, in base64.
    pub from_root: String,
    /// The root of the later tree, in base64: that of the checkpoint, where `to` is its size.
    pub to_root: String,
    /// The hashes of the proof, in base64.
    pub hashes: Vec<String>,
    /// The present checkpoint.
    pub checkpoint: ProofCheckpoint,
}

/// The last checkpoint.
pub fn checkpoint(ctx: &Context<'_>) -> Option<ProofCheckpoint> {
    services(ctx).proof.signed().map(|signed| ProofCheckpoint::of(&signed))
}

/// The proof about one event, named by its id or its position.
pub async fn inclusion(
    ctx: &Context<'_>,
    event_id: Option<ID>,
    position: Option<u64>,
    tree_size: Option<u64>,
) -> async_graphql::Result<Option<InclusionProof>> {
    let bad = |field, problem| refused(RequestError::bad_input(field, problem));
    let id =
        event_id.map(|id| id.parse::<Uuid>().map_err(|_| bad("eventId", "is not an event's id")));
    let id = id.transpose()?;
    if id.is_some() == position.is_some() {
        return Err(bad("eventId", "name the event by its id or by its position"));
    }
    let proof = services(ctx).proof.clone();
    let Some(signed) = proof.signed() else { return Ok(None) };
    // One checkpoint for all of the answer, also when the next one is signed meanwhile.
    let tree_size = tree_size.or(Some(signed.size()));
    let found = blocking(move || {
        let position = match (position, id) {
            (Some(position), _) => Some(position),
            (None, Some(id)) => proof.position_of(id)?,
            (None, None) => None,
        };
        position.map(|position| proof.inclusion(position, tree_size)).transpose()
    })
    .await?;
    Ok(found.map(|Inclusion { index, size, leaf, hashes, root }| InclusionProof {
        position: index + 1,
        index,
        tree_size: size,
        leaf_hash: base64(&leaf_hash(leaf.as_bytes())),
        leaf,
        hashes: hashes.iter().map(base64).collect(),
        root: base64(&root),
        checkpoint: ProofCheckpoint::of(&signed),
    }))
}

/// The proof about two sizes.
pub async fn consistency(
    ctx: &Context<'_>,
    from: u64,
    to: Option<u64>,
) -> async_graphql::Result<Option<ConsistencyProof>> {
    let proof = services(ctx).proof.clone();
    let Some(signed) = proof.signed() else { return Ok(None) };
    let (to, hashes, [from_root, to_root]) = blocking({
        let to = to.or(Some(signed.size()));
        move || proof.consistency(from, to)
    })
    .await?;
    Ok(Some(ConsistencyProof {
        from,
        to,
        from_root: base64(&from_root),
        to_root: base64(&to_root),
        hashes: hashes.iter().map(base64).collect(),
        checkpoint: ProofCheckpoint::of(&signed),
    }))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ProofError> + Send + 'static,
) -> async_graphql::Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(ProofError::OutOfRange { field, problem })) => {
            Err(refused(RequestError::bad_input(field, &problem)))
        }
        Ok(Err(error)) => Err(failure(&error)),
        Err(error) => Err(failure(&error)),
    }
}
