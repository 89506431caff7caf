//! `parvandeh rebuild` and `parvandeh backup`.

use std::path::Path;

use super::progress::bar;
use super::{Exit, Failure};
use crate::app::App;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::store::EventStore;
use crate::store::sqlite;

/// Builds the read models anew from the log.
pub async fn rebuild(config: Config) -> Result<Exit, Failure> {
    let app = App::open_with(&config.data_directory, config.keyring(), SystemClock).await?;
    let total = app.store.head().map_or(0, |head| head.0);
    let progress = bar("rebuilding", "events", total);
    let begun = std::time::Instant::now();
    let shown = progress.clone();
    app.read_models.rebuild(move |position| shown.set_position(position)).await?;
    progress.finish_and_clear();
    let seconds = begun.elapsed().as_secs_f64();
    println!("Read models rebuilt from {total} events in {seconds:.2} s.");
    app.stop().await;
    Ok(Exit::Done)
}

/// Copies the log into a new directory. Works beside a running server.
pub fn backup(config: &Config, target: &Path) -> Result<Exit, Failure> {
    // Says clearly that there is nothing to copy, before a target is made for it.
    sqlite::LogReader::open(&config.data_directory)?;
    let progress = bar("copying", "bytes", 0);
    sqlite::backup(&config.data_directory, target, |step| {
        progress.set_length(step.total_bytes);
        progress.set_position(step.copied_bytes);
    })?;
    progress.finish_and_clear();
    println!(
        "The log is copied to {}. Start with --data-directory {} to use it; the read models are built anew.",
        target.display(),
        target.display()
    );
    Ok(Exit::Done)
}
