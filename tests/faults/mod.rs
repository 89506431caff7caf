//! Fault runs: the program under mixed load while processes are killed, the disk fills up and clocks step; and what must hold at the end.
//!
//! A run lasts `PARVANDEH_FAULT_SECONDS` (15 where it is not set) and its choices follow from `PARVANDEH_FAULT_SEED`, which is printed.
//! Load, subscribers and the verdict know nothing but the addresses of the API and the data directories, so they serve one process as
//! well as several.

pub mod client;
mod clock;
mod cluster;
mod disk;
mod embedded;
mod load;
pub mod process;
mod subscribers;
pub mod verdict;

use std::time::Duration;

use uuid::Uuid;

use crate::harness::random::Random;

/// How long faults are injected.
pub fn duration() -> Duration {
    let seconds = std::env::var("PARVANDEH_FAULT_SECONDS")
        .map_or(15, |seconds| seconds.parse().expect("PARVANDEH_FAULT_SECONDS is a number"));
    Duration::from_secs(seconds)
}

/// The choices of a run, from the seed in the environment, else from a new one; either way it is printed.
pub fn choices() -> Random {
    let seed = std::env::var("PARVANDEH_FAULT_SEED").map_or_else(
        |_| Uuid::new_v4().as_u64_pair().0,
        |seed| seed.parse().expect("PARVANDEH_FAULT_SEED is a number"),
    );
    println!("to play this again: PARVANDEH_FAULT_SEED={seed}");
    Random::of(seed)
}
