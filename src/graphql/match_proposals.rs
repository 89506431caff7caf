//! Records that may be the same person's, for somebody to decide.
//!
//! Read models know blind indexes alone. Those who share a contact point or the sound of a name are looked up by them; then the program
//! opens what is personal in these few records and compares it. Whoever selects a name or a number of a proposal reads it, and is on the
//! access log for it; the comparison itself shows nothing but how alike the records are.

use std::sync::Arc;

use async_graphql::{Context, ID, SimpleObject};
use parvandeh_domain::customer::matching::{self, Likeness, Record};
use parvandeh_domain::pii::Envelope;
use parvandeh_projections::customer_profile::{self, CustomerRow};
use parvandeh_projections::{customer_merges, customer_search};

use super::context::{case_scope, failure, query, refused, services};
use super::customer::Customer;
use super::global_id::{self, NodeType};
use super::vocabulary::{MatchLikeness, MatchReason};
use crate::sealing;
use crate::vault::{Vault, VaultError};

/// The most proposals of one customer.
const PROPOSALS_MAX: usize = 20;

/// A record that may be the same person's.
#[derive(SimpleObject, Clone)]
pub struct MatchProposal {
    /// The other record.
    pub customer: Customer,
    /// How alike the two are.
    pub likeness: MatchLikeness,
    /// What they have in common, the strongest first.
    pub reasons: Vec<MatchReason>,
}

/// The records that may be the same person's as this one, the most alike first. Those that were merged or erased are left out.
pub async fn proposals(
    ctx: &Context<'_>,
    customer_id: &ID,
) -> async_graphql::Result<Vec<MatchProposal>> {
    let id = global_id::decode("customerId", NodeType::Customer, customer_id).map_err(refused)?;
    let (scope, vault) = (case_scope(ctx), Arc::clone(&services(ctx).vault));
    let compared = query(ctx, move |db| {
        let Some(own) = customer_profile::customer(db, &scope, id)? else { return Ok(Ok(vec![])) };
        let known = customer_merges::records(db, customer_merges::survivor(db, id)?)?;
        let mut others = Vec::new();
        for candidate in customer_search::candidates(db, id)? {
            if known.contains(&candidate) {
                continue;
            }
            let row = customer_profile::customer(db, &scope, candidate)?;
            others.extend(row.filter(|row| row.merged_into.is_none() && row.erasure.is_none()));
        }
        Ok(compare(&vault, &own, others))
    });
    let mut compared = compared.await?.map_err(|error| failure(&error))?;
    compared.sort_by_key(|(row, comparison)| {
        (std::cmp::Reverse((comparison.likeness, comparison.reasons.len())), row.registered_at)
    });
    compared.truncate(PROPOSALS_MAX);
    let proposals = compared.into_iter().map(|(row, comparison)| MatchProposal {
        customer: row.into(),
        likeness: match comparison.likeness {
            Likeness::Same => MatchLikeness::Same,
            Likeness::Near | Likeness::Different => MatchLikeness::Near,
        },
        reasons: comparison.reasons.into_iter().map(Into::into).collect(),
    });
    Ok(proposals.collect())
}

/// The rows that are like this one.
fn compare(
    vault: &Vault,
    own: &CustomerRow,
    others: Vec<CustomerRow>,
) -> Result<Vec<(CustomerRow, matching::Comparison)>, VaultError> {
    let own = record(vault, own)?;
    let mut alike = Vec::new();
    for row in others {
        let comparison = matching::compare(&own, &record(vault, &row)?);
        if comparison.likeness > Likeness::Different {
            alike.push((row, comparison));
        }
    }
    Ok(alike)
}

/// What is known of somebody, opened as far as it was not erased.
fn record(vault: &Vault, row: &CustomerRow) -> Result<Record, VaultError> {
    let mut contact_points = Vec::with_capacity(row.contact_points.len());
    for point in &row.contact_points {
        let value = text(vault, point.value.as_ref(), "value")?;
        contact_points.extend(value.map(|value| (point.kind, value)));
    }
    let name = text(vault, row.name.as_ref(), "name")?.unwrap_or_default();
    Ok(Record { name, contact_points })
}

fn text(
    vault: &Vault,
    envelope: Option<&Envelope>,
    field: &str,
) -> Result<Option<String>, VaultError> {
    let Some(envelope) = envelope else { return Ok(None) };
    let opened = sealing::open_to_derive(vault, &envelope.0)?;
    Ok(opened.and_then(|fields| fields.text(field)))
}
