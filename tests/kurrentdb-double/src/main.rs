//! The double as a program, for trials by hand.

use std::net::SocketAddr;
use std::process::ExitCode;

use kurrentdb_double::{Double, Options};

const USAGE: &str = "\
Stands in for a KurrentDB server. It keeps everything in memory and loses it at its end; it knows no users and no TLS.
It is for trials and tests only: never put data into it that you need.

Usage: kurrentdb-double [--listen 127.0.0.1:2113] [--nodes 3] [--seed 1]

  --listen  where the first node listens; the others take the ports after it (127.0.0.1:2113)
  --nodes   how many nodes share the log (1)
  --seed    the seed of everything random";

fn main() -> ExitCode {
    let options = match parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("{problem}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let double = match Double::start(options) {
        Ok(double) => double,
        Err(error) => {
            eprintln!("cannot listen: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!("It keeps nothing: for trials and tests only.");
    println!("{}", double.connection_string());
    loop {
        std::thread::park();
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options =
        Options { listen: SocketAddr::from(([127, 0, 0, 1], 2113)), ..Options::default() };
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
        let malformed = |error: &dyn std::fmt::Display| format!("{name} {value}: {error}");
        match name.as_str() {
            "--listen" => options.listen = value.parse().map_err(|error| malformed(&error))?,
            "--nodes" => options.nodes = value.parse().map_err(|error| malformed(&error))?,
            "--seed" => options.seed = value.parse().map_err(|error| malformed(&error))?,
            _ => return Err(format!("{name} is not known")),
        }
    }
    Ok(options)
}
