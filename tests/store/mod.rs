//! Event stores: the contract that all of them keep, and what the embedded one must do besides.

mod contract;
pub mod kurrent;
mod sqlite;
pub mod support;
