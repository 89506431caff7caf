//! A trace while it is being read: what both readers share of limits and of refusing a record
//! without ending the source.

use super::imported_case::ImportProblem;
use super::record::{
    self, AttributeValue, Attributes, Limits, Place, SourceEvent, SourceTrace, check_text,
};

pub(super) struct TraceBuilder {
    key: Option<String>,
    place: Place,
    attributes: Attributes,
    events: Vec<SourceEvent>,
    size_bytes: usize,
    limits: Limits,
    /// The first thing found wrong. From then on nothing is kept but the key, for the message.
    flaw: Option<(Place, String)>,
}

impl TraceBuilder {
    pub(super) fn new(place: Place, limits: Limits) -> Self {
        Self {
            key: None,
            place,
            attributes: Attributes::default(),
            events: Vec::new(),
            size_bytes: 0,
            limits,
            flaw: None,
        }
    }

    pub(super) fn place(&self) -> Place {
        self.place
    }

    pub(super) fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    pub(super) fn set_key(&mut self, key: &str) {
        self.key = Some(key.to_owned());
    }

    pub(super) fn is_refused(&self) -> bool {
        self.flaw.is_some()
    }

    /// Marks the whole trace as refused. The first reason stays.
    pub(super) fn refuse(&mut self, place: Place, message: String) {
        self.flaw.get_or_insert((place, message));
        self.attributes = Attributes::default();
        self.events = Vec::new();
    }

    /// Adds one attribute to the case, or to the event begun last if `to_event`.
    pub(super) fn add(
        &mut self,
        place: Place,
        to_event: bool,
        name: String,
        value: AttributeValue,
    ) {
        self.count_bytes(place, record::size_bytes(&name, &value));
        if self.is_refused() {
            return;
        }
        let target = match self.events.last_mut() {
            Some(event) if to_event => &mut event.attributes,
            _ => &mut self.attributes,
        };
        if let Err(message) = add_checked(target, name, value, &self.limits) {
            self.refuse(place, message);
        }
    }

    /// Begins an event with `attributes`, to which more may be added.
    pub(super) fn begin_event(&mut self, event: SourceEvent) {
        let place = event.place;
        self.count_bytes(place, event.attributes.size_bytes());
        if self.is_refused() {
            return;
        }
        if self.events.len() == self.limits.trace_events_max {
            let message = format!(
                "the case has more than {} events, the most that one case may bring",
                self.limits.trace_events_max
            );
            return self.refuse(place, message);
        }
        self.events.push(event);
    }

    /// Replaces what is known of the case by what a later record of the case says.
    pub(super) fn overwrite_attributes(&mut self, place: Place, newer: Attributes) {
        self.count_bytes(place, newer.size_bytes());
        if !self.is_refused() {
            self.attributes.overwrite(newer);
        }
    }

    /// Adds to the case what only its events say.
    pub(super) fn fill_in_attributes(&mut self, other: &Attributes) {
        if !self.is_refused() {
            self.attributes.fill_in(other);
        }
    }

    pub(super) fn finish(self) -> Result<SourceTrace, ImportProblem> {
        match (self.flaw, self.key) {
            (None, Some(key)) => Ok(SourceTrace {
                key,
                place: self.place,
                attributes: self.attributes,
                events: self.events,
            }),
            (Some((place, message)), record) => {
                Err(ImportProblem::of_record(place, record, message))
            }
            (None, None) => Err(ImportProblem::of_record(
                self.place,
                None,
                "the record has no case key (the attribute that `case.key` names)".to_owned(),
            )),
        }
    }

    fn count_bytes(&mut self, place: Place, bytes: usize) {
        self.size_bytes = self.size_bytes.saturating_add(bytes);
        if !self.is_refused() && self.size_bytes > self.limits.trace_bytes_max {
            let message = format!(
                "the case has more than {} bytes of attributes, the most that one case may bring",
                self.limits.trace_bytes_max
            );
            self.refuse(place, message);
        }
    }
}

/// Adds an attribute, or says why it cannot be one.
pub(super) fn add_checked(
    attributes: &mut Attributes,
    name: String,
    value: AttributeValue,
    limits: &Limits,
) -> Result<(), String> {
    let shown = super::timestamp::shortened(&name).escape_debug().to_string();
    check_text(&name, limits).map_err(|why| format!("the attribute name `{shown}`: {why}"))?;
    if let AttributeValue::String(text) = &value {
        check_text(text, limits).map_err(|why| format!("the attribute `{shown}`: {why}"))?;
    }
    if attributes.insert(name, value) {
        Ok(())
    } else {
        Err(format!("the attribute `{shown}` is given twice, with different values"))
    }
}
