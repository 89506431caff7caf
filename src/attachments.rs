//! Taking in files that come with a case, and giving them out again.
//!
//! A file is written into the log part by part while it is received (see [`parvandeh_domain::attachment`]), and read from there part by part
//! while it is sent: memory holds one part, however large it is. Who reads one is on record before the first part leaves.

use std::sync::Arc;

use async_stream::try_stream;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _};
use parvandeh_domain::attachment::{
    AddAttachment, Attachment, AttachmentCommand, AttachmentRefusal, PART_SIZE_BYTES_MAX, StorePart,
};
use parvandeh_domain::case::Direction;
use parvandeh_domain::decider::Recorded;
use parvandeh_domain::id::{AttachmentId, CaseId, CommandId, CustomerId, DataSubject, derived};
use parvandeh_domain::log::DomainEvent;
use parvandeh_domain::pii::Pii;
use parvandeh_projections::attachments::{self, ATTACHMENTS_MAX, AttachmentRow};
use parvandeh_projections::case_summary;
use parvandeh_projections::scope::CaseScope;
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::access::{AccessLog, AccessLogError, Noted, Reading};
use crate::clock::Clock;
use crate::command::handler::{CommandError, CommandHandler, CommandMetadata};
use crate::command::idempotency::{ClaimError, Idempotency};
use crate::command::policy;
use crate::command::representation::{self, RepresentationError};
use crate::principal::Principal;
use crate::sealing;
use crate::store::{EventStore, ReadError, StreamId};
use crate::subscription::generation::Entry;
use crate::subscription::projector::entry;
use crate::subscription::read_models::{QueryError, ReadModels};
use crate::vault::{Vault, VaultError};

/// A file that is being received.
#[derive(Clone, Debug)]
pub struct Upload {
    /// The case that it is to stand with.
    pub case_id: Uuid,
    /// From whom it comes to whom.
    pub direction: Direction,
    /// The file's name.
    pub name: String,
    /// Its media type, without parameters.
    pub media_type: String,
    /// The caller's own name for this request.
    pub idempotency_key: Option<String>,
}

/// What of an upload makes it the same request: its content is compared part by part.
#[derive(Serialize)]
struct Request<'a> {
    attachment_to: Uuid,
    direction: Direction,
    name: &'a str,
    media_type: &'a str,
}

/// Why a file was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// There is no such case, or none that the caller may know of.
    #[error("there is no such case")]
    NoCase,
    /// The case has as many as it may have.
    #[error("a case has at most {ATTACHMENTS_MAX} attachments")]
    TooMany,
    /// The idempotency key was used for another request.
    #[error("this idempotency key was used for another request")]
    KeyReused,
    /// The sender stopped sending.
    #[error("the file broke off")]
    Broken,
    /// A command was not done.
    #[error(transparent)]
    Command(#[from] CommandError<AttachmentRefusal>),
    /// The read models could not be read.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// It could not be read for whom the sender acts.
    #[error(transparent)]
    Representation(#[from] RepresentationError),
}

/// Why a file cannot be given out.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// It could not be recorded that it was read.
    #[error(transparent)]
    AccessLog(#[from] AccessLogError),
    /// The read models could not be read.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The log could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It could not be opened.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A part is not there, or is none.
    #[error("part {0} of the attachment cannot be read")]
    Part(u64),
}

/// Takes files in and gives them out.
#[derive(Clone)]
pub struct Attachments {
    /// The log.
    pub store: Arc<dyn EventStore>,
    /// Opens and seals them.
    pub vault: Arc<Vault>,
    /// Records who read them.
    pub access_log: Arc<AccessLog>,
    /// Writes them.
    pub commands: Arc<CommandHandler>,
    /// Knows which there are.
    pub read_models: Arc<ReadModels>,
    /// Keeps a key from standing for two requests.
    pub idempotency: Arc<Idempotency>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

impl Attachments {
    /// Receives a file and lets it stand with its case. When this answers, read models show it.
    ///
    /// # Errors
    /// When the caller may not know of the case, or the file is not one that can be taken. What was received of it is never shown.
    pub async fn receive<E>(
        &self,
        principal: &Principal,
        upload: Upload,
        content: impl Stream<Item = Result<Bytes, E>>,
    ) -> Result<AttachmentId, UploadError> {
        let case_id = CaseId(upload.case_id);
        let scope = self.scope(principal);
        let found = self.read_models.query(move |db| {
            let case = case_summary::case(db, &scope, case_id.0)?;
            Ok((case, attachments::attachment_count(db, case_id)?))
        });
        let (case, count) = found.await?;
        let case = case.ok_or(UploadError::NoCase)?;
        let represents =
            principal.customer_id.is_some() && principal.customer_id != case.customer_id;
        if represents {
            // The read models let them know of the case; whether they may act in it now is for the log to say.
            let acts = representation::represented_by_case(
                &self.commands,
                self.clock.now(),
                principal,
                case_id,
            );
            acts.await?.ok_or(UploadError::NoCase)?;
        }
        if count >= ATTACHMENTS_MAX {
            return Err(UploadError::TooMany);
        }
        let subject = match case.customer_id {
            Some(id) => DataSubject::Customer(CustomerId(id)),
            None => DataSubject::Case(case_id),
        };
        let request = Request {
            attachment_to: upload.case_id,
            direction: upload.direction,
            name: &upload.name,
            media_type: &upload.media_type,
        };
        let key = upload.idempotency_key.as_deref();
        let identity = match self.idempotency.claim(principal, key, &request).await {
            Ok(identity) => identity,
            Err(ClaimError::Reused) => return Err(UploadError::KeyReused),
            Err(ClaimError::Query(error)) => return Err(error.into()),
        };
        let command_id = identity.command_id;
        let id = AttachmentId(derived(&["attachment", &command_id.to_string()]));
        let metadata = CommandMetadata {
            command_id,
            digest: identity.digest.clone(),
            actor: match represents {
                true => policy::representative(principal),
                false => policy::actor(principal),
            },
            occurred_at: None,
            correlation_id: command_id.0,
            subject: Some(subject),
        };
        let received = self.write(id, case_id, upload, metadata, content).await;
        if received.is_err() {
            self.idempotency.release(&identity);
        }
        received.map(|()| id)
    }

    async fn write<E>(
        &self,
        id: AttachmentId,
        case_id: CaseId,
        upload: Upload,
        metadata: CommandMetadata,
        content: impl Stream<Item = Result<Bytes, E>>,
    ) -> Result<(), UploadError> {
        let stream = stream(id);
        let mut hash = Sha256::new();
        let mut parts = std::pin::pin!(parts(content));
        let mut number = 0;
        while let Some(part) = parts.next().await {
            let part = part.map_err(|_| UploadError::Broken)?;
            hash.update(&part);
            let part_id = derived(&["part", &metadata.command_id.to_string(), &number.to_string()]);
            // A retry is known again by its parts too: content of another file under the same key is refused.
            let digest = metadata.digest.as_deref();
            let digest = digest.map(|known| self.vault.digest(&[known.as_bytes(), &part]));
            let store = AttachmentCommand::StorePart(StorePart {
                case_id,
                part: number,
                size_bytes: part.len() as u32,
                content: Pii::new(STANDARD.encode(&part)),
            });
            let metadata =
                CommandMetadata { command_id: CommandId(part_id), digest, ..metadata.clone() };
            self.execute(&stream, metadata, store).await?;
            number += 1;
        }
        let add = AttachmentCommand::Add(AddAttachment {
            case_id,
            direction: upload.direction,
            name: Pii::new(upload.name),
            media_type: upload.media_type,
            sha256: Pii::new(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
        });
        self.execute(&stream, metadata, add).await
    }

    async fn execute(
        &self,
        stream: &StreamId,
        metadata: CommandMetadata,
        command: AttachmentCommand,
    ) -> Result<(), UploadError> {
        let is_last = matches!(command, AttachmentCommand::Add(_));
        let batch = vec![(metadata, command)];
        let executed = self.commands.execute::<Attachment>(stream, batch, None, |_| true).await;
        let executed = match executed {
            Err(CommandError::KeyReused) => return Err(UploadError::KeyReused),
            executed => executed?,
        };
        if is_last && let Some(position) = executed.position {
            self.read_models.wait_for(position).await?;
        }
        Ok(())
    }

    /// An attachment that the caller may see, with its content; `None` where there is none, or where it was erased. That it was read is on
    /// record when this answers.
    ///
    /// # Errors
    /// When it cannot be read or opened, or its reading not be recorded.
    pub async fn open(
        &self,
        reading: Reading<'_>,
        id: Uuid,
    ) -> Result<
        Option<(AttachmentFile, impl Stream<Item = Result<Bytes, DownloadError>> + use<>)>,
        DownloadError,
    > {
        let (scope, visibility) =
            (self.scope(reading.principal), policy::visibility(reading.principal));
        let found =
            self.read_models.query(move |db| attachments::attachment(db, &scope, visibility, id));
        let Some(row) = found.await? else { return Ok(None) };
        let Some(envelope) = &row.envelope else { return Ok(None) };
        let Some((subject, fields)) = sealing::open(&self.vault, &envelope.0)? else {
            return Ok(None);
        };
        let name = fields.text("name").unwrap_or_default();
        let noted = Noted { subjects: [subject].into(), ..Noted::default() };
        self.access_log.record(reading, noted).await?;
        let content = content(self.store.clone(), self.vault.clone(), &row);
        Ok(Some((AttachmentFile { row, name }, content)))
    }

    fn scope(&self, principal: &Principal) -> CaseScope {
        representation::case_scope(&self.read_models, self.clock.now(), principal)
    }
}

/// The content of an attachment, a part at a time. Whoever asks for it has put on record that it is read.
pub fn content(
    store: Arc<dyn EventStore>,
    vault: Arc<Vault>,
    row: &AttachmentRow,
) -> impl Stream<Item = Result<Bytes, DownloadError>> + use<> {
    let (stream, part_count) = (stream(AttachmentId(row.id)), row.part_count.unsigned_abs());
    try_stream! {
        for part in 0..part_count {
            // The parts are the first events of their stream.
            let events = store.read_stream(&stream, part.checked_sub(1), 1).await?;
            let broken = || DownloadError::Part(part);
            let envelope = events.into_iter().next().and_then(|event| event.envelope);
            let opened = sealing::open(&vault, &envelope.ok_or_else(broken)?)?;
            let text = opened.and_then(|(_, fields)| fields.text("content"));
            yield Bytes::from(STANDARD.decode(text.ok_or_else(broken)?).map_err(|_| broken())?);
        }
    }
}

/// The event that named an attachment; `None` where this program does not understand it.
///
/// # Errors
/// When the log cannot be read.
pub async fn added_event(
    store: &Arc<dyn EventStore>,
    row: &AttachmentRow,
) -> Result<Option<Recorded<DomainEvent>>, ReadError> {
    // It is the last of its stream: the parts come before it.
    let last_part = row.part_count.unsigned_abs().checked_sub(1);
    let found = store.read_stream(&stream(AttachmentId(row.id)), last_part, 1).await?;
    Ok(found.first().and_then(|logged| match entry(logged) {
        Entry::Event(event) => Some(*event),
        Entry::Unknown { .. } => None,
    }))
}

/// A file that is given out.
pub struct AttachmentFile {
    /// Its row.
    pub row: AttachmentRow,
    /// Its name.
    pub name: String,
}

fn stream(id: AttachmentId) -> StreamId {
    StreamId::new(&format!("attachment-{id}")).expect("a UUID is a well-formed stream id")
}

/// The content in parts of one size, the last one shorter.
fn parts<E>(content: impl Stream<Item = Result<Bytes, E>>) -> impl Stream<Item = Result<Bytes, E>> {
    try_stream! {
        let mut part = BytesMut::with_capacity(PART_SIZE_BYTES_MAX);
        for await chunk in content {
            let mut chunk = chunk?;
            while !chunk.is_empty() {
                let room = PART_SIZE_BYTES_MAX - part.len();
                part.extend_from_slice(&chunk.split_to(room.min(chunk.len())));
                if part.len() == PART_SIZE_BYTES_MAX {
                    yield part.split().freeze();
                }
            }
        }
        if !part.is_empty() {
            yield part.freeze();
        }
    }
}
