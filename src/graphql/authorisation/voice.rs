//! Who may select what of voices: suggestions, criticism and praise, and the cases that our own staff raise.

use super::roles::{EMPLOYEES, EMPLOYEES_AND_AUDITORS, VOICE_READERS, WORKERS};
use crate::graphql::permissions::FieldTable;

/// The rows.
pub(super) const FIELDS: FieldTable = &[
    ("Query", VOICE_READERS, &["voices"]),
    ("Query", EMPLOYEES_AND_AUDITORS, &["anonymousCase", "myStaffCases"]),
    (
        "Mutation",
        EMPLOYEES,
        &[
            "openStaffCase",
            "drawAnonymousCode",
            "openAnonymousCase",
            "writeToStaffCase",
            "writeToAnonymousCase",
        ],
    ),
    ("Mutation", WORKERS, &["tellAuthor"]),
    ("Voice", VOICE_READERS, &["raisedBy", "author", "raisedAt", "became", "toldAt", "case"]),
    ("VoiceConnection", VOICE_READERS, &["pageInfo", "edges", "nodes", "totalCount"]),
    ("VoiceEdge", VOICE_READERS, &["node", "cursor"]),
    (
        "StaffCase",
        EMPLOYEES_AND_AUDITORS,
        &[
            "id",
            "reference",
            "kind",
            "subject",
            "description",
            "anonymous",
            "status",
            "stage",
            "openedAt",
            "became",
            "toldAt",
            "messages",
        ],
    ),
    ("StaffCaseMessage", EMPLOYEES_AND_AUDITORS, &["at", "fromAuthor", "automatic", "body"]),
    ("OpenStaffCasePayload", EMPLOYEES, &["staffCase", "userErrors"]),
    ("DrawAnonymousCodePayload", EMPLOYEES, &["code"]),
    ("OpenAnonymousCasePayload", EMPLOYEES, &["staffCase", "userErrors"]),
    ("WriteToStaffCasePayload", EMPLOYEES, &["staffCase", "userErrors"]),
    ("WriteToAnonymousCasePayload", EMPLOYEES, &["staffCase", "userErrors"]),
    ("TellAuthorPayload", WORKERS, &["case", "userErrors"]),
];
