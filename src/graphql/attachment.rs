//! Files that stand with cases. Their content is had by `GET /attachments/{id}`, and they come by `POST /cases/{id}/attachments`.

use async_graphql::{ComplexObject, Context, ID, SimpleObject};
use jiff::Timestamp;
use parvandeh_projections::attachments::{self, AttachmentRow};
use uuid::Uuid;

use super::context::{case_scope, query, visibility};
use super::global_id::{self, NodeType};
use super::personal::Personal;
use super::scalar::DateTime;
use super::vocabulary::Direction;

/// A file that stands with a case.
#[derive(SimpleObject, Clone)]
#[graphql(complex)]
pub struct Attachment {
    /// Global id.
    pub id: ID,
    /// From whom it came to whom.
    pub direction: Direction,
    /// Its media type, as its sender says.
    pub media_type: String,
    /// How many bytes it has.
    pub size_bytes: i64,
    /// When it was added.
    pub added_at: DateTime,
    /// Where its content is, below this server's address.
    pub path: String,
    #[graphql(skip)]
    personal: Personal,
}

#[ComplexObject]
impl Attachment {
    /// The file's name; null when it was erased.
    async fn name(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<String>> {
        self.personal.text(ctx, "name")
    }

    /// The SHA-256 of its content, in hexadecimal; null when it was erased.
    async fn sha256(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<String>> {
        self.personal.text(ctx, "sha256")
    }

    /// Whether it was erased.
    async fn erased(&self, ctx: &Context<'_>) -> async_graphql::Result<bool> {
        self.personal.is_erased(ctx)
    }
}

impl From<AttachmentRow> for Attachment {
    fn from(row: AttachmentRow) -> Self {
        let id = global_id::encode(NodeType::Attachment, row.id);
        Self {
            path: format!("/attachments/{}", id.0),
            id,
            direction: row.direction.into(),
            media_type: row.media_type,
            size_bytes: row.size_bytes,
            added_at: DateTime(row.added_at),
            personal: Personal::new(row.envelope),
        }
    }
}

/// The attachments of a case, in the order in which they came, as they are known now or were known at a moment.
pub async fn of_case(
    ctx: &Context<'_>,
    case_id: Uuid,
    as_of: Option<Timestamp>,
) -> async_graphql::Result<Vec<Attachment>> {
    let (scope, visibility) = (case_scope(ctx), visibility(ctx));
    let rows =
        query(ctx, move |db| attachments::attachments_of_case(db, &scope, visibility, case_id))
            .await?;
    let known = rows.into_iter().filter(|row| as_of.is_none_or(|moment| row.added_at <= moment));
    Ok(known.map(Attachment::from).collect())
}

/// One attachment.
pub async fn find(ctx: &Context<'_>, id: Uuid) -> async_graphql::Result<Option<Attachment>> {
    let (scope, visibility) = (case_scope(ctx), visibility(ctx));
    let row = query(ctx, move |db| attachments::attachment(db, &scope, visibility, id)).await?;
    Ok(row.map(Attachment::from))
}
