//! The command line: one file a group of commands.
//!
//! Exit codes, for scripts: see [`Exit`]. What a command answers goes to standard output; what it says meanwhile (progress, log lines)
//! goes to standard error.

/// Adds a line to a text, which cannot fail. Whoever uses it imports `std::fmt::Write`.
macro_rules! line {
    ($out:ident $(, $($argument:tt)+)?) => {{
        $( let _ = write!($out, $($argument)+); )?
        $out.push('\n');
    }};
}

mod audit;
mod calendar;
mod case_log;
mod config;
mod export;
mod file;
mod import;
mod keys;
mod maintenance;
pub mod migrate;
mod migrate_store;
mod progress;
mod proof;
mod replay;
mod schema;
mod serve;
mod sla;
mod subject_export;
mod token;
mod verify;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::app::StartError;
use crate::config::Config;
use crate::error::chain;
use crate::store::sqlite::OpenError;
use crate::telemetry::{self, LogFormat, Telemetry, TelemetryError};
use crate::vault::VaultError;

const EXIT_CODES: &str = "Exit codes: 0 done; 1 failed (also a policy that is not valid, a scenario that does not \
stand, a certificate or a log that does not hold); 2 wrong usage; 3 done in part (some records were not imported, or a committed \
file differs); 4 the data directory is in use by another process; 5 the configuration cannot be used; 6 not found.";

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Failed, or what was checked does not hold.
    Failed = 1,
    /// Done in part.
    Partial = 3,
    /// The data directory is in use.
    InUse = 4,
    /// The configuration cannot be used.
    Config = 5,
    /// What was asked for does not exist.
    NotFound = 6,
}

/// A command that failed: what to say, and the exit code.
pub struct Failure {
    exit: Exit,
    message: String,
}

impl Failure {
    fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }
}

impl<E: std::error::Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        let in_use = |error: &OpenError| matches!(error, OpenError::Locked { .. });
        let any: &(dyn std::error::Error + 'static) = &error;
        let keyring_in_use = |error: &VaultError| matches!(error, VaultError::InUse(_));
        let locked = match any.downcast_ref::<StartError>() {
            Some(StartError::Open(error)) => in_use(error),
            Some(StartError::Vault(error)) => keyring_in_use(error),
            Some(_) => false,
            None => {
                any.downcast_ref::<OpenError>().is_some_and(in_use)
                    || any.downcast_ref::<VaultError>().is_some_and(keyring_in_use)
            }
        };
        let exit = if locked {
            Exit::InUse
        } else if any.is::<crate::config::ConfigError>() || any.is::<TelemetryError>() {
            Exit::Config
        } else {
            Exit::Failed
        };
        Self { exit, message: chain(&error) }
    }
}

/// Event-sourced case management: immutable interactions, SLA clocks, replay, GraphQL.
#[derive(Parser)]
#[command(name = "parvandeh", version, after_help = EXIT_CODES)]
pub struct Arguments {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Flags that every command has. Each overrides its environment variable, which overrides the configuration file.
#[derive(Args)]
struct Global {
    /// The configuration file (TOML).
    #[arg(long, global = true, env = "PARVANDEH_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the log and the read models live.
    #[arg(long, global = true, env = "PARVANDEH_DATA_DIRECTORY", value_name = "DIRECTORY")]
    data_directory: Option<PathBuf>,
    /// Where the keys of personal data and the record of erasures live; `keyring` in the data directory where absent.
    #[arg(long, global = true, env = "PARVANDEH_KEYRING", value_name = "DIRECTORY")]
    keyring: Option<PathBuf>,
    /// Which engine keeps the log: `sqlite`, or the address of a KurrentDB cluster.
    #[arg(
        long,
        global = true,
        env = "PARVANDEH_STORE",
        hide_env_values = true,
        value_name = "ADDRESS"
    )]
    store: Option<String>,
    /// How log lines are written.
    #[arg(long, global = true, env = "PARVANDEH_LOG_FORMAT", value_name = "FORMAT")]
    log_format: Option<LogFormat>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve GraphQL over HTTP, WebSocket and server-sent events.
    Serve {
        /// Fill an empty data directory with a portfolio that moves while you look, and print a token for each role.
        #[arg(long)]
        demo: bool,
        /// The address to listen on.
        #[arg(long, env = "PARVANDEH_LISTEN", value_name = "ADDRESS")]
        listen: Option<SocketAddr>,
    },
    /// Import cases from XES or JSON Lines, plain or gzip. Running it again adds only what is new.
    Import {
        /// The file.
        source: PathBuf,
        /// The mapping (TOML): which attribute becomes which field.
        #[arg(long, value_name = "FILE")]
        mapping: PathBuf,
        /// Stop at the first record that cannot be imported.
        #[arg(long)]
        stop_on_error: bool,
        /// How the report is written.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Prepare calendar documents.
    #[command(subcommand)]
    Calendar(calendar::CalendarCommand),
    /// Replay a case step by step, as it was known at any time. Works beside a running server.
    Replay {
        /// The case: its id, its global id, its reference, or its key in the system it came from.
        case: String,
        /// What was known at this time (RFC 3339).
        #[arg(long, value_name = "TIME")]
        as_of: Option<jiff::Timestamp>,
        /// Only this step, with the whole state after it; steps are counted from 1.
        #[arg(long, value_name = "NUMBER")]
        step: Option<u64>,
        /// How the replay is written.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Build the read models anew beside those in service, and compare. Works beside a running server.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Check, test, explain, simulate and prove service levels.
    #[command(subcommand)]
    Sla(sla::SlaCommand),
    /// Write the cases for other programs: XES and OCEL for process mining, CSV. Works beside a running server.
    Export(export::ExportArguments),
    /// Rotate and count the keys of personal data.
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// The signed checkpoint of the log, and proofs about its events. Works beside a running server.
    #[command(subcommand)]
    Proof(proof::ProofCommand),
    /// Verify that nothing in the log was changed, dropped, added or moved: of a data directory (beside a running server too), of a bundle
    /// (offline), or of a server.
    Verify(verify::VerifyArguments),
    /// Build the read models anew from the log.
    Rebuild,
    /// Bring a log of an earlier release to this one's form: personal data move into the vault.
    Migrate,
    /// Move the log and its keys from the data directory into a cluster, or back. Nothing may serve from either meanwhile.
    MigrateStore(migrate_store::MigrateStoreArguments),
    /// Copy the log and the keys of personal data into a new directory. Works beside a running server.
    Backup {
        /// The new directory.
        target: PathBuf,
    },
    /// Write everything about one customer into files. Beside a running server: GET /subjects/<global id>/export.
    SubjectExport(subject_export::SubjectExportArguments),
    /// Write the published contracts: the GraphQL schema and the JSON Schema of every event.
    Schema {
        /// Compare with what is there instead, and fail when it differs.
        #[arg(long)]
        check: bool,
        /// Where the contracts stand.
        #[arg(long, default_value = "schema", value_name = "DIRECTORY")]
        directory: PathBuf,
    },
    /// Print a token for a data directory that was filled with --demo.
    Token(token::TokenArguments),
    /// Look at the configuration.
    #[command(subcommand)]
    Config(config::ConfigCommand),
}

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Runs a command.
pub fn run(arguments: Arguments) -> ExitCode {
    let Arguments { global, command } = arguments;
    let config = match &command {
        // It reads the file by itself, since a file that cannot be used is what it is there for.
        Command::Config(_) => Ok(Config::default()),
        _ => configuration(&global),
    };
    let outcome = config.and_then(|config| {
        let telemetry = start_telemetry(&command, &config)?;
        let exit = dispatch(command, config, &global);
        telemetry.finish();
        exit
    });
    let exit = outcome.unwrap_or_else(|failure| {
        eprintln!("parvandeh: {}", failure.message);
        failure.exit
    });
    ExitCode::from(exit as u8)
}

fn configuration(global: &Global) -> Result<Config, Failure> {
    let mut config = Config::load(global.config.as_deref())?;
    overrides(&mut config, global);
    Ok(config)
}

/// Puts flags and environment variables in the place of what the file says.
fn overrides(config: &mut Config, global: &Global) {
    if let Some(directory) = &global.data_directory {
        config.data_directory = directory.clone();
    }
    if let Some(directory) = &global.keyring {
        config.keyring = Some(directory.clone());
    }
    if let Some(address) = &global.store {
        config.store = address.clone().into();
    }
    config.log_format = global.log_format.unwrap_or(config.log_format);
}

/// Only a server sends traces: it is what others wait for.
fn start_telemetry(command: &Command, config: &Config) -> Result<Telemetry, TelemetryError> {
    match command {
        Command::Serve { .. } => {
            telemetry::start_lines_and_traces(config.log_format, &config.telemetry)
        }
        _ => Ok(telemetry::start_lines(config.log_format)),
    }
}

fn dispatch(command: Command, mut config: Config, global: &Global) -> Result<Exit, Failure> {
    let runtime = || tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match command {
        Command::Serve { demo, listen } => {
            config.listen = listen.unwrap_or(config.listen);
            let runtime = runtime()?;
            let exit = runtime.block_on(serve::serve(config, demo));
            // Work that nobody waits for any more does not hold the process up.
            runtime.shutdown_background();
            exit
        }
        Command::Import { source, mapping, stop_on_error, format } => {
            runtime()?.block_on(import::import(config, &source, &mapping, stop_on_error, format))
        }
        Command::Calendar(command) => calendar::calendar(&command),
        Command::Replay { case, as_of, step, format } => {
            replay::replay(&config, &case, as_of, step, format)
        }
        Command::Audit(command) => audit::audit(&config, &command),
        Command::Sla(command) => sla::sla(&config, &command),
        Command::Export(arguments) => runtime()?.block_on(export::export(config, arguments)),
        Command::Keys(command) => runtime()?.block_on(keys::keys(&config, &command)),
        Command::Proof(command) => proof::proof(&config, &command),
        Command::Verify(arguments) => verify::verify(&config, &arguments),
        Command::Rebuild => runtime()?.block_on(maintenance::rebuild(config)),
        Command::Migrate => migrate::migrate(&config),
        Command::MigrateStore(arguments) => {
            runtime()?.block_on(migrate_store::migrate_store(&config, arguments))
        }
        Command::Backup { target } => maintenance::backup(&config, &target),
        Command::SubjectExport(arguments) => {
            runtime()?.block_on(subject_export::subject_export(&config, arguments))
        }
        Command::Schema { check, directory } => schema::schema(&directory, check),
        Command::Token(arguments) => token::token(&config, &arguments),
        Command::Config(command) => Ok(config::config(global, &command)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_or_a_keyring_in_use_has_an_exit_code_of_its_own_wherever_it_is_found() {
        let locked = || OpenError::Locked { directory: "data".into(), pid: None };
        let failures = [
            Failure::from(locked()),
            Failure::from(StartError::Open(locked())),
            Failure::from(VaultError::InUse("keyring".into())),
            Failure::from(StartError::Vault(VaultError::InUse("keyring".into()))),
        ];
        for failure in failures {
            assert_eq!(failure.exit as u8, 4, "{}", failure.message);
        }
        let other = Failure::from(StartError::Vault(VaultError::Stopped));
        assert_eq!(other.exit as u8, 1);
    }
}
