//! What a decision needs to know of a unit.

use std::collections::BTreeSet;

use super::UnitEvent;
use crate::id::{StaffId, UnitId};

/// How many people a unit names as its staff.
pub const STAFF_MAX: usize = 1_000;

/// A unit as it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitState {
    /// What people call it; `None` before it is defined.
    pub name: Option<String>,
    /// The unit that it is a part of.
    pub parent: Option<UnitId>,
    /// Who answers for it.
    pub owner: Option<StaffId>,
    /// Who works in it.
    pub staff: BTreeSet<StaffId>,
}

impl UnitState {
    /// Takes in the next event.
    pub fn evolve(&mut self, event: &UnitEvent) {
        match event {
            UnitEvent::Defined(defined) => {
                self.name = Some(defined.name.clone());
                self.parent = defined.parent.clone();
                self.owner = defined.owner.clone();
            }
            UnitEvent::Moved(moved) => self.parent = moved.parent.clone(),
            UnitEvent::OwnerAppointed(appointed) => self.owner = Some(appointed.owner.clone()),
            UnitEvent::StaffJoined(joined) => drop(self.staff.insert(joined.staff.clone())),
            UnitEvent::StaffLeft(left) => drop(self.staff.remove(&left.staff)),
        }
    }
}
