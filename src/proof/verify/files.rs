//! The tree's files against each other: every entry of a level is the root of 256 entries of the level below it.

use super::{Known, Roots};
use crate::proof::merkle::{Hash, perfect_root};
use crate::proof::tree::{LEVELS_MAX, TILE_HASHES, Tree, TreeError, level_count};

/// Hashes that are read at once.
const HASHES_PER_READ: usize = 64 * TILE_HASHES;

/// What the files say.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// Whole hashes in each level's file.
    pub(super) stored: [u64; LEVELS_MAX],
    /// The roots that `level-0` gives at the known sizes.
    pub(super) roots: Roots,
    /// Entries that are not the roots of what is below them: level, entry.
    pub(super) wrong: Vec<(usize, u64)>,
    /// Further ones that are not named.
    pub(super) wrong_more: u64,
}

/// A level on the way up: what was computed for it and is not yet under an entry of the next.
#[derive(Default)]
struct Growing {
    computed: Vec<Hash>,
    count: u64,
    /// Entries of the file from the one that is computed next, read ahead.
    read: std::collections::VecDeque<Hash>,
}

/// How long each level's file is. Taken before the log's end, it is never ahead of what the log holds.
pub(super) fn stored(tree: &Tree) -> Result<[u64; LEVELS_MAX], TreeError> {
    let mut stored = [0; LEVELS_MAX];
    for (level, count) in stored.iter_mut().enumerate() {
        *count = tree.stored(level)?;
    }
    Ok(stored)
}

/// Reads `level-0` once and computes all above it.
pub(super) fn check(
    tree: &Tree,
    stored: [u64; LEVELS_MAX],
    known: &[Known],
) -> Result<Files, TreeError> {
    const NAMED_MAX: usize = 20;
    let mut files = Files { stored, roots: Roots::at(known), ..Files::default() };
    let mut levels: [Growing; LEVELS_MAX] = Default::default();
    let mut first = 0;
    while first < stored[0] {
        let count = usize::try_from(stored[0] - first).unwrap_or(usize::MAX).min(HASHES_PER_READ);
        for tile in tree.hashes(0, first, count)?.chunks(TILE_HASHES) {
            let whole = (tile.len() == TILE_HASHES).then(|| perfect_root(tile));
            if !whole.is_some_and(|root| files.roots.push(8, root)) {
                tile.iter().for_each(|hash| files.roots.push_leaf(*hash));
            }
            let mut carried = whole;
            for level in 1..LEVELS_MAX {
                let Some(computed) = carried.take() else { break };
                let growing = &mut levels[level];
                if growing.read.is_empty() && growing.count < stored[level] {
                    let left = stored[level] - growing.count;
                    let ahead = usize::try_from(left).unwrap_or(usize::MAX).min(TILE_HASHES);
                    growing.read.extend(tree.hashes(level, growing.count, ahead)?);
                }
                if growing.read.pop_front().is_some_and(|entry| entry != computed) {
                    if files.wrong.len() < NAMED_MAX {
                        files.wrong.push((level, growing.count));
                    } else {
                        files.wrong_more += 1;
                    }
                }
                growing.count += 1;
                growing.computed.push(computed);
                if growing.computed.len() == TILE_HASHES {
                    carried = Some(perfect_root(&growing.computed));
                    growing.computed.clear();
                }
            }
        }
        first += count as u64;
    }
    Ok(files)
}

/// The positions that an entry of a level stands for, first and last.
pub(super) fn positions(level: usize, entry: u64) -> (u64, u64) {
    let span = 1_u64.checked_shl(8 * level as u32).unwrap_or(u64::MAX);
    (entry.saturating_mul(span).saturating_add(1), (entry + 1).saturating_mul(span))
}

/// Levels whose file is shorter or longer than a tree whose size is from `size_min` to `size_max` allows: the level and what it holds.
pub(super) fn misfitting(
    stored: &[u64; LEVELS_MAX],
    size_min: u64,
    size_max: u64,
) -> impl Iterator<Item = (usize, u64, bool)> {
    stored.iter().enumerate().filter_map(move |(level, &count)| {
        let (least, most) = (level_count(level, size_min), level_count(level, size_max));
        (count < least || count > most).then_some((level, count, count < least))
    })
}
