//! What every benchmark needs: the program's allocator, a place on the disk, a generator of the same numbers in every run, medians.

#![allow(dead_code, reason = "each benchmark uses a part")]

use tempfile::TempDir;

/// As in the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How often each side is measured, in alternating rounds.
pub const ROUNDS: usize = 3;

/// A generator without a crate of its own: the same numbers in every run (SplitMix64).
pub struct Random(pub u64);

impl Random {
    /// A number from 0 to before `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// A directory beside the build: one for temporary files may be in memory, where nothing is durable.
pub fn directory() -> TempDir {
    let parent = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    tempfile::tempdir_in(parent).expect("a directory")
}

/// The middle of the values.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
