//! How personal data is sealed: the envelope, and the data key that seals and opens it.
//!
//! An *envelope* is bytes: version (1), key id (16), event id (16), nonce (12), then the ciphertext and its tag (16). AES-256-GCM-SIV
//! binds it to what is not in it as well: the data subject and the algorithm. So a changed byte is always noticed, and that it stands
//! beside its own event shows in the event's seal.
//!
//! AES-GCM-SIV does not commit to its key: whoever knows two keys can make a ciphertext that opens under both. Therefore the event
//! records a *commitment*, an HMAC of a fixed label under the data key, beside the hash of the envelope; both stand in the proof.

use std::fmt;
use std::sync::{PoisonError, RwLock};

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use bytes::Bytes;
use parvandeh_domain::id::DataSubject;
use parvandeh_domain::pii::Seal;
use sha2::{Digest, Sha256};
use uuid::Uuid;
use uuid::fmt::Hyphenated;
use zeroize::Zeroizing;

/// The algorithm's name as events store it.
pub const ALGORITHM: &str = "AES-256-GCM-SIV";
/// The envelope's layout. Another layout gets another number.
const VERSION: u8 = 1;
const KEY_AT: usize = 1;
const EVENT_AT: usize = 17;
const NONCE_AT: usize = 33;
const CIPHERTEXT_AT: usize = 45;
const TAG_BYTES: usize = 16;
const COMMITMENT_LABEL: &[u8] = b"parvandeh data key commitment 1";

/// 256 bits of a key, wiped when dropped.
pub type KeyBytes = Zeroizing<[u8; 32]>;

/// Random bytes of the system.
pub(super) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes)
        .expect("aws-lc waits for the system's randomness and does not fail");
    bytes
}

/// A new random key.
pub(super) fn random_key() -> KeyBytes {
    let mut bytes = KeyBytes::default();
    aws_lc_rs::rand::fill(&mut *bytes)
        .expect("aws-lc waits for the system's randomness and does not fail");
    bytes
}

/// AES-256-GCM-SIV under this key.
pub(super) fn aead(bytes: &[u8; 32]) -> LessSafeKey {
    let key = UnboundKey::new(&AES_256_GCM_SIV, bytes).expect("AES-256 takes a key of 32 bytes");
    LessSafeKey::new(key)
}

/// `head`, then nonce, ciphertext and tag. The plaintext is encrypted where it is copied to, so no copy of it is left.
pub(super) fn seal(
    key: &LessSafeKey,
    nonce: [u8; 12],
    associated: &[u8],
    head: &[u8],
    plaintext: &[u8],
) -> Vec<u8> {
    let ciphertext_at = head.len() + nonce.len();
    let mut sealed = Vec::with_capacity(ciphertext_at + plaintext.len() + TAG_BYTES);
    sealed.extend_from_slice(head);
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(plaintext);
    let nonce = Nonce::assume_unique_for_key(nonce);
    let tag = key
        .seal_in_place_separate_tag(nonce, Aad::from(associated), &mut sealed[ciphertext_at..])
        .expect("a plaintext in memory is shorter than the 64 GiB that the algorithm takes");
    sealed.extend_from_slice(tag.as_ref());
    sealed
}

/// The plaintext of nonce, ciphertext and tag; `None` where they are not what was sealed under this key with this data.
pub(super) fn open(
    key: &LessSafeKey,
    associated: &[u8],
    sealed: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, ciphertext) = sealed.split_at_checked(CIPHERTEXT_AT - NONCE_AT)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut text = Zeroizing::new(ciphertext.to_vec());
    let length = key.open_in_place(nonce, Aad::from(associated), &mut text).ok()?.len();
    text.truncate(length);
    Some(text)
}

/// Why an envelope is not what was sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeDamage {
    /// Too short, or of a layout that is not known here.
    #[error("the envelope is cut short or of an unknown version")]
    Form,
    /// Its hash is not the one that the event records.
    #[error("the envelope's hash is not the one that its event records")]
    Hash,
    /// It names another key than the event, or another algorithm was used.
    #[error("the envelope was not sealed with the key and algorithm that its event records")]
    Key,
    /// It does not open under its key: it was changed, or belongs to another event.
    #[error(
        "the envelope does not open under its key: it was changed, or belongs to another event"
    )]
    Ciphertext,
    /// The key that it names is not the one that sealed it.
    #[error("the data key is not the one that the event commits to")]
    Commitment,
}

/// An envelope's parts.
pub(super) struct Envelope<'a> {
    pub(super) key: Uuid,
    pub(super) event_id: Uuid,
    /// Nonce, ciphertext and tag.
    sealed: &'a [u8],
}

impl<'a> Envelope<'a> {
    pub(super) fn parse(envelope: &'a [u8]) -> Result<Self, EnvelopeDamage> {
        if envelope.len() < CIPHERTEXT_AT + TAG_BYTES || envelope[0] != VERSION {
            return Err(EnvelopeDamage::Form);
        }
        let uuid = |at| Uuid::from_slice(&envelope[at..at + 16]).map_err(|_| EnvelopeDamage::Form);
        Ok(Self { key: uuid(KEY_AT)?, event_id: uuid(EVENT_AT)?, sealed: &envelope[NONCE_AT..] })
    }
}

/// Whether an envelope is the one that the event records: same hash, same key, known algorithm. Needs no key.
pub(super) fn check(envelope: &[u8], seal: &Seal) -> Result<(), EnvelopeDamage> {
    if hex(&Sha256::digest(envelope)) != seal.sha256 {
        return Err(EnvelopeDamage::Hash);
    }
    if Envelope::parse(envelope)?.key != seal.key || seal.algorithm != ALGORITHM {
        return Err(EnvelopeDamage::Key);
    }
    Ok(())
}

/// What sealing gives: bytes to store beside the event, and what the event records about them.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// The envelope: ciphertext with the ids that it takes to open it.
    pub envelope: Bytes,
    /// What goes into the event's metadata.
    pub seal: Seal,
}

/// The key of one data subject, unwrapped. It can be made to forget itself while others still hold it.
pub(super) struct DataKey {
    pub(super) id: Uuid,
    pub(super) subject: DataSubject,
    commitment: String,
    /// The first line of what ciphertexts are bound to.
    subject_line: String,
    aead: RwLock<Option<LessSafeKey>>,
}

impl DataKey {
    pub(super) fn new(id: Uuid, subject: DataSubject, bytes: &[u8; 32]) -> Self {
        let commitment =
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, bytes), COMMITMENT_LABEL).as_ref().into();
        let commitment: Vec<u8> = commitment;
        Self {
            id,
            subject,
            commitment: hex(&commitment),
            subject_line: format!("{subject}\n"),
            aead: RwLock::new(Some(aead(bytes))),
        }
    }

    /// Seals an event's personal data; `None` once the key is forgotten.
    pub(super) fn seal(&self, event_id: Uuid, plaintext: &[u8]) -> Option<Sealed> {
        self.seal_with_nonce(random(), event_id, plaintext)
    }

    /// [`DataKey::seal`] with a nonce that is given, which only tests may choose.
    pub(super) fn seal_with_nonce(
        &self,
        nonce: [u8; 12],
        event_id: Uuid,
        plaintext: &[u8],
    ) -> Option<Sealed> {
        let mut head = [VERSION; NONCE_AT];
        head[KEY_AT..EVENT_AT].copy_from_slice(self.id.as_bytes());
        head[EVENT_AT..].copy_from_slice(event_id.as_bytes());
        let associated = self.associated(event_id);
        let key = self.aead.read().unwrap_or_else(PoisonError::into_inner);
        let envelope = seal(key.as_ref()?, nonce, associated.as_bytes(), &head, plaintext);
        let seal = Seal {
            subject: self.subject,
            key: self.id,
            algorithm: ALGORITHM.to_owned(),
            sha256: hex(&Sha256::digest(&envelope)),
            commitment: self.commitment.clone(),
        };
        Some(Sealed { envelope: envelope.into(), seal })
    }

    /// Opens an envelope of this key; `None` once the key is forgotten.
    pub(super) fn open(
        &self,
        envelope: &Envelope<'_>,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, EnvelopeDamage> {
        let associated = self.associated(envelope.event_id);
        let key = self.aead.read().unwrap_or_else(PoisonError::into_inner);
        let Some(key) = key.as_ref() else { return Ok(None) };
        open(key, associated.as_bytes(), envelope.sealed)
            .map(Some)
            .ok_or(EnvelopeDamage::Ciphertext)
    }

    /// Whether this is the key that the event commits to.
    pub(super) fn check_commitment(&self, seal: &Seal) -> Result<(), EnvelopeDamage> {
        let same = self.commitment == seal.commitment && self.subject == seal.subject;
        if same { Ok(()) } else { Err(EnvelopeDamage::Commitment) }
    }

    /// Wipes the key from memory, whoever still holds it.
    pub(super) fn forget(&self) {
        // aws-lc overwrites a key when it frees it.
        *self.aead.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// What the ciphertext is bound to without holding it. Lines cannot be confused: no part has a line break.
    fn associated(&self, event_id: Uuid) -> String {
        let mut id = [0; Hyphenated::LENGTH];
        let event_id = &*event_id.hyphenated().encode_lower(&mut id);
        [&self.subject_line, event_id, "\n", ALGORITHM].concat()
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataKey")
            .field("id", &self.id)
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
