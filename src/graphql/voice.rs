//! Voices: suggestions, criticisms and praise, and what became of them.

use async_graphql::connection::{Connection, EmptyFields};
use async_graphql::{ComplexObject, Context, Enum, InputObject, Object, SimpleObject};
use parvandeh_projections::voices::{self, RaisedBy, VoiceFilter, VoiceRow};
use uuid::Uuid;

use super::case::Case;
use super::context::{case_scope, query, refused};
use super::cursor::{Cursor, ListKey};
use super::loader;
use super::paging::{PageArguments, connection};
use super::scalar::DateTime;
use super::vocabulary::Became;

/// Who raised a voice.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoiceOrigin {
    /// A customer, or somebody unknown.
    Customer,
    /// A member of staff, by name.
    Staff,
    /// A member of staff who stays anonymous.
    AnonymousStaff,
}

/// A suggestion, a criticism or praise, and what became of it.
#[derive(SimpleObject, Clone)]
#[graphql(complex)]
pub struct Voice {
    /// Who raised it.
    pub raised_by: VoiceOrigin,
    /// The member of staff who raised it by name.
    pub author: Option<String>,
    /// When it was raised.
    pub raised_at: DateTime,
    /// What became of it, as its author was told last; null until they were.
    pub became: Option<Became>,
    /// When its author was told.
    pub told_at: Option<DateTime>,
    #[graphql(skip)]
    case_id: Uuid,
}

#[ComplexObject]
impl Voice {
    /// The case.
    async fn case(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Case>> {
        Ok(loader::case(ctx, self.case_id).await?.map(Case::from))
    }
}

impl From<VoiceRow> for Voice {
    fn from(row: VoiceRow) -> Self {
        let (raised_by, author) = match row.raised_by {
            RaisedBy::Customer => (VoiceOrigin::Customer, None),
            RaisedBy::Staff(author) => (VoiceOrigin::Staff, Some(author)),
            RaisedBy::AnonymousStaff => (VoiceOrigin::AnonymousStaff, None),
        };
        Self {
            raised_by,
            author,
            raised_at: DateTime(row.opened_at),
            became: row.became.map(Into::into),
            told_at: row.told_at.map(DateTime),
            case_id: row.case_id,
        }
    }
}

/// Which voices are wanted. All conditions hold together.
#[derive(InputObject, Clone, Default)]
pub struct VoiceFilterInput {
    /// Raised by staff (true), or by customers (false).
    pub by_staff: Option<bool>,
    /// Of which one of these became.
    #[graphql(validator(max_items = 10))]
    pub became: Option<Vec<Became>>,
    /// Whose author was told what became of it (true), or not yet (false).
    pub told: Option<bool>,
}

/// What a connection of voices has beside its edges.
pub struct VoiceTotal {
    filter: VoiceFilter,
}

#[Object]
impl VoiceTotal {
    /// How many voices the filter finds, on all pages together.
    async fn total_count(&self, ctx: &Context<'_>) -> async_graphql::Result<u64> {
        let (scope, filter) = (case_scope(ctx), self.filter.clone());
        query(ctx, move |db| voices::voice_count(db, &scope, &filter)).await
    }
}

/// A page of voices.
pub type VoiceConnection = Connection<Cursor, Voice, VoiceTotal, EmptyFields>;

/// A page of the voices that the caller may know of, the newest first.
pub async fn list(
    ctx: &Context<'_>,
    filter: VoiceFilterInput,
    page: PageArguments,
) -> async_graphql::Result<VoiceConnection> {
    let filter = VoiceFilter {
        by_staff: filter.by_staff,
        became: filter.became.map(|all| all.into_iter().map(Into::into).collect()),
        told: filter.told,
    };
    let key = ListKey::of("voices", &filter);
    let request = page.request(key).map_err(refused)?;
    let (scope, wanted) = (case_scope(ctx), filter.clone());
    let page = query(ctx, move |db| voices::voices(db, &scope, &wanted, request)).await?;
    Ok(connection(key, &request, page, VoiceTotal { filter }, Voice::from))
}
