//! The tree of units, as it is and as it was known at any moment.
//!
//! Units are few and change seldom, so their events are kept as they are, and a question folds them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use parvandeh_domain::decider::Recorded;
use parvandeh_domain::event::StoredEvent;
use parvandeh_domain::id::{StaffId, UnitId};
use parvandeh_domain::log::DomainEvent;
use parvandeh_domain::unit::{self, UnitEvent, UnitState};
use rusqlite::Connection;

use crate::ReadModel;
use crate::column;

/// How many units above one are looked at: further than any organisation is deep, so that a ring of units has an end.
const DEPTH_MAX: usize = 32;

/// The tree as it was known at some moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitTree {
    /// Every unit that is defined, by its code.
    pub units: BTreeMap<UnitId, UnitState>,
    /// When the first of them was defined; `None` while there are none.
    pub since: Option<Timestamp>,
}

impl UnitTree {
    /// A unit and those above it, from below. A code that nobody has defined stands alone.
    pub fn path<'a>(&'a self, id: &'a UnitId) -> impl Iterator<Item = &'a UnitId> {
        let above = |id: &&'a UnitId| self.units.get(*id)?.parent.as_ref();
        std::iter::successors(Some(id), above).take(DEPTH_MAX)
    }

    /// Who answers for a unit: its own owner, or that of the nearest unit above it which has one; with that unit.
    pub fn owner<'a>(&'a self, id: &'a UnitId) -> Option<(&'a UnitId, &'a StaffId)> {
        self.path(id).find_map(|id| Some((id, self.units.get(id)?.owner.as_ref()?)))
    }
}

struct UnitRow {
    position: u64,
    recorded_at: Timestamp,
    stream: String,
    name: &'static str,
    event: Vec<u8>,
}

/// The read model.
#[derive(Default)]
pub struct Units {
    rows: Vec<UnitRow>,
}

impl ReadModel for Units {
    fn tables(&self) -> &'static str {
        "CREATE TABLE unit_event (
            position INTEGER PRIMARY KEY, recorded_at INTEGER NOT NULL, stream TEXT NOT NULL,
            name TEXT NOT NULL, event TEXT NOT NULL
        )"
    }

    fn indexes(&self) -> &'static str {
        ""
    }

    fn apply(&mut self, _: &Connection, event: &Recorded<DomainEvent>) -> rusqlite::Result<()> {
        if let DomainEvent::Unit(id, unit_event) = &event.event {
            self.rows.push(UnitRow {
                position: event.position,
                recorded_at: event.meta.recorded_at,
                stream: unit::stream_name(id),
                name: unit_event.event_type().name,
                event: unit_event.to_json(),
            });
        }
        Ok(())
    }

    fn flush(&mut self, db: &Connection) -> rusqlite::Result<()> {
        let mut insert = db.prepare_cached(
            "INSERT OR REPLACE INTO unit_event (position, recorded_at, stream, name, event) \
             VALUES (?, ?, ?, ?, ?)",
        )?;
        for row in self.rows.drain(..) {
            insert.execute((
                column::integer(row.position),
                column::microseconds(row.recorded_at),
                row.stream,
                row.name,
                String::from_utf8_lossy(&row.event),
            ))?;
        }
        Ok(())
    }
}

/// The tree as it was known at a moment. How the organisation is built is the same for everybody who may read it at all, so there is no
/// scope.
pub fn tree(db: &Connection, moment: Timestamp) -> rusqlite::Result<UnitTree> {
    let mut statement = db.prepare_cached(
        "SELECT stream, name, event, recorded_at FROM unit_event WHERE recorded_at <= ? ORDER BY position",
    )?;
    let mut rows = statement.query([column::microseconds(moment)])?;
    let mut tree = UnitTree::default();
    while let Some(row) = rows.next()? {
        let stream = row.get_ref(0)?.as_str()?;
        let Some(id) = stream.strip_prefix("unit-").and_then(unit::of_stream) else { continue };
        let name = row.get_ref(1)?.as_str()?;
        let latest = UnitEvent::TYPES.iter().find(|known| known.name == name);
        let Some(latest) = latest else { continue };
        let event = UnitEvent::from_json(name, latest.version, row.get_ref(2)?.as_bytes()?);
        if let Ok(event) = event {
            tree.units.entry(id).or_default().evolve(&event);
            tree.since = tree.since.or(Some(column::time(row, 3)?));
        }
    }
    Ok(tree)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(code: &str) -> UnitId {
        UnitId::new(code).unwrap()
    }

    fn tree(units: &[(&str, Option<&str>, Option<&str>)]) -> UnitTree {
        let state = |(parent, owner): (Option<&str>, Option<&str>)| UnitState {
            name: Some("x".to_owned()),
            parent: parent.map(id),
            owner: owner.map(|owner| StaffId::new(owner).unwrap()),
            ..UnitState::default()
        };
        let units = units.iter().map(|(code, parent, owner)| (id(code), state((*parent, *owner))));
        UnitTree { units: units.collect(), since: None }
    }

    #[test]
    fn the_nearest_owner_above_answers_for_a_unit_without_one() {
        let tree = tree(&[
            ("top", None, Some("director")),
            ("care", Some("top"), Some("maryam")),
            ("desk", Some("care"), None),
        ]);
        let owner = |code: &str| {
            let of = id(code);
            tree.owner(&of).map(|(unit, owner)| (unit.to_string(), owner.to_string()))
        };
        assert_eq!(owner("desk"), Some(("care".to_owned(), "maryam".to_owned())));
        assert_eq!(owner("top"), Some(("top".to_owned(), "director".to_owned())));
        assert_eq!(owner("nobody has defined it"), None);
    }

    #[test]
    fn a_ring_of_units_has_an_end() {
        let tree = tree(&[("a", Some("b"), None), ("b", Some("a"), None)]);
        assert_eq!(tree.owner(&id("a")), None);
    }
}
