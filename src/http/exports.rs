//! Exports over HTTP: `GET /exports/{xes,ocel,csv,bundle}`, for auditors and supervisors.
//!
//! An export is made on a thread of its own while the caller takes it: a short queue stands between the two, so memory holds a few pieces,
//! however long the file becomes. A caller that leaves, or takes nothing for a minute, ends it. What is refused is refused before the file
//! begins; a failure in the middle breaks the connection off, so that a short file is never taken for a whole one.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::middleware::{Compress, from_fn};
use actix_web::{HttpRequest, HttpResponse, web};
use async_graphql::Executor;
use bytes::Bytes;
use jiff::Timestamp;
use parvandeh_domain::case::CaseKind;
use parvandeh_domain::id::UnitId;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

use super::drain::{Phase, closing};
use super::errors::{method_not_allowed, respond};
use super::media::MediaType;
use super::origin::cors;
use super::purpose;
use super::trace::trace_id;
use super::transport::Transport;
use crate::access::{AccessLog, Accesses, Purpose, Reading};
use crate::app::App;
use crate::clock::Clock;
use crate::command::policy::case_scope;
use crate::error::{ErrorCode, RequestError, TraceId, chain};
use crate::export::personal::Personal;
use crate::export::{self, ExportError, Format, Selection};
use crate::principal::{Principal, Role, Roles};
use crate::store::sqlite::LogReader;
use crate::vault::Vault;

/// Who may export, each within their scope.
const ROLES: Roles = Roles::of(&[Role::Auditor, Role::Supervisor]);
/// Exports that are made at once: each reads the whole log.
const EXPORTS_MAX: usize = 2;
/// A piece of the file.
const PIECE_BYTES: usize = 64 * 1024;
/// Pieces that may wait for the caller.
const QUEUED_PIECES_MAX: usize = 4;
/// Refusals have the statuses of GraphQL over HTTP.
const REFUSALS: MediaType = MediaType::GraphqlResponse;

/// What exports need, apart from the transports.
#[derive(Clone)]
struct Exports {
    directory: Arc<Path>,
    vault: Arc<Vault>,
    access_log: Arc<AccessLog>,
    running: Arc<Semaphore>,
}

/// Mounts `/exports/{format}` over the log of a data directory. Clones of the answer share the limit of exports at once.
pub(super) fn resource<E: Executor>(
    app: &App,
    transport: Transport<E>,
) -> impl Fn(&mut web::ServiceConfig) + Clone + use<E> {
    let exports = Exports {
        directory: app.directory().into(),
        vault: app.vault.clone(),
        access_log: app.access_log.clone(),
        running: Arc::new(Semaphore::new(EXPORTS_MAX)),
    };
    move |app| {
        let resource = web::resource("/exports/{format}")
            .app_data(web::Data::new(transport.config.origins.clone()))
            .app_data(web::Data::new(transport.clone()))
            .app_data(web::Data::new(exports.clone()))
            .route(web::get().to(get::<E>))
            .default_service(web::to(other_method))
            .wrap(from_fn(cors))
            .wrap(Compress::default());
        app.service(resource);
    }
}

async fn other_method() -> HttpResponse {
    method_not_allowed("GET", "Use GET for exports.", REFUSALS)
}

async fn get<E: Executor>(
    request: HttpRequest,
    name: web::Path<String>,
    transport: web::Data<Transport<E>>,
    exports: web::Data<Exports>,
) -> HttpResponse {
    let trace_id = trace_id(&request);
    let principal = match transport.enter(&request, &trace_id).await {
        Ok(principal) => principal,
        Err(error) => return respond(&error.into(), REFUSALS),
    };
    let order = match Order::of(&name, &request, &principal) {
        Ok(order) => order,
        Err(error) => return respond(&error.into(), REFUSALS),
    };
    let Ok(running) = exports.running.clone().try_acquire_owned() else {
        let message = format!(
            "{EXPORTS_MAX} exports are being made already. Try again later, or run `parvandeh export` beside the server."
        );
        return respond(&RequestError::new(ErrorCode::RateLimited, message).into(), REFUSALS);
    };
    let (format, file_name) = (order.format, order.file_name());
    let watchman = Watchman {
        expires_at: principal.expires_at,
        clock: transport.clock.clone(),
        phase: transport.phase.clone(),
    };
    let silence_max = transport.limits().silence_max;
    let (mut pieces, is_whole) =
        start(&exports, order, watchman, silence_max, running, trace_id.clone());
    // What fails before the first piece can still be told.
    let Some(first) = pieces.recv().await else {
        return respond(&RequestError::internal(trace_id).into(), REFUSALS);
    };
    let file = async_stream::stream! {
        yield Ok(first);
        while let Some(piece) = pieces.recv().await {
            yield Ok(piece);
        }
        if !is_whole.load(Ordering::Acquire) {
            yield Err(io::Error::other("the export broke off"));
        }
    };
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, format.content_type()))
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{file_name}\"")))
        .insert_header((CACHE_CONTROL, "private, no-store"))
        .insert_header(("x-content-type-options", "nosniff"))
        .streaming(file)
}

/// What is asked for.
struct Order {
    format: Format,
    selection: Selection,
    /// What personal data are needed for; without it they are left out.
    purpose: Option<Purpose>,
    principal: Arc<Principal>,
}

impl Order {
    fn of(
        name: &str,
        request: &HttpRequest,
        principal: &Arc<Principal>,
    ) -> Result<Self, RequestError> {
        if !ROLES.contains(principal.role) {
            let message = "Exports are for auditors and supervisors.";
            return Err(RequestError::new(ErrorCode::Forbidden, message));
        }
        let Some(format) = Format::from_name(name) else {
            let known = Format::ALL.map(Format::as_str).join(", ");
            let message = format!("There is no such export; there are {known}.");
            return Err(RequestError::new(ErrorCode::BadUserInput, message));
        };
        let parameters = Parameters::read(request.query_string())?;
        let stated = purpose::of_headers(request.headers())?;
        let purpose = match (parameters.personal.unwrap_or(false), parameters.purpose.or(stated)) {
            (true, Some(purpose)) => Some(purpose),
            (true, None) => {
                let problem = "is needed: say what the personal data are for";
                return Err(RequestError::bad_input("purpose", problem));
            }
            (false, _) => None,
        };
        let scope = case_scope(principal);
        let Parameters { from, to, kinds, units, .. } = parameters;
        Ok(Self {
            format,
            selection: Selection { scope, from, to, kinds, units },
            purpose,
            principal: principal.clone(),
        })
    }

    fn file_name(&self) -> String {
        format!("parvandeh.{}", self.format.file_extension())
    }
}

/// The parameters of the address.
#[derive(Default)]
struct Parameters {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    kinds: Vec<CaseKind>,
    units: Vec<UnitId>,
    personal: Option<bool>,
    purpose: Option<Purpose>,
}

impl Parameters {
    fn read(query: &str) -> Result<Self, RequestError> {
        let pairs = web::Query::<Vec<(String, String)>>::from_query(query).map_err(|_| {
            RequestError::bad_input("the address", "has parameters that are not usable")
        })?;
        let mut read = Self::default();
        for (name, text) in pairs.into_inner() {
            let problem = |problem: String| RequestError::bad_input(&name, &problem);
            match name.as_str() {
                "from" => once(&name, &mut read.from, moment(&name, &text)?)?,
                "to" => once(&name, &mut read.to, moment(&name, &text)?)?,
                "kind" => {
                    for value in text.split(',') {
                        let kind = value.to_ascii_lowercase().parse();
                        read.kinds.push(kind.map_err(problem)?);
                    }
                }
                "unit" => {
                    for value in text.split(',') {
                        let unit = UnitId::new(value);
                        read.units.push(
                            unit.map_err(|error| problem(format!("is not usable: {error}")))?,
                        );
                    }
                }
                "personal" => {
                    let flag =
                        text.parse().map_err(|_| problem("must be true or false".to_owned()))?;
                    once(&name, &mut read.personal, flag)?;
                }
                "purpose" => {
                    let purpose =
                        Purpose::new(&text).map_err(|error| problem(error.to_string()))?;
                    once(&name, &mut read.purpose, purpose)?;
                }
                _ => {
                    return Err(problem(
                        "is no parameter of an export; there are from, to, kind, unit, personal, purpose"
                            .to_owned(),
                    ));
                }
            }
        }
        Ok(read)
    }
}

fn moment(name: &str, text: &str) -> Result<Timestamp, RequestError> {
    text.parse().map_err(|_| {
        RequestError::bad_input(
            name,
            "must be a moment, such as 2026-03-01T00:00:00Z; write + as %2B",
        )
    })
}

fn once<T>(name: &str, place: &mut Option<T>, value: T) -> Result<(), RequestError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(RequestError::bad_input(name, "is given twice")),
    }
}

/// Says when an export must end before its own end.
struct Watchman {
    expires_at: Timestamp,
    clock: Arc<dyn Clock>,
    phase: watch::Receiver<Phase>,
}

/// Makes an export on a thread of its own; answers its pieces as they come, and whether they are all, once there are no more. Dropping the
/// receiver ends the export.
fn start(
    exports: &Exports,
    order: Order,
    watchman: Watchman,
    silence_max: Duration,
    running: OwnedSemaphorePermit,
    trace_id: TraceId,
) -> (mpsc::Receiver<Bytes>, Arc<AtomicBool>) {
    let (sender, pieces) = mpsc::channel(QUEUED_PIECES_MAX);
    let whole = Arc::new(AtomicBool::new(false));
    let is_whole = whole.clone();
    let handle = Handle::current();
    let directory = exports.directory.clone();
    let mut recorder = None;
    let personal = match order.purpose {
        None => Personal::LeftOut,
        Some(purpose) => {
            let accesses = Arc::new(Accesses::default());
            recorder = Some(Recorder {
                access_log: exports.access_log.clone(),
                accesses: accesses.clone(),
                principal: order.principal,
                operation: format!("export {}", order.format.as_str()),
                purpose: purpose.clone(),
                trace_id: trace_id.clone(),
            });
            let (purpose, vault) = (purpose.to_string(), exports.vault.clone());
            Personal::Included { purpose, vault, accesses: Some(accesses) }
        }
    };
    tokio::task::spawn_blocking(move || {
        let _running = running;
        let Watchman { expires_at, clock, phase } = watchman;
        let mut watch = |_, _| {
            let closing = *phase.borrow() == Phase::Closing;
            if sender.is_closed() || closing || clock.now() >= expires_at {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let out = Pieces {
            sender: sender.clone(),
            handle: &handle,
            phase: phase.clone(),
            silence_max,
            recorder,
        };
        let mut out = io::BufWriter::with_capacity(PIECE_BYTES, out);
        let made = LogReader::open(&directory).map_err(ExportError::from).and_then(|log| {
            export::export(&log, order.format, &order.selection, &personal, &mut out, &mut watch)
        });
        match made {
            Ok(_) => whole.store(true, Ordering::Release),
            Err(error @ (ExportError::Write(_) | ExportError::Stopped)) => {
                tracing::info!(%trace_id, "an export broke off: {}", chain(&error));
            }
            Err(error) => tracing::error!(%trace_id, error = chain(&error), "an export failed"),
        }
        // What a broken export has left in the buffer does not follow; of a whole one nothing is left.
        let _ = out.into_parts();
    });
    (pieces, is_whole)
}

/// The caller as something to write to: waits while the queue is full.
struct Pieces<'a> {
    sender: mpsc::Sender<Bytes>,
    handle: &'a Handle,
    phase: watch::Receiver<Phase>,
    silence_max: Duration,
    /// Where personal data are in the pieces.
    recorder: Option<Recorder>,
}

/// Records in the access log whose personal data are about to leave.
struct Recorder {
    access_log: Arc<AccessLog>,
    /// Whose were opened since the last piece.
    accesses: Arc<Accesses>,
    principal: Arc<Principal>,
    purpose: Purpose,
    operation: String,
    trace_id: TraceId,
}

impl Recorder {
    async fn record(&self) -> io::Result<()> {
        let reading = Reading {
            principal: &self.principal,
            purpose: &self.purpose,
            operation: &self.operation,
            trace_id: Some(&self.trace_id),
        };
        self.access_log.record(reading, self.accesses.take()).await.map_err(io::Error::other)
    }
}

impl Write for Pieces<'_> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let Self { sender, phase, silence_max, recorder, .. } = self;
        let piece = &piece[..piece.len().min(PIECE_BYTES)];
        self.handle.block_on(async {
            // Nothing personal leaves unrecorded.
            if let Some(recorder) = recorder {
                recorder.record().await?;
            }
            tokio::select! {
                biased;
                sent = sender.send(Bytes::copy_from_slice(piece)) => {
                    sent.map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "the caller has left"))
                }
                () = closing(phase) => Err(io::Error::other("the server is stopping")),
                () = tokio::time::sleep(*silence_max) => {
                    Err(io::Error::new(io::ErrorKind::TimedOut, "the caller takes nothing"))
                }
            }
        })?;
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A caller for whom one piece may wait, the switch that stops the server, and how the pieces come.
    fn caller() -> (Pieces<'static>, watch::Sender<Phase>, mpsc::Receiver<Bytes>) {
        let handle = Box::leak(Box::new(Handle::current()));
        let (stop, phase) = watch::channel(Phase::Serving);
        let (sender, pieces) = mpsc::channel(1);
        let silence_max = Duration::from_millis(20);
        (Pieces { sender, handle, phase, silence_max, recorder: None }, stop, pieces)
    }

    async fn write_twice(mut out: Pieces<'static>) -> io::ErrorKind {
        let write = move || {
            assert_eq!(out.write(&[0; 2 * PIECE_BYTES]).unwrap(), PIECE_BYTES);
            out.write(b"more").unwrap_err().kind()
        };
        tokio::task::spawn_blocking(write).await.unwrap()
    }

    #[tokio::test]
    async fn a_caller_who_takes_nothing_or_leaves_ends_the_export() {
        let (out, _stop, pieces) = caller();
        assert_eq!(write_twice(out).await, io::ErrorKind::TimedOut);
        drop(pieces);

        let (mut out, _stop, pieces) = caller();
        drop(pieces);
        let left = move || out.write(b"more").unwrap_err().kind();
        let left = tokio::task::spawn_blocking(left).await.unwrap();
        assert_eq!(left, io::ErrorKind::BrokenPipe);
    }

    #[tokio::test]
    async fn a_server_that_stops_does_not_wait_for_a_caller() {
        let (mut out, stop, _pieces) = caller();
        out.silence_max = Duration::from_secs(3_600);
        stop.send_replace(Phase::Closing);
        assert_eq!(write_twice(out).await, io::ErrorKind::Other);
    }
}
