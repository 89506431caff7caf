//! Random choices that follow from a seed, and a seed that is printed, so that a failure can be played again.

use uuid::Uuid;

/// A generator of numbers (SplitMix64): small, quick, and the same on every machine.
pub struct Random(u64);

impl Random {
    /// The choices that follow from this seed.
    pub fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// From the seed in `PARVANDEH_TEST_SEED`, else from a new one; either way it is printed.
    pub fn printed() -> Self {
        let seed = std::env::var("PARVANDEH_TEST_SEED")
            .map_or_else(|_| Uuid::new_v4().as_u64_pair().0, |seed| seed.parse().unwrap());
        println!("to play this again: PARVANDEH_TEST_SEED={seed}");
        Self(seed)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to before `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.number() % end
    }

    /// One of these.
    pub fn one_of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len() as u64) as usize]
    }
}
