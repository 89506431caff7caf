//! `parvandeh config`: looking at the configuration.

use std::net::SocketAddr;

use clap::Subcommand;

use super::{Exit, Global, overrides};
use crate::config::check::{self, Remark};

/// What can be done with the configuration.
#[derive(Subcommand)]
pub enum ConfigCommand {
    /// Say everything that is wrong with the configuration, and what it comes to. Starts nothing; works beside a running server.
    Check {
        /// The address that the server is to listen on.
        #[arg(long, env = "PARVANDEH_LISTEN", value_name = "ADDRESS")]
        listen: Option<SocketAddr>,
    },
}

/// Runs a command on the configuration.
pub fn config(global: &Global, command: &ConfigCommand) -> Exit {
    let ConfigCommand::Check { listen } = command;
    let (mut config, problems) = check::read(global.config.as_deref());
    overrides(&mut config, global);
    config.listen = listen.unwrap_or(config.listen);
    let report = check::examine(&config, problems);

    let file = global.config.as_ref().map_or("none".to_owned(), |path| path.display().to_string());
    println!("{:<29} {file}", "file");
    for (key, value) in &report.used {
        println!("{key:<29} {value}");
    }
    let say = |what: &str, remarks: &[Remark]| {
        for Remark { key, message } in remarks {
            println!("{what}: {key}: {message}");
        }
    };
    say("note", &report.notes);
    say("problem", &report.problems);
    match report.problems.len() {
        0 => {
            println!("The configuration can be used.");
            Exit::Done
        }
        count => {
            println!(
                "The configuration cannot be used: {count} problem{}.",
                if count == 1 { "" } else { "s" }
            );
            Exit::Config
        }
    }
}
