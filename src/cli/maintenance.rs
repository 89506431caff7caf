//! `parvandeh rebuild` and `parvandeh backup`.

use std::path::Path;

use super::progress::bar;
use super::{Exit, Failure};
use crate::app::App;
use crate::config::Config;
use crate::store::sqlite;
use crate::vault;

/// Builds the read models anew from the log.
pub async fn rebuild(config: Config) -> Result<Exit, Failure> {
    let app = App::open_configured(&config, |_| {}).await?;
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

/// Copies the log and the keys of personal data into a new directory. Works beside a running server.
///
/// The log comes first: what it holds was sealed with keys that exist by then, so the copy of the keys has them.
pub fn backup(config: &Config, target: &Path) -> Result<Exit, Failure> {
    // Says clearly that there is nothing to copy, before a target is made for it.
    sqlite::LogReader::open(&config.data_directory)?;
    let progress = bar("copying", "bytes", 0);
    sqlite::backup(&config.data_directory, target, |step| {
        progress.set_length(step.total_bytes);
        progress.set_position(step.copied_bytes);
    })?;
    progress.finish_and_clear();
    vault::backup(&config.data_directory, target)?;
    println!(
        "The log and its data keys are copied to {target}. Start with --data-directory {target} --keyring {keyring} to use them; the \
         read models are built anew.\nThe keyring is not copied: keep it apart, and as it is now, since it holds what opens the keys \
         and tells what was erased meanwhile. Keep copies of keys.db for a short time only.",
        target = target.display(),
        keyring = config.keyring_directory().display(),
    );
    Ok(Exit::Done)
}
