//! What one event is in the words of an export: its activity, who did it, and what it says.
//!
//! Names of activities are for people to read in a process map. Names of attributes are those of the stored fields, so that the schemas in
//! `schema/events/` describe them. Nothing personal is told here: see [`super::personal`].

use jiff::Timestamp;
use parvandeh_domain::access::AccessEvent;
use parvandeh_domain::account::AccountEvent;
use parvandeh_domain::attachment::AttachmentEvent;
use parvandeh_domain::calendar::CalendarEvent;
use parvandeh_domain::card::CardEvent;
use parvandeh_domain::case::{CaseEvent, Direction};
use parvandeh_domain::customer::CustomerEvent;
use parvandeh_domain::decider::{Actor, ActorKind, Recorded};
use parvandeh_domain::fee::FeeEvent;
use parvandeh_domain::log::DomainEvent;
use parvandeh_domain::payment::PaymentEvent;
use parvandeh_domain::policy::PolicyEvent;
use parvandeh_domain::redress::RedressEvent;
use parvandeh_domain::sign_in::SignInEvent;
use parvandeh_domain::sla::{ClockSubject, SlaEvent};
use parvandeh_domain::unit::UnitEvent;

use super::history::{History, Told};
use crate::import;

/// What sort of value an attribute has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sort {
    Text,
    Time,
    Integer,
    Flag,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Text(&'a str),
    Owned(String),
    Time(Timestamp),
    Integer(i64),
    Flag(bool),
}

impl Value<'_> {
    /// The same value without borrowing it.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Text(text) => Value::Owned(text.to_owned()),
            Self::Owned(text) => Value::Owned(text),
            Self::Time(moment) => Value::Time(moment),
            Self::Integer(number) => Value::Integer(number),
            Self::Flag(flag) => Value::Flag(flag),
        }
    }

    pub fn sort(&self) -> Sort {
        match self {
            Self::Text(_) | Self::Owned(_) => Sort::Text,
            Self::Time(_) => Sort::Time,
            Self::Integer(_) => Sort::Integer,
            Self::Flag(_) => Sort::Flag,
        }
    }
}

/// An attribute: its name and its value.
pub(super) type Attribute<'a> = (&'static str, Value<'a>);

/// Every attribute that an event of a case or of its clocks may have, in the order of columns.
pub(super) const ATTRIBUTES: &[&str] = &[
    "kind",
    "channel",
    "direction",
    "automatic",
    "category",
    "priority",
    "severity",
    "unit",
    "from_unit",
    "assignee",
    "stage",
    "hold_reason",
    "by_customer_message",
    "outcome",
    "due_at",
    "answer_due_at",
    "customer_id",
    "external_reference",
    "split_from",
    "merged_into",
    "clock",
    "metric",
    "policy",
    "policy_version",
    "rule",
    "threshold",
    "reached_at",
    "started_at",
    "stopped_at",
    "silent",
    "merged",
    "from",
    "to",
    "safety",
    "complexity",
    "impact",
    "level",
    "appeal_until",
    "appeal_to",
    "cause",
    "corrective_action",
    "escalated_to",
    "number",
];

/// One event as a format writes it.
pub(super) struct Step<'a> {
    pub recorded: &'a Recorded<DomainEvent>,
    /// What was done.
    pub name: &'a str,
    /// Whether it is one of the case's activities: something that was done to the case, in the order of its process. Facts about clocks
    /// are not, nor is what an import adds by itself to a case whose activities it brings.
    pub is_activity: bool,
    /// Who did it.
    pub resource: Option<&'a str>,
    /// In which capacity.
    pub role: Option<&'static str>,
    /// Their unit or group.
    pub group: Option<&'a str>,
    /// The step in the activity's life cycle.
    pub transition: Option<&'a str>,
}

impl<'a> Step<'a> {
    /// An event of a case or of its clocks.
    pub fn of(history: &History, told: &'a Told) -> Self {
        let actor = &told.event.meta.actor;
        match &told.event.event {
            DomainEvent::Case(_, CaseEvent::ActivityRecorded(activity)) => Self {
                recorded: &told.event,
                name: &activity.name,
                is_activity: true,
                resource: activity.resource.as_deref(),
                role: None,
                group: activity.group.as_deref(),
                transition: activity.transition.as_deref(),
            },
            event => {
                let is_own = matches!(event, DomainEvent::Case(..));
                let added = history.has_activities && is_added_by_import(event, actor);
                let step = Self::plain(&told.event);
                Self { is_activity: is_own && !added, group: told.unit.as_deref(), ..step }
            }
        }
    }

    /// An event that happened to no case.
    pub fn plain(recorded: &'a Recorded<DomainEvent>) -> Self {
        let (resource, role) = who(&recorded.meta.actor);
        Self {
            recorded,
            name: name(&recorded.event),
            is_activity: false,
            resource: Some(resource),
            role: Some(role),
            group: None,
            transition: Some("complete"),
        }
    }

    /// Whether an import added it by itself to a case whose activities it brought.
    pub fn is_added(&self, history: &History) -> bool {
        history.has_activities
            && is_added_by_import(&self.recorded.event, &self.recorded.meta.actor)
    }
}

/// An import opens the cases that it brings, and resolves and closes those that are done.
fn is_added_by_import(event: &DomainEvent, actor: &Actor) -> bool {
    actor.kind == ActorKind::Service
        && actor.id == import::run::ACTOR
        && matches!(
            event,
            DomainEvent::Case(
                _,
                CaseEvent::Opened(_) | CaseEvent::Resolved(_) | CaseEvent::Closed(_)
            )
        )
}

/// Who did it, and in which capacity. Customers are not named here: a token's subject may be an address.
pub(super) fn who(actor: &Actor) -> (&str, &'static str) {
    match actor.kind {
        ActorKind::Customer => ("customer", "customer"),
        ActorKind::Representative => ("representative", "representative"),
        ActorKind::Staff => (&actor.id, "staff"),
        ActorKind::Service => (&actor.id, "service"),
        ActorKind::System => (&actor.id, "system"),
    }
}

/// The name of an event for people.
pub(super) fn name(event: &DomainEvent) -> &str {
    match event {
        DomainEvent::Case(_, event) => match event {
            CaseEvent::Opened(_) => "Case opened",
            CaseEvent::Classified(_) => "Case classified",
            CaseEvent::Referred(_) => "Case referred",
            CaseEvent::Assigned(_) => "Case assigned",
            CaseEvent::StageEntered(_) => "Stage entered",
            CaseEvent::InteractionRecorded(interaction) => match interaction.direction {
                Direction::Inbound => "Message received",
                Direction::Outbound => "Message sent",
                Direction::Internal => "Internal message recorded",
            },
            CaseEvent::NoteAdded(_) => "Note added",
            CaseEvent::Held(_) => "Case put on hold",
            CaseEvent::Resumed(_) => "Case resumed",
            CaseEvent::DueDateSet(_) => "Due date set",
            CaseEvent::Resolved(_) => "Case resolved",
            CaseEvent::Reopened(_) => "Case reopened",
            CaseEvent::Closed(_) => "Case closed",
            CaseEvent::Merged(_) => "Case merged",
            CaseEvent::Unmerged(_) => "Merge undone",
            CaseEvent::ActivityRecorded(activity) => &activity.name,
            CaseEvent::RaisedByStaff(_) => "Raised by staff",
            CaseEvent::AuthorTold(_) => "Author told what became of it",
            CaseEvent::Acknowledged(_) => "Case acknowledged",
            CaseEvent::Assessed(_) => "Case assessed",
            CaseEvent::FindingRecorded(_) => "Finding recorded",
            CaseEvent::Decided(_) => "Case decided",
            CaseEvent::Appealed(_) => "Case appealed",
            CaseEvent::DecisionAccepted(_) => "Decision accepted",
            CaseEvent::AlternativesOffered(_) => "Alternatives offered",
            CaseEvent::RootCauseRecorded(_) => "Root cause recorded",
            CaseEvent::CorrectiveActionLinked(_) => "Corrective action linked",
            CaseEvent::ReferralAccepted(_) => "Referral accepted",
            CaseEvent::ReferralReturned(_) => "Referral returned",
            CaseEvent::ReferralEscalated(_) => "Referral escalated",
            CaseEvent::FollowUpPromised(_) => "Follow-up promised",
            CaseEvent::FollowUpKept(_) => "Follow-up kept",
            CaseEvent::FollowUpMissed(_) => "Follow-up missed",
            CaseEvent::FollowUpReminded(_) => "Follow-up reminded",
            CaseEvent::SurveyAsked(_) => "Survey asked",
            CaseEvent::SurveyAnswered(_) => "Survey answered",
        },
        DomainEvent::Clock(_, event) => match event {
            SlaEvent::Warned(_) => "Clock warned",
            SlaEvent::WarningWithdrawn(_) => "Clock warning withdrawn",
            SlaEvent::Breached(_) => "Clock breached",
            SlaEvent::Met(_) => "Clock met",
            SlaEvent::CompletedLate(_) => "Clock completed late",
            SlaEvent::Cancelled(_) => "Clock cancelled",
            SlaEvent::Restated(_) => "Clock restated",
            SlaEvent::Extended(_) => "Clock extended",
            SlaEvent::Waived(_) => "Clock waived",
        },
        DomainEvent::Customer(_, event) => match event {
            CustomerEvent::Registered(_) => "Customer registered",
            CustomerEvent::ContactPointAdded(_) => "Contact point added",
            CustomerEvent::DetailsChanged(_) => "Customer details changed",
            CustomerEvent::ValueAssessed(_) => "Customer value assessed",
            CustomerEvent::TierChanged(_) => "Customer tier changed",
            CustomerEvent::ConsentGiven(_) => "Consent given",
            CustomerEvent::ConsentWithdrawn(_) => "Consent withdrawn",
            CustomerEvent::LegalHoldPlaced(_) => "Legal hold placed",
            CustomerEvent::LegalHoldReleased(_) => "Legal hold released",
            CustomerEvent::ErasureOrdered(_) => "Customer erasure ordered",
            CustomerEvent::Erased(_) => "Customer erased",
            CustomerEvent::Merged(_) => "Customer merged",
            CustomerEvent::Unmerged(_) => "Customer merge undone",
            CustomerEvent::RepresentativeAppointed(_) => "Representative appointed",
            CustomerEvent::RepresentativeDismissed(_) => "Representative dismissed",
            CustomerEvent::VerificationRequested(_) => "Contact point verification requested",
            CustomerEvent::VerificationFailed(_) => "Contact point verification failed",
            CustomerEvent::ContactPointVerified(_) => "Contact point verified",
            CustomerEvent::PreferencesChanged(_) => "Preferences changed",
            CustomerEvent::NotificationsRead(_) => "Notifications read",
        },
        DomainEvent::Attachment(_, AttachmentEvent::PartStored(_)) => "Attachment part stored",
        DomainEvent::Attachment(_, AttachmentEvent::Added(_)) => "Attachment added",
        DomainEvent::Policy(_, PolicyEvent::Published(_)) => "Policy published",
        DomainEvent::Segmentation(..) => "Segmentation published",
        DomainEvent::Calendar(_, CalendarEvent::Published(_)) => "Calendar published",
        DomainEvent::Access(_, AccessEvent::PersonalDataRead(_)) => "Personal data read",
        DomainEvent::Access(_, AccessEvent::LogRead(_)) => "Access log read",
        DomainEvent::Account(_, event) => match event {
            AccountEvent::PointsEarned(_) => "Points earned",
            AccountEvent::PointsRedeemed(_) => "Points redeemed",
            AccountEvent::PointsExpired(_) => "Points expired",
            AccountEvent::CreditGranted(_) => "Credit granted",
            AccountEvent::CreditSpent(_) => "Credit spent",
            AccountEvent::PostingReversed(_) => "Posting reversed",
        },
        DomainEvent::Redress(_, event) => match event {
            RedressEvent::Proposed(_) => "Redress proposed",
            RedressEvent::Approved(_) => "Redress approved",
            RedressEvent::Rejected(_) => "Redress rejected",
            RedressEvent::Accepted(_) => "Redress accepted",
            RedressEvent::Declined(_) => "Redress declined",
            RedressEvent::Paid(_) => "Redress paid",
        },
        DomainEvent::Fee(_, event) => match event {
            FeeEvent::Assessed(_) => "Fee assessed",
            FeeEvent::Waived(_) => "Fee waived",
            FeeEvent::Paid(_) => "Fee paid",
            FeeEvent::Refunded(_) => "Fee refunded",
        },
        DomainEvent::Payment(_, event) => match event {
            PaymentEvent::Requested(_) => "Payment requested",
            PaymentEvent::Confirmed(_) => "Payment confirmed",
            PaymentEvent::Failed(_) => "Payment failed",
            PaymentEvent::Expired(_) => "Payment expired",
            PaymentEvent::RefundRequested(_) => "Payment refund requested",
            PaymentEvent::RefundDeclined(_) => "Payment refund declined",
            PaymentEvent::Refunded(_) => "Payment refunded",
        },
        DomainEvent::Card(_, event) => match event {
            CardEvent::Issued(_) => "Card issued",
            CardEvent::Activated(_) => "Card activated",
            CardEvent::Blocked(_) => "Card blocked",
            CardEvent::Replaced(_) => "Card replaced",
            CardEvent::Expired(_) => "Card expired",
        },
        DomainEvent::SignIn(_, event) => match event {
            SignInEvent::CodeIssued(_) => "Sign-in code issued",
            SignInEvent::Failed(_) => "Sign-in failed",
            SignInEvent::SignedIn(_) => "Signed in",
        },
        DomainEvent::Unit(_, event) => match event {
            UnitEvent::Defined(_) => "Unit defined",
            UnitEvent::Moved(_) => "Unit moved",
            UnitEvent::OwnerAppointed(_) => "Unit owner appointed",
            UnitEvent::StaffJoined(_) => "Unit staff joined",
            UnitEvent::StaffLeft(_) => "Unit staff left",
        },
    }
}

/// What an event says, apart from what is personal.
pub(super) fn attributes(event: &DomainEvent) -> Vec<Attribute<'_>> {
    match event {
        DomainEvent::Case(_, event) => of_case(event),
        DomainEvent::Clock(_, event) => of_clock(event),
        DomainEvent::Customer(_, event) => of_customer(event),
        DomainEvent::Card(_, CardEvent::Blocked(blocked)) => {
            let mut said = Attributes(Vec::new());
            said.text("reason", Some(blocked.reason.as_str()));
            said.0
        }
        DomainEvent::Policy(..)
        | DomainEvent::Calendar(..)
        | DomainEvent::Attachment(..)
        | DomainEvent::Access(..)
        | DomainEvent::Segmentation(..)
        | DomainEvent::Account(..)
        | DomainEvent::Redress(..)
        | DomainEvent::Fee(..)
        | DomainEvent::Payment(..)
        | DomainEvent::Card(..)
        | DomainEvent::SignIn(..)
        | DomainEvent::Unit(..) => Vec::new(),
    }
}

/// Collects attributes, leaving out what is absent.
struct Attributes<'a>(Vec<Attribute<'a>>);

impl<'a> Attributes<'a> {
    fn text(&mut self, name: &'static str, value: Option<&'a str>) {
        self.0.extend(value.map(|text| (name, Value::Text(text))));
    }

    fn owned(&mut self, name: &'static str, value: Option<impl ToString>) {
        self.0.extend(value.map(|value| (name, Value::Owned(value.to_string()))));
    }

    fn time(&mut self, name: &'static str, value: Option<Timestamp>) {
        self.0.extend(value.map(|moment| (name, Value::Time(moment))));
    }

    fn number(&mut self, name: &'static str, value: u32) {
        self.0.push((name, Value::Integer(i64::from(value))));
    }

    fn flag(&mut self, name: &'static str, value: bool) {
        self.0.push((name, Value::Flag(value)));
    }
}

fn of_case(event: &CaseEvent) -> Vec<Attribute<'_>> {
    let mut said = Attributes(Vec::new());
    match event {
        CaseEvent::Opened(opened) => {
            said.text("kind", Some(opened.kind.as_str()));
            said.text("channel", Some(opened.channel.as_str()));
            said.text("category", opened.category.as_ref().map(|category| category.as_str()));
            said.text("priority", Some(opened.priority.as_str()));
            said.text("severity", opened.severity.map(|severity| severity.as_str()));
            said.text("unit", opened.unit.as_ref().map(|unit| unit.as_str()));
            said.time("due_at", opened.due_at);
            said.owned("customer_id", opened.customer_id);
            said.text("external_reference", opened.external_reference.as_deref());
            said.owned("split_from", opened.split_from);
        }
        CaseEvent::Classified(classified) => {
            said.text("category", classified.category.as_ref().map(|category| category.as_str()));
            said.text("priority", classified.priority.map(|priority| priority.as_str()));
            said.text("severity", classified.severity.map(|severity| severity.as_str()));
        }
        CaseEvent::Referred(referred) => {
            said.text("unit", Some(referred.unit.as_str()));
            said.text("from_unit", referred.from_unit.as_ref().map(|unit| unit.as_str()));
            said.time("answer_due_at", referred.answer_due_at);
        }
        CaseEvent::Assigned(assigned) => said.text("assignee", Some(assigned.assignee.as_str())),
        CaseEvent::StageEntered(entered) => said.text("stage", Some(&entered.stage)),
        CaseEvent::InteractionRecorded(interaction) => {
            said.text("channel", Some(interaction.channel.as_str()));
            said.text("direction", Some(interaction.direction.as_str()));
            said.flag("automatic", interaction.automatic);
        }
        CaseEvent::Held(held) => said.text("hold_reason", Some(held.reason.as_str())),
        CaseEvent::Resumed(resumed) => said.flag("by_customer_message", resumed.by_customer_message),
        CaseEvent::DueDateSet(set) => said.time("due_at", Some(set.due_at)),
        CaseEvent::Resolved(resolved) => said.text("outcome", Some(resolved.outcome.as_str())),
        CaseEvent::Merged(merged) => said.owned("merged_into", Some(merged.into)),
        CaseEvent::AuthorTold(told) => said.text("became", Some(told.became.as_str())),
        CaseEvent::Acknowledged(acknowledged) => {
            said.text("channel", Some(acknowledged.channel.as_str()));
        }
        CaseEvent::Assessed(assessed) => {
            said.text("severity", Some(assessed.severity.as_str()));
            said.flag("safety", assessed.safety);
            said.text("complexity", Some(assessed.complexity.as_str()));
            said.text("impact", Some(assessed.impact.as_str()));
        }
        CaseEvent::Decided(decided) => {
            said.number("level", decided.level);
            said.text("outcome", Some(decided.outcome.as_str()));
            said.time("appeal_until", decided.appeal_until);
            said.text("appeal_to", decided.appeal_to.as_deref());
        }
        CaseEvent::Appealed(appealed) => said.number("level", appealed.level),
        CaseEvent::DecisionAccepted(accepted) => {
            said.text("channel", Some(accepted.channel.as_str()));
        }
        CaseEvent::RootCauseRecorded(recorded) => said.text("cause", Some(recorded.cause.as_str())),
        CaseEvent::CorrectiveActionLinked(linked) => {
            said.owned("corrective_action", Some(linked.case_id));
        }
        CaseEvent::ReferralReturned(returned) => {
            said.text("unit", returned.unit.as_ref().map(|unit| unit.as_str()));
            said.text("from_unit", Some(returned.from_unit.as_str()));
        }
        CaseEvent::ReferralEscalated(escalated) => {
            said.text("unit", Some(escalated.unit.as_str()));
            said.time("due_at", Some(escalated.due_at));
            said.text("escalated_to", Some(escalated.to.as_str()));
        }
        CaseEvent::FollowUpPromised(promised) => {
            said.number("number", promised.number);
            said.time("due_at", Some(promised.due_at));
        }
        CaseEvent::FollowUpKept(kept) => said.number("number", kept.number),
        CaseEvent::FollowUpMissed(missed) => {
            said.number("number", missed.number);
            said.time("due_at", Some(missed.due_at));
        }
        CaseEvent::FollowUpReminded(reminded) => {
            said.number("number", reminded.number);
            said.time("due_at", Some(reminded.due_at));
        }
        CaseEvent::SurveyAnswered(answered) => {
            said.number("score", u32::from(answered.score));
            said.text("channel", Some(answered.channel.as_str()));
        }
        // Who raised it is told by who acted.
        CaseEvent::RaisedByStaff(_)
        | CaseEvent::NoteAdded(_)
        | CaseEvent::Reopened(_)
        | CaseEvent::Closed(_)
        | CaseEvent::SurveyAsked(_)
        | CaseEvent::Unmerged(_)
        | CaseEvent::FindingRecorded(_)
        | CaseEvent::AlternativesOffered(_)
        | CaseEvent::ReferralAccepted(_)
        // Its name, resource, group and transition are the step's own.
        | CaseEvent::ActivityRecorded(_) => {}
    }
    said.0
}

fn of_clock(event: &SlaEvent) -> Vec<Attribute<'_>> {
    let mut said = Attributes(Vec::new());
    let ClockSubject { clock, metric, policy_id, policy_version, rule, .. } = event.subject();
    said.owned("clock", Some(clock));
    said.text("metric", Some(metric.as_str()));
    said.text("policy", Some(policy_id.as_str()));
    said.0.push(("policy_version", Value::Integer(i64::from(*policy_version))));
    said.text("rule", Some(rule));
    match event {
        SlaEvent::Warned(fact) => {
            said.text("threshold", Some(&fact.threshold));
            said.time("reached_at", Some(fact.reached_at));
            said.time("due_at", fact.due_at);
        }
        SlaEvent::WarningWithdrawn(fact) => {
            said.text("threshold", Some(&fact.threshold));
            said.time("due_at", fact.due_at);
        }
        SlaEvent::Breached(fact) => {
            said.time("due_at", Some(fact.due_at));
            said.time("started_at", Some(fact.started_at));
            said.time("stopped_at", fact.stopped_at);
            said.flag("silent", fact.silent);
        }
        SlaEvent::Met(fact) => {
            said.time("due_at", fact.due_at);
            said.time("started_at", Some(fact.started_at));
            said.time("stopped_at", Some(fact.stopped_at));
        }
        SlaEvent::CompletedLate(fact) => {
            said.time("due_at", Some(fact.due_at));
            said.time("started_at", Some(fact.started_at));
            said.time("stopped_at", Some(fact.stopped_at));
        }
        SlaEvent::Cancelled(fact) => {
            said.time("started_at", Some(fact.started_at));
            said.time("stopped_at", Some(fact.stopped_at));
            said.flag("merged", fact.merged);
        }
        SlaEvent::Restated(fact) => {
            said.text("from", Some(fact.from.as_str()));
            said.text("to", Some(fact.to.as_str()));
            said.time("due_at", fact.due_at);
            said.time("stopped_at", fact.stopped_at);
        }
        SlaEvent::Extended(_) | SlaEvent::Waived(_) => {}
    }
    said.0
}

fn of_customer(event: &CustomerEvent) -> Vec<Attribute<'_>> {
    let mut said = Attributes(Vec::new());
    match event {
        CustomerEvent::Registered(registered) => {
            said.text("kind", Some(registered.kind.as_str()));
            said.text("language", Some(registered.language.as_str()));
            said.text("tier", registered.tier.as_deref());
        }
        CustomerEvent::ContactPointAdded(added) => said.text("kind", Some(added.kind.as_str())),
        CustomerEvent::DetailsChanged(changed) => {
            said.text("language", changed.language.map(|language| language.as_str()));
            said.text("tier", changed.tier.as_deref());
        }
        CustomerEvent::ConsentGiven(given) => {
            said.text("purpose", Some(given.purpose.as_str()));
            said.text("channel", Some(given.channel.as_str()));
        }
        CustomerEvent::ConsentWithdrawn(withdrawn) => {
            said.text("purpose", Some(withdrawn.purpose.as_str()));
            said.text("channel", Some(withdrawn.channel.as_str()));
        }
        CustomerEvent::LegalHoldPlaced(hold) => said.text("matter", Some(&hold.matter)),
        CustomerEvent::ErasureOrdered(order) => said.text("ground", Some(order.ground.as_str())),
        CustomerEvent::Merged(merged) => said.owned("into", Some(merged.into)),
        CustomerEvent::RepresentativeAppointed(appointed) => {
            said.owned("representative", Some(appointed.representative_id));
            said.text("basis", Some(appointed.basis.as_str()));
            said.time("until", appointed.until);
        }
        CustomerEvent::RepresentativeDismissed(dismissed) => {
            said.owned("representative", Some(dismissed.representative_id));
        }
        CustomerEvent::TierChanged(changed) => said.text("tier", Some(&changed.to)),
        CustomerEvent::PreferencesChanged(changed) => {
            said.text("language", changed.language.map(|language| language.as_str()));
        }
        // What somebody is worth to us is not for a process that is mined.
        CustomerEvent::ValueAssessed(_)
        | CustomerEvent::LegalHoldReleased(_)
        | CustomerEvent::Erased(_)
        | CustomerEvent::Unmerged(_)
        | CustomerEvent::VerificationRequested(_)
        | CustomerEvent::VerificationFailed(_)
        | CustomerEvent::ContactPointVerified(_)
        | CustomerEvent::NotificationsRead(_) => {}
    }
    said.0
}
