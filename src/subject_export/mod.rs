//! Everything about one customer, for the customer: what the organisation keeps of them, and who read it.
//!
//! The export is a sequence of [`Part`]s, read page by page, so that memory holds one page however much there is. Two renderings take
//! them: [`JsonDocument`] for programs and [`Page`] for people. A customer gets what they may see of their cases; a privacy officer gets
//! everything. That the export was made is on record before its first part is read.

mod content;
mod document;
mod page;
mod part;
mod reader;
mod words;

use std::pin::pin;
use std::sync::Arc;

use async_stream::try_stream;
use futures_util::{Stream, StreamExt as _};
use parvandeh_domain::customer::CustomerEvent;
use parvandeh_domain::id::{CustomerId, DataSubject};
use parvandeh_domain::log::DomainEvent;
use parvandeh_projections::case_summary::CaseRow;
use uuid::Uuid;

pub use document::JsonDocument;
pub use page::Page;
pub use part::{
    AccessPart, AccountPart, AttachmentPart, CardPart, CasePart, ClockPart, ConsentPart,
    ContactPointPart, CustomerPart, EntryPart, ErasurePart, FeePart, Head, LotPart, Part,
    PaymentPart, PostingPart, PreferencesPart, Recipient, RedressPart, Section,
};

use self::reader::Reader;
use crate::access::{AccessLog, AccessLogError, Accesses, Purpose, Reading};
use crate::attachments::{self, DownloadError};
use crate::clock::Clock;
use crate::error::TraceId;
use crate::principal::{Principal, Role};
use crate::store::{EventStore, ReadError, StreamId};
use crate::subscription::generation::Entry;
use crate::subscription::projector::entry;
use crate::subscription::read_models::{QueryError, ReadModels};
use crate::vault::{Vault, VaultError};

/// The operation's name in the access log.
const OPERATION: &str = "subject export";
/// Events of the customer's stream that are read at once.
const EVENTS_PAGE_SIZE: usize = 500;

/// Why an export failed.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// It could not be recorded that it was made.
    #[error(transparent)]
    AccessLog(#[from] AccessLogError),
    /// A file could not be read.
    #[error(transparent)]
    Attachment(#[from] DownloadError),
    /// The read models could not be read.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The log could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Personal data could not be opened.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// Writes parts, one after the other, as text.
pub trait Rendering {
    /// Adds a part.
    fn add(&mut self, part: &Part, text: &mut String);
}

/// Makes exports.
#[derive(Clone)]
pub struct SubjectExporter {
    /// The log.
    pub store: Arc<dyn EventStore>,
    /// Opens personal data.
    pub vault: Arc<Vault>,
    /// Records that it was done.
    pub access_log: Arc<AccessLog>,
    /// Knows the customer.
    pub read_models: Arc<ReadModels>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

/// Who asks for an export, of whom and what for.
#[derive(Clone, Debug)]
pub struct ExportRequest {
    /// Who asks.
    pub principal: Arc<Principal>,
    /// Of whom.
    pub customer_id: CustomerId,
    /// What for.
    pub purpose: Purpose,
    /// Finds the request in the program's own log.
    pub trace_id: Option<TraceId>,
}

impl ExportRequest {
    /// To whom the export goes; `None` for whoever may not have one.
    pub fn recipient(&self) -> Option<Recipient> {
        match self.principal.role {
            Role::PrivacyOfficer => Some(Recipient::PrivacyOfficer),
            Role::Customer if self.principal.customer_id == Some(self.customer_id.0) => {
                Some(Recipient::Customer)
            }
            _ => None,
        }
    }

    fn reading(&self) -> Reading<'_> {
        Reading {
            principal: &self.principal,
            purpose: &self.purpose,
            operation: OPERATION,
            trace_id: self.trace_id.as_ref(),
        }
    }
}

impl SubjectExporter {
    /// Begins an export, which is on record when this returns; `None` when there is no such customer, or none for this caller. Then come
    /// the parts.
    ///
    /// # Errors
    /// When it cannot be recorded, or the customer cannot be read.
    pub async fn begin(
        &self,
        request: ExportRequest,
    ) -> Result<Option<impl Stream<Item = Result<Part, ExportError>> + use<>>, ExportError> {
        let Some(recipient) = request.recipient() else { return Ok(None) };
        let exporter = self.clone();
        let reader = Reader::new(&exporter, &request, recipient);
        let Some(row) = reader.customer().await? else { return Ok(None) };
        let subject = DataSubject::Customer(request.customer_id);
        self.access_log.record_anew(request.reading(), subject).await?;
        Ok(Some(try_stream! {
            let purpose = request.purpose.to_string();
            let (store, now) = (exporter.store.id(), exporter.clock.now());
            let (cards, account) = (reader.cards().await?, reader.account(now).await?);
            let preferences = reader.preferences().await?;
            let head = reader.head(row, (cards, account, preferences), purpose, store, now)?;
            exporter.released(&request, &reader.accesses).await?;
            yield Part::Head(Box::new(head));

            yield Part::Section(Section::Consents);
            let stream = customer_stream(request.customer_id);
            let mut after = None;
            loop {
                let page = exporter.store.read_stream(&stream, after, EVENTS_PAGE_SIZE).await?;
                let Some(last) = page.last() else { break };
                after = Some(last.revision);
                for consent in page.iter().filter_map(|logged| consent(entry(logged))) {
                    yield Part::Consent(consent);
                }
            }

            yield Part::Section(Section::Postings);
            let mut after = None;
            loop {
                let page = reader.postings(after).await?;
                after = page.rows.last().map(|(anchor, _)| *anchor);
                for (_, row) in page.rows {
                    yield Part::Posting(Box::new(PostingPart::from(row)));
                }
                if !page.has_more {
                    break;
                }
            }

            yield Part::Section(Section::Payments);
            let mut after = None;
            loop {
                let page = reader.payments(after).await?;
                after = page.rows.last().map(|(anchor, _)| *anchor);
                for (_, row) in page.rows {
                    yield Part::Payment(Box::new(PaymentPart::from(row)));
                }
                if !page.has_more {
                    break;
                }
            }

            yield Part::Section(Section::Cases);
            let mut after = None;
            loop {
                let page = reader.cases(after).await?;
                after = page.rows.last().map(|(anchor, _)| *anchor);
                for (_, row) in page.rows {
                    let case_id = row.id;
                    let case = exporter.case(&reader, row).await?;
                    exporter.released(&request, &reader.accesses).await?;
                    yield Part::Case(Box::new(case));
                    for row in reader.attachments(case_id).await? {
                        let attachment = reader.attachment(&row)?;
                        exporter.released(&request, &reader.accesses).await?;
                        let erased = attachment.erased;
                        yield Part::Attachment(Box::new(attachment));
                        if !erased {
                            let (store, vault) = (exporter.store.clone(), exporter.vault.clone());
                            let mut content = pin!(attachments::content(store, vault, &row));
                            while let Some(bytes) = content.next().await {
                                yield Part::Content(bytes?);
                            }
                        }
                        yield Part::AttachmentEnd;
                    }
                    yield Part::Timeline;
                    let mut after = None;
                    loop {
                        let page = reader.timeline(case_id, after).await?;
                        after = page.rows.last().map(|(anchor, _)| *anchor);
                        let rows = page.rows.into_iter().map(|(_, row)| reader.entry(row));
                        let entries = rows.collect::<Result<Vec<_>, _>>()?;
                        exporter.released(&request, &reader.accesses).await?;
                        for entry in entries {
                            yield Part::Entry(Box::new(entry));
                        }
                        if !page.has_more {
                            break;
                        }
                    }
                    yield Part::CaseEnd;
                }
                if !page.has_more {
                    break;
                }
            }

            yield Part::Section(Section::Accesses);
            let mut after = None;
            loop {
                let page = reader.accesses_of(subject, after).await?;
                after = page.rows.last().map(|(anchor, _)| *anchor);
                for (_, row) in page.rows {
                    yield Part::Access(Box::new(AccessPart::of(row, recipient)));
                }
                if !page.has_more {
                    break;
                }
            }
            yield Part::End;
        }))
    }

    /// Everything that was opened is on record; usually it is, by the record of the export itself.
    async fn released(
        &self,
        request: &ExportRequest,
        accesses: &Accesses,
    ) -> Result<(), AccessLogError> {
        self.access_log.record(request.reading(), accesses.take()).await
    }

    async fn case(&self, reader: &Reader, row: CaseRow) -> Result<CasePart, ExportError> {
        let clocks = reader.clocks(row.id, self.clock.now()).await?;
        let (redress, fees) = reader.money(row.id).await?;
        reader.case(row, clocks, redress, fees)
    }
}

fn customer_stream(id: CustomerId) -> StreamId {
    StreamId::new(&format!("customer-{id}")).expect("a UUID is a well-formed stream id")
}

/// What a customer allowed or no longer allows, and the event that proves it.
fn consent(entry: Entry) -> Option<ConsentPart> {
    let Entry::Event(recorded) = entry else { return None };
    let DomainEvent::Customer(_, event) = &recorded.event else { return None };
    let (purpose, channel, given) = match event {
        CustomerEvent::ConsentGiven(it) => (it.purpose, it.channel, true),
        CustomerEvent::ConsentWithdrawn(it) => (it.purpose, it.channel, false),
        _ => return None,
    };
    Some(ConsentPart {
        purpose,
        channel,
        given,
        occurred_at: recorded.meta.occurred_at,
        recorded_at: recorded.meta.recorded_at,
        event_id: recorded.id.0,
    })
}

/// A customer's id in any form in which people have it: a UUID, the name of the stream, a global id.
pub fn customer_id(text: &str) -> Option<CustomerId> {
    use crate::graphql::global_id::{self, NodeType};
    if let Ok(id) = Uuid::try_parse(text.strip_prefix("customer-").unwrap_or(text)) {
        return Some(CustomerId(id));
    }
    let id = async_graphql::ID(text.to_owned());
    global_id::decode("customer", NodeType::Customer, &id).ok().map(CustomerId)
}
