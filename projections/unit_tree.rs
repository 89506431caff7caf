//! The tree of units, as it is and as it was known at any moment.
//!
//! Units are few and change seldom, so their events are kept as they are, and a question folds them.
//!
//! Two administrators who put two units under each other at the same moment write to two streams, and neither can know of the other. The
//! order of the log decides, which is one for everybody: a placement that would make a ring where it stands in the log is void, and the
//! unit stays where it was. So there is never a ring, on any replica and after any rebuild.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use parvandeh_domain::decider::Recorded;
use parvandeh_domain::event::StoredEvent;
use parvandeh_domain::id::{CommandId, StaffId, UnitId};
use parvandeh_domain::log::DomainEvent;
use parvandeh_domain::unit::{self, UnitEvent, UnitState};
use rusqlite::Connection;

use crate::ReadModel;
use crate::column;

/// How many units above one are looked at: further than any organisation is deep.
const DEPTH_MAX: usize = 32;

/// The tree as it was known at some moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitTree {
    /// Every unit that is defined, by its code.
    pub units: BTreeMap<UnitId, UnitState>,
    /// When the first of them was defined; `None` while there are none.
    pub since: Option<Timestamp>,
    /// The units whose last placement is void.
    pub void: BTreeSet<UnitId>,
    /// The commands whose placement was void, whatever came after it: who sends one of them again is told the same again.
    pub void_commands: BTreeSet<CommandId>,
}

impl UnitTree {
    /// The tree after one more event of a unit, which this command caused.
    fn take_in(&mut self, id: UnitId, event: &UnitEvent, command: CommandId) {
        let unit = self.units.entry(id.clone()).or_default();
        let before = unit.parent.clone();
        unit.evolve(event);
        if !matches!(event, UnitEvent::Defined(_) | UnitEvent::Moved(_)) {
            return;
        }
        let parent = unit.parent.clone();
        if parent.is_some_and(|parent| self.is_part_of(&parent, &id)) {
            self.units.entry(id.clone()).or_default().parent = before;
            self.void.insert(id);
            self.void_commands.insert(command);
        } else {
            self.void.remove(&id);
        }
    }

    /// Whether a unit is another, or a part of it at any depth.
    pub fn is_part_of(&self, id: &UnitId, whole: &UnitId) -> bool {
        let above = |id: &&UnitId| self.units.get(*id)?.parent.as_ref();
        // Each unit at most once, whatever a caller has put together.
        let mut path = std::iter::successors(Some(id), above).take(self.units.len() + 1);
        path.any(|above| above == whole)
    }

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
    command_id: CommandId,
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
            position INTEGER PRIMARY KEY, recorded_at INTEGER NOT NULL, command_id BLOB NOT NULL,
            stream TEXT NOT NULL, name TEXT NOT NULL, event TEXT NOT NULL
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
                command_id: event.meta.causation_id,
                stream: unit::stream_name(id),
                name: unit_event.event_type().name,
                event: unit_event.to_json(),
            });
        }
        Ok(())
    }

    fn flush(&mut self, db: &Connection) -> rusqlite::Result<()> {
        let mut insert = db.prepare_cached(
            "INSERT OR REPLACE INTO unit_event \
             (position, recorded_at, command_id, stream, name, event) VALUES (?, ?, ?, ?, ?, ?)",
        )?;
        for row in self.rows.drain(..) {
            insert.execute((
                column::integer(row.position),
                column::microseconds(row.recorded_at),
                row.command_id.0,
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
        "SELECT stream, name, event, recorded_at, command_id FROM unit_event \
         WHERE recorded_at <= ? ORDER BY position",
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
            tree.take_in(id, &event, CommandId(row.get(4)?));
            tree.since = tree.since.or(Some(column::time(row, 3)?));
        }
    }
    Ok(tree)
}

#[cfg(test)]
mod tests {
    use parvandeh_domain::unit::{UnitDefined, UnitMoved};

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
        UnitTree { units: units.collect(), ..UnitTree::default() }
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
    fn of_two_units_that_are_put_under_each_other_the_second_stays_where_it_was() {
        let defined = |parent: Option<&str>| {
            let (name, parent) = ("x".to_owned(), parent.map(id));
            UnitEvent::from(UnitDefined { name, parent, owner: None })
        };
        let moved = |parent: Option<&str>| UnitEvent::from(UnitMoved { parent: parent.map(id) });
        let mut tree = UnitTree::default();
        let command = |number| CommandId(uuid::Uuid::from_u128(number));
        for (number, (code, event)) in (1..).zip([
            ("top", defined(None)),
            ("a", defined(Some("top"))),
            ("b", defined(Some("top"))),
            ("a", moved(Some("b"))),
            ("b", moved(Some("a"))),
        ]) {
            tree.take_in(id(code), &event, command(number));
        }
        let parent = |tree: &UnitTree, code: &str| tree.units[&id(code)].parent.clone();
        assert_eq!((parent(&tree, "a"), parent(&tree, "b")), (Some(id("b")), Some(id("top"))));
        assert_eq!(tree.void, BTreeSet::from([id("b")]));
        assert_eq!(tree.void_commands, BTreeSet::from([command(5)]));
        // Defined anew under it, it takes the name and stays as well; moved elsewhere, nothing is void.
        tree.take_in(id("b"), &defined(Some("a")), command(6));
        assert_eq!((parent(&tree, "b"), tree.void.len()), (Some(id("top")), 1));
        tree.take_in(id("b"), &moved(None), command(7));
        assert_eq!((parent(&tree, "b"), tree.void.len()), (None, 0));
        // What was void then is void for ever.
        assert_eq!(tree.void_commands, BTreeSet::from([command(5), command(6)]));
    }

    #[test]
    fn a_ring_of_units_has_an_end() {
        let tree = tree(&[("a", Some("b"), None), ("b", Some("a"), None)]);
        assert_eq!(tree.owner(&id("a")), None);
    }
}
