//! Verifying: what a checkpoint says against what is there.
//!
//! Three things can be verified: a data directory ([`directory`]), beside a running server too; a bundle ([`super::bundle`]), with nothing
//! else at hand; and a server, by what it publishes ([`remote`]). Each gives a [`Report`]: what was compared, and every difference with
//! the position where it begins. What a report is worth depends on what the verifier brings ([`Trust`]): the public key, an older
//! checkpoint, keys of witnesses. Without them it finds damage and careless changes, but an operator who holds the key could sign anew.

pub mod directory;
mod files;
pub mod remote;
mod vault;

use serde::Serialize;

use super::checkpoint::SignedCheckpoint;
use super::merkle::{Frontier, Hash};
use super::note::VerifierKey;

/// Differences that are told one by one; the others are counted.
const FINDINGS_MAX: usize = 50;

/// What the verifier brings along.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// The log's public key, from a source other than what is verified.
    pub key: Option<VerifierKey>,
    /// A checkpoint that was kept from before.
    pub earlier: Option<SignedCheckpoint>,
    /// Witnesses whose signature is demanded.
    pub witnesses: Vec<VerifierKey>,
}

/// Where a difference was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The log itself.
    Log,
    /// The envelopes of personal fields.
    Vault,
    /// The tree's files, or published tiles: derived from the log.
    Tree,
    /// A checkpoint or its signature.
    Checkpoint,
    /// A bundle.
    Bundle,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// Where it was met.
    pub part: Part,
    /// The first position that it concerns, where one can be told.
    pub position: Option<u64>,
    /// The last one, where there are several.
    pub position_last: Option<u64>,
    /// What is wrong, for people.
    pub problem: String,
}

/// What was compared, and what differs.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// What was verified.
    pub target: String,
    /// Which log it is.
    pub origin: Option<String>,
    /// The size of the checkpoint that it was compared with.
    pub checkpoint_size: Option<u64>,
    /// The root of that checkpoint, in base64.
    pub checkpoint_root: Option<String>,
    /// Events whose leaves were computed.
    pub events: u64,
    /// Events after the checkpoint, which it does not cover.
    pub events_not_covered: u64,
    /// Envelopes of personal fields that were compared.
    pub envelopes: u64,
    /// Differences, the most telling first.
    pub findings: Vec<Finding>,
    /// Further differences that are not told.
    pub findings_more: u64,
    /// What the verifier should know beside them.
    pub remarks: Vec<String>,
}

impl Report {
    /// About something.
    pub fn about(target: impl Into<String>) -> Self {
        Self { target: target.into(), ..Self::default() }
    }

    /// Whether nothing differs.
    pub fn holds(&self) -> bool {
        self.findings.is_empty()
    }

    /// The difference with the lowest position; one without a position where none has one.
    pub fn first(&self) -> Option<&Finding> {
        let placed = self.findings.iter().filter(|finding| finding.position.is_some());
        placed.min_by_key(|finding| finding.position).or(self.findings.first())
    }

    /// Adds a difference at a position.
    pub fn at(&mut self, part: Part, position: u64, problem: impl Into<String>) {
        self.between(part, Some(position), None, problem);
    }

    /// Adds a difference that has no place in the log.
    pub fn general(&mut self, part: Part, problem: impl Into<String>) {
        self.between(part, None, None, problem);
    }

    /// Adds a difference that concerns several positions.
    pub fn between(
        &mut self,
        part: Part,
        position: Option<u64>,
        position_last: Option<u64>,
        problem: impl Into<String>,
    ) {
        let position_last = position_last.filter(|last| Some(*last) != position);
        let finding = Finding { part, position, position_last, problem: problem.into() };
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
            return;
        }
        self.findings_more += 1;
        // A lower position is worth more than one that is told already.
        if let Some(position) = finding.position
            && let Some(highest) = self
                .findings
                .iter_mut()
                .filter(|known| known.position.is_some_and(|known| known > position))
                .max_by_key(|known| known.position)
        {
            *highest = finding;
        }
    }

    /// Verifies a checkpoint's signatures as far as they can be, and says how far that is.
    pub(super) fn judge(
        &mut self,
        signed: &SignedCheckpoint,
        trust: &Trust,
        beside: Option<&VerifierKey>,
    ) {
        let checkpoint = &signed.checkpoint;
        self.origin = Some(checkpoint.origin.clone());
        self.checkpoint_size = Some(checkpoint.size);
        self.checkpoint_root = Some(base64(&checkpoint.root));
        match trust.key.as_ref().or(beside) {
            Some(key) => {
                if let Err(error) = signed.verify(key) {
                    self.general(Part::Checkpoint, format!("the checkpoint: {error}"));
                }
            }
            None => self.general(
                Part::Checkpoint,
                "no public key stands beside the checkpoint, so its signature cannot be verified; give one with --key",
            ),
        }
        if trust.key.is_none() {
            self.remarks.push(
                "The public key was taken from what was verified: this finds damage, not a signer who cheats. Give --key with a key that you \
                 got another way."
                    .to_owned(),
            );
        }
        if let Some(earlier) = &trust.earlier {
            let key = trust.key.as_ref().or(beside);
            if let Some(Err(error)) = key.map(|key| earlier.verify(key)) {
                self.general(Part::Checkpoint, format!("the checkpoint from before: {error}"));
            }
            if earlier.checkpoint.size > checkpoint.size {
                let (before, now) = (earlier.checkpoint.size, checkpoint.size);
                let problem = format!(
                    "the checkpoint from before is over {before} events, the present one over {now} only: events {} to {before} are gone",
                    now + 1
                );
                self.between(Part::Checkpoint, Some(now + 1), Some(before), problem);
            }
        }
    }
}

/// A size with the root that must be there, and who says so.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) said_by: &'static str,
    pub(super) size: u64,
    pub(super) root: Hash,
}

impl Known {
    pub(super) fn of(said_by: &'static str, signed: &SignedCheckpoint) -> Self {
        Self { said_by, size: signed.checkpoint.size, root: signed.checkpoint.root }
    }
}

/// The roots at some sizes of a tree whose leaves come in order.
#[derive(Debug, Default)]
pub(super) struct Roots {
    frontier: Frontier,
    /// Sizes that are asked for, in falling order.
    wanted: Vec<u64>,
    found: Vec<(u64, Hash)>,
}

impl Roots {
    pub(super) fn at(known: &[Known]) -> Self {
        let mut wanted: Vec<u64> = known.iter().map(|known| known.size).collect();
        wanted.sort_unstable_by(|left, right| right.cmp(left));
        wanted.dedup();
        let mut roots = Self { wanted, ..Self::default() };
        roots.note();
        roots
    }

    pub(super) fn push_leaf(&mut self, hash: Hash) {
        self.frontier.push_leaf(hash);
        self.note();
    }

    /// Adds a subtree, unless a root inside of it is asked for.
    pub(super) fn push(&mut self, level: u8, root: Hash) -> bool {
        let after = self.frontier.size().saturating_add(1 << level);
        if self.wanted.last().is_some_and(|wanted| *wanted < after) {
            return false;
        }
        let pushed = self.frontier.push(level, root);
        self.note();
        pushed
    }

    /// Adds a subtree, giving up the roots inside of it.
    pub(super) fn push_over(&mut self, level: u8, root: Hash) -> bool {
        let pushed = self.frontier.push(level, root);
        self.note();
        pushed
    }

    pub(super) fn size(&self) -> u64 {
        self.frontier.size()
    }

    fn note(&mut self) {
        while let Some(size) = self.wanted.pop_if(|wanted| *wanted <= self.frontier.size()) {
            if size == self.frontier.size() {
                self.found.push((size, self.frontier.root()));
            }
        }
    }

    pub(super) fn of(&self, size: u64) -> Option<Hash> {
        self.found.iter().find(|(known, _)| *known == size).map(|(_, root)| *root)
    }
}

/// A hash as it is published.
pub fn base64(hash: &Hash) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(hash)
}
