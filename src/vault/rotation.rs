//! Rotation: every data key is wrapped under the current version of the key-encryption key, and no envelope is touched.

use super::key_log::PublishedKey;
use super::key_store::StoredKey;
use super::key_writer::{Change, Rewrapping};
use super::{Vault, VaultError, context, unwrap};

/// Keys that are wrapped anew in one transaction.
const REWRAP_KEYS_MAX: usize = 256;

/// What a rotation has done, or has done so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotated {
    /// The version that wraps every data key now.
    pub version: u32,
    /// How many data keys were wrapped anew.
    pub rewrapped: u64,
    /// How many data keys there were to wrap anew.
    pub total: u64,
}

impl Vault {
    /// Wraps every data key under the provider's current version. Envelopes stay as they are. Interrupted, it goes on where it was when
    /// called again; `progress` hears of every transaction.
    ///
    /// In a cluster one replica does it for all, after every replica's keyring has the new version: it publishes what it wraps anew, and
    /// the others learn of it. Keys that another replica makes meanwhile with an earlier version are left for the next call.
    pub fn rotate(&self, mut progress: impl FnMut(Rotated)) -> Result<Rotated, VaultError> {
        let writer = self.writer()?;
        let provider = self.provider();
        let version = provider.current_version();
        let counts = self.store().count_by_version()?;
        let total = counts.iter().filter(|(of, _)| *of != version).map(|(_, count)| count).sum();
        let mut rotated = Rotated { version, rewrapped: 0, total };
        loop {
            let stored = self.store().wrapped_otherwise(version, REWRAP_KEYS_MAX)?;
            if stored.is_empty() {
                break;
            }
            let rewrap = |stored: StoredKey| {
                let key = unwrap(&*provider, &stored)?;
                let to = provider.wrap(&key, &context(stored.id, &stored.subject))?;
                let from = stored.wrapped.version;
                if let Some(replica) = &self.replica {
                    // Where the subject was erased meanwhile, its key goes as soon as the erasure is learned of.
                    let rewrapped = StoredKey { wrapped: to.clone(), ..stored };
                    replica.key_log.republish(&PublishedKey::of(&rewrapped))?;
                }
                Ok(Rewrapping { id: stored.id, from, to })
            };
            let keys = stored.into_iter().map(rewrap).collect::<Result<Vec<_>, VaultError>>()?;
            let published = keys.len();
            let changed = writer.ask(|answer| Change::Rewrap { keys, answer })?;
            // In a cluster the log may have brought what was published back before it was written here.
            rotated.rewrapped += if self.replica.is_some() { published } else { changed } as u64;
            progress(rotated);
        }
        // The earlier wrapping must be in no file: it opens with a key that may be known to others.
        writer.ask(|answer| Change::WipeDeleted { answer })?;
        Ok(rotated)
    }
}
