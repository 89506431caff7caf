//! Signed notes: a text with signature lines below it, as C2SP's *signed-note* writes them.
//!
//! A key has a name and an id of four bytes, so that a reader finds the lines of the keys it knows and leaves the others alone. Two kinds
//! of keys are known: Ed25519, which signs the text as it stands, and the *cosignature* of a witness, which signs the text together with
//! the time at which the witness had seen it.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest, Sha256};

/// The largest note that is read, in bytes.
pub const NOTE_BYTES_MAX: usize = 64 * 1024;
/// The most signature lines of a note.
const SIGNATURES_MAX: usize = 64;
const KEY_BYTES: usize = 32;
const SIGNATURE_BYTES: usize = 64;
const TIME_BYTES: usize = 8;

/// Why a note, a key or a signature cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// The text has not the form of a signed note.
    #[error("not a signed note: {0}")]
    Note(&'static str),
    /// The text is not a signature line.
    #[error("not a signature line of the form `— <name> <base64>`")]
    Signature,
    /// The text is not a verifier key.
    #[error("not a verifier key of the form `<name>+<key id>+<base64>`: {0}")]
    Key(&'static str),
    /// No line of the note is by the key.
    #[error("the note is not signed by {0}")]
    Unsigned(String),
    /// A line by the key does not verify.
    #[error("the signature of {0} does not verify: the text or the signature was changed")]
    Forged(String),
}

/// One signature below a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The name of the key.
    pub name: String,
    /// The id of the key.
    pub key_id: [u8; 4],
    /// What the key's kind makes of it.
    pub bytes: Vec<u8>,
}

impl fmt::Display for Signature {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&self.key_id[..], &self.bytes].concat();
        write!(formatter, "— {} {}", self.name, BASE64.encode(bytes))
    }
}

impl FromStr for Signature {
    type Err = NoteError;

    fn from_str(line: &str) -> Result<Self, NoteError> {
        let wrong = || NoteError::Signature;
        let rest = line.strip_prefix("— ").ok_or_else(wrong)?;
        let (name, encoded) = rest.split_once(' ').ok_or_else(wrong)?;
        let bytes = BASE64.decode(encoded).map_err(|_| wrong())?;
        let (key_id, bytes) = bytes.split_first_chunk::<4>().ok_or_else(wrong)?;
        if !is_name(name) || bytes.is_empty() {
            return Err(wrong());
        }
        Ok(Self { name: name.to_owned(), key_id: *key_id, bytes: bytes.to_vec() })
    }
}

/// A text with its signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What is signed: lines, each with its end.
    pub text: String,
    /// The signatures, in the order of their lines.
    pub signatures: Vec<Signature>,
}

impl fmt::Display for Note {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(formatter, "{signature}"))
    }
}

impl FromStr for Note {
    type Err = NoteError;

    fn from_str(note: &str) -> Result<Self, NoteError> {
        if note.len() > NOTE_BYTES_MAX {
            return Err(NoteError::Note("it is larger than 64 KiB"));
        }
        if note.chars().any(|sign| sign != '\n' && sign.is_control()) {
            return Err(NoteError::Note("it has control characters"));
        }
        let end = note.rfind("\n\n").ok_or(NoteError::Note("no empty line ends its text"))?;
        let (text, lines) = (&note[..=end], &note[end + 2..]);
        let lines =
            lines.strip_suffix('\n').ok_or(NoteError::Note("its last line is not ended"))?;
        let signatures: Vec<Signature> =
            lines.split('\n').map(str::parse).collect::<Result<_, _>>()?;
        if signatures.len() > SIGNATURES_MAX {
            return Err(NoteError::Note("it has more than 64 signatures"));
        }
        Ok(Self { text: text.to_owned(), signatures })
    }
}

/// How a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// Ed25519 over the text.
    Ed25519 = 1,
    /// Ed25519 of a witness over the time and the text (`cosignature/v1`).
    Cosignature = 4,
}

/// A public key with its name: what somebody who verifies must have from a source of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    kind: KeyKind,
    public: [u8; KEY_BYTES],
}

impl VerifierKey {
    /// A public key of a kind under a name without white space and `+`.
    pub fn new(name: &str, kind: KeyKind, public: [u8; KEY_BYTES]) -> Result<Self, NoteError> {
        if !is_name(name) {
            return Err(NoteError::Key("its name is empty, or has white space or a plus"));
        }
        Ok(Self { name: name.to_owned(), kind, public })
    }

    /// The key's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How the key signs.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// What signature lines call the key, beside its name.
    pub fn id(&self) -> [u8; 4] {
        let digest = Sha256::new()
            .chain_update(&self.name)
            .chain_update([b'\n', self.kind as u8])
            .chain_update(self.public)
            .finalize();
        [digest[0], digest[1], digest[2], digest[3]]
    }

    /// Whether the signature claims to be by this key.
    pub fn is_named_by(&self, signature: &Signature) -> bool {
        signature.name == self.name && signature.key_id == self.id()
    }

    /// Verifies that the note has this key's signature; answers the time that a witness states, in Unix seconds.
    pub fn verify(&self, note: &Note) -> Result<Option<u64>, NoteError> {
        let mut lines = note.signatures.iter().filter(|line| self.is_named_by(line)).peekable();
        if lines.peek().is_none() {
            return Err(NoteError::Unsigned(self.name.clone()));
        }
        let verified = lines.find_map(|line| self.verify_line(&note.text, line));
        verified.ok_or_else(|| NoteError::Forged(self.name.clone()))
    }

    fn verify_line(&self, text: &str, line: &Signature) -> Option<Option<u64>> {
        let key = UnparsedPublicKey::new(&ED25519, &self.public);
        match self.kind {
            KeyKind::Ed25519 => key.verify(text.as_bytes(), &line.bytes).ok().map(|()| None),
            KeyKind::Cosignature => {
                let (time, signature) = line.bytes.split_first_chunk::<TIME_BYTES>()?;
                let time = u64::from_be_bytes(*time);
                key.verify(cosigned(time, text).as_bytes(), signature).ok().map(|()| Some(time))
            }
        }
    }
}

/// What a witness signs.
fn cosigned(time: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = u32::from_be_bytes(self.id());
        let bytes = [&[self.kind as u8], &self.public[..]].concat();
        write!(formatter, "{}+{id:08x}+{}", self.name, BASE64.encode(bytes))
    }
}

impl FromStr for VerifierKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let mut parts = text.trim_end().splitn(3, '+');
        let (Some(name), Some(id), Some(encoded)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(NoteError::Key("it has not three parts"));
        };
        let bytes = BASE64.decode(encoded).map_err(|_| NoteError::Key("its end is not base64"))?;
        let (kind, public) = match bytes.split_first() {
            Some((1, public)) => (KeyKind::Ed25519, public),
            Some((4, public)) => (KeyKind::Cosignature, public),
            _ => return Err(NoteError::Key("its algorithm is not known here")),
        };
        let public = public.try_into().map_err(|_| NoteError::Key("its length is not 32 bytes"))?;
        let key = Self::new(name, kind, public)?;
        if format!("{:08x}", u32::from_be_bytes(key.id())) != id {
            return Err(NoteError::Key("its id does not belong to its name and key"));
        }
        Ok(key)
    }
}

/// A private key with its name.
pub struct SignerKey {
    pair: Ed25519KeyPair,
    verifier: VerifierKey,
}

impl SignerKey {
    /// The key that follows from a seed of 32 random bytes.
    pub fn from_seed(name: &str, kind: KeyKind, seed: &[u8; KEY_BYTES]) -> Result<Self, NoteError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed)
            .map_err(|_| NoteError::Key("its seed cannot be used"))?;
        let public = pair.public_key().as_ref().try_into();
        let public = public.map_err(|_| NoteError::Key("its length is not 32 bytes"))?;
        Ok(Self { verifier: VerifierKey::new(name, kind, public)?, pair })
    }

    /// The public half.
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// Signs a text. A witness states the time, in Unix seconds.
    pub fn sign(&self, text: &str, time: u64) -> Signature {
        let bytes = match self.verifier.kind {
            KeyKind::Ed25519 => self.pair.sign(text.as_bytes()).as_ref().to_vec(),
            KeyKind::Cosignature => {
                let signature = self.pair.sign(cosigned(time, text).as_bytes());
                [&time.to_be_bytes(), signature.as_ref()].concat()
            }
        };
        Signature { name: self.verifier.name.clone(), key_id: self.verifier.id(), bytes }
    }
}

/// Whether a line of a key that is not known may be kept: a signature, or a time and a signature.
pub fn has_known_shape(signature: &Signature) -> bool {
    [SIGNATURE_BYTES, TIME_BYTES + SIGNATURE_BYTES].contains(&signature.bytes.len())
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 255
        && !name.chars().any(|sign| sign.is_whitespace() || sign.is_control() || sign == '+')
}

#[cfg(test)]
mod tests;
