//! `parvandeh verify`: a data directory, a bundle or a server against what was signed.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use clap::Args;

use super::progress::bar;
use super::{Exit, Failure, Format, file};
use crate::config::Config;
use crate::proof::bundle;
use crate::proof::checkpoint::SignedCheckpoint;
use crate::proof::note::VerifierKey;
use crate::proof::verify::{Finding, Report, Trust, directory, remote};

/// What to verify, and against what.
#[derive(Args)]
pub struct VerifyArguments {
    /// A data directory, a bundle, or the address of a server (https://...); the configured data directory where nothing is named.
    target: Option<String>,
    /// The log's public key, got another way than from what is verified: the text `<name>+<id>+<base64>`, or a file that holds it.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// A checkpoint that was kept from before: the present one must go on from it.
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// The public key of a witness whose signature is demanded, as text or in a file.
    #[arg(long = "witness-key", value_name = "KEY")]
    witness_keys: Vec<String>,
    /// The token of an auditor, for a server.
    #[arg(long, env = "PARVANDEH_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: Option<String>,
    /// How the report is written.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Verifies; says what was compared and what differs.
pub fn verify(config: &Config, arguments: &VerifyArguments) -> Result<Exit, Failure> {
    let trust = Trust {
        key: arguments.key.as_deref().map(key).transpose()?,
        earlier: arguments.checkpoint.as_deref().map(checkpoint).transpose()?,
        witnesses: arguments.witness_keys.iter().map(|text| key(text)).collect::<Result<_, _>>()?,
    };
    let progress = bar("verifying", "events", 0);
    let shown = |position, total: u64| {
        progress.set_length(if total == u64::MAX { position } else { total });
        progress.set_position(position);
    };
    let configured = config.data_directory.display().to_string();
    let target = arguments.target.as_deref().unwrap_or(&configured);
    let report = if target.starts_with("http://") || target.starts_with("https://") {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(remote::verify(target, arguments.token.clone(), &trust, shown))?
    } else {
        let path = Path::new(target);
        let metadata = std::fs::metadata(path)
            .map_err(|error| Failure::new(Exit::NotFound, format!("{target}: {error}")))?;
        if metadata.is_dir() {
            if !path.join("log.db").exists() {
                let message = format!("{target} is not a data directory: it has no log.db");
                return Err(Failure::new(Exit::NotFound, message));
            }
            directory::verify(path, &trust, shown)
        } else {
            bundle::verify(target, BufReader::new(File::open(path)?), &trust, shown)
        }
    };
    progress.finish_and_clear();
    match arguments.format {
        Format::Text => file::answer(&text(&report))?,
        Format::Json => {
            let mut answer = serde_json::to_value(&report)?;
            answer["verified"] = report.holds().into();
            answer["first"] = serde_json::to_value(report.first())?;
            file::answer(&format!("{answer:#}\n"))?;
        }
    }
    Ok(if report.holds() { Exit::Done } else { Exit::Failed })
}

/// A public key, as text or in a file.
pub(super) fn key(text: &str) -> Result<VerifierKey, Failure> {
    if let Ok(key) = text.parse() {
        return Ok(key);
    }
    let path = Path::new(text);
    let content = if path.is_file() { file::text(path)? } else { text.to_owned() };
    let wrong = |error| Failure::new(Exit::Failed, format!("{text}: {error}"));
    content.trim().parse().map_err(wrong)
}

/// A signed checkpoint in a file.
pub(super) fn checkpoint(path: &Path) -> Result<SignedCheckpoint, Failure> {
    let wrong = |error| Failure::new(Exit::Failed, format!("{}: {error}", path.display()));
    SignedCheckpoint::parse(&file::text(path)?).map_err(wrong)
}

fn place(finding: &Finding) -> String {
    match (finding.position, finding.position_last) {
        (Some(first), Some(last)) => format!("positions {first} to {last}: "),
        (Some(first), None) => format!("position {first}: "),
        (None, _) => String::new(),
    }
}

fn text(report: &Report) -> String {
    let mut out = format!("{}\n", report.target);
    let mut line = |name: &str, value: String| out.push_str(&format!("  {name:<14}{value}\n"));
    if let Some(origin) = &report.origin {
        line("log", origin.clone());
    }
    if let (Some(size), Some(root)) = (report.checkpoint_size, &report.checkpoint_root) {
        line("checkpoint", format!("{size} events, root {root}"));
    }
    line("compared", format!("{} events, {} envelopes", report.events, report.envelopes));
    if report.events_not_covered > 0 {
        let count = report.events_not_covered;
        line(
            "not covered",
            format!("{count} events after the checkpoint: in order, but not signed yet"),
        );
    }
    for remark in &report.remarks {
        line("note", remark.clone());
    }
    out.push('\n');
    if report.holds() {
        out.push_str("VERIFIED: nothing was changed, dropped, added or moved.\n");
        return out;
    }
    out.push_str("NOT VERIFIED\n");
    if let Some(first) = report.first() {
        out.push_str(&format!("First: {}{}\n", place(first), first.problem));
    }
    if report.findings.len() > 1 {
        out.push_str("All that was found:\n");
        for finding in &report.findings {
            out.push_str(&format!("- {}{}\n", place(finding), finding.problem));
        }
    }
    if report.findings_more > 0 {
        out.push_str(&format!("... and {} more.\n", report.findings_more));
    }
    out
}
