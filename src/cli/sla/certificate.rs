//! `parvandeh sla certificate`: issues the certificate of a clock, or checks one.

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;
use parvandeh_domain::sla::ClockKey;
use parvandeh_domain::sla::certificate::{Certificate, CertificateRefusal};

use crate::certificate::{certify, check_alone, page};
use crate::cli::case_log::CaseLog;
use crate::cli::{Exit, Failure, file};
use crate::config::Config;

/// A clock to certify, or a certificate to check.
#[derive(Args)]
pub struct CertificateArguments {
    /// The case: its id, its global id, its reference, or its key in the system it came from.
    #[arg(required_unless_present = "check")]
    case: Option<String>,
    /// Which of its clocks: resolution-1.
    #[arg(required_unless_present = "check")]
    clock: Option<ClockKey>,
    /// What was known at this time (RFC 3339); now when absent.
    #[arg(long, value_name = "TIME")]
    as_of: Option<Timestamp>,
    /// Write a page that prints well (HTML) instead of JSON.
    #[arg(long)]
    page: bool,
    /// Where to write it; to standard output when absent.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Check this certificate (JSON) instead: by its own sums, and against the log of the data directory.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["case", "clock", "as_of", "page", "output"])]
    check: Option<PathBuf>,
}

/// Issues or checks a certificate.
pub fn certificate(config: &Config, arguments: &CertificateArguments) -> Result<Exit, Failure> {
    match (&arguments.check, &arguments.case, &arguments.clock) {
        (Some(path), ..) => check(config, path),
        (None, Some(case), Some(clock)) => write(config, case, clock, arguments),
        _ => Err(Failure::new(Exit::Failed, "name a case and a clock, or a file with --check")),
    }
}

fn write(
    config: &Config,
    case: &str,
    clock: &ClockKey,
    arguments: &CertificateArguments,
) -> Result<Exit, Failure> {
    let now = super::now();
    let as_of = arguments.as_of.unwrap_or(now);
    if as_of > now {
        let message = "a certificate tells what has happened; --as-of lies in the future";
        return Err(Failure::new(Exit::Failed, message));
    }
    let certificate = derive(config, case, clock, as_of)?;
    let text = if arguments.page {
        page(&certificate)
    } else {
        serde_json::to_string_pretty(&certificate)? + "\n"
    };
    match &arguments.output {
        None => file::answer(&text)?,
        Some(path) => {
            std::fs::write(path, text).map_err(|error| {
                Failure::new(Exit::Failed, format!("{}: {error}", path.display()))
            })?;
            let verdict = certificate.verdict;
            file::answer(&format!("{clock}: {verdict}; written to {}\n", path.display()))?;
        }
    }
    Ok(Exit::Done)
}

/// The certificate that the log gives.
fn derive(
    config: &Config,
    case: &str,
    clock: &ClockKey,
    as_of: Timestamp,
) -> Result<Certificate, Failure> {
    let log = CaseLog::read(config, case, Some(as_of))?;
    certify(&log.clocks, &log.evidence, clock, as_of).map_err(|refusal| {
        let exit = match refusal {
            CertificateRefusal::NoSuchClock { .. } | CertificateRefusal::NotStarted(_) => {
                Exit::NotFound
            }
            CertificateRefusal::MissingEvent(_) | CertificateRefusal::TooLong => Exit::Failed,
        };
        Failure::new(exit, refusal.to_string())
    })
}

fn check(config: &Config, path: &Path) -> Result<Exit, Failure> {
    let certificate: Certificate = serde_json::from_str(&file::text(path)?).map_err(|error| {
        let message = format!("{}: not a certificate: {error}", path.display());
        Failure::new(Exit::Failed, message)
    })?;
    if let Err(found) = check_alone(&certificate) {
        file::answer(&format!("It does not hold: it contradicts itself.\n  {found}\n"))?;
        return Ok(Exit::Failed);
    }
    let case = certificate.case_id.to_string();
    let derived = derive(config, &case, &certificate.clock, certificate.as_of)?;
    if let Some(found) = certificate.first_difference(&derived) {
        file::answer(&format!("It does not hold: the log says otherwise.\n  {found}\n"))?;
        return Ok(Exit::Failed);
    }
    let (parts, verdict, as_of) = (certificate.parts.len(), certificate.verdict, certificate.as_of);
    file::answer(&format!(
        "It holds: {} of case {} was {verdict} at {as_of}. Its {parts} parts add up, and the log gives the same.\n",
        certificate.clock, certificate.case_reference
    ))?;
    Ok(Exit::Done)
}
