//! Who may see which cases, and in which capacity somebody acts.
//!
//! Which *fields* and *mutations* a role may use stands in one table, [`crate::graphql::authorisation`]. Here stands which *objects*:
//! every read takes the scope from here into its query, and every command on a case is refused, as if there were no such case, when
//! the case is outside.

use parvandeh_domain::case::CaseState;
use parvandeh_domain::decider::{Actor, ActorKind};
use parvandeh_projections::scope::{CaseScope, Visibility};

use crate::principal::{Principal, Role};

/// The cases that the caller may know of in their own right. What customers may read beside that, because they act for others, is added by
/// [`super::representation`].
pub fn case_scope(principal: &Principal) -> CaseScope {
    match principal.role {
        Role::Customer => principal.customer_id.map_or(CaseScope::Nothing, CaseScope::Customer),
        Role::Agent | Role::Supervisor => CaseScope::Units(principal.units.clone()),
        // A privacy officer may know of every customer; no field of a case is theirs to read.
        Role::Auditor | Role::Monitor | Role::Service | Role::PrivacyOfficer => CaseScope::All,
        // Those who run the installation configure it and read no case. Employees have their own, by other fields: an author reads what they
        // raised, and neither notes of staff nor who works on it.
        Role::Admin | Role::Employee => CaseScope::Nothing,
    }
}

/// The cases whose outcome the caller may see in the answer to their own command: staff may refer a case out of their own sight.
pub fn case_scope_after_write(principal: &Principal) -> CaseScope {
    match principal.role {
        Role::Agent | Role::Supervisor => CaseScope::All,
        _ => case_scope(principal),
    }
}

/// What of a case the caller may see.
pub fn visibility(principal: &Principal) -> Visibility {
    match principal.role {
        Role::Customer | Role::Employee => Visibility::Public,
        Role::Agent
        | Role::Supervisor
        | Role::Auditor
        | Role::Monitor
        | Role::Service
        | Role::Admin
        | Role::PrivacyOfficer => Visibility::Internal,
    }
}

/// Whether the caller may send commands to a case in this state. This is asked before anything else about a command is looked at, so
/// that a case which is not there and one outside the scope give the same answer.
pub fn may_touch(principal: &Principal, case: &CaseState) -> bool {
    is_inside(&case_scope(principal), case)
}

/// Whether a case in this state is there, and inside the scope.
pub fn is_inside(scope: &CaseScope, case: &CaseState) -> bool {
    let unit = case.unit.as_ref().map(|unit| unit.as_str());
    let customer_id = case.customer_id.map(|id| id.0);
    case.status.is_some() && case.kind.is_some_and(|kind| scope.includes(unit, customer_id, kind))
}

/// The caller as the log names them.
pub fn actor(principal: &Principal) -> Actor {
    let kind = match principal.role {
        Role::Customer => ActorKind::Customer,
        Role::Service => ActorKind::Service,
        Role::Agent
        | Role::Supervisor
        | Role::Auditor
        | Role::Monitor
        | Role::Admin
        | Role::PrivacyOfficer
        | Role::Employee => ActorKind::Staff,
    };
    // Customers are named by their own id: what the identity provider calls them may be an address, and the log is for ever.
    let id = match principal.customer_id {
        Some(customer_id) => customer_id.to_string(),
        None => principal.subject.clone(),
    };
    Actor { kind, id }
}

/// The caller as the log names them where they act for another customer.
pub fn representative(principal: &Principal) -> Actor {
    Actor { kind: ActorKind::Representative, ..actor(principal) }
}
