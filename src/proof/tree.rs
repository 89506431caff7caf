//! The tree on disk: flat files of hashes, derived from the log.
//!
//! `level-0` holds the hash of every leaf, `level-1` the root of every 256 of them, `level-2` the root of every 256 of those, and so on: each
//! complete group once, in order. So the place of a hash follows from its index, a file only ever grows at its end, and the root of any
//! perfect subtree is at most 128 neighbours away. `event-ids` holds the first eight bytes of each event's id, by which the position of an
//! event is found.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use uuid::Uuid;

use super::interrupt;
use super::merkle::{Frontier, Hash, Piece, Subtrees, perfect_root, pieces};

/// Hashes in a tile, and so leaves under the first entry of `level-1`.
pub const TILE_HASHES: usize = 256;
/// A level stands for so many levels of the tree.
const TILE_HEIGHT: u8 = 8;
/// Levels that a tree of 2^64 leaves would have.
pub const LEVELS_MAX: usize = 8;
const HASH_BYTES: u64 = 32;
const IDS_FILE: &str = "event-ids";
const ID_BYTES: usize = 8;
/// Hashes read at once where a file is read from its beginning to its end.
const HASHES_PER_READ: usize = 64 * TILE_HASHES;

/// Why the tree's files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file ends too early, or does not agree with another.
    #[error(
        "the tree's files in {} are damaged: {reason}; they are built anew from the log when the program starts", folder.display()
    )]
    Damaged {
        /// The folder.
        folder: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

fn level_path(folder: &Path, level: usize) -> PathBuf {
    folder.join(format!("level-{level}"))
}

/// How many hashes a level has in a tree of `size` leaves.
pub fn level_count(level: usize, size: u64) -> u64 {
    size.checked_shr(u32::from(TILE_HEIGHT) * level as u32).unwrap_or(0)
}

/// Reads the tree's files, for any size that they have been built to.
pub struct Tree {
    folder: PathBuf,
    levels: [OnceLock<File>; LEVELS_MAX],
}

impl Tree {
    /// The files of this folder; opened when they are first needed.
    pub fn of(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), levels: [const { OnceLock::new() }; LEVELS_MAX] }
    }

    /// How many whole hashes a level's file holds; none where there is no file.
    pub fn stored(&self, level: usize) -> Result<u64, TreeError> {
        let path = level_path(&self.folder, level);
        match fs::metadata(&path) {
            Ok(metadata) => Ok(metadata.len() / HASH_BYTES),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
            Err(source) => Err(TreeError::File { path, source }),
        }
    }

    /// `count` hashes of a level from the `first` on.
    pub fn hashes(&self, level: usize, first: u64, count: usize) -> Result<Vec<Hash>, TreeError> {
        let mut hashes = vec![[0; 32]; count];
        let file = self.level(level)?;
        let read = file.read_exact_at(hashes.as_flattened_mut(), first * HASH_BYTES);
        read.map_err(|source| match source.kind() {
            ErrorKind::UnexpectedEof => damaged(
                &self.folder,
                format!("level-{level} ends before its entry {}", first + count as u64),
            ),
            _ => TreeError::File { path: level_path(&self.folder, level), source },
        })?;
        Ok(hashes)
    }

    fn level(&self, level: usize) -> Result<&File, TreeError> {
        let missing = || damaged(&self.folder, format!("there is no level-{level}"));
        let cell = self.levels.get(level).ok_or_else(missing)?;
        if let Some(file) = cell.get() {
            return Ok(file);
        }
        let path = level_path(&self.folder, level);
        match File::open(&path) {
            Ok(file) => Ok(cell.get_or_init(|| file)),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(missing()),
            Err(source) => Err(TreeError::File { path, source }),
        }
    }

    /// The indexes below `size` of leaves whose event's id may be this one: almost always one at most.
    pub fn candidates(&self, id: Uuid, size: u64) -> Result<Vec<u64>, TreeError> {
        const IDS_PER_READ: usize = 64 * 1024;
        let path = self.folder.join(IDS_FILE);
        let failed = |source| TreeError::File { path: path.clone(), source };
        let file = File::open(&path).map_err(failed)?;
        let (mut found, mut first) = (Vec::new(), 0);
        let mut buffer = vec![[0; ID_BYTES]; IDS_PER_READ];
        while first < size && found.len() < TILE_HASHES {
            let count = usize::try_from(size - first).unwrap_or(usize::MAX).min(IDS_PER_READ);
            let part = &mut buffer[..count];
            file.read_exact_at(part.as_flattened_mut(), first * ID_BYTES as u64).map_err(failed)?;
            let equal = part
                .iter()
                .zip(first..)
                .filter(|(known, _)| known[..] == id.as_bytes()[..ID_BYTES]);
            found.extend(equal.map(|(_, index)| index));
            first += count as u64;
        }
        Ok(found)
    }

    /// Checks the levels of the first `size` leaves against each other, reading each file once.
    pub fn check(&self, size: u64) -> Result<(), TreeError> {
        for level in 0..LEVELS_MAX - 1 {
            let groups = level_count(level + 1, size);
            let per_read = (HASHES_PER_READ / TILE_HASHES) as u64;
            let mut group = 0;
            while group < groups {
                let count = per_read.min(groups - group) as usize;
                let below = self.hashes(level, group * TILE_HASHES as u64, count * TILE_HASHES)?;
                let above = self.hashes(level + 1, group, count)?;
                for (entry, (tile, root)) in (group..).zip(below.chunks(TILE_HASHES).zip(above)) {
                    if perfect_root(tile) != root {
                        let reason = format!(
                            "entry {entry} of level-{} is not the root of what is below it",
                            level + 1
                        );
                        return Err(damaged(&self.folder, reason));
                    }
                }
                group += count as u64;
            }
        }
        Ok(())
    }
}

impl Subtrees for Tree {
    type Error = TreeError;

    fn subtree(&self, piece: Piece) -> Result<Hash, TreeError> {
        let (level, rest) = (piece.level / TILE_HEIGHT, piece.level % TILE_HEIGHT);
        let hashes = self.hashes(level.into(), piece.index() << rest, 1 << rest)?;
        Ok(perfect_root(&hashes))
    }
}

fn damaged(folder: &Path, reason: String) -> TreeError {
    TreeError::Damaged { folder: folder.to_owned(), reason }
}

/// What a leaf brings into the files.
#[derive(Clone, Copy, Debug)]
pub struct NewLeaf {
    /// The leaf's hash.
    pub hash: Hash,
    /// The event's id.
    pub id: Uuid,
}

/// A level that grows.
struct Level {
    file: File,
    count: u64,
    /// The last entries, fewer than a tile: those not under an entry of the next level.
    tail: Vec<Hash>,
}

/// Appends to the tree's files. One at a time for a folder.
pub struct TreeWriter {
    folder: PathBuf,
    levels: Vec<Level>,
    ids: File,
    size: u64,
}

impl TreeWriter {
    /// Opens the files to go on behind the first `size` leaves; what stands behind them is cut off. Fails as damaged where the files do not
    /// reach so far.
    pub fn open(folder: &Path, size: u64) -> Result<Self, TreeError> {
        fs::create_dir_all(folder)
            .map_err(|source| TreeError::File { path: folder.to_owned(), source })?;
        let ids = open(&folder.join(IDS_FILE), size * ID_BYTES as u64, folder)?;
        let mut writer = Self { folder: folder.to_owned(), levels: Vec::new(), ids, size };
        // No level is left out, also where only a higher one is there: an index is a level.
        let wanted =
            |level: &usize| level_count(*level, size) > 0 || level_path(folder, *level).exists();
        let levels = (0..LEVELS_MAX).rev().find(wanted).map_or(0, |highest| highest + 1);
        for level in 0..levels {
            writer.open_level(level, level_count(level, size))?;
        }
        Ok(writer)
    }

    fn open_level(&mut self, level: usize, count: u64) -> Result<(), TreeError> {
        let path = level_path(&self.folder, level);
        let file = open(&path, count * HASH_BYTES, &self.folder)?;
        let mut tail = vec![[0; 32]; (count % TILE_HASHES as u64) as usize];
        let first = count - tail.len() as u64;
        file.read_exact_at(tail.as_flattened_mut(), first * HASH_BYTES)
            .map_err(|source| TreeError::File { path, source })?;
        self.levels.push(Level { file, count, tail });
        Ok(())
    }

    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds leaves. After a failure nothing counts as added, and the same leaves may be added again.
    pub fn append(&mut self, leaves: &[NewLeaf]) -> Result<(), TreeError> {
        let ids: Vec<[u8; ID_BYTES]> = leaves
            .iter()
            .map(|leaf| *leaf.id.as_bytes().first_chunk().expect("an id has sixteen bytes"))
            .collect();
        let path = self.folder.join(IDS_FILE);
        write_at(&self.ids, ids.as_flattened(), self.size * ID_BYTES as u64, path)?;
        let mut entries: Vec<Hash> = leaves.iter().map(|leaf| leaf.hash).collect();
        let mut grown = Vec::new();
        for level in 0..LEVELS_MAX {
            if entries.is_empty() {
                break;
            }
            if self.levels.len() == level {
                self.open_level(level, 0)?;
            }
            let known = &self.levels[level];
            let path = level_path(&self.folder, level);
            write_at(&known.file, entries.as_flattened(), known.count * HASH_BYTES, path)?;
            let count = known.count + entries.len() as u64;
            let tail = [&known.tail[..], &entries].concat();
            let (tiles, tail) = tail.as_chunks::<TILE_HASHES>();
            entries = tiles.iter().map(|tile| perfect_root(tile)).collect();
            grown.push((count, tail.to_vec()));
        }
        for (level, (count, tail)) in self.levels.iter_mut().zip(grown) {
            (level.count, level.tail) = (count, tail);
        }
        self.size += leaves.len() as u64;
        Ok(())
    }

    /// The root over all leaves.
    pub fn root(&self) -> Hash {
        let mut frontier = Frontier::default();
        for (level, known) in self.levels.iter().enumerate().rev() {
            for piece in pieces(0, known.tail.len() as u64) {
                let first = piece.first as usize;
                let root = perfect_root(&known.tail[first..first + piece.count() as usize]);
                frontier.push(TILE_HEIGHT * level as u8 + piece.level, root);
            }
        }
        frontier.root()
    }

    /// Makes all that was added durable.
    pub fn sync(&self) -> Result<(), TreeError> {
        let sync = |file: &File, path: PathBuf| {
            interrupt::point()
                .and_then(|()| file.sync_data())
                .map_err(|source| TreeError::File { path, source })
        };
        sync(&self.ids, self.folder.join(IDS_FILE))?;
        for (index, level) in self.levels.iter().enumerate() {
            sync(&level.file, level_path(&self.folder, index))?;
        }
        let folder = File::open(&self.folder).and_then(|folder| folder.sync_all());
        folder.map_err(|source| TreeError::File { path: self.folder.clone(), source })
    }
}

/// Opens a file for reading and writing and cuts it to a length that it must have.
fn open(path: &Path, length_bytes: u64, folder: &Path) -> Result<File, TreeError> {
    let failed = |source| TreeError::File { path: path.to_owned(), source };
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let file = options.open(path).map_err(failed)?;
    let found = file.metadata().map_err(failed)?.len();
    if found < length_bytes {
        let reason = format!("{} has {found} bytes of {length_bytes}", path.display());
        return Err(damaged(folder, reason));
    }
    if found > length_bytes {
        file.set_len(length_bytes).map_err(failed)?;
    }
    Ok(file)
}

/// Writes in two halves, so that a test can end the program in the middle of a write.
fn write_at(file: &File, bytes: &[u8], offset: u64, path: PathBuf) -> Result<(), TreeError> {
    let (left, right) = bytes.split_at(bytes.len() / 2);
    interrupt::point()
        .and_then(|()| file.write_all_at(left, offset))
        .and_then(|()| interrupt::point())
        .and_then(|()| file.write_all_at(right, offset + left.len() as u64))
        .map_err(|source| TreeError::File { path, source })
}

#[cfg(test)]
mod tests;
