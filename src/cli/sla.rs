//! `parvandeh sla`: each command has a file of its own.

use clap::Subcommand;

use super::sla_simulate::{self, SimulateArguments};
use super::{Exit, Failure};
use crate::config::Config;

/// What can be done with service levels.
#[derive(Subcommand)]
pub enum SlaCommand {
    /// Replay the histories of all cases under a draft policy or calendar, and say which verdicts change. Works beside a running server.
    Simulate(SimulateArguments),
}

/// Runs a command on service levels.
pub fn sla(config: &Config, command: SlaCommand) -> Result<Exit, Failure> {
    match command {
        SlaCommand::Simulate(arguments) => sla_simulate::simulate(config, &arguments),
    }
}
