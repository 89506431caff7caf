//! How alike two people's records are: the same person, perhaps the same, or different people.
//!
//! Nobody is merged by it. It proposes, with reasons, and people decide. A name alone is never enough, because many people share one;
//! neither is a telephone, because a family shares one. The same name *and* a common contact point is the same person; a name that is
//! only like the other, or a contact point that is only like the other, is worth a look.
//!
//! Names are compared across spellings and scripts, see [`name`]. Contact points are compared in the forms of [`super::search`].

pub mod name;
mod spelling;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::attribute::ContactPointKind;
use super::search::{contact_point_form, phone_form};
use crate::case::attribute::vocabulary;
use name::NameLikeness;

/// How alike two records are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Likeness {
    /// Different people, as far as the records tell.
    Different,
    /// Perhaps the same person: somebody should look.
    Near,
    /// The same person, unless somebody knows better.
    Same,
}

vocabulary!(
    /// What two records have in common.
    MatchReason {
        /// The same name, however it is spelled or transliterated.
        SameName = "same_name",
        /// A name like the other: a slip of the pen, an initial.
        NearName = "near_name",
        /// One name is a part of the other.
        PartOfName = "part_of_name",
        /// The same telephone number.
        SamePhone = "same_phone",
        /// A telephone number but for one digit.
        NearPhone = "near_phone",
        /// The same email address.
        SameEmail = "same_email",
        /// An email address but for dots, tags or the provider.
        NearEmail = "near_email",
        /// The same postal address or name in a social network.
        SameAddress = "same_address",
    }
);

/// What is known of somebody.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// Their name.
    pub name: String,
    /// How they can be reached.
    pub contact_points: Vec<(ContactPointKind, String)>,
}

/// How alike two records are, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// How alike.
    pub likeness: Likeness,
    /// What they have in common, the strongest first.
    pub reasons: Vec<MatchReason>,
}

/// Compares two records. It does not matter which comes first.
pub fn compare(one: &Record, other: &Record) -> Comparison {
    let name = name::compare(&one.name, &other.name);
    let contacts = Contacts::of(one, other);
    let likeness = match (name, contacts.same.len()) {
        (NameLikeness::Same, 1..) => Likeness::Same,
        (NameLikeness::Same, 0) if !contacts.near.is_empty() => Likeness::Near,
        (NameLikeness::Near | NameLikeness::Part, 1..) => Likeness::Near,
        // Another name at the same telephone is a relative; at the same telephone and address it may be a new name.
        (NameLikeness::Different, 2..) if contacts.kinds > 1 => Likeness::Near,
        _ => Likeness::Different,
    };
    let by_name = match name {
        NameLikeness::Same => Some(MatchReason::SameName),
        NameLikeness::Near => Some(MatchReason::NearName),
        NameLikeness::Part => Some(MatchReason::PartOfName),
        NameLikeness::Different => None,
    };
    let mut reasons: Vec<_> = by_name.into_iter().collect();
    for reason in contacts.same.into_iter().chain(contacts.near) {
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    Comparison { likeness, reasons }
}

/// The contact points that two records have in common.
#[derive(Default)]
struct Contacts {
    same: Vec<MatchReason>,
    near: Vec<MatchReason>,
    /// How many kinds of contact point are the same.
    kinds: usize,
}

impl Contacts {
    fn of(one: &Record, other: &Record) -> Self {
        let mut contacts = Self::default();
        for (kind, value) in &one.contact_points {
            for (other_kind, other_value) in &other.contact_points {
                if kind == other_kind {
                    contacts.take_in(*kind, value, other_value);
                }
            }
        }
        let mut kinds = contacts.same.clone();
        kinds.sort_by_key(|reason| reason.as_str());
        kinds.dedup();
        contacts.kinds = kinds.len();
        contacts
    }

    fn take_in(&mut self, kind: ContactPointKind, value: &str, other: &str) {
        let same = contact_point_form(kind, value) == contact_point_form(kind, other);
        match kind {
            ContactPointKind::Phone if same => self.same.push(MatchReason::SamePhone),
            ContactPointKind::Phone if is_near_phone(value, other) => {
                self.near.push(MatchReason::NearPhone);
            }
            ContactPointKind::Email if same => self.same.push(MatchReason::SameEmail),
            ContactPointKind::Email if is_near_email(value, other) => {
                self.near.push(MatchReason::NearEmail);
            }
            ContactPointKind::PostalAddress | ContactPointKind::SocialNetwork if same => {
                self.same.push(MatchReason::SameAddress);
            }
            _ => {}
        }
    }
}

/// One digit was mistyped, or two neighbours changed places.
fn is_near_phone(one: &str, other: &str) -> bool {
    let (Some(one), Some(other)) = (phone_form(one), phone_form(other)) else { return false };
    let (one, other) = (one.as_bytes(), other.as_bytes());
    if one.len() != other.len() {
        return false;
    }
    let differing: Vec<_> = (0..one.len()).filter(|at| one[*at] != other[*at]).collect();
    match differing[..] {
        [_] => true,
        [first, second] => {
            second == first + 1 && one[first] == other[second] && one[second] == other[first]
        }
        _ => false,
    }
}

/// The same box but for dots, a tag after `+`, or the provider.
fn is_near_email(one: &str, other: &str) -> bool {
    let local = |address: &str| {
        let form = contact_point_form(ContactPointKind::Email, address);
        let local = form.split('@').next().unwrap_or_default();
        let local = local.split('+').next().unwrap_or_default();
        local.chars().filter(|c| c.is_alphanumeric()).collect::<String>()
    };
    let (one, other) = (local(one), local(other));
    // Boxes such as info@ and ali@ are everywhere.
    one.chars().count() >= 6 && one == other
}

#[cfg(test)]
mod tests;
