//! What an event has changed: field by field, of the case, of its redress, fees and payments, of its customer and of each of its clocks.
//!
//! Only what follows from events is compared. What passes with time alone (a clock that is overdue now, a calendar version that has come
//! into force) is part of a state and no event's doing. Personal texts are never shown here: a difference says that there is a text.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use parvandeh_domain::attachment::AttachmentEvent;
use parvandeh_domain::case::CaseEvent;
use parvandeh_domain::id::CaseId;
use parvandeh_domain::log::DomainEvent;
use parvandeh_domain::redress::RedressValue;
use parvandeh_domain::sla::{Clock, ClockKey, ClockRecord, SlaEvent};
use parvandeh_projections::case_clocks::CustomerTraits;
use parvandeh_projections::case_summary::CaseRow;
use parvandeh_projections::fee::FeeRow;
use parvandeh_projections::payment::PaymentRow;
use parvandeh_projections::redress::RedressRow;

use super::money::CaseMoney;
use super::step::{ReplayClock, ReplayState};

/// A field that an event has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Whose field it is: `case`, `customer`, a clock's key such as `resolution-1`, or the stream of a redress, a fee or a payment.
    pub subject: String,
    /// The field, in snake_case.
    pub field: &'static str,
    /// Its value before; `None` where it had none.
    pub before: Option<String>,
    /// Its value since; `None` where it has none any more.
    pub after: Option<String>,
}

/// A field and its value as text.
type Field = (&'static str, Option<String>);

/// The subject of what is said of the case.
pub const CASE: &str = "case";
/// The subject of what is said of the customer.
pub const CUSTOMER: &str = "customer";
/// How the subjects begin of what is said of redress, of fees and of payments: as their streams do.
const REDRESS: &str = "redress";
const FEE: &str = "fee";
const PAYMENT: &str = "payment";

/// Whether a subject is a redress, a fee or a payment.
pub fn is_of_money(subject: &str) -> bool {
    let known = |(category, id): (&str, &str)| {
        matches!(category, REDRESS | FEE | PAYMENT) && id.parse::<uuid::Uuid>().is_ok()
    };
    subject.split_once('-').is_some_and(known)
}

/// What differs between two states, in the order of fields: the case, its money, the customer, the clocks by key.
pub(super) fn between(before: &ReplayState, after: &ReplayState) -> Vec<Difference> {
    let mut found = Vec::new();
    let case = |state: &ReplayState| {
        let Some(row) = &state.case else { return Vec::new() };
        let mut fields = case_fields(row);
        fields.push(("attachment_count", Some(state.attachment_count.to_string())));
        fields
    };
    compare(CASE, case(before), case(after), &mut found);
    if !Arc::ptr_eq(&before.money, &after.money) {
        let mut money_before = money_fields(&before.money, &after.money);
        let mut money_after = money_fields(&after.money, &before.money);
        let subjects: BTreeSet<_> =
            money_before.keys().chain(money_after.keys()).cloned().collect();
        for subject in subjects {
            let before = money_before.remove(&subject).unwrap_or_default();
            let after = money_after.remove(&subject).unwrap_or_default();
            compare(&subject, before, after, &mut found);
        }
    }
    let customer = |state: &ReplayState| customer_fields(&state.customer);
    compare(CUSTOMER, customer(before), customer(after), &mut found);
    let of = |state: &ReplayState, key: &ClockKey| {
        let clock = state.clocks.iter().find(|clock| clock.row.clock.key == *key);
        clock.map(clock_fields).unwrap_or_default()
    };
    let mut keys: Vec<_> = before.clocks.iter().chain(&after.clocks).collect();
    keys.sort_by_key(|clock| &clock.row.clock.key);
    keys.dedup_by_key(|clock| &clock.row.clock.key);
    for clock in keys {
        let key = &clock.row.clock.key;
        compare(&key.to_string(), of(before, key), of(after, key), &mut found);
    }
    found
}

/// Compares the fields of one subject; a subject that is not there has none.
fn compare(subject: &str, before: Vec<Field>, after: Vec<Field>, found: &mut Vec<Difference>) {
    let named = |fields: &[Field], name| {
        fields.iter().find(|(field, _)| *field == name).and_then(|(_, value)| value.clone())
    };
    let names = if after.is_empty() { &before } else { &after };
    for (field, _) in names {
        let (before, after) = (named(&before, *field), named(&after, *field));
        if before != after {
            found.push(Difference { subject: subject.to_owned(), field, before, after });
        }
    }
}

/// That an event says something in a person's own words: what it is, differences do not show.
pub(super) fn text(event: &DomainEvent) -> Option<Difference> {
    let says = match event {
        DomainEvent::Case(_, event) => match event {
            CaseEvent::Opened(_)
            | CaseEvent::Referred(_)
            | CaseEvent::InteractionRecorded(_)
            | CaseEvent::NoteAdded(_)
            | CaseEvent::Reopened(_)
            | CaseEvent::Merged(_)
            | CaseEvent::Unmerged(_)
            | CaseEvent::FindingRecorded(_)
            | CaseEvent::Decided(_)
            | CaseEvent::Appealed(_)
            | CaseEvent::AlternativesOffered(_)
            | CaseEvent::ReferralReturned(_)
            | CaseEvent::FollowUpPromised(_) => true,
            CaseEvent::Assessed(assessed) => assessed.immediate_action.is_some(),
            CaseEvent::RootCauseRecorded(recorded) => recorded.explanation.is_some(),
            CaseEvent::Held(held) => held.note.is_some(),
            CaseEvent::Resolved(resolved) => resolved.summary.is_some(),
            CaseEvent::SurveyAnswered(answered) => answered.comment.is_some(),
            CaseEvent::Classified(_)
            | CaseEvent::Assigned(_)
            | CaseEvent::StageEntered(_)
            | CaseEvent::Resumed(_)
            | CaseEvent::DueDateSet(_)
            | CaseEvent::Closed(_)
            | CaseEvent::ActivityRecorded(_)
            // What the author was told is the message that comes with it.
            | CaseEvent::RaisedByStaff(_) | CaseEvent::AuthorTold(_) | CaseEvent::Acknowledged(_) | CaseEvent::DecisionAccepted(_) | CaseEvent::CorrectiveActionLinked(_) | CaseEvent::ReferralAccepted(_) | CaseEvent::ReferralEscalated(_) | CaseEvent::FollowUpKept(_) | CaseEvent::FollowUpMissed(_)
            | CaseEvent::FollowUpReminded(_)
            | CaseEvent::SurveyAsked(_) => false,
        },
        DomainEvent::Clock(_, fact) => matches!(fact, SlaEvent::Extended(_) | SlaEvent::Waived(_)),
        // A file's name.
        DomainEvent::Attachment(_, AttachmentEvent::Added(_)) => true,
        DomainEvent::Customer(..)
        | DomainEvent::Policy(..)
        | DomainEvent::Segmentation(..)
        | DomainEvent::Calendar(..)
        | DomainEvent::Attachment(_, AttachmentEvent::PartStored(_))
        | DomainEvent::Access(..)
        | DomainEvent::Account(..)
        | DomainEvent::Redress(..)
        | DomainEvent::Fee(..)
        | DomainEvent::Payment(..)
        | DomainEvent::Card(..)
        | DomainEvent::SignIn(..)
        | DomainEvent::Unit(..) => false,
    };
    says.then(|| Difference {
        subject: CASE.to_owned(),
        field: "text",
        before: None,
        after: Some("recorded".to_owned()),
    })
}

fn time(moment: Option<Timestamp>) -> Option<String> {
    moment.map(|moment| moment.to_string())
}

fn case_fields(row: &CaseRow) -> Vec<Field> {
    // Every field is named, so that a new one does not compile until it is shown here or left out for a reason.
    let CaseRow {
        // These never change.
        id: _,
        reference: _,
        // These are a person's own words.
        opening: _,
        kind,
        customer_id,
        channel,
        category,
        priority,
        severity,
        status,
        hold_reason,
        unit,
        assignee,
        stage,
        outcome,
        external_reference,
        due_at,
        opened_at,
        updated_at,
        resolved_at,
        closed_at,
        interaction_count,
        revision,
        merged_into,
        split_from,
        status_before_merge,
        hold_before_merge,
    } = row;
    let case = |id: &Option<uuid::Uuid>| id.map(|id| CaseId(id).reference());
    vec![
        ("status", Some(status.to_string())),
        ("hold_reason", hold_reason.map(|reason| reason.to_string())),
        ("kind", Some(kind.to_string())),
        ("channel", Some(channel.to_string())),
        ("category", category.clone()),
        ("priority", Some(priority.to_string())),
        ("severity", severity.map(|severity| severity.to_string())),
        ("unit", unit.clone()),
        ("assignee", assignee.clone()),
        ("stage", stage.clone()),
        ("outcome", outcome.map(|outcome| outcome.to_string())),
        ("due_at", time(*due_at)),
        ("customer_id", customer_id.map(|id| id.to_string())),
        ("external_reference", external_reference.clone()),
        ("opened_at", time(Some(*opened_at))),
        ("resolved_at", time(*resolved_at)),
        ("closed_at", time(*closed_at)),
        ("interaction_count", Some(interaction_count.to_string())),
        ("merged_into", case(merged_into)),
        ("split_from", case(split_from)),
        ("status_before_merge", status_before_merge.map(|status| status.to_string())),
        ("hold_before_merge", hold_before_merge.map(|reason| reason.to_string())),
        ("updated_at", time(Some(*updated_at))),
        ("revision", Some(revision.to_string())),
    ]
}

/// The fields of each redress, fee and payment that is not the same in the other state, by the name of its stream.
fn money_fields(money: &CaseMoney, other: &CaseMoney) -> BTreeMap<String, Vec<Field>> {
    let CaseMoney { redress, fees, payments } = money;
    let redress = changed(redress, &other.redress)
        .map(|row| (format!("{REDRESS}-{}", row.id), redress_fields(row)));
    let fees = changed(fees, &other.fees).map(|row| (format!("{FEE}-{}", row.id), fee_fields(row)));
    let payments = changed(payments, &other.payments)
        .map(|row| (format!("{PAYMENT}-{}", row.id), payment_fields(row)));
    redress.chain(fees).chain(payments).collect()
}

/// The rows that are not the same in another state. Rows are only added at the end, so a row has the same place in both.
fn changed<'a, T: PartialEq>(rows: &'a [T], others: &'a [T]) -> impl Iterator<Item = &'a T> {
    let is_same = |(place, row): &(usize, &T)| others.get(*place) == Some(*row);
    rows.iter().enumerate().filter(move |row| !is_same(row)).map(|(_, row)| row)
}

fn redress_fields(row: &RedressRow) -> Vec<Field> {
    let RedressRow {
        id: _,
        // These are the case's.
        case_id: _,
        customer_id: _,
        value,
        ground,
        status,
        // The step that proposes it tells when.
        proposed_at: _,
        updated_at,
        revision,
    } = row;
    let (money, points) = match value {
        RedressValue::Money(money) => (Some(money.to_string()), None),
        RedressValue::Points(points) => (None, Some(points.to_string())),
    };
    vec![
        ("status", Some(status.to_string())),
        ("money", money),
        ("points", points),
        ("ground", Some(ground.to_string())),
        ("updated_at", time(Some(*updated_at))),
        ("revision", Some(revision.to_string())),
    ]
}

fn fee_fields(row: &FeeRow) -> Vec<Field> {
    let FeeRow {
        id: _,
        // These are the case's.
        case_id: _,
        customer_id: _,
        money,
        tariff,
        status,
        // The step that assesses it tells when.
        assessed_at: _,
        updated_at,
        revision,
        // The account tells these.
        taken: _,
        returned: _,
    } = row;
    vec![
        ("status", Some(status.to_string())),
        ("money", Some(money.to_string())),
        ("tariff", Some(tariff.clone())),
        ("updated_at", time(Some(*updated_at))),
        ("revision", Some(revision.to_string())),
    ]
}

fn payment_fields(row: &PaymentRow) -> Vec<Field> {
    let PaymentRow {
        id: _,
        position: _,
        // This is the case's.
        customer_id: _,
        money,
        fee_id,
        provider,
        status,
        failure,
        provider_reference,
        // The step that requests it tells when.
        requested_at: _,
        expires_at,
        confirmed_at,
        refund_requested_at,
        refunded_at,
        revision,
        // The account tells these.
        posted: _,
        returned: _,
    } = row;
    vec![
        ("status", Some(status.to_string())),
        ("money", Some(money.to_string())),
        ("fee", fee_id.map(|id| id.to_string())),
        ("provider", Some(provider.clone())),
        ("failure", failure.map(|failure| failure.to_string())),
        ("provider_reference", provider_reference.as_ref().map(ToString::to_string)),
        ("expires_at", time(Some(*expires_at))),
        ("confirmed_at", time(*confirmed_at)),
        ("refund_requested_at", time(*refund_requested_at)),
        ("refunded_at", time(*refunded_at)),
        ("revision", Some(revision.to_string())),
    ]
}

fn customer_fields(traits: &CustomerTraits) -> Vec<Field> {
    let CustomerTraits { tier, kind } = traits;
    vec![("tier", tier.clone()), ("kind", kind.map(|kind| kind.to_string()))]
}

fn clock_fields(clock: &ReplayClock) -> Vec<Field> {
    let ReplayClock { row, record, .. } = clock;
    let Clock {
        key: _,
        metric,
        policy_id,
        policy_version,
        rule,
        calendar_id,
        time_zone,
        measure,
        goal,
        target,
        extensions,
        // How many more its policy allows, and what its facts carry, are the policy's own words.
        extensions_allowed: _,
        actions: _,
        started_at,
        attached_at,
        due_at,
        warnings,
        state,
        stopped_at,
        waived,
        elapsed,
        paused,
        wall_clock,
        intervals,
    } = &row.clock;
    let ClockRecord {
        verdict,
        breach_due_at: _,
        completed_late,
        warned,
        // The clock itself tells these.
        extensions: _,
        waived: _,
    } = record;
    let planned = warnings.iter().map(|warning| {
        let at = warning.at.map_or("not known".to_owned(), |at| at.to_string());
        format!("{} at {at}", warning.threshold)
    });
    let list = |parts: Vec<String>| (!parts.is_empty()).then(|| parts.join(", "));
    vec![
        ("state", Some(state.to_string())),
        ("due_at", time(*due_at)),
        ("started_at", time(Some(*started_at))),
        ("stopped_at", time(*stopped_at)),
        ("policy_id", Some(policy_id.to_string())),
        ("policy_version", Some(policy_version.to_string())),
        ("rule", Some(rule.clone())),
        ("metric", Some(metric.to_string())),
        ("goal", goal.as_ref().map(ToString::to_string)),
        ("target", target.map(|target| target.to_string())),
        ("calendar_id", calendar_id.as_ref().map(ToString::to_string)),
        ("time_zone", time_zone.clone()),
        ("measure", Some(measure.to_string())),
        ("attached_at", time(Some(*attached_at))),
        ("warnings", list(planned.collect())),
        ("extensions", Some(extensions.to_string())),
        ("waived", Some(waived.to_string())),
        ("elapsed", Some(elapsed.to_string())),
        ("paused", Some(paused.to_string())),
        ("wall_clock", Some(wall_clock.to_string())),
        ("intervals", Some(intervals.len().to_string())),
        ("verdict_on_record", verdict.map(|verdict| verdict.to_string())),
        ("breach_on_record", Some(row.breach_recorded.to_string())),
        ("completed_late_on_record", Some(completed_late.to_string())),
        ("warnings_on_record", list(warned.keys().cloned().collect())),
    ]
}
