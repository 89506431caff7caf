//! `parvandeh sla`: from a draft of a policy to the proof of a breach.

mod check;
mod test;

use std::path::PathBuf;

use clap::Subcommand;

use super::{Exit, Failure, Format};
use crate::config::Config;

/// What can be done with service levels.
#[derive(Subcommand)]
pub enum SlaCommand {
    /// Check a policy (YAML or JSON): say what is wrong with it, or what it promises.
    Check {
        /// The policy.
        policy: PathBuf,
        /// A calendar that the policy names, as ID=FILE; it is checked too.
        #[arg(long = "calendar", value_name = "ID=FILE")]
        calendars: Vec<check::NamedCalendar>,
    },
    /// Run scenarios: stories with the clocks that they must give. Folders are searched for .yaml, .yml and .json.
    Test {
        /// Files and folders.
        #[arg(required = true)]
        paths: Vec<PathBuf>,
        /// How the outcome is written.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
}

/// Runs a command on service levels.
pub fn sla(_config: &Config, command: &SlaCommand) -> Result<Exit, Failure> {
    match command {
        SlaCommand::Check { policy, calendars } => check::check(policy, calendars),
        SlaCommand::Test { paths, format } => test::test(paths, *format),
    }
}
