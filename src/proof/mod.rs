//! Proof: that nothing in the log was changed, dropped, added or moved after somebody had seen a checkpoint of it.
//!
//! Every event becomes a [`leaf`] of a Merkle tree ([`merkle`]), in the order of the log. A thread ([`builder`]) follows the log, keeps the
//! tree in files ([`tree`]) and signs a [`checkpoint`] over it about every second, as a signed [`note`]. Whoever holds a checkpoint can have
//! it proved that an event is under it, or that a later checkpoint goes on from it; and [`verify`] goes through a whole log, a [`bundle`]
//! taken out of it, or a server's published [`tiles`]. The formats are C2SP's, so that other tools verify them as well.

pub mod builder;
pub mod bundle;
pub mod checkpoint;
mod interrupt;
pub mod key;
pub mod leaf;
pub mod merkle;
pub mod note;
pub mod service;
pub mod tiles;
pub mod tree;
pub mod verify;
