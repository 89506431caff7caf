//! Taking two records for one person's, and taking that back.
//!
//! A record that took in others may be given up in its turn: the merges then form a chain. They never form a ring, because a record is
//! only ever merged into one that is not merged; whoever sends the command keeps the survivor so until the event is written.

use super::check;
use crate::customer::command::{MergeCustomer, Survivor, UnmergeCustomer};
use crate::customer::event::{CustomerEvent, CustomerMerged, CustomerUnmerged};
use crate::customer::{CustomerRefusal, CustomerState};
use crate::text;

/// The most records that are taken for one person's, the surviving one among them.
pub const MERGED_RECORDS_MAX: usize = 100;

pub(super) fn merged(
    state: &CustomerState,
    merge: MergeCustomer,
) -> Result<Vec<CustomerEvent>, CustomerRefusal> {
    match state.merged_into {
        Some(into) if into == merge.into => return Ok(vec![]),
        Some(into) => return Err(CustomerRefusal::Merged { into }),
        None => {}
    }
    check("reason", text::check_personal_body(&merge.reason))?;
    match merge.survivor {
        Survivor::Itself => Err(CustomerRefusal::MergeIntoItself),
        Survivor::Unknown => Err(CustomerRefusal::SurvivorNotFound),
        Survivor::MergedInto(into) => Err(CustomerRefusal::SurvivorMerged { into }),
        Survivor::Erased => Err(CustomerRefusal::Erased),
        Survivor::Full => Err(CustomerRefusal::TooManyMerged { count_max: MERGED_RECORDS_MAX }),
        Survivor::Standing => {
            Ok(vec![CustomerMerged { into: merge.into, reason: merge.reason }.into()])
        }
    }
}

pub(super) fn unmerged(
    state: &CustomerState,
    unmerge: UnmergeCustomer,
) -> Result<Vec<CustomerEvent>, CustomerRefusal> {
    state.merged_into.ok_or(CustomerRefusal::NotMerged)?;
    check("reason", text::check_personal_body(&unmerge.reason))?;
    Ok(vec![CustomerUnmerged { reason: unmerge.reason }.into()])
}

/// What is said of a record that was given up, where it belongs to the surviving one.
pub(super) fn refused(state: &CustomerState) -> Result<Vec<CustomerEvent>, CustomerRefusal> {
    state.merged_into.map_or(Ok(vec![]), |into| Err(CustomerRefusal::Merged { into }))
}
