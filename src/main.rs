//! `parvandeh`: the command line.

use std::process::ExitCode;

use clap::Parser;
use parvandeh::cli::{Arguments, run};

// The server answers many small requests side by side; mimalloc serves a list of fifty objects a sixth faster than the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // One stack of cryptography for all that uses TLS: dependencies bring another one along, and then each would have to choose.
    // Installed already can only mean that somebody was quicker with the same one.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    run(Arguments::parse())
}
