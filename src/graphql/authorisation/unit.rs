//! Who may select what of units.

use super::roles::{ADMINS, REFERENCE_READERS};
use crate::graphql::permissions::FieldTable;

/// The rows.
pub(super) const FIELDS: FieldTable = &[
    ("Query", REFERENCE_READERS, &["units"]),
    (
        "Mutation",
        ADMINS,
        &["defineUnit", "moveUnit", "appointUnitOwner", "addUnitStaff", "removeUnitStaff"],
    ),
    ("Unit", REFERENCE_READERS, &["code", "name", "parent", "owner", "responsible", "staff"]),
    ("DefineUnitPayload", ADMINS, &["unit", "userErrors"]),
    ("MoveUnitPayload", ADMINS, &["unit", "userErrors"]),
    ("AppointUnitOwnerPayload", ADMINS, &["unit", "userErrors"]),
    ("AddUnitStaffPayload", ADMINS, &["unit", "userErrors"]),
    ("RemoveUnitStaffPayload", ADMINS, &["unit", "userErrors"]),
];
