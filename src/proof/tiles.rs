//! How the tree is published: tiles of 256 hashes and bundles of 256 leaves, by the paths and encodings of C2SP's *tlog-tiles*.
//!
//! A tile never changes once it is full, so it may be kept for ever. The last one of a level is partial and named with its width. Numbers in
//! paths are groups of three digits, all but the last with an `x` before them: 1234067 is `x001/x234/067`.

use std::fmt;
use std::str::FromStr;

use super::tree::{LEVELS_MAX, TILE_HASHES, level_count};

/// What a tile holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TileKind {
    /// Hashes of a level: those of leaves for level 0, else roots of full tiles of the level below.
    Hashes {
        /// The level.
        level: u8,
    },
    /// Leaves.
    Entries,
}

/// A tile by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TilePath {
    /// What it holds.
    pub kind: TileKind,
    /// Which one it is, from 0.
    pub index: u64,
    /// How many entries are wanted, from 1 to 256.
    pub width: u16,
}

impl TilePath {
    /// The index of its first entry in its level.
    pub fn first(&self) -> u64 {
        self.index.saturating_mul(TILE_HASHES as u64)
    }

    /// Which level's file has it.
    pub fn level(&self) -> usize {
        match self.kind {
            TileKind::Hashes { level } => level.into(),
            TileKind::Entries => 0,
        }
    }

    /// Whether a tree of so many leaves has it.
    pub fn is_in(&self, size: u64) -> bool {
        self.level() < LEVELS_MAX
            && self.first().saturating_add(self.width.into()) <= level_count(self.level(), size)
    }

    /// All tiles of a kind in a tree of so many leaves.
    pub fn all(kind: TileKind, size: u64) -> impl Iterator<Item = Self> {
        const TILE: u64 = TILE_HASHES as u64;
        let level = match kind {
            TileKind::Hashes { level } => level.into(),
            TileKind::Entries => 0,
        };
        let count = level_count(level, size);
        (0..count.div_ceil(TILE)).map(move |index| {
            let width = (count - index * TILE).min(TILE) as u16;
            Self { kind, index, width }
        })
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Hashes { level } => write!(formatter, "{level}/")?,
            TileKind::Entries => formatter.write_str("entries/")?,
        }
        let digits = self.index.to_string();
        let digits = format!("{digits:0>width$}", width = digits.len().div_ceil(3) * 3);
        let groups = digits.len() / 3;
        for group in 0..groups {
            let last = group + 1 == groups;
            let text = &digits[group * 3..group * 3 + 3];
            write!(
                formatter,
                "{}{text}{}",
                if last { "" } else { "x" },
                if last { "" } else { "/" }
            )?;
        }
        if usize::from(self.width) < TILE_HASHES {
            write!(formatter, ".p/{}", self.width)?;
        }
        Ok(())
    }
}

/// A text that is no tile's path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the path of a tile, such as 0/x001/234 or entries/000.p/17")]
pub struct InvalidTilePath;

impl FromStr for TilePath {
    type Err = InvalidTilePath;

    fn from_str(text: &str) -> Result<Self, InvalidTilePath> {
        let (kind, rest) = text.split_once('/').ok_or(InvalidTilePath)?;
        let kind = match kind {
            "entries" => TileKind::Entries,
            level => TileKind::Hashes { level: level.parse().map_err(|_| InvalidTilePath)? },
        };
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => (number, width.parse().map_err(|_| InvalidTilePath)?),
            None => (rest, TILE_HASHES as u16),
        };
        let digits: String = number.chars().filter(|sign| sign.is_ascii_digit()).collect();
        let index = digits.parse().map_err(|_| InvalidTilePath)?;
        let path = Self { kind, index, width };
        // One path a tile: whatever is written otherwise is refused.
        if (1..=TILE_HASHES as u16).contains(&width) && path.to_string() == text {
            Ok(path)
        } else {
            Err(InvalidTilePath)
        }
    }
}

/// Adds a leaf to a tile of entries: two bytes of length before it. False where it is too long.
#[must_use]
pub fn add_entry(tile: &mut Vec<u8>, leaf: &[u8]) -> bool {
    let Ok(length) = u16::try_from(leaf.len()) else { return false };
    tile.extend_from_slice(&length.to_be_bytes());
    tile.extend_from_slice(leaf);
    true
}

/// The leaves of a tile of entries; `None` where it is cut off.
pub fn entries(mut tile: &[u8]) -> Option<Vec<&[u8]>> {
    let mut found = Vec::new();
    while !tile.is_empty() {
        let (length, rest) = tile.split_first_chunk::<2>()?;
        let (leaf, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
        found.push(leaf);
        tile = rest;
    }
    Some(found)
}

#[cfg(test)]
mod tests;
