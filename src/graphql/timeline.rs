//! The timeline of a case, and of a customer across their cases.

use async_graphql::connection::{Connection, EmptyFields};
use async_graphql::{ComplexObject, Context, ID, InputObject, Object, SimpleObject};
use jiff::Timestamp;
use parvandeh_projections::case_timeline::{self, TimelineEntry as Row, TimelineFilter};
use parvandeh_projections::scope::Visibility;
use parvandeh_projections::{customer_merges, customer_timeline};
use uuid::Uuid;

use super::context::{case_scope, query, refused, visibility};
use super::cursor::{Cursor, ListKey};
use super::global_id::{self, NodeType};
use super::paging::{PageArguments, connection};
use super::personal::Personal;
use super::scalar::DateTime;
use super::vocabulary::{ActorKind, Channel, Direction};

/// One thing that happened to a case.
#[derive(SimpleObject, Clone)]
#[graphql(complex)]
pub struct TimelineEntry {
    /// The id of the event.
    pub event_id: ID,
    /// The case to which it happened.
    pub case_id: ID,
    /// The event's published type, such as `CaseOpened`: see `schema/events`.
    pub event_type: String,
    /// When it happened.
    pub occurred_at: DateTime,
    /// When it was recorded.
    pub recorded_at: DateTime,
    /// In which capacity somebody did it.
    pub actor_kind: ActorKind,
    /// Whether it is kept among staff.
    pub internal: bool,
    /// By which channel.
    pub channel: Option<Channel>,
    /// Who spoke to whom.
    pub direction: Option<Direction>,
    /// Which fields of the case got a value by it.
    pub changes: Vec<Change>,
    /// The revision of the case's stream; of extensions and waivers of its clocks, the revision of the stream of its clocks; of a file, of
    /// redress, of a fee and of a payment, the revision of its own stream.
    pub revision: i64,
    #[graphql(skip)]
    actor_id: String,
    #[graphql(skip)]
    text_field: Option<&'static str>,
    #[graphql(skip)]
    personal: Personal,
}

#[ComplexObject]
impl TimelineEntry {
    /// Who did it, as the identity provider names them. Customers are told of themselves and of whoever acts for them; of everybody else null.
    async fn actor_id(&self, ctx: &Context<'_>) -> Option<&str> {
        let is_told = match visibility(ctx) {
            Visibility::Internal => true,
            Visibility::Public => {
                matches!(self.actor_kind, ActorKind::Customer | ActorKind::Representative)
            }
        };
        is_told.then_some(&*self.actor_id)
    }

    /// What was said, or why it was done; null when nothing was said, or when it was erased.
    async fn text(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<String>> {
        match self.text_field {
            Some(field) => self.personal.text(ctx, field),
            None => Ok(None),
        }
    }

    /// Whether something was said that was erased.
    async fn erased(&self, ctx: &Context<'_>) -> async_graphql::Result<bool> {
        Ok(self.text_field.is_some() && self.personal.is_erased(ctx)?)
    }
}

/// A field of the case that got a value.
#[derive(SimpleObject, Clone)]
#[graphql(complex)]
pub struct Change {
    /// The field, in snake_case as in the stored event.
    pub field: String,
    #[graphql(skip)]
    value: Option<String>,
    #[graphql(skip)]
    personal: Personal,
}

#[ComplexObject]
impl Change {
    /// Its value from then on; null when it was erased.
    async fn value(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<String>> {
        match &self.value {
            Some(value) => Ok(Some(value.clone())),
            None => self.personal.text(ctx, &self.field),
        }
    }
}

impl From<Row> for TimelineEntry {
    fn from(row: Row) -> Self {
        Self {
            event_id: ID(row.event_id.to_string()),
            case_id: global_id::encode(NodeType::Case, row.case_id),
            event_type: row.event_type,
            occurred_at: DateTime(row.occurred_at),
            recorded_at: DateTime(row.recorded_at),
            actor_kind: row.actor_kind.into(),
            actor_id: row.actor_id,
            internal: row.internal,
            channel: row.channel.map(Into::into),
            direction: row.direction.map(Into::into),
            changes: row
                .changes
                .into_iter()
                .map(|change| Change {
                    field: change.field,
                    value: change.value,
                    personal: Personal::new(row.envelope.clone()),
                })
                .collect(),
            revision: row.revision,
            text_field: row.text_field,
            personal: Personal::new(row.envelope),
        }
    }
}

/// Which entries are wanted. All conditions hold together.
#[derive(InputObject, Clone, Default)]
pub struct TimelineFilterInput {
    /// Of these event types; at most 50.
    #[graphql(validator(max_items = 50))]
    pub event_type: Option<Vec<String>>,
    /// By these channels.
    pub channel: Option<Vec<Channel>>,
}

impl TimelineFilterInput {
    fn into_filter(self, recorded_until: Option<Timestamp>) -> TimelineFilter {
        TimelineFilter {
            event_type: self.event_type,
            channel: self.channel.map(|channels| channels.into_iter().map(Into::into).collect()),
            recorded_until,
        }
    }
}

/// What a timeline has beside its entries.
pub struct TimelineTotal {
    of: Whose,
    filter: TimelineFilter,
}

/// Whose timeline it is.
enum Whose {
    Case(Uuid),
    /// A customer's with these records.
    Customer(Vec<Uuid>),
}

#[Object]
impl TimelineTotal {
    /// How many entries the filter finds, on all pages together.
    async fn total_count(&self, ctx: &Context<'_>) -> async_graphql::Result<u64> {
        let (scope, visibility) = (case_scope(ctx), visibility(ctx));
        let filter = self.filter.clone();
        match &self.of {
            Whose::Case(id) => {
                let id = *id;
                let count = move |db: &rusqlite::Connection| {
                    case_timeline::timeline_count(db, &scope, visibility, id, &filter)
                };
                query(ctx, count).await
            }
            Whose::Customer(records) => {
                let records = records.clone();
                let count = move |db: &rusqlite::Connection| {
                    customer_timeline::timeline_count(db, &scope, visibility, &records, &filter)
                };
                query(ctx, count).await
            }
        }
    }
}

/// A page of a timeline.
pub type TimelineConnection = Connection<Cursor, TimelineEntry, TimelineTotal, EmptyFields>;

/// A page of the timeline of a case, as it is known now or was known at a moment.
pub async fn of_case(
    ctx: &Context<'_>,
    case_id: Uuid,
    as_of: Option<Timestamp>,
    filter: TimelineFilterInput,
    page: PageArguments,
) -> async_graphql::Result<TimelineConnection> {
    let filter = filter.into_filter(as_of);
    let key = ListKey::of("timeline", (case_id, &filter));
    let request = page.request(key).map_err(refused)?;
    let (scope, visibility, wanted) = (case_scope(ctx), visibility(ctx), filter.clone());
    let page = query(ctx, move |db| {
        case_timeline::timeline(db, &scope, visibility, case_id, &wanted, request)
    })
    .await?;
    Ok(connection(
        key,
        &request,
        page,
        TimelineTotal { of: Whose::Case(case_id), filter },
        TimelineEntry::from,
    ))
}

/// A page of the timeline of a customer across all cases of all their records, the newest first.
pub async fn of_customer(
    ctx: &Context<'_>,
    customer: Uuid,
    filter: TimelineFilterInput,
    page: PageArguments,
) -> async_graphql::Result<TimelineConnection> {
    let filter = filter.into_filter(None);
    let key = ListKey::of("customer timeline", (customer, &filter));
    let request = page.request(key).map_err(refused)?;
    let (scope, visibility, wanted) = (case_scope(ctx), visibility(ctx), filter.clone());
    let (records, page) = query(ctx, move |db| {
        let records = customer_merges::records(db, customer)?;
        let page = customer_timeline::timeline(db, &scope, visibility, &records, &wanted, request)?;
        Ok((records, page))
    })
    .await?;
    let total = TimelineTotal { of: Whose::Customer(records), filter };
    Ok(connection(key, &request, page, total, TimelineEntry::from))
}
