//! `parvandeh audit`: whether the read models are what the log says, in one number.

use std::fmt::Write as _;
use std::path::Path;

use clap::Subcommand;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::file;
use super::progress::bar;
use super::{Exit, Failure, Format};
use crate::audit::figures::{Figures, figures};
use crate::audit::rebuild::{self, BATCH_SIZE_MAX, Extent};
use crate::audit::state_hash::{StateHash, state_hash};
use crate::config::Config;
use crate::store::sqlite::LogReader;
use crate::subscription::generation::Generation;

/// The commands below `parvandeh audit`.
#[derive(Subcommand)]
pub enum AuditCommand {
    /// Build all read models anew from the log, in a temporary place, and print their hash and the portfolio in figures.
    Rebuild {
        /// Print the hash alone, without the figures.
        #[arg(long)]
        hash: bool,
        /// The state at this position of the log, rather than at its end.
        #[arg(long, value_name = "POSITION")]
        until: Option<u64>,
        /// The portfolio as it had been recorded by this time (RFC 3339).
        #[arg(long, value_name = "TIME", conflicts_with = "until")]
        as_of: Option<Timestamp>,
        /// How many events are taken in at once. The result is the same.
        #[arg(long, value_name = "NUMBER", default_value_t = BATCH_SIZE_MAX as u64,
              value_parser = clap::value_parser!(u64).range(1..=BATCH_SIZE_MAX as u64))]
        batch_size: u64,
        /// How the answer is written.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Print the hash of the read models in service.
    Hash {
        /// How the answer is written.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
}

/// Runs a command.
pub fn audit(config: &Config, command: &AuditCommand) -> Result<Exit, Failure> {
    let data = &config.data_directory;
    let (answer, format) = match command {
        AuditCommand::Rebuild { hash, until, as_of, batch_size, format } => {
            let batch_size = usize::try_from(*batch_size).unwrap_or(BATCH_SIZE_MAX);
            let extent = Extent { until: *until, as_of: *as_of, batch_size };
            (rebuilt(data, extent, *hash)?, *format)
        }
        AuditCommand::Hash { format } => (in_service(data)?, *format),
    };
    match format {
        Format::Text => file::answer(&text(&answer))?,
        Format::Json => file::answer(&format!("{:#}\n", to_json(&answer)))?,
    }
    Ok(Exit::Done)
}

/// What the commands say.
struct Answer {
    log_id: Uuid,
    /// Where the log ends.
    head: u64,
    /// Up to where the read models are built.
    position: u64,
    as_of: Option<Timestamp>,
    /// Events taken in, and entries not understood, where that was counted.
    taken_in: Option<(u64, u64)>,
    hash: StateHash,
    figures: Option<Figures>,
}

fn rebuilt(data: &Path, extent: Extent, hash_only: bool) -> Result<Answer, Failure> {
    let end = LogReader::open(data)?.head()?.map_or(0, |head| head.0);
    let progress = bar("rebuilding", "events", extent.until.unwrap_or(end));
    let built = rebuild::rebuild(data, extent, |position| progress.set_position(position))?;
    progress.finish_and_clear();
    let db = built.open()?;
    // Without a moment of the view it is the last of the events: two machines must not differ because one looks later.
    let at = extent.as_of.or(built.last_recorded_at).unwrap_or(Timestamp::UNIX_EPOCH);
    Ok(Answer {
        log_id: built.log_id,
        head: built.head,
        position: built.position,
        as_of: extent.as_of,
        taken_in: Some((built.events, built.unknown)),
        hash: state_hash(&db)?,
        figures: if hash_only { None } else { Some(figures(&db, at)?) },
    })
}

fn in_service(data: &Path) -> Result<Answer, Failure> {
    let log = LogReader::open(data)?;
    let log_id = log.id()?;
    let Some((db, position)) = Generation::look_at_newest(data, log_id) else {
        let message = format!(
            "{} has no read models that this program built of this log; start it once, or use `parvandeh audit rebuild --hash`",
            data.display()
        );
        return Err(Failure::new(Exit::NotFound, message));
    };
    let hash = state_hash(&db)?;
    let head = log.head()?.map_or(0, |head| head.0);
    Ok(Answer { log_id, head, position, as_of: None, taken_in: None, hash, figures: None })
}

fn text(answer: &Answer) -> String {
    let mut out = String::new();
    line!(out, "log          {}", answer.log_id);
    line!(out, "position     {} of {}", answer.position, answer.head);
    if let Some(moment) = answer.as_of {
        line!(out, "as of        {moment}");
    }
    if let Some((events, unknown)) = answer.taken_in {
        line!(out, "events       {events}, not understood {unknown}");
    }
    line!(out, "fingerprint  {}", parvandeh_projections::fingerprint());
    line!(out, "sha256       {}", answer.hash.sha256);
    line!(out);
    for table in &answer.hash.tables {
        line!(out, "{:<18} {:>9} rows  {}", table.name, table.rows, table.sha256);
        if !table.left_out.is_empty() {
            line!(out, "{:<18} without {}", "", table.left_out.join(", "));
        }
    }
    if let Some(figures) = &answer.figures {
        line!(out);
        figures_text(&mut out, figures);
    }
    out
}

fn figures_text(out: &mut String, figures: &Figures) {
    line!(out, "The portfolio at {}:", figures.at);
    for (what, counts) in [("cases", &figures.cases), ("clocks", &figures.clocks)] {
        let total: u64 = counts.values().sum();
        let parts: Vec<_> = counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
        line!(out, "{what:<12} {total}: {}", parts.join(", "));
    }
    let kept = &figures.compliance;
    line!(
        out,
        "promises     met {}, breached {}, waived {}, open and overdue {}, open in time {}, paused {}, measured {}",
        kept.met,
        kept.breached,
        kept.waived,
        kept.open_overdue,
        kept.open_in_time,
        kept.paused,
        kept.measured
    );
    let ratio = kept.ratio.map_or("none is decided".to_owned(), |ratio| format!("{ratio:.4}"));
    line!(out, "compliance   {ratio}");
    line!(out, "customers    {}", figures.customers);
}

fn to_json(answer: &Answer) -> Value {
    json!({
        "logId": answer.log_id,
        "head": answer.head,
        "position": answer.position,
        "asOf": answer.as_of,
        "events": answer.taken_in.map(|(events, _)| events),
        "unknown": answer.taken_in.map(|(_, unknown)| unknown),
        "fingerprint": parvandeh_projections::fingerprint(),
        "sha256": answer.hash.sha256,
        "tables": answer.hash.tables,
        "figures": answer.figures,
    })
}
