//! OCEL 2.0 as JSON, the format of event logs that tell of several sorts of objects.
//!
//! Its events are the activities of cases, the facts about their clocks, and what happened to their customers. Its objects are cases,
//! customers, agents (whoever acted), units, clocks, versions of policies, and messages. Attributes that change carry the time of each
//! change; those that never do carry the epoch.
//!
//! The events are written as they are read. What comes after them, the objects and the types that occurred, waits in a temporary file
//! without a name, so that memory does not grow with the log.

mod objects;
mod parts;

use std::io::Write;

use parvandeh_domain::case::CaseEvent;
use parvandeh_domain::decider::Recorded;
use parvandeh_domain::id::CaseId;
use parvandeh_domain::log::DomainEvent;

use self::objects::{Objects, case, clock, customer, message};
use self::parts::{Event, Relationship};
use super::history::History;
use super::index::CaseIndex;
use super::personal;
use super::step::{self, Step, Value};
use super::{ExportError, Header, Source, Summary};

pub(super) fn write(
    header: &Header<'_>,
    index: &CaseIndex,
    source: &mut Source<'_>,
    out: &mut dyn Write,
    summary: &mut Summary,
) -> Result<(), ExportError> {
    let mut writer =
        Writer { header, index, objects: Objects::new()?, chunk: Vec::new(), events: 0 };
    out.write_all(b"{\"events\":[")?;
    while let Some(histories) = source.next()? {
        for history in &histories {
            summary.unknown += history.unknown;
            summary.cases += 1;
            writer.history(history)?;
        }
        writer.hand_on(out)?;
    }
    writer.customers(source, out)?;
    summary.events = writer.events;
    let objects = &writer.objects;
    out.write_all(b"\n],\"objects\":[")?;
    objects.write_all(out)?;
    out.write_all(b"\n],\"eventTypes\":[")?;
    objects.write_event_types(out)?;
    out.write_all(b"\n],\"objectTypes\":[")?;
    objects::write_object_types(header, out)?;
    out.write_all(b"\n]}\n")?;
    Ok(())
}

/// Customers looked up at once.
const CUSTOMERS_MAX: usize = 512;

struct Writer<'a> {
    header: &'a Header<'a>,
    index: &'a CaseIndex,
    objects: Objects,
    chunk: Vec<u8>,
    events: u64,
}

impl Writer<'_> {
    fn hand_on(&mut self, out: &mut dyn Write) -> Result<(), ExportError> {
        out.write_all(&self.chunk)?;
        self.chunk.clear();
        Ok(())
    }

    fn history(&mut self, history: &History) -> Result<(), ExportError> {
        self.objects.add_case(self.header, self.index, history)?;
        for told in &history.events {
            let step = Step::of(history, told);
            if step.is_added(history) {
                continue;
            }
            let relationships = self.relationships(history, &step)?;
            self.event(&step, relationships)?;
        }
        Ok(())
    }

    /// What a step has to do with, and how.
    fn relationships(
        &mut self,
        history: &History,
        step: &Step<'_>,
    ) -> Result<Vec<Relationship>, ExportError> {
        let mut related = vec![Relationship::new(case(history.id), "case")];
        let mut relate = |id: String, qualifier| related.push(Relationship::new(id, qualifier));
        match (step.resource, step.role) {
            // A customer is an object of its own and no agent.
            (_, Some("customer")) | (None, _) => {}
            (Some(name), _) => relate(self.objects.agent(name, step.role)?, "agent"),
        }
        if let Some(group) = step.group {
            relate(self.objects.unit(group)?, "unit");
        }
        let of_customer = history.state.customer_id.map(customer);
        match &step.recorded.event {
            DomainEvent::Case(_, event) => match event {
                CaseEvent::Opened(_) => {
                    if let Some(customer) = of_customer {
                        relate(customer, "opened for");
                    }
                }
                CaseEvent::InteractionRecorded(interaction) => {
                    relate(message(step.recorded.id), interaction.direction.as_str());
                    if let Some(customer) = of_customer {
                        relate(customer, "correspondent");
                    }
                }
                CaseEvent::Referred(referred) => {
                    relate(self.objects.unit(referred.unit.as_str())?, "referred to");
                }
                CaseEvent::ReferralReturned(returned) => {
                    if let Some(unit) = &returned.unit {
                        relate(self.objects.unit(unit.as_str())?, "returned to");
                    }
                }
                CaseEvent::CorrectiveActionLinked(linked) if self.is_told(linked.case_id)? => {
                    relate(case(linked.case_id), "corrected by");
                }
                CaseEvent::Assigned(assigned) => {
                    let assignee = self.objects.agent(assigned.assignee.as_str(), Some("staff"))?;
                    relate(assignee, "assigned to");
                }
                CaseEvent::Merged(merged) if self.is_told(merged.into)? => {
                    relate(case(merged.into), "merged into");
                }
                _ => {}
            },
            DomainEvent::Clock(_, fact) => {
                let subject = fact.subject();
                relate(clock(history.id, &subject.clock), "clock");
                let version = (subject.policy_id.as_str(), subject.policy_version);
                relate(self.objects.policy(version)?, "policy version");
            }
            DomainEvent::Customer(..)
            | DomainEvent::Policy(..)
            | DomainEvent::Segmentation(..)
            | DomainEvent::Calendar(..)
            | DomainEvent::Attachment(..)
            | DomainEvent::Access(..)
            | DomainEvent::Account(..)
            | DomainEvent::Redress(..)
            | DomainEvent::Fee(..)
            | DomainEvent::Payment(..)
            | DomainEvent::Card(..)
            | DomainEvent::SignIn(..)
            | DomainEvent::Unit(..) => {}
        }
        Ok(related)
    }

    fn is_told(&self, id: CaseId) -> Result<bool, ExportError> {
        Ok(self.index.holds(self.header.selection, id)?)
    }

    /// The customers of the cases, and what happened to them.
    fn customers(&mut self, source: &Source<'_>, out: &mut dyn Write) -> Result<(), ExportError> {
        let mut after = None;
        loop {
            let page = self.objects.customers(after, CUSTOMERS_MAX)?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(*last);
            for id in page {
                let Some(number) = self.index.customer(id)? else { continue };
                let events = source.histories.owner(number)?;
                self.objects.add_customer(self.header, id, &events)?;
                for event in &events {
                    self.customer_event(event)?;
                }
            }
            self.hand_on(out)?;
        }
    }

    fn customer_event(&mut self, event: &Recorded<DomainEvent>) -> Result<(), ExportError> {
        let DomainEvent::Customer(id, _) = &event.event else { return Ok(()) };
        if !self.header.selection.tells_of(event.meta.occurred_at) {
            return Ok(());
        }
        let step = Step::plain(event);
        let mut related = vec![Relationship::new(customer(*id), "customer")];
        if step.role != Some("customer")
            && let Some(name) = step.resource
        {
            related.push(Relationship::new(self.objects.agent(name, step.role)?, "agent"));
        }
        self.event(&step, related)
    }

    fn event(
        &mut self,
        step: &Step<'_>,
        relationships: Vec<Relationship>,
    ) -> Result<(), ExportError> {
        let recorded = step.recorded;
        let mut attributes = vec![
            ("type", Value::Text(recorded.event.event_type().name)),
            ("recorded_at", Value::Time(recorded.meta.recorded_at)),
        ];
        attributes.extend(step.role.map(|role| ("role", Value::Text(role))));
        attributes.extend(step.transition.map(|step| ("transition", Value::Text(step))));
        attributes.extend(step::attributes(&recorded.event));
        attributes.extend(personal::told(self.header.personal, recorded)?);
        self.objects.event_type(step.name, &attributes)?;
        let event = Event::new(recorded, step.name, &attributes, relationships);
        parts::line(&mut self.chunk, self.events == 0, &event)?;
        self.events += 1;
        Ok(())
    }
}
