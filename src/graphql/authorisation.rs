//! Who may select which field: one row a decision.
//!
//! A field without a row is nobody's, and a test fails when the schema has a field that no row names. Which *objects* somebody sees through
//! these fields is another matter: see [`crate::command::policy`].

use super::permissions::FieldTable;
use crate::principal::Role::{
    Admin, Agent, Auditor, Customer, Employee, Monitor, PrivacyOfficer, Service, Supervisor,
};
use crate::principal::Roles;

/// Those who may read cases, each within their scope.
const READERS: Roles = Roles::of(&[Customer, Agent, Supervisor, Auditor, Service]);
/// Those who may know that a case exists and how it stands, without reading what people said.
const WATCHERS: Roles = Roles::of(&[Customer, Agent, Supervisor, Auditor, Service, Monitor]);
/// Those who see how the work is organised: everyone but customers and administrators.
const STAFF: Roles = Roles::of(&[Agent, Supervisor, Auditor, Service, Monitor]);
/// Those of them who may also read what people said.
const STAFF_READERS: Roles = Roles::of(&[Agent, Supervisor, Auditor, Service]);
/// Those who work on cases.
const WORKERS: Roles = Roles::of(&[Agent, Supervisor, Service]);
/// Those who answer for the work: they grant more time and waive breaches.
const LEADERS: Roles = Roles::of(&[Supervisor, Service]);
/// Those who approve what is given to customers.
const APPROVERS: Roles = Roles::of(&[Agent, Supervisor]);
/// Those who work on cases, and the customers themselves.
const WORKERS_AND_CUSTOMERS: Roles = Roles::of(&[Customer, Agent, Supervisor, Service]);
/// Those who may read what is promised and when the organisation works.
const REFERENCE_READERS: Roles = Roles::of(&[Agent, Supervisor, Auditor, Service, Monitor, Admin]);
/// Those who answer for what is promised, each within their scope. Administrators publish policies, but read no case.
const PLANNERS: Roles = Roles::of(&[Supervisor, Auditor]);
/// Imports and other programs.
const PROGRAMS: Roles = Roles::of(&[Service]);
/// Those who may read customers' records: all who may read cases, and whoever answers for personal data.
const CUSTOMER_READERS: Roles = READERS.union(PRIVACY_OFFICERS);
/// Those who may read customers' records, but for the customers: whether two records are one person's is for them to know.
const RECORD_KEEPERS: Roles = Roles::of(&[Agent, Supervisor, Auditor, Service, PrivacyOfficer]);
/// Those who record what a customer allows.
const CONSENT_RECORDERS: Roles = Roles::of(&[Agent, Supervisor, Service, PrivacyOfficer]);
/// Those who answer for personal data.
const PRIVACY_OFFICERS: Roles = Roles::of(&[PrivacyOfficer]);
/// Those who check it all, and whoever answers for personal data.
const PRIVACY_READERS: Roles = Roles::of(&[Auditor, Supervisor, PrivacyOfficer]);
/// Those who verify the log down to its events.
const AUDITORS: Roles = Roles::of(&[Auditor]);
/// Those who verify the log, and those who answer for its running.
const PROVERS: Roles = Roles::of(&[Auditor, Admin]);
/// Those who look after who reads what.
const ACCESS_LOG_READERS: Roles = Roles::of(&[Auditor, PrivacyOfficer]);
/// Those, and the customers whose data were read.
const ACCESS_LOG_READERS_AND_CUSTOMERS: Roles = Roles::of(&[Auditor, PrivacyOfficer, Customer]);
/// Those who run the installation.
const ADMINS: Roles = Roles::of(&[Admin]);

/// Our own staff, who raise what they see, whether they work on cases or not. Auditors and those who run the installation change nothing here, this neither.
const EMPLOYEES: Roles = Roles::of(&[Agent, Supervisor, Employee]);
/// Those, and whoever checks it all: who has no case of their own and no code, and so reads nobody's.
const EMPLOYEES_AND_AUDITORS: Roles = Roles::of(&[Agent, Supervisor, Employee, Auditor]);
/// Those who see what became of suggestions, criticisms and praise.
const VOICE_READERS: Roles = Roles::of(&[Agent, Supervisor, Auditor, Service]);
/// Those who may send codes to a customer and say them: whoever works on cases, and the customers themselves.
const VERIFIERS: Roles = WORKERS_AND_CUSTOMERS;

/// The table.
pub const FIELDS: FieldTable = &[
    // Queries
    ("Query", WATCHERS, &["case", "cases", "node", "nodes"]),
    ("Query", CUSTOMER_READERS, &["customer", "customers"]),
    ("Query", STAFF, &["slaCompliance", "slaAtRisk", "slaAttribution", "slaBreaches", "slaFacts"]),
    ("Query", REFERENCE_READERS, &["slaPolicies", "calendars"]),
    ("Query", PROVERS, &["proofCheckpoint", "consistencyProof"]),
    // A leaf tells of which case an event is, and who acted.
    ("Query", AUDITORS, &["inclusionProof"]),
    ("Query", ACCESS_LOG_READERS, &["accessLog"]),
    // Subscriptions
    ("Subscription", READERS, &["caseEvents"]),
    ("Subscription", STAFF, &["slaBreaches", "slaFacts"]),
    ("Subscription", PLANNERS, &["simulateSla"]),
    // Mutations
    ("Mutation", WORKERS_AND_CUSTOMERS, &["openCase", "recordInteraction", "reopenCase"]),
    (
        "Mutation",
        WORKERS,
        &[
            "classifyCase",
            "referCase",
            "assignCase",
            "enterStage",
            "addNote",
            "holdCase",
            "resumeCase",
            "setDueDate",
            "resolveCase",
            "closeCase",
            "mergeCase",
            "unmergeCase",
            "registerCustomer",
            "addContactPoint",
            "changeCustomerDetails",
        ],
    ),
    ("Mutation", CONSENT_RECORDERS, &["giveConsent", "withdrawConsent"]),
    ("Mutation", PRIVACY_OFFICERS, &["placeLegalHold", "releaseLegalHold", "eraseCustomer"]),
    ("Mutation", LEADERS, &["extendSlaClock", "waiveSlaBreach"]),
    ("Mutation", PROGRAMS, &["recordActivity"]),
    ("Mutation", ADMINS, &["publishPolicy", "publishCalendar", "rebuildReadModels"]),
    // Cases
    ("Node", WATCHERS, &["id"]),
    (
        "Case",
        WATCHERS,
        &[
            "id",
            "reference",
            "kind",
            "channel",
            "category",
            "priority",
            "severity",
            "status",
            "holdReason",
            "unit",
            "stage",
            "outcome",
            "externalReference",
            "dueAt",
            "openedAt",
            "updatedAt",
            "resolvedAt",
            "closedAt",
            "interactionCount",
            "revision",
            "slaClocks",
            "mergedInto",
            "mergedCases",
            "splitFrom",
        ],
    ),
    ("Case", READERS, &["subject", "description", "customer", "timeline", "erased"]),
    ("Case", READERS, &["attachments"]),
    (
        "Attachment",
        READERS,
        &[
            "id",
            "name",
            "direction",
            "mediaType",
            "sizeBytes",
            "addedAt",
            "path",
            "sha256",
            "erased",
        ],
    ),
    ("Case", STAFF, &["assignee"]),
    ("Case", PLANNERS, &["replay"]),
    ("CaseConnection", WATCHERS, &["pageInfo", "edges", "nodes", "totalCount"]),
    ("CaseEdge", WATCHERS, &["node", "cursor"]),
    ("CaseEvent", READERS, &["cursor", "entry"]),
    (
        "TimelineEntry",
        READERS,
        &[
            "eventId",
            "eventType",
            "occurredAt",
            "recordedAt",
            "actorKind",
            "actorId",
            "internal",
            "channel",
            "direction",
            "text",
            "erased",
            "changes",
            "revision",
        ],
    ),
    ("Change", READERS, &["field", "value"]),
    ("TimelineEntryConnection", READERS, &["pageInfo", "edges", "nodes", "totalCount"]),
    ("TimelineEntryEdge", READERS, &["node", "cursor"]),
    // Replay
    (
        "ReplayStep",
        PLANNERS,
        &[
            "number",
            "eventId",
            "eventType",
            "stream",
            "revision",
            "position",
            "occurredAt",
            "recordedAt",
            "actorKind",
            "actorId",
            "before",
            "after",
            "changes",
        ],
    ),
    ("ReplayChange", PLANNERS, &["subject", "field", "before", "after"]),
    (
        "ReplayState",
        PLANNERS,
        &[
            "kind",
            "channel",
            "category",
            "priority",
            "severity",
            "status",
            "holdReason",
            "unit",
            "assignee",
            "stage",
            "outcome",
            "dueAt",
            "openedAt",
            "updatedAt",
            "resolvedAt",
            "closedAt",
            "interactionCount",
            "revision",
            "customerTier",
            "clocks",
        ],
    ),
    (
        "ReplayClock",
        PLANNERS,
        &[
            "key",
            "state",
            "startedAt",
            "dueAt",
            "stoppedAt",
            "goal",
            "policyId",
            "policyVersion",
            "rule",
            "calendarId",
            "calendarVersion",
            "breachRecorded",
        ],
    ),
    ("ReplayStepConnection", PLANNERS, &["pageInfo", "edges", "nodes"]),
    ("ReplayStepEdge", PLANNERS, &["node", "cursor"]),
    // Customers
    (
        "Customer",
        CUSTOMER_READERS,
        &[
            "id",
            "kind",
            "name",
            "erased",
            "language",
            "tier",
            "contactPoints",
            "consents",
            "registeredAt",
            "updatedAt",
            "revision",
        ],
    ),
    ("Customer", READERS, &["cases"]),
    ("Customer", PRIVACY_READERS, &["legalHold", "erasure"]),
    ("Customer", ACCESS_LOG_READERS_AND_CUSTOMERS, &["accessLog"]),
    (
        "AccessRecordConnection",
        ACCESS_LOG_READERS_AND_CUSTOMERS,
        &["pageInfo", "edges", "nodes", "totalCount"],
    ),
    ("AccessRecordEdge", ACCESS_LOG_READERS_AND_CUSTOMERS, &["node", "cursor"]),
    (
        "AccessRecord",
        ACCESS_LOG_READERS_AND_CUSTOMERS,
        &["at", "data", "readerRole", "purpose", "operation", "subject", "eventId"],
    ),
    // Customers learn in which role somebody read, not who it was.
    ("AccessRecord", ACCESS_LOG_READERS, &["reader"]),
    ("AccessSubject", ACCESS_LOG_READERS_AND_CUSTOMERS, &["customerId", "caseId"]),
    ("ContactPoint", CUSTOMER_READERS, &["kind", "value", "erased"]),
    ("Consent", CUSTOMER_READERS, &["purpose", "channel", "givenAt", "eventId"]),
    ("Erasure", PRIVACY_READERS, &["ground", "orderedAt", "receipt"]),
    ("ErasureReceipt", PRIVACY_READERS, &["erasedAt", "keyCount", "envelopeCount", "eventId"]),
    ("CustomerConnection", CUSTOMER_READERS, &["pageInfo", "edges", "nodes", "totalCount"]),
    ("CustomerEdge", CUSTOMER_READERS, &["node", "cursor"]),
    // Customers: what belongs together
    ("Query", STAFF_READERS, &["matchProposals"]),
    (
        "Mutation",
        WORKERS,
        &["mergeCustomer", "unmergeCustomer", "appointRepresentative", "dismissRepresentative"],
    ),
    ("Customer", READERS, &["timeline", "representatives", "represents"]),
    ("Customer", RECORD_KEEPERS, &["mergedInto", "mergedCustomers"]),
    (
        "Representation",
        READERS,
        &[
            "customer",
            "customerId",
            "representative",
            "basis",
            "caseKinds",
            "until",
            "inForce",
            "appointedAt",
            "eventId",
        ],
    ),
    ("TimelineEntry", READERS, &["caseId"]),
    ("MatchProposal", STAFF_READERS, &["customer", "likeness", "reasons"]),
    ("MergeCustomerPayload", WORKERS, &["customer", "userErrors"]),
    ("UnmergeCustomerPayload", WORKERS, &["customer", "userErrors"]),
    ("AppointRepresentativePayload", WORKERS, &["customer", "userErrors"]),
    ("DismissRepresentativePayload", WORKERS, &["customer", "userErrors"]),
    // SLA
    (
        "SlaClock",
        WATCHERS,
        &[
            "key",
            "agreement",
            "metric",
            "cycle",
            "state",
            "startedAt",
            "dueAt",
            "stoppedAt",
            "goal",
            "measure",
            "target",
            "elapsed",
            "paused",
            "wallClock",
            "remaining",
            "percent",
            "warnings",
            "extensions",
            "extensionsAllowed",
            "policyId",
            "policyVersion",
            "rule",
            "calendarId",
            "breachRecorded",
        ],
    ),
    ("SlaWarning", WATCHERS, &["threshold", "at"]),
    // Intervals tell who worked on the case and why it waited.
    ("SlaClock", STAFF, &["intervals"]),
    (
        "SlaInterval",
        STAFF,
        &[
            "from",
            "to",
            "course",
            "counted",
            "cause",
            "source",
            "sourceRevision",
            "hold",
            "unit",
            "assignee",
            "policyVersion",
            "rule",
            "calendarId",
            "calendarVersion",
        ],
    ),
    (
        "SlaCompliance",
        STAFF,
        &[
            "group",
            "total",
            "met",
            "breached",
            "waived",
            "openOverdue",
            "openInTime",
            "paused",
            "measured",
            "elapsed",
            "complianceRatio",
        ],
    ),
    ("SlaElapsedPercentiles", STAFF, &["measure", "p50", "p90", "p95", "p99"]),
    ("SlaAtRiskPage", STAFF, &["nodes", "endCursor", "hasNextPage"]),
    (
        "SlaAtRisk",
        STAFF,
        &["clock", "unit", "category", "priority", "channel", "tier", "caseId", "case"],
    ),
    ("SlaAttribution", STAFF, &["value", "metric", "measure", "clocks", "counted", "wallClock"]),
    ("SlaGroupValue", STAFF, &["by", "value"]),
    (
        "SlaBreach",
        STAFF,
        &[
            "eventId",
            "clock",
            "metric",
            "policyId",
            "policyVersion",
            "rule",
            "startedAt",
            "dueAt",
            "stoppedAt",
            "recordedAt",
            "unit",
            "category",
            "priority",
            "channel",
            "silent",
            "actions",
            "caseId",
            "case",
        ],
    ),
    (
        "SlaFact",
        STAFF,
        &[
            "eventId",
            "kind",
            "clock",
            "metric",
            "policyId",
            "policyVersion",
            "rule",
            "threshold",
            "reachedAt",
            "startedAt",
            "dueAt",
            "stoppedAt",
            "recordedAt",
            "from",
            "to",
            "cause",
            "silent",
            "merged",
            "actions",
            "unit",
            "category",
            "priority",
            "channel",
            "caseId",
            "case",
        ],
    ),
    ("SlaFactCause", STAFF, &["source", "revision"]),
    ("SlaFactConnection", STAFF, &["pageInfo", "edges", "nodes", "totalCount"]),
    ("SlaFactEdge", STAFF, &["node", "cursor"]),
    ("SlaFactEvent", STAFF, &["cursor", "fact"]),
    ("SlaBreachConnection", STAFF, &["pageInfo", "edges", "nodes", "totalCount"]),
    ("SlaBreachEdge", STAFF, &["node", "cursor"]),
    ("SlaBreachEvent", STAFF, &["cursor", "breach"]),
    ("SlaSimulationUpdate", PLANNERS, &["casesDone", "casesTotal", "report"]),
    (
        "SlaSimulation",
        PLANNERS,
        &[
            "now",
            "cases",
            "casesChanged",
            "clocksChanged",
            "before",
            "after",
            "changes",
            "groups",
            "ungrouped",
            "examples",
        ],
    ),
    (
        "SlaVerdicts",
        PLANNERS,
        &[
            "clocks",
            "scheduled",
            "running",
            "paused",
            "met",
            "breached",
            "waived",
            "cancelled",
            "merged",
            "measured",
            "complianceRatio",
            "late",
            "lateWorking",
        ],
    ),
    ("SlaVerdictChange", PLANNERS, &["from", "to", "clocks"]),
    ("SlaSimulationGroup", PLANNERS, &["by", "value", "before", "after", "changed"]),
    ("SlaSimulationExample", PLANNERS, &["caseId", "clock", "from", "to", "dueBefore", "dueAfter"]),
    (
        "SlaPolicyVersion",
        REFERENCE_READERS,
        &["id", "version", "effectiveFrom", "publishedAt", "document"],
    ),
    (
        "CalendarVersion",
        REFERENCE_READERS,
        &["id", "version", "effectiveFrom", "publishedAt", "document"],
    ),
    // Proof
    ("ProofCheckpoint", PROVERS, &["note", "origin", "size", "root", "verifierKey", "storedAt"]),
    (
        "InclusionProof",
        AUDITORS,
        &["position", "index", "treeSize", "leaf", "leafHash", "hashes", "root", "checkpoint"],
    ),
    ("ConsistencyProof", PROVERS, &["from", "to", "fromRoot", "toRoot", "hashes", "checkpoint"]),
    // Voices
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
    // Segments
    ("Query", REFERENCE_READERS, &["segmentations"]),
    ("Query", PLANNERS, &["draftSegmentation", "assetMatrix"]),
    ("Mutation", ADMINS, &["publishSegmentation"]),
    ("Mutation", LEADERS, &["assessCustomerValue"]),
    (
        "SegmentationVersion",
        REFERENCE_READERS,
        &["id", "version", "effectiveFrom", "publishedAt", "document"],
    ),
    ("SegmentationDraft", PLANNERS, &["problems", "customers", "tiers", "moves"]),
    ("TierCount", PLANNERS, &["tier", "customers"]),
    ("TierMoveCount", PLANNERS, &["from", "to", "customers"]),
    ("AssetMatrixCell", PLANNERS, &["cell", "count", "value", "customers"]),
    ("PublishSegmentationPayload", ADMINS, &["segmentation", "userErrors"]),
    ("AssessCustomerValuePayload", LEADERS, &["customer", "userErrors"]),
    // Accounts
    ("Customer", READERS, &["account"]),
    ("Account", READERS, &["points", "lots", "credit", "postings", "revision"]),
    ("PointsLot", READERS, &["postingId", "points", "expiresAt"]),
    ("Money", READERS, &["minorUnits", "currency", "text"]),
    (
        "Posting",
        READERS,
        &[
            "postingId",
            "kind",
            "points",
            "money",
            "centre",
            "reversed",
            "caseId",
            "occurredAt",
            "recordedAt",
            "eventId",
        ],
    ),
    ("PostingConnection", READERS, &["pageInfo", "edges", "nodes", "totalCount"]),
    ("PostingEdge", READERS, &["node", "cursor"]),
    // What is given away is given by those who answer for it.
    ("Mutation", LEADERS, &["earnPoints", "grantCredit", "reversePosting"]),
    ("Mutation", WORKERS, &["redeemPoints", "spendCredit"]),
    ("EarnPointsPayload", LEADERS, &["account", "userErrors"]),
    ("GrantCreditPayload", LEADERS, &["account", "userErrors"]),
    ("ReversePostingPayload", LEADERS, &["account", "userErrors"]),
    ("RedeemPointsPayload", WORKERS, &["account", "userErrors"]),
    ("SpendCreditPayload", WORKERS, &["account", "userErrors"]),
    // Redress and fees
    ("Case", READERS, &["redress", "fees"]),
    (
        "Redress",
        READERS,
        &["id", "money", "points", "ground", "status", "proposedAt", "updatedAt", "revision"],
    ),
    ("Fee", READERS, &["id", "money", "tariff", "status", "assessedAt", "updatedAt", "revision"]),
    ("Mutation", WORKERS, &["proposeRedress", "assessFee"]),
    // People approve, each within their limit; programs do not.
    ("Mutation", APPROVERS, &["approveRedress", "rejectRedress"]),
    ("Mutation", WORKERS_AND_CUSTOMERS, &["acceptRedress", "declineRedress", "payFee"]),
    ("Mutation", LEADERS, &["waiveFee", "refundFee"]),
    ("ProposeRedressPayload", WORKERS, &["redress", "userErrors"]),
    ("ApproveRedressPayload", APPROVERS, &["redress", "userErrors"]),
    ("RejectRedressPayload", APPROVERS, &["redress", "userErrors"]),
    ("AcceptRedressPayload", WORKERS_AND_CUSTOMERS, &["redress", "userErrors"]),
    ("DeclineRedressPayload", WORKERS_AND_CUSTOMERS, &["redress", "userErrors"]),
    ("AssessFeePayload", WORKERS, &["fee", "userErrors"]),
    ("WaiveFeePayload", LEADERS, &["fee", "userErrors"]),
    ("PayFeePayload", WORKERS_AND_CUSTOMERS, &["fee", "userErrors"]),
    ("RefundFeePayload", LEADERS, &["fee", "userErrors"]),
    // Cards, verification, the customer's own page
    ("Query", READERS, &["viewer"]),
    ("Viewer", READERS, &["customer", "cases", "cards"]),
    ("Customer", READERS, &["cards"]),
    ("ContactPoint", CUSTOMER_READERS, &["number", "verifiedAt"]),
    (
        "Card",
        READERS,
        &[
            "id",
            "maskedNumber",
            "erased",
            "status",
            "blockReason",
            "replaces",
            "replacedBy",
            "issuedAt",
            "activatedAt",
            "blockedAt",
            "endedAt",
            "customer",
            "revision",
        ],
    ),
    ("Mutation", WORKERS, &["issueCard", "activateCard", "replaceCard", "expireCard"]),
    // Whoever has lost their card blocks it at once.
    ("Mutation", WORKERS_AND_CUSTOMERS, &["blockCard"]),
    ("Mutation", VERIFIERS, &["requestContactPointVerification", "verifyContactPoint"]),
    ("IssueCardPayload", WORKERS, &["card", "number", "userErrors"]),
    ("ReplaceCardPayload", WORKERS, &["card", "number", "userErrors"]),
    ("ActivateCardPayload", WORKERS, &["card", "userErrors"]),
    ("ExpireCardPayload", WORKERS, &["card", "userErrors"]),
    ("BlockCardPayload", WORKERS_AND_CUSTOMERS, &["card", "userErrors"]),
    ("RequestContactPointVerificationPayload", VERIFIERS, &["customer", "userErrors"]),
    ("VerifyContactPointPayload", VERIFIERS, &["customer", "userErrors"]),
    // Complaints, referrals, promises and units
    ("Query", STAFF_READERS, &["missedFollowUps"]),
    ("Query", STAFF, &["unansweredCases"]),
    ("Query", REFERENCE_READERS, &["units"]),
    // A customer disputes a decision, or is content with it, by themselves.
    ("Mutation", WORKERS_AND_CUSTOMERS, &["appealCase", "acceptDecision"]),
    (
        "Mutation",
        WORKERS,
        &[
            "acknowledgeCase",
            "assessCase",
            "recordFinding",
            "decideCase",
            "offerAlternatives",
            "recordRootCause",
            "linkCorrectiveAction",
            "acceptReferral",
            "returnReferral",
            "promiseFollowUp",
            "keepFollowUp",
        ],
    ),
    (
        "Mutation",
        ADMINS,
        &["defineUnit", "moveUnit", "appointUnitOwner", "addUnitStaff", "removeUnitStaff"],
    ),
    ("Case", READERS, &["remedySought", "complaint", "followUps"]),
    ("Case", STAFF, &["referral"]),
    ("Complaint", READERS, &["acknowledgedAt", "acknowledgedBy", "decisions"]),
    // How it is weighed and what brought it about is said among staff.
    (
        "Complaint",
        STAFF_READERS,
        &[
            "assessedAt",
            "safety",
            "complexity",
            "impact",
            "findingCount",
            "rootCauses",
            "correctiveActions",
        ],
    ),
    (
        "Decision",
        READERS,
        &[
            "level",
            "outcome",
            "decidedAt",
            "appealUntil",
            "appealTo",
            "acceptedAt",
            "appealedAt",
            "alternativesOfferedAt",
        ],
    ),
    ("Decision", STAFF_READERS, &["decidedBy"]),
    (
        "Referral",
        STAFF,
        &[
            "unit",
            "fromUnit",
            "referredAt",
            "answerDueAt",
            "acceptedAt",
            "returnedAt",
            "escalatedAt",
            "escalatedTo",
        ],
    ),
    (
        "FollowUp",
        READERS,
        &["caseId", "number", "state", "what", "promisedAt", "dueAt", "keptAt", "case"],
    ),
    ("FollowUp", STAFF_READERS, &["promisedBy"]),
    ("FollowUpConnection", STAFF_READERS, &["pageInfo", "edges", "nodes", "totalCount"]),
    ("FollowUpEdge", STAFF_READERS, &["node", "cursor"]),
    ("Unit", REFERENCE_READERS, &["code", "name", "parent", "owner", "responsible", "staff"]),
    ("AppealCasePayload", WORKERS_AND_CUSTOMERS, &["case", "userErrors"]),
    ("AcceptDecisionPayload", WORKERS_AND_CUSTOMERS, &["case", "userErrors"]),
    ("AcknowledgeCasePayload", WORKERS, &["case", "userErrors"]),
    ("AssessCasePayload", WORKERS, &["case", "userErrors"]),
    ("RecordFindingPayload", WORKERS, &["case", "userErrors"]),
    ("DecideCasePayload", WORKERS, &["case", "userErrors"]),
    ("OfferAlternativesPayload", WORKERS, &["case", "userErrors"]),
    ("RecordRootCausePayload", WORKERS, &["case", "userErrors"]),
    ("LinkCorrectiveActionPayload", WORKERS, &["case", "userErrors"]),
    ("AcceptReferralPayload", WORKERS, &["case", "userErrors"]),
    ("ReturnReferralPayload", WORKERS, &["case", "userErrors"]),
    ("PromiseFollowUpPayload", WORKERS, &["case", "userErrors"]),
    ("KeepFollowUpPayload", WORKERS, &["case", "userErrors"]),
    ("DefineUnitPayload", ADMINS, &["unit", "userErrors"]),
    ("MoveUnitPayload", ADMINS, &["unit", "userErrors"]),
    ("AppointUnitOwnerPayload", ADMINS, &["unit", "userErrors"]),
    ("AddUnitStaffPayload", ADMINS, &["unit", "userErrors"]),
    ("RemoveUnitStaffPayload", ADMINS, &["unit", "userErrors"]),
    // Shared
    ("PageInfo", Roles::ALL, &["hasPreviousPage", "hasNextPage", "startCursor", "endCursor"]),
    ("UserError", Roles::ALL, &["code", "field", "message"]),
    // Payloads: for those who may use the mutation
    ("OpenCasePayload", WORKERS_AND_CUSTOMERS, &["case", "userErrors"]),
    ("RecordInteractionPayload", WORKERS_AND_CUSTOMERS, &["case", "userErrors"]),
    ("ReopenCasePayload", WORKERS_AND_CUSTOMERS, &["case", "userErrors"]),
    ("ClassifyCasePayload", WORKERS, &["case", "userErrors"]),
    ("ReferCasePayload", WORKERS, &["case", "userErrors"]),
    ("AssignCasePayload", WORKERS, &["case", "userErrors"]),
    ("EnterStagePayload", WORKERS, &["case", "userErrors"]),
    ("AddNotePayload", WORKERS, &["case", "userErrors"]),
    ("HoldCasePayload", WORKERS, &["case", "userErrors"]),
    ("ResumeCasePayload", WORKERS, &["case", "userErrors"]),
    ("SetDueDatePayload", WORKERS, &["case", "userErrors"]),
    ("ResolveCasePayload", WORKERS, &["case", "userErrors"]),
    ("CloseCasePayload", WORKERS, &["case", "userErrors"]),
    ("MergeCasePayload", WORKERS, &["case", "userErrors"]),
    ("UnmergeCasePayload", WORKERS, &["case", "userErrors"]),
    ("RecordActivityPayload", PROGRAMS, &["case", "userErrors"]),
    ("ExtendSlaClockPayload", LEADERS, &["clock", "userErrors"]),
    ("WaiveSlaBreachPayload", LEADERS, &["clock", "userErrors"]),
    ("RegisterCustomerPayload", WORKERS, &["customer", "userErrors"]),
    ("AddContactPointPayload", WORKERS, &["customer", "userErrors"]),
    ("ChangeCustomerDetailsPayload", WORKERS, &["customer", "userErrors"]),
    ("GiveConsentPayload", CONSENT_RECORDERS, &["customer", "userErrors"]),
    ("WithdrawConsentPayload", CONSENT_RECORDERS, &["customer", "userErrors"]),
    ("PlaceLegalHoldPayload", PRIVACY_OFFICERS, &["customer", "userErrors"]),
    ("ReleaseLegalHoldPayload", PRIVACY_OFFICERS, &["customer", "userErrors"]),
    ("EraseCustomerPayload", PRIVACY_OFFICERS, &["customer", "userErrors"]),
    ("PublishPolicyPayload", ADMINS, &["policy", "userErrors"]),
    ("PublishCalendarPayload", ADMINS, &["calendar", "userErrors"]),
    ("RebuildReadModelsPayload", ADMINS, &["position"]),
];

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
