//! Who is asking.
//!
//! A [`Principal`] is what remains of a verified token: a subject, one role, and the customer or units that
//! narrow what the role may see. Everything that decides "may they?" takes a principal, never a token.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What a principal does here. A token carries exactly one role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Follows their own cases.
    Customer,
    /// Works on the cases of their units.
    Agent,
    /// Leads units: sees and reassigns their cases.
    Supervisor,
    /// Replays case histories; changes nothing.
    Auditor,
    /// Watches SLA clocks and breaches.
    Monitor,
    /// A machine: import, telephony, mail gateway.
    Service,
    /// Runs the installation.
    Admin,
    /// Answers for personal data: consent, legal hold, erasure, and who read what. Reads no case.
    PrivacyOfficer,
    /// A member of staff who works on no cases: raises what they see and follows their own, and nothing else.
    Employee,
}

impl Role {
    /// Every role, in order of declaration; `role as usize` is its index here.
    pub const ALL: [Role; 9] = [
        Role::Customer,
        Role::Agent,
        Role::Supervisor,
        Role::Auditor,
        Role::Monitor,
        Role::Service,
        Role::Admin,
        Role::PrivacyOfficer,
        Role::Employee,
    ];

    /// The role's published name, as in tokens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Customer => "customer",
            Role::Agent => "agent",
            Role::Supervisor => "supervisor",
            Role::Auditor => "auditor",
            Role::Monitor => "monitor",
            Role::Service => "service",
            Role::Admin => "admin",
            Role::PrivacyOfficer => "privacy_officer",
            Role::Employee => "employee",
        }
    }

    /// The role with this published name, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }

    const fn bit(self) -> u16 {
        1 << self as u8
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A set of roles that can be written as a constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Roles(u16);

impl Roles {
    /// No role.
    pub const NONE: Roles = Roles(0);
    /// Every role.
    pub const ALL: Roles = Roles::of(&Role::ALL);

    /// The set of exactly these roles.
    pub const fn of(roles: &[Role]) -> Self {
        let mut bits = 0;
        let mut index = 0;
        while index < roles.len() {
            bits |= roles[index].bit();
            index += 1;
        }
        Roles(bits)
    }

    /// Whether `role` is in the set.
    pub const fn contains(self, role: Role) -> bool {
        self.0 & role.bit() != 0
    }

    /// The roles of either set.
    #[must_use]
    pub const fn union(self, other: Roles) -> Roles {
        Roles(self.0 | other.0)
    }
}

/// A caller whose token was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The token's `sub`: who this is at the identity provider.
    pub subject: String,
    /// What they do here.
    pub role: Role,
    /// The customer they are. Present exactly when the role is [`Role::Customer`].
    pub customer_id: Option<Uuid>,
    /// Ids of the units they work for; empty unless agent or supervisor.
    pub units: Vec<String>,
    /// From this moment the principal is no longer accepted.
    pub expires_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_roles_contains_what_it_was_made_of_and_nothing_else() {
        const STAFF: Roles = Roles::of(&[Role::Agent, Role::Supervisor]);
        for role in Role::ALL {
            let expected = matches!(role, Role::Agent | Role::Supervisor);
            assert_eq!(STAFF.contains(role), expected, "{role}");
            assert!(Roles::ALL.contains(role));
            assert!(!Roles::NONE.contains(role));
        }
    }

    #[test]
    fn names_are_the_same_in_tokens_and_in_print() {
        for role in Role::ALL {
            assert_eq!(serde_json::to_value(role).unwrap(), role.to_string());
            assert_eq!(Role::from_name(role.as_str()), Some(role));
        }
    }
}
