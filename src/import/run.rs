//! The command side of an import: each imported case becomes commands on one stream.
//!
//! Every command's id follows from the source's name, the case's key and the activity's identity, so an import that was cut short or is
//! run again adds only what is not there yet. The commands of a case are appended together, in parts of 500 where there are more.

use std::path::Path;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use parvandeh_domain::case::command::{OpenCase, RecordActivity, ResolveCase};
use parvandeh_domain::case::{Case, CaseCommand, CaseRefusal, Outcome, Priority};
use parvandeh_domain::decider::{Actor, ActorKind};
use parvandeh_domain::id::{CaseId, CommandId, derived};
use parvandeh_domain::pii::Pii;
use tokio::sync::mpsc;

use super::{CaseReader, ImportProblem, ImportedCase, Mapping, OpenSourceError, read};
use crate::clock::to_microsecond;
use crate::command::handler::{CommandError, CommandHandler, CommandMetadata};
use crate::store::{APPEND_EVENTS_MAX, StreamId};

/// Who records what is imported, as the log names them: a service of this name.
pub const ACTOR: &str = "import";
/// Cases imported side by side: the log commits them together.
const CONCURRENT_CASES_MAX: usize = 64;
/// Problems that are kept with their text; more are only counted.
const PROBLEMS_KEPT_MAX: usize = 1_000;

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Cases that the source holds.
    pub cases_read: u64,
    /// Cases of which something was new.
    pub cases_written: u64,
    /// Events that were appended.
    pub events_written: u64,
    /// How many records were not imported.
    pub problem_count: u64,
    /// Why, for the first thousand of them.
    pub problems: Vec<String>,
    /// Whether reading ended before the end of the source.
    pub stopped: bool,
}

/// Why an import could not be carried on.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The source could not be opened.
    #[error(transparent)]
    Source(#[from] OpenSourceError),
    /// The log could not be written or read. What was imported stays; run the same command again to go on.
    #[error("case {key}: the import was cut short; run it again to go on")]
    Log {
        /// The case's key in the source.
        key: String,
        /// Why.
        #[source]
        source: CommandError<CaseRefusal>,
    },
}

/// Bytes of the source read so far, and all of them.
pub type Progress<'a> = &'a (dyn Fn(u64, u64) + Sync);

/// Imports a source.
///
/// A record that cannot be imported is reported and the rest goes on, unless `stop_on_error` is set.
pub async fn run(
    commands: &CommandHandler,
    source: &Path,
    mapping: &Mapping,
    stop_on_error: bool,
    progress: Progress<'_>,
) -> Result<ImportReport, ImportError> {
    let reader = read(source, mapping)?;
    let mut report = ImportReport::default();
    let actor = Arc::new(Actor { kind: ActorKind::Service, id: ACTOR.to_owned() });
    let cases = read_aside(reader);
    let mut imports = std::pin::pin!(
        stream::unfold(cases, |mut cases| async { Some((cases.recv().await?, cases)) })
            .map(|(item, read, total)| {
                let actor = actor.clone();
                async move {
                    let outcome = match item {
                        Ok(case) => import(commands, case, &actor).await,
                        Err(problem) => Ok(Err(problem)),
                    };
                    (outcome, read, total)
                }
            })
            .buffer_unordered(CONCURRENT_CASES_MAX)
    );
    while let Some((outcome, read, total)) = imports.next().await {
        progress(read, total);
        match outcome? {
            Ok(event_count) => {
                report.cases_read += 1;
                report.cases_written += u64::from(event_count > 0);
                report.events_written += event_count as u64;
            }
            Err(problem) => {
                report.problem_count += 1;
                report.stopped |= problem.ends_source || stop_on_error;
                if report.problems.len() < PROBLEMS_KEPT_MAX {
                    report.problems.push(problem.to_string());
                }
                if stop_on_error {
                    break;
                }
            }
        }
    }
    Ok(report)
}

type Read = (Result<ImportedCase, ImportProblem>, u64, u64);

/// Reads on a thread of its own, because files block, a few cases ahead of the commands.
fn read_aside(mut reader: CaseReader) -> mpsc::Receiver<Read> {
    let (sender, receiver) = mpsc::channel(CONCURRENT_CASES_MAX);
    tokio::task::spawn_blocking(move || {
        while let Some(item) = reader.next() {
            let (read, total) = (reader.bytes_read(), reader.bytes_total());
            if sender.blocking_send((item, read, total)).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Imports one case; answers how many events were new. The inner error is a problem of the record.
async fn import(
    commands: &CommandHandler,
    case: ImportedCase,
    actor: &Actor,
) -> Result<Result<usize, ImportProblem>, ImportError> {
    let (key, place) = (case.key.clone(), case.place);
    let problem = |message: String| ImportProblem {
        place,
        record: Some(key.clone()),
        message,
        ends_source: false,
    };
    let id = CaseId(derived(&["imported case", &case.source, &case.key]));
    let stream = StreamId::new(&format!("case-{id}")).expect("a UUID is a well-formed stream id");
    let batch = match commands_of(case, id, actor) {
        Ok(batch) => batch,
        Err(message) => return Ok(Err(problem(message))),
    };
    let mut event_count = 0;
    for part in batch.chunks(APPEND_EVENTS_MAX / 2) {
        match commands.execute::<Case>(&stream, part.to_vec(), None, |_| true).await {
            Ok(executed) => event_count += executed.event_count,
            Err(CommandError::Refused(refusal)) => {
                return Ok(Err(problem(refusal.to_string())));
            }
            Err(CommandError::OccurredInFuture) => {
                return Ok(Err(problem("something in it lies in the future".to_owned())));
            }
            Err(source) => return Err(ImportError::Log { key, source }),
        }
    }
    Ok(Ok(event_count))
}

/// The commands that make a case what the source says it is.
fn commands_of(
    case: ImportedCase,
    id: CaseId,
    actor: &Actor,
) -> Result<Vec<(CommandMetadata, CaseCommand)>, String> {
    let metadata = |what: &str, occurred_at: Timestamp| CommandMetadata {
        command_id: CommandId(derived(&["import", &case.source, &case.key, what])),
        digest: None,
        actor: actor.clone(),
        occurred_at: Some(to_microsecond(occurred_at)),
        correlation_id: id.0,
        subject: None,
    };
    let code_problem = |field: &str, error: &dyn std::fmt::Display| format!("{field}: {error}");
    let open = OpenCase {
        kind: case.kind.parse().map_err(|error: String| code_problem("kind", &error))?,
        subject: Pii::new(case.subject.clone()),
        description: None,
        customer_id: None,
        channel: case.channel.parse().map_err(|error: String| code_problem("channel", &error))?,
        category: code("category", &case.category)?,
        priority: match &case.priority {
            None => Priority::Normal,
            Some(text) => text.parse().map_err(|error: String| code_problem("priority", &error))?,
        },
        severity: None,
        unit: code("unit", &case.unit)?,
        due_at: case.due_at.map(to_microsecond),
        external_reference: Some(case.key.clone()),
        split_from: None,
        remedy_sought: None,
    };
    let mut batch = vec![(metadata("open", case.opened_at), CaseCommand::Open(open))];
    for activity in &case.activities {
        let command = RecordActivity {
            name: activity.name.clone(),
            resource: activity.resource.clone(),
            group: activity.group.clone(),
            transition: activity.transition.clone(),
        };
        let what = format!("activity {}", activity.identity);
        batch.push((metadata(&what, activity.occurred_at), CaseCommand::RecordActivity(command)));
    }
    if let Some(resolved_at) = case.resolved_at {
        let resolve = ResolveCase { outcome: Outcome::Unknown, summary: None };
        batch.push((metadata("resolve", resolved_at), CaseCommand::Resolve(resolve)));
        batch.push((metadata("close", resolved_at), CaseCommand::Close));
    }
    Ok(batch)
}

fn code<T: TryFrom<String>>(field: &str, text: &Option<String>) -> Result<Option<T>, String>
where
    T::Error: std::fmt::Display,
{
    text.clone()
        .map(T::try_from)
        .transpose()
        .map_err(|error| format!("{field} '{}': {error}", text.as_deref().unwrap_or_default()))
}
