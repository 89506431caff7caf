//! The files against the tree in memory, and against another implementation that reads tiles.

use proptest::prelude::*;
use tlog_tiles::{HashReader, TileHashReader, TileReader};

use super::*;
use crate::proof::merkle::{consistency_proof, inclusion_proof, leaf_hash, root};

fn leaf(number: u64) -> NewLeaf {
    let id = Uuid::from_u64_pair(number.wrapping_mul(0x9E37_79B9_7F4A_7C15), number);
    NewLeaf { hash: leaf_hash(&number.to_be_bytes()), id }
}

/// Files of a tree of so many leaves, appended in batches of different sizes.
fn built(folder: &Path, size: u64, batch: u64) -> TreeWriter {
    let mut writer = TreeWriter::open(folder, 0).unwrap();
    let (mut next, mut step) = (0, 1);
    while next < size {
        let end = size.min(next + step);
        writer.append(&(next..end).map(leaf).collect::<Vec<_>>()).unwrap();
        (next, step) = (end, (step * 3) % batch + 1);
    }
    writer
}

fn root_in_memory(size: u64) -> Hash {
    let mut frontier = Frontier::default();
    (0..size).for_each(|number| frontier.push_leaf(leaf(number).hash));
    frontier.root()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn the_files_give_the_root_of_every_size(size in 1_u64..3_000, batch in 1_u64..900, smaller in 0_u64..3_000) {
        let directory = tempfile::tempdir().unwrap();
        let writer = built(directory.path(), size, batch);
        prop_assert_eq!(writer.root(), root_in_memory(size));
        let tree = Tree::of(directory.path());
        tree.check(size).unwrap();
        let smaller = 1 + smaller % size;
        prop_assert_eq!(root(&tree, smaller).unwrap(), root_in_memory(smaller));
        drop(writer);
        let again = TreeWriter::open(directory.path(), smaller).unwrap();
        prop_assert_eq!(again.root(), root_in_memory(smaller));
    }
}

#[test]
fn a_tree_of_three_levels_goes_on_after_it_was_opened_again() {
    let directory = tempfile::tempdir().unwrap();
    drop(built(directory.path(), 66_000, 10_000));
    let mut writer = TreeWriter::open(directory.path(), 65_900).unwrap();
    writer.append(&(65_900..66_100).map(leaf).collect::<Vec<_>>()).unwrap();
    assert_eq!(writer.root(), root_in_memory(66_100));
    let stored: Vec<u64> =
        (0..4).map(|level| Tree::of(directory.path()).stored(level).unwrap()).collect();
    assert_eq!(stored, [66_100, 258, 1, 0]);
    Tree::of(directory.path()).check(66_100).unwrap();
}

/// Our files as the tiles that another implementation asks for.
struct Tiles<'a>(&'a Tree);

impl TileReader for Tiles<'_> {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[tlog_tiles::Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        let read = |tile: &tlog_tiles::Tile| {
            let (level, width) = (usize::from(tile.level()), tile.width() as usize);
            let hashes = self.0.hashes(level, tile.level_index() * 256, width).unwrap();
            hashes.as_flattened().to_vec()
        };
        Ok(tiles.iter().map(read).collect())
    }

    fn save_tiles(&self, _: &[tlog_tiles::Tile], _: &[Vec<u8>]) {}
}

#[test]
fn another_implementation_reads_our_tiles_and_gives_the_same_proofs() {
    let directory = tempfile::tempdir().unwrap();
    let size = 70_003;
    let writer = built(directory.path(), size, 4_000);
    let tree = Tree::of(directory.path());
    let tiles = Tiles(&tree);
    let theirs = TileHashReader::new(size, tlog_tiles::Hash(writer.root()), &tiles);
    let bytes =
        |hashes: Vec<tlog_tiles::Hash>| hashes.into_iter().map(|hash| hash.0).collect::<Vec<_>>();
    for index in [0, 1, 255, 256, 65_535, 65_536, 69_999, size - 1] {
        let ours = inclusion_proof(&tree, index, size).unwrap();
        assert_eq!(ours, bytes(tlog_tiles::prove_record(size, index, &theirs).unwrap()), "{index}");
        let hash = theirs.read_hashes(&[tlog_tiles::stored_hash_index(0, index)]).unwrap();
        assert_eq!(hash[0].0, leaf(index).hash);
    }
    for earlier in [1, 2, 255, 256, 257, 65_535, 65_536, 65_537, size - 1] {
        let ours = consistency_proof(&tree, earlier, size).unwrap();
        assert_eq!(
            ours,
            bytes(tlog_tiles::prove_tree(size, earlier, &theirs).unwrap()),
            "{earlier}"
        );
    }
}

#[test]
fn events_are_found_by_their_ids() {
    let directory = tempfile::tempdir().unwrap();
    drop(built(directory.path(), 1_000, 300));
    let tree = Tree::of(directory.path());
    assert_eq!(tree.candidates(leaf(777).id, 1_000).unwrap(), [777]);
    assert_eq!(tree.candidates(leaf(777).id, 777).unwrap(), [0_u64; 0]);
    assert_eq!(tree.candidates(Uuid::from_u64_pair(5, 5), 1_000).unwrap(), [0_u64; 0]);
}

#[test]
fn files_that_end_too_early_or_disagree_are_damaged() {
    let directory = tempfile::tempdir().unwrap();
    drop(built(directory.path(), 600, 300));
    let path = level_path(directory.path(), 1);
    let good = fs::read(&path).unwrap();
    let mut bad = good.clone();
    bad[33] ^= 1;
    fs::write(&path, &bad).unwrap();
    let damaged =
        |outcome: Result<(), TreeError>| matches!(outcome, Err(TreeError::Damaged { .. }));
    assert!(damaged(Tree::of(directory.path()).check(600)));
    fs::write(&path, &good[..40]).unwrap();
    assert!(damaged(Tree::of(directory.path()).check(600)));
    assert!(damaged(TreeWriter::open(directory.path(), 600).map(drop)));
    fs::write(&path, &good).unwrap();
    Tree::of(directory.path()).check(600).unwrap();
    fs::remove_file(level_path(directory.path(), 0)).unwrap();
    assert!(damaged(TreeWriter::open(directory.path(), 600).map(drop)));
}
