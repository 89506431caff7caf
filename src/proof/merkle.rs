//! The Merkle tree of RFC 6962: one hash over any number of leaves, and short proofs about it.
//!
//! A leaf is hashed with a zero byte before it, a node with a one byte before its two children, so that neither can pass for the other. A
//! tree of n leaves splits at the largest power of two below n. So it consists of *perfect subtrees*, each of 2^level leaves beginning at a
//! multiple of its size; they never change when leaves are added, and everything here is made of them. An *inclusion proof* shows that a
//! leaf is in a tree, a *consistency proof* that a tree is the beginning of another; both hold one hash a level.

use sha2::{Digest, Sha256};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// The hash of a leaf.
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(leaf).finalize().into()
}

/// The hash of a node with these children.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [1; 65];
    bytes[1..33].copy_from_slice(left);
    bytes[33..].copy_from_slice(right);
    Sha256::digest(bytes).into()
}

/// The root of a perfect subtree over these hashes, whose number is a power of two.
pub fn perfect_root(hashes: &[Hash]) -> Hash {
    debug_assert!(hashes.len().is_power_of_two());
    match hashes {
        [one] => *one,
        [left, right] => node_hash(left, right),
        _ => {
            let (left, right) = hashes.split_at(hashes.len() / 2);
            node_hash(&perfect_root(left), &perfect_root(right))
        }
    }
}

/// A perfect subtree: the leaves from `first` on, 2^`level` of them. `first` is a multiple of that number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Index of the first leaf.
    pub first: u64,
    /// The subtree has 2^level leaves.
    pub level: u8,
}

impl Piece {
    /// How many leaves there are.
    pub fn count(self) -> u64 {
        1 << self.level
    }

    /// Which of the subtrees of its level it is, from 0.
    pub fn index(self) -> u64 {
        self.first >> self.level
    }
}

/// The perfect subtrees that the leaves from `from` to before `to` consist of, in order: each the largest that begins there and fits.
pub fn pieces(from: u64, to: u64) -> impl Iterator<Item = Piece> {
    let mut first = from;
    std::iter::from_fn(move || {
        let left = to.checked_sub(first).filter(|left| *left > 0)?;
        let aligned = if first == 0 { 63 } else { first.trailing_zeros() };
        let piece = Piece { first, level: aligned.min(left.ilog2()) as u8 };
        first += piece.count();
        Some(piece)
    })
}

/// The right edge of a growing tree: the roots of the perfect subtrees that it consists of. Enough to go on and to tell the root; its size
/// is one hash a level.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    peaks: Vec<(u8, Hash)>,
}

impl Frontier {
    /// How many leaves the tree has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf by its hash.
    pub fn push_leaf(&mut self, hash: Hash) {
        self.push(0, hash);
    }

    /// Adds a perfect subtree of 2^`level` leaves by its root. Answers false, and adds nothing, where none of that size can stand next.
    pub fn push(&mut self, level: u8, root: Hash) -> bool {
        let Some(count) = 1_u64.checked_shl(level.into()) else { return false };
        let Some(size) = self.size.checked_add(count) else { return false };
        if !self.size.is_multiple_of(count) {
            return false;
        }
        let (mut level, mut root) = (level, root);
        while let Some((_, left)) = self.peaks.pop_if(|(peak, _)| *peak == level) {
            root = node_hash(&left, &root);
            level += 1;
        }
        self.peaks.push((level, root));
        self.size = size;
        true
    }

    /// The root of the tree. That of an empty one is the hash of nothing.
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some((_, last)) = peaks.next() else { return Sha256::digest([]).into() };
        peaks.fold(*last, |right, (_, left)| node_hash(left, &right))
    }
}

/// Where the roots of perfect subtrees can be looked up.
pub trait Subtrees {
    /// Why a root cannot be had.
    type Error;

    /// The root of a perfect subtree.
    fn subtree(&self, piece: Piece) -> Result<Hash, Self::Error>;
}

/// The root of the leaves from `from` to before `to`, of which there is at least one, where that range is a node of the tree.
fn range_root<T: Subtrees>(tree: &T, from: u64, to: u64) -> Result<Hash, T::Error> {
    let mut frontier = Frontier::default();
    for piece in pieces(from, to) {
        frontier.push(piece.level, tree.subtree(piece)?);
    }
    Ok(frontier.root())
}

/// The root of the first `size` leaves.
pub fn root<T: Subtrees>(tree: &T, size: u64) -> Result<Hash, T::Error> {
    range_root(tree, 0, size)
}

/// Where a node of `count` leaves, at least two, splits.
fn split(count: u64) -> u64 {
    1 << (count - 1).ilog2()
}

/// The proof that a leaf, by its index, is in the tree of the first `size` leaves, from the leaf up. The index is below the size.
pub fn inclusion_proof<T: Subtrees>(
    tree: &T,
    index: u64,
    size: u64,
) -> Result<Vec<Hash>, T::Error> {
    let (mut from, mut to, mut proof) = (0, size, Vec::new());
    while to - from > 1 {
        let middle = from + split(to - from);
        if index < middle {
            proof.push(range_root(tree, middle, to)?);
            to = middle;
        } else {
            proof.push(range_root(tree, from, middle)?);
            from = middle;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// The proof that the tree of the first `earlier` leaves is the beginning of that of the first `later`. Sizes are at least 1 and in order;
/// the proof is empty where they are equal.
pub fn consistency_proof<T: Subtrees>(
    tree: &T,
    earlier: u64,
    later: u64,
) -> Result<Vec<Hash>, T::Error> {
    let (mut from, mut to, mut proof) = (0, later, Vec::new());
    while to > earlier {
        let middle = from + split(to - from);
        if earlier <= middle {
            proof.push(range_root(tree, middle, to)?);
            to = middle;
        } else {
            proof.push(range_root(tree, from, middle)?);
            from = middle;
        }
    }
    // Where the earlier tree is itself a node on the left edge, the verifier has its root already.
    if from > 0 {
        proof.push(range_root(tree, from, to)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Whether the proof shows that the leaf with this hash stands at `index` in the tree of `size` leaves with this root.
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut node, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    last == 0 && hash == *root
}

/// Whether the proof shows that the tree of `earlier` leaves with its root is the beginning of the tree of `later` leaves with its root.
/// An empty tree is the beginning of every tree.
pub fn verify_consistency(
    (earlier, earlier_root): (u64, &Hash),
    (later, later_root): (u64, &Hash),
    proof: &[Hash],
) -> bool {
    if earlier == later {
        return proof.is_empty() && earlier_root == later_root;
    }
    if earlier == 0 || earlier > later {
        return earlier == 0 && proof.is_empty();
    }
    let mut proof = proof.iter();
    let first = if earlier.is_power_of_two() { Some(earlier_root) } else { proof.next() };
    let Some(first) = first else { return false };
    let (mut node, mut last) = (earlier - 1, later - 1);
    while node & 1 == 1 {
        (node, last) = (node >> 1, last >> 1);
    }
    let (mut from, mut to) = (*first, *first);
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            from = node_hash(sibling, &from);
            to = node_hash(sibling, &to);
            while node & 1 == 0 && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            to = node_hash(&to, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    last == 0 && from == *earlier_root && to == *later_root
}

#[cfg(test)]
mod tests;
