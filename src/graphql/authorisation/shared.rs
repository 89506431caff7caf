//! Who may select what all nouns have in common: anything by its id, pages, errors, money; and who runs it all.

use super::roles::{ADMINS, READERS, WATCHERS};
use crate::graphql::permissions::FieldTable;
use crate::principal::Roles;

/// The rows.
pub(super) const FIELDS: FieldTable = &[
    ("Query", WATCHERS, &["node", "nodes"]),
    ("Mutation", ADMINS, &["rebuildReadModels"]),
    ("Node", WATCHERS, &["id"]),
    ("Money", READERS, &["minorUnits", "currency", "text"]),
    ("PageInfo", Roles::ALL, &["hasPreviousPage", "hasNextPage", "startCursor", "endCursor"]),
    ("UserError", Roles::ALL, &["code", "field", "message"]),
    ("RebuildReadModelsPayload", ADMINS, &["position"]),
];
