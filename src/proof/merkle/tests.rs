//! The tree against the published vectors of RFC 6962 and against another implementation.

use std::convert::Infallible;

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{ConsistencyProof, InclusionProof};
use proptest::prelude::*;
use sha2::Sha256;

use super::*;

/// Leaves in memory.
struct Memory(Vec<Hash>);

impl Subtrees for Memory {
    type Error = Infallible;

    fn subtree(&self, piece: Piece) -> Result<Hash, Infallible> {
        let first = piece.first as usize;
        Ok(perfect_root(&self.0[first..first + piece.count() as usize]))
    }
}

fn hash(hexadecimal: &str) -> Hash {
    let byte = |at: usize| u8::from_str_radix(&hexadecimal[2 * at..2 * at + 2], 16).unwrap();
    std::array::from_fn(byte)
}

/// The leaves of the vectors that came with Certificate Transparency's first implementation.
const LEAVES: [&[u8]; 8] = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
];
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn vectors() -> Memory {
    Memory(LEAVES.iter().map(|leaf| leaf_hash(leaf)).collect())
}

#[test]
fn roots_are_those_of_the_published_vectors() {
    let mut frontier = Frontier::default();
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(frontier.root(), hash(empty));
    for (size, (leaf, expected)) in (1..).zip(vectors().0.into_iter().zip(ROOTS)) {
        frontier.push_leaf(leaf);
        assert_eq!(frontier.root(), hash(expected), "{size}");
        assert_eq!(root(&vectors(), size), Ok(hash(expected)), "{size}");
    }
}

#[test]
fn proofs_are_those_of_the_published_vectors() {
    let path = |hashes: &[&str]| hashes.iter().map(|text| hash(text)).collect::<Vec<_>>();
    let first = path(&[
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]);
    assert_eq!(inclusion_proof(&vectors(), 0, 8), Ok(first.clone()));
    assert_eq!(consistency_proof(&vectors(), 1, 8), Ok(first));
    let sixth = path(&[
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        ROOTS[3],
    ]);
    assert_eq!(inclusion_proof(&vectors(), 5, 8), Ok(sixth));
    let from_six = path(&[
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        ROOTS[3],
    ]);
    assert_eq!(consistency_proof(&vectors(), 6, 8), Ok(from_six));
}

/// Another implementation's tree and ours over the same leaves.
fn both(size: usize) -> (MemoryBackedTree<Sha256, Vec<u8>>, Memory) {
    let (mut theirs, mut ours) = (MemoryBackedTree::new(), Memory(Vec::new()));
    for number in 0..size {
        let leaf = format!("leaf {number}").into_bytes();
        ours.0.push(leaf_hash(&leaf));
        theirs.push(leaf);
    }
    (theirs, ours)
}

#[test]
fn another_implementation_gives_the_same_roots_and_proofs_for_every_size() {
    for size in 1..=70 {
        let (theirs, ours) = both(size);
        assert_eq!(theirs.root().as_bytes()[..], root(&ours, size as u64).unwrap());
        for index in 0..size {
            let proof = inclusion_proof(&ours, index as u64, size as u64).unwrap();
            assert_eq!(theirs.prove_inclusion(index).as_bytes(), proof.as_flattened());
        }
        for earlier in 1..=size {
            let proof = consistency_proof(&ours, earlier as u64, size as u64).unwrap();
            let expected = theirs.prove_consistency(size - earlier);
            assert_eq!(expected.as_bytes(), proof.as_flattened(), "{earlier} {size}");
        }
    }
}

proptest! {
    #[test]
    fn our_verification_accepts_what_is_true_and_another_implementation_agrees(
        size in 1_usize..600, seed in 0_usize..600,
    ) {
        let index = seed % size;
        let (theirs, ours) = both(size);
        let whole = root(&ours, size as u64).unwrap();
        let proof = inclusion_proof(&ours, index as u64, size as u64).unwrap();
        prop_assert!(verify_inclusion(&ours.0[index], index as u64, size as u64, &proof, &whole));
        let leaf = format!("leaf {index}").into_bytes();
        let shown = InclusionProof::<Sha256>::from_bytes(proof.as_flattened().to_vec());
        prop_assert!(theirs.root().verify_inclusion(&leaf, index as u64, &shown).is_ok());

        let earlier = index + 1;
        let before = root(&ours, earlier as u64).unwrap();
        let proof = consistency_proof(&ours, earlier as u64, size as u64).unwrap();
        prop_assert!(verify_consistency((earlier as u64, &before), (size as u64, &whole), &proof));
        if earlier < size {
            let shown = ConsistencyProof::<Sha256>::try_from_bytes(proof.as_flattened().to_vec()).unwrap();
            let before = both(earlier).0.root();
            prop_assert!(theirs.root().verify_consistency(&before, &shown).is_ok());
        }
    }

    #[test]
    fn no_proof_stands_with_anything_changed(size in 2_u64..300, seed in any::<u64>(), bit in 0_usize..256) {
        let (_, ours) = both(size as usize);
        let index = seed % size;
        let (leaf, whole) = (ours.0[index as usize], root(&ours, size).unwrap());
        let flip = |hash: &Hash| { let mut hash = *hash; hash[bit / 8] ^= 1 << (bit % 8); hash };
        let proof = inclusion_proof(&ours, index, size).unwrap();
        prop_assert!(!verify_inclusion(&flip(&leaf), index, size, &proof, &whole));
        prop_assert!(!verify_inclusion(&leaf, index, size, &proof, &flip(&whole)));
        prop_assert!(!verify_inclusion(&leaf, (index + 1) % size, size, &proof, &whole));
        prop_assert!(!verify_inclusion(&leaf, index, size, &proof[1..], &whole));
        let mut changed = proof.clone();
        let at = seed as usize % proof.len();
        changed[at] = flip(&proof[at]);
        prop_assert!(!verify_inclusion(&leaf, index, size, &changed, &whole));

        let earlier = 1 + index.min(size - 2);
        let before = root(&ours, earlier).unwrap();
        let proof = consistency_proof(&ours, earlier, size).unwrap();
        prop_assert!(!verify_consistency((earlier, &flip(&before)), (size, &whole), &proof));
        prop_assert!(!verify_consistency((earlier, &before), (size, &flip(&whole)), &proof));
        let mut changed = proof.clone();
        let at = seed as usize % proof.len();
        changed[at] = flip(&proof[at]);
        prop_assert!(!verify_consistency((earlier, &before), (size, &whole), &changed));
        prop_assert!(!verify_consistency((earlier, &before), (size, &whole), &proof[1..]));
        let longer = [&proof[..], &[whole]].concat();
        prop_assert!(!verify_consistency((earlier, &before), (size, &whole), &longer));
    }

    #[test]
    fn pieces_cover_a_range_once_and_are_aligned(from in 0_u64..5_000, count in 0_u64..5_000) {
        let mut next = from;
        for piece in pieces(from, from + count) {
            prop_assert_eq!(piece.first, next);
            prop_assert_eq!(piece.first % piece.count(), 0);
            next += piece.count();
        }
        prop_assert_eq!(next, from + count);
    }
}

#[test]
fn a_frontier_takes_subtrees_where_they_fit_and_refuses_them_elsewhere() {
    let (_, ours) = both(100);
    let mut frontier = Frontier::default();
    for piece in pieces(0, 100) {
        assert!(frontier.push(piece.level, ours.subtree(piece).unwrap()));
    }
    assert_eq!(frontier.root(), root(&ours, 100).unwrap());
    assert!(!frontier.push(3, [0; 32]), "eight leaves cannot stand at index 100");
    assert!(!frontier.push(64, [0; 32]));
    assert_eq!(frontier.size(), 100);
}
