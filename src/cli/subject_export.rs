//! `parvandeh subject-export`: everything about one customer, as files.
//!
//! Who exports is recorded in the log, so it needs the data directory for itself. Beside a running server the same comes over HTTP.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;

use clap::Args;
use futures_util::StreamExt as _;
use jiff::Timestamp;

use super::{Exit, Failure, file};
use crate::access::Purpose;
use crate::app::{App, StartError};
use crate::config::Config;
use crate::principal::{Principal, Role};
use crate::store::sqlite::OpenError;
use crate::subject_export::{
    self, ExportRequest, JsonDocument, Page, Part, Rendering, SubjectExporter,
};

/// The reader's name in the access log.
const READER: &str = "command-line";

/// A customer, and where their data go.
#[derive(Args)]
pub struct SubjectExportArguments {
    /// The customer: their id or global id.
    customer: String,
    /// What for. It is recorded in the access log.
    #[arg(long, value_name = "TEXT", value_parser = |text: &str| Purpose::new(text))]
    purpose: Purpose,
    /// The directory to write subject.json and subject.html into; created when absent.
    #[arg(long, value_name = "DIRECTORY")]
    output: PathBuf,
}

/// Writes the export.
pub async fn subject_export(
    config: &Config,
    arguments: SubjectExportArguments,
) -> Result<Exit, Failure> {
    let SubjectExportArguments { customer, purpose, output } = arguments;
    let unknown = || Failure::new(Exit::NotFound, format!("there is no customer {customer}"));
    let customer_id = subject_export::customer_id(&customer).ok_or_else(unknown)?;
    if !config.data_directory.join("log.db").exists() {
        let message = format!("there is no log in {}", config.data_directory.display());
        return Err(Failure::new(Exit::NotFound, message));
    }
    let app = App::open_configured(config, |_| {}).await;
    let app = app.map_err(|error| match &error {
        StartError::Open(locked @ OpenError::Locked { .. }) => {
            let other = "or ask the server: GET /subjects/<global id>/export";
            Failure::new(Exit::InUse, format!("{locked}; {other}"))
        }
        _ => Failure::from(error),
    })?;
    app.start_read_models(|_| {}).await?;
    let request = ExportRequest {
        principal: Arc::new(Principal {
            subject: READER.to_owned(),
            role: Role::PrivacyOfficer,
            customer_id: None,
            units: Vec::new(),
            expires_at: Timestamp::MAX,
        }),
        customer_id,
        purpose,
        trace_id: None,
    };
    let written = write(&app.subject_exporter(), request, &output).await;
    app.stop().await;
    match written? {
        true => {
            file::answer(&format!(
                "Written to {}: subject.json, subject.html\n",
                output.display()
            ))?;
            Ok(Exit::Done)
        }
        false => Err(unknown()),
    }
}

/// Writes both files; false when there is no such customer.
async fn write(
    exporter: &SubjectExporter,
    request: ExportRequest,
    output: &Path,
) -> Result<bool, Failure> {
    let Some(parts) = exporter.begin(request).await? else { return Ok(false) };
    DirBuilder::new().recursive(true).mode(0o700).create(output)?;
    let mut document = Target::create(output, "subject.json", JsonDocument::default())?;
    let mut page = Target::create(output, "subject.html", Page::default())?;
    let mut parts = pin!(parts);
    while let Some(part) = parts.next().await {
        let part = part?;
        document.add(&part)?;
        page.add(&part)?;
    }
    document.finish()?;
    page.finish()?;
    Ok(true)
}

/// A file that gets its name when it is whole. Nobody but its owner may read it.
struct Target<R> {
    partial: PathBuf,
    path: PathBuf,
    file: BufWriter<File>,
    rendering: R,
    text: String,
}

impl<R: Rendering> Target<R> {
    fn create(directory: &Path, name: &str, rendering: R) -> Result<Self, Failure> {
        let (path, partial) = (directory.join(name), directory.join(format!("{name}.partial")));
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(&partial);
        let file = file.map_err(|error| {
            Failure::new(Exit::Failed, format!("{}: {error}", partial.display()))
        })?;
        Ok(Self { partial, path, file: BufWriter::new(file), rendering, text: String::new() })
    }

    fn add(&mut self, part: &Part) -> std::io::Result<()> {
        self.rendering.add(part, &mut self.text);
        self.file.write_all(self.text.as_bytes())?;
        self.text.clear();
        Ok(())
    }

    fn finish(self) -> Result<(), Failure> {
        let file = self.file.into_inner().map_err(|error| error.into_error())?;
        file.sync_all()?;
        Ok(std::fs::rename(self.partial, self.path)?)
    }
}
