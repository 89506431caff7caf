//! What follows from a command on a unit.

use super::{
    DefineUnit, MoveUnit, ParentIs, STAFF_MAX, UnitCommand, UnitDefined, UnitEvent, UnitMoved,
    UnitOwnerAppointed, UnitRefusal, UnitStaffJoined, UnitStaffLeft, UnitState,
};
use crate::decider::{Context, Decider, Metadata};
use crate::text;

/// The aggregate of one unit.
#[derive(Clone, Copy, Debug)]
pub struct Unit;

impl Decider for Unit {
    type Command = UnitCommand;
    type Event = UnitEvent;
    type State = UnitState;
    type Refusal = UnitRefusal;

    const CATEGORY: &'static str = "unit";

    fn name(command: &UnitCommand) -> &'static str {
        match command {
            UnitCommand::Define(_) => "define",
            UnitCommand::Move(_) => "move",
            UnitCommand::AppointOwner { .. } => "appoint_owner",
            UnitCommand::AddStaff { .. } => "add_staff",
            UnitCommand::RemoveStaff { .. } => "remove_staff",
        }
    }

    fn decide(
        state: &UnitState,
        command: UnitCommand,
        _: &Context,
    ) -> Result<Vec<UnitEvent>, UnitRefusal> {
        let command = match command {
            UnitCommand::Define(define) => return defined(state, define),
            other => other,
        };
        if state.name.is_none() {
            return Err(UnitRefusal::NotFound { field: "unit" });
        }
        Ok(match command {
            UnitCommand::Define(_) => vec![],
            UnitCommand::Move(MoveUnit { parent, parent_is }) => {
                fits(parent_is)?;
                if state.parent == parent { vec![] } else { vec![UnitMoved { parent }.into()] }
            }
            UnitCommand::AppointOwner { owner } => {
                if state.owner.as_ref() == Some(&owner) {
                    return Ok(vec![]);
                }
                vec![UnitOwnerAppointed { owner }.into()]
            }
            UnitCommand::AddStaff { staff } => {
                if state.staff.contains(&staff) {
                    return Ok(vec![]);
                }
                if state.staff.len() >= STAFF_MAX {
                    return Err(UnitRefusal::TooManyStaff);
                }
                vec![UnitStaffJoined { staff }.into()]
            }
            UnitCommand::RemoveStaff { staff } => {
                if !state.staff.contains(&staff) {
                    return Ok(vec![]);
                }
                vec![UnitStaffLeft { staff }.into()]
            }
        })
    }

    fn evolve(mut state: UnitState, event: &UnitEvent, _: &Metadata) -> UnitState {
        state.evolve(event);
        state
    }
}

fn fits(parent_is: ParentIs) -> Result<(), UnitRefusal> {
    match parent_is {
        ParentIs::Fine => Ok(()),
        ParentIs::Unknown => Err(UnitRefusal::NotFound { field: "parent" }),
        ParentIs::Below => Err(UnitRefusal::UnderItself),
    }
}

fn defined(state: &UnitState, define: DefineUnit) -> Result<Vec<UnitEvent>, UnitRefusal> {
    text::check_line(&define.name).map_err(UnitRefusal::Name)?;
    fits(define.parent_is)?;
    let event = UnitDefined {
        name: define.name,
        parent: define.parent.or_else(|| state.parent.clone()),
        owner: define.owner.or_else(|| state.owner.clone()),
    };
    let known = state.name.as_ref() == Some(&event.name)
        && (&state.parent, &state.owner) == (&event.parent, &event.owner);
    Ok(if known { vec![] } else { vec![event.into()] })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decider::{Actor, ActorKind, Refusal as _};
    use crate::id::{CommandId, StaffId, UnitId};

    fn context() -> Context {
        let now = "2026-03-21T08:00:00Z".parse().unwrap();
        let actor = Actor { kind: ActorKind::Staff, id: "admin".to_owned() };
        let command_id = CommandId(crate::id::derived(&["unit"]));
        Context { command_id, occurred_at: now, recorded_at: now, actor }
    }

    fn define(name: &str, parent: Option<&str>) -> UnitCommand {
        UnitCommand::Define(DefineUnit {
            name: name.to_owned(),
            parent: parent.map(|code| UnitId::new(code).unwrap()),
            owner: None,
            parent_is: ParentIs::Fine,
        })
    }

    fn given(commands: impl IntoIterator<Item = UnitCommand>) -> UnitState {
        commands.into_iter().fold(UnitState::default(), |mut state, command| {
            for event in Unit::decide(&state, command, &context()).unwrap() {
                state.evolve(&event);
            }
            state
        })
    }

    #[test]
    fn a_unit_defined_anew_keeps_what_the_new_definition_does_not_say() {
        let owner = StaffId::new("maryam").unwrap();
        let state = given([
            define("شکایات", Some("care")),
            UnitCommand::AppointOwner { owner: owner.clone() },
            define("رسیدگی به شکایات", None),
        ]);
        assert_eq!(state.name.as_deref(), Some("رسیدگی به شکایات"));
        assert_eq!((state.parent, state.owner), (Some(UnitId::new("care").unwrap()), Some(owner)));
    }

    #[test]
    fn what_nobody_has_defined_has_no_owner_and_cannot_be_moved() {
        let owner = StaffId::new("maryam").unwrap();
        let refusal =
            Unit::decide(&UnitState::default(), UnitCommand::AppointOwner { owner }, &context())
                .unwrap_err();
        assert_eq!((refusal.code(), refusal.field()), ("UNIT_NOT_FOUND", Some("unit")));
    }

    #[test]
    fn a_unit_is_not_put_under_itself_nor_under_what_is_not_defined() {
        let state = given([define("care", None)]);
        for (parent_is, code) in
            [(ParentIs::Below, "UNIT_UNDER_ITSELF"), (ParentIs::Unknown, "UNIT_NOT_FOUND")]
        {
            let parent = Some(UnitId::new("desk").unwrap());
            let (name, owner) = ("care".to_owned(), None);
            let define = DefineUnit { name, parent: parent.clone(), owner, parent_is };
            for command in
                [UnitCommand::Move(MoveUnit { parent, parent_is }), UnitCommand::Define(define)]
            {
                let refused = Unit::decide(&state, command, &context());
                assert_eq!(refused.unwrap_err().code(), code);
            }
        }
        let nameless = Unit::decide(&state, define(" ", None), &context());
        assert!(matches!(nameless, Err(UnitRefusal::Name(_))));
    }

    #[test]
    fn what_holds_already_of_a_unit_is_nothing_new() {
        let staff = |name: &str| StaffId::new(name).unwrap();
        let parent = Some(UnitId::new("care").unwrap());
        let mut state = UnitState::default();
        for command in [
            define("شکایات", None),
            UnitCommand::Define(DefineUnit {
                name: "شکایات".to_owned(),
                parent: None,
                owner: Some(staff("zahra")),
                parent_is: ParentIs::Fine,
            }),
            UnitCommand::Move(MoveUnit { parent, parent_is: ParentIs::Fine }),
            UnitCommand::AppointOwner { owner: staff("maryam") },
            UnitCommand::AddStaff { staff: staff("agent-1") },
            UnitCommand::RemoveStaff { staff: staff("agent-1") },
        ] {
            let events = Unit::decide(&state, command.clone(), &context()).unwrap();
            assert_eq!(events.len(), 1, "{command:?}");
            state.evolve(&events[0]);
            assert_eq!(
                Unit::decide(&state, command.clone(), &context()),
                Ok(vec![]),
                "{command:?}"
            );
        }
    }

    #[test]
    fn a_unit_has_a_bounded_staff() {
        let join = |number: usize| UnitCommand::AddStaff {
            staff: StaffId::new(format!("agent-{number}")).unwrap(),
        };
        let full = given([define("care", None)].into_iter().chain((0..STAFF_MAX).map(join)));
        let refused = Unit::decide(&full, join(STAFF_MAX), &context());
        assert_eq!(refused, Err(UnitRefusal::TooManyStaff));
        assert_eq!(Unit::decide(&full, join(0), &context()), Ok(vec![]), "they are there");
    }

    #[test]
    fn a_unit_whose_code_has_spaces_has_a_stream_that_leads_back_to_it() {
        let id = UnitId::new("Customer contact").unwrap();
        let name = super::super::stream_name(&id);
        assert_eq!(name, "unit-Customer+contact");
        assert_eq!(super::super::of_stream(name.strip_prefix("unit-").unwrap()), Some(id));
    }
}
