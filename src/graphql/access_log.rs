//! The access log: who read whose personal data.

use async_graphql::connection::{Connection, EmptyFields};
use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};
use parvandeh_domain::access::AccessLogFilter;
use parvandeh_domain::id::{CaseId, CustomerId, DataSubject};
use parvandeh_projections::access_log::{self, AccessRow};

use super::context::{query, refused};
use super::cursor::{Cursor, ListKey};
use super::global_id::{self, NodeType};
use super::paging::{PageArguments, connection};
use super::personal::Opener;
use super::scalar::DateTime;
use crate::access::Purpose;
use crate::error::RequestError;

/// The most characters of a reader's name that can be asked for.
const READER_LENGTH_MAX: usize = 200;

/// What somebody read.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AccessedData {
    /// Personal data of the subject.
    PersonalData,
    /// The access log: that part of it which tells of the subject, or where there is none, of several.
    AccessLog,
}

/// Whose personal data they are: a customer, or a case without a known customer.
#[derive(SimpleObject, Clone)]
pub struct AccessSubject {
    /// The global id of the customer.
    pub customer_id: Option<ID>,
    /// The global id of the case whose customer is not known.
    pub case_id: Option<ID>,
}

impl From<DataSubject> for AccessSubject {
    fn from(subject: DataSubject) -> Self {
        match subject {
            DataSubject::Customer(CustomerId(id)) => {
                let customer_id = Some(global_id::encode(NodeType::Customer, id));
                Self { customer_id, case_id: None }
            }
            DataSubject::Case(CaseId(id)) => {
                Self { customer_id: None, case_id: Some(global_id::encode(NodeType::Case, id)) }
            }
        }
    }
}

/// Somebody read somebody's personal data, or the access log. Reading again within ten minutes for the same purpose is not recorded
/// again, and customers who read their own data are not recorded at all.
#[derive(SimpleObject, Clone)]
pub struct AccessRecord {
    /// When it was recorded: just before the answer was given.
    pub at: DateTime,
    /// What was read.
    pub data: AccessedData,
    /// Who read, as the identity provider names them.
    pub reader: String,
    /// The reader's role, as in tokens: `agent`.
    pub reader_role: String,
    /// What for: as the reader said, or as their role has it.
    pub purpose: String,
    /// By which operation: the name of the GraphQL operation (of one without a name, its root fields), or of an export.
    pub operation: String,
    /// Whose data were read; null for the access log of several.
    pub subject: Option<AccessSubject>,
    /// The event that proves it. Records of one event were read at once.
    pub event_id: ID,
}

impl From<AccessRow> for AccessRecord {
    fn from(row: AccessRow) -> Self {
        let data = match row.of_access_log {
            true => AccessedData::AccessLog,
            false => AccessedData::PersonalData,
        };
        Self {
            at: DateTime(row.at),
            data,
            reader: row.reader,
            reader_role: row.reader_role,
            purpose: row.purpose,
            operation: row.operation,
            subject: row.subject.map(AccessSubject::from),
            event_id: ID(row.event_id.to_string()),
        }
    }
}

/// Which records of the access log are wanted. All conditions hold together.
#[derive(InputObject, Clone, Default)]
pub struct AccessLogFilterInput {
    /// Of the data of this customer, or of this case without a known customer (a global id).
    pub subject: Option<ID>,
    /// Read by this person, as the identity provider names them.
    pub reader: Option<String>,
    /// Read for this purpose.
    pub purpose: Option<String>,
    /// Read at or after this moment.
    pub from: Option<DateTime>,
    /// Read before this moment.
    pub to: Option<DateTime>,
}

impl AccessLogFilterInput {
    fn into_filter(self) -> Result<AccessLogFilter, RequestError> {
        let subject = self.subject.map(|id| match global_id::decode_any("subject", &id)? {
            (NodeType::Customer, id) => Ok(DataSubject::Customer(CustomerId(id))),
            (NodeType::Case, id) => Ok(DataSubject::Case(CaseId(id))),
            (NodeType::Attachment, _) => {
                let problem = "is the id of an attachment, not of a customer or a case";
                Err(RequestError::bad_input("subject", problem))
            }
            (NodeType::Card, _) => {
                let problem = "is the id of a card: give its holder's";
                Err(RequestError::bad_input("subject", problem))
            }
        });
        // The filter goes into the log, so it is no more than a filter can be.
        let reader = self.reader.map(|reader| {
            let fits = reader.chars().count() <= READER_LENGTH_MAX
                && !reader.chars().any(char::is_control);
            let problem = format!(
                "must have at most {READER_LENGTH_MAX} characters, and no control characters"
            );
            fits.then_some(reader).ok_or_else(|| RequestError::bad_input("reader", &problem))
        });
        let purpose = self.purpose.map(|purpose| {
            let purpose = Purpose::new(&purpose);
            purpose.map_err(|problem| RequestError::bad_input("purpose", &problem.to_string()))
        });
        Ok(AccessLogFilter {
            subject: subject.transpose()?,
            reader: reader.transpose()?,
            purpose: purpose.transpose()?.map(|purpose| purpose.to_string()),
            from: self.from.map(|moment| moment.0),
            to: self.to.map(|moment| moment.0),
        })
    }
}

/// What a connection of access records has beside its edges.
pub struct AccessTotal {
    filter: AccessLogFilter,
}

#[Object]
impl AccessTotal {
    /// How many records the filter finds, on all pages together.
    async fn total_count(&self, ctx: &Context<'_>) -> async_graphql::Result<u64> {
        let filter = self.filter.clone();
        query(ctx, move |db| access_log::access_count(db, &filter)).await
    }
}

/// A page of the access log.
pub type AccessRecordConnection = Connection<Cursor, AccessRecord, AccessTotal, EmptyFields>;

/// A page of the access log, the newest first. That it was read is recorded too.
pub async fn list(
    ctx: &Context<'_>,
    filter: AccessLogFilterInput,
    page: PageArguments,
) -> async_graphql::Result<AccessRecordConnection> {
    page_of(ctx, filter.into_filter().map_err(refused)?, page).await
}

/// Who read this customer's personal data, the newest first.
pub async fn of_customer(
    ctx: &Context<'_>,
    id: CustomerId,
    page: PageArguments,
) -> async_graphql::Result<AccessRecordConnection> {
    let subject = Some(DataSubject::Customer(id));
    page_of(ctx, AccessLogFilter { subject, ..AccessLogFilter::default() }, page).await
}

async fn page_of(
    ctx: &Context<'_>,
    filter: AccessLogFilter,
    page: PageArguments,
) -> async_graphql::Result<AccessRecordConnection> {
    let key = ListKey::of("accessLog", &filter);
    let request = page.request(key).map_err(refused)?;
    Opener::of(ctx).note_access_log(filter.clone());
    let wanted = filter.clone();
    let page = query(ctx, move |db| access_log::accesses(db, &wanted, request)).await?;
    Ok(connection(key, &request, page, AccessTotal { filter }, AccessRecord::from))
}
