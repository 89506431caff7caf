//! `parvandeh sla`: from a draft of a policy to the proof of a breach.

mod certificate;
mod check;
mod explain;
mod line;
mod simulate;
mod test;

use std::path::PathBuf;

use clap::Subcommand;
use jiff::Timestamp;

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
    /// Show each clock of a case as a line of time: what ran, what paused it, and who counted it. Works beside a running server.
    Explain {
        /// The case: its id, its global id, its reference, or its key in the system it came from.
        case: String,
        /// What was known at this time (RFC 3339).
        #[arg(long, value_name = "TIME")]
        as_of: Option<Timestamp>,
        /// How the explanation is written.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Certify a clock: account for every minute of it, in a document that can be checked. Works beside a running server.
    Certificate(certificate::CertificateArguments),
    /// Replay the histories of all cases under a draft policy or calendar, and say which verdicts change. Works beside a running server.
    Simulate(simulate::SimulateArguments),
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
pub fn sla(config: &Config, command: &SlaCommand) -> Result<Exit, Failure> {
    match command {
        SlaCommand::Check { policy, calendars } => check::check(policy, calendars),
        SlaCommand::Explain { case, as_of, format } => {
            explain::explain(config, case, *as_of, *format)
        }
        SlaCommand::Certificate(arguments) => certificate::certificate(config, arguments),
        SlaCommand::Simulate(arguments) => simulate::simulate(config, arguments),
        SlaCommand::Test { paths, format } => test::test(paths, *format),
    }
}

/// Now, as exact as the log keeps time: microseconds.
fn now() -> Timestamp {
    let now = crate::clock::Clock::now(&crate::clock::SystemClock);
    Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
}
