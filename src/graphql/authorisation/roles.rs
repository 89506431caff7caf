//! The groups of roles that rows are given to, each named for what they do.

use crate::principal::Role::{
    Admin, Agent, Auditor, Customer, Employee, Monitor, PrivacyOfficer, Service, Supervisor,
};
use crate::principal::Roles;

/// The customers, each for themselves.
pub(super) const CUSTOMERS: Roles = Roles::of(&[Customer]);
/// Those who may read cases, each within their scope.
pub(super) const READERS: Roles = Roles::of(&[Customer, Agent, Supervisor, Auditor, Service]);
/// Those who may know that a case exists and how it stands, without reading what people said.
pub(super) const WATCHERS: Roles =
    Roles::of(&[Customer, Agent, Supervisor, Auditor, Service, Monitor]);
/// Those who see how the work is organised: everyone but customers and administrators.
pub(super) const STAFF: Roles = Roles::of(&[Agent, Supervisor, Auditor, Service, Monitor]);
/// Those of them who may also read what people said.
pub(super) const STAFF_READERS: Roles = Roles::of(&[Agent, Supervisor, Auditor, Service]);
/// Those who work on cases.
pub(super) const WORKERS: Roles = Roles::of(&[Agent, Supervisor, Service]);
/// Those who answer for the work: they grant more time and waive breaches.
pub(super) const LEADERS: Roles = Roles::of(&[Supervisor, Service]);
/// Those who approve what is given to customers.
pub(super) const APPROVERS: Roles = Roles::of(&[Agent, Supervisor]);
/// Those who work on cases, and the customers themselves.
pub(super) const WORKERS_AND_CUSTOMERS: Roles = Roles::of(&[Customer, Agent, Supervisor, Service]);
/// Those who may read what is promised and when the organisation works.
pub(super) const REFERENCE_READERS: Roles =
    Roles::of(&[Agent, Supervisor, Auditor, Service, Monitor, Admin]);
/// Those who answer for what is promised, each within their scope. Administrators publish policies, but read no case.
pub(super) const PLANNERS: Roles = Roles::of(&[Supervisor, Auditor]);
/// Imports and other programs.
pub(super) const PROGRAMS: Roles = Roles::of(&[Service]);
/// Those who may read customers' records: all who may read cases, and whoever answers for personal data.
pub(super) const CUSTOMER_READERS: Roles = READERS.union(PRIVACY_OFFICERS);
/// Those who may read customers' records, but for the customers: whether two records are one person's is for them to know.
pub(super) const RECORD_KEEPERS: Roles =
    Roles::of(&[Agent, Supervisor, Auditor, Service, PrivacyOfficer]);
/// Those who record what a customer allows.
pub(super) const CONSENT_RECORDERS: Roles =
    Roles::of(&[Agent, Supervisor, Service, PrivacyOfficer]);
/// Those who answer for personal data.
pub(super) const PRIVACY_OFFICERS: Roles = Roles::of(&[PrivacyOfficer]);
/// Those who check it all, and whoever answers for personal data.
pub(super) const PRIVACY_READERS: Roles = Roles::of(&[Auditor, Supervisor, PrivacyOfficer]);
/// Those who verify the log down to its events.
pub(super) const AUDITORS: Roles = Roles::of(&[Auditor]);
/// Those who verify the log, and those who answer for its running.
pub(super) const PROVERS: Roles = Roles::of(&[Auditor, Admin]);
/// Those who look after who reads what.
pub(super) const ACCESS_LOG_READERS: Roles = Roles::of(&[Auditor, PrivacyOfficer]);
/// Those, and the customers whose data were read.
pub(super) const ACCESS_LOG_READERS_AND_CUSTOMERS: Roles =
    Roles::of(&[Auditor, PrivacyOfficer, Customer]);
/// Those who run the installation.
pub(super) const ADMINS: Roles = Roles::of(&[Admin]);

/// Our own staff, who raise what they see, whether they work on cases or not. Auditors and those who run the installation change nothing here, this neither.
pub(super) const EMPLOYEES: Roles = Roles::of(&[Agent, Supervisor, Employee]);
/// Those, and whoever checks it all: who has no case of their own and no code, and so reads nobody's.
pub(super) const EMPLOYEES_AND_AUDITORS: Roles = Roles::of(&[Agent, Supervisor, Employee, Auditor]);
/// Those who see what became of suggestions, criticisms and praise.
pub(super) const VOICE_READERS: Roles = Roles::of(&[Agent, Supervisor, Auditor, Service]);
/// Those who may send codes to a customer and say them: whoever works on cases, and the customers themselves.
pub(super) const VERIFIERS: Roles = WORKERS_AND_CUSTOMERS;
