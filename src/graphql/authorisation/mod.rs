//! Who may select which field: one row a decision.
//!
//! A field without a row is nobody's, and a test fails when the schema has a field that no row names. Which *objects* somebody sees through
//! these fields is another matter: see [`crate::command::policy`].
//!
//! The rows stand in a file a noun, and the groups of roles that they are given to in `roles.rs`. What a noun adds to another, as files add
//! `Case.attachments`, stands with the noun that adds it. The payload of a mutation is for those who may use the mutation.

mod access_log;
mod account;
mod attachment;
mod card;
mod case;
mod complaint;
mod customer;
mod customer_records;
mod fee;
mod follow_up;
mod management_review;
mod notification;
mod payment;
mod privacy;
mod proof;
mod redress;
mod reference_data;
mod referral;
mod replay;
mod roles;
mod segmentation;
mod shared;
mod sla;
mod survey;
mod unit;
mod viewer;
mod voice;

use super::permissions::{FieldRow, FieldTable};

/// The rows of each noun.
const NOUNS: &[FieldTable] = &[
    shared::FIELDS,
    case::FIELDS,
    attachment::FIELDS,
    replay::FIELDS,
    customer::FIELDS,
    customer_records::FIELDS,
    privacy::FIELDS,
    access_log::FIELDS,
    complaint::FIELDS,
    referral::FIELDS,
    follow_up::FIELDS,
    unit::FIELDS,
    survey::FIELDS,
    management_review::FIELDS,
    voice::FIELDS,
    sla::FIELDS,
    reference_data::FIELDS,
    segmentation::FIELDS,
    account::FIELDS,
    redress::FIELDS,
    fee::FIELDS,
    payment::FIELDS,
    card::FIELDS,
    viewer::FIELDS,
    notification::FIELDS,
    proof::FIELDS,
];

/// How many rows there are.
const ROWS: usize = {
    let (mut rows, mut noun) = (0, 0);
    while noun < NOUNS.len() {
        rows += NOUNS[noun].len();
        noun += 1;
    }
    rows
};

/// The rows of all nouns.
static ALL: [FieldRow; ROWS] = {
    let mut all = [NOUNS[0][0]; ROWS];
    let (mut row, mut noun) = (0, 0);
    while noun < NOUNS.len() {
        let mut of_noun = 0;
        while of_noun < NOUNS[noun].len() {
            all[row] = NOUNS[noun][of_noun];
            row += 1;
            of_noun += 1;
        }
        noun += 1;
    }
    all
};

/// The table.
pub const FIELDS: FieldTable = &ALL;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graphql::permissions::{rows_missing, rows_unknown};
    use crate::graphql::sdl;

    #[test]
    fn every_field_and_mutation_of_the_schema_has_a_row() {
        assert_eq!(rows_missing(&sdl(), FIELDS).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn no_row_names_a_field_that_the_schema_does_not_have() {
        assert_eq!(rows_unknown(&sdl(), FIELDS).unwrap(), Vec::<String>::new());
    }
}
