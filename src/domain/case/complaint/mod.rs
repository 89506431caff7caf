//! The handling of a complaint, step by step as ISO 10002:2018 has it in clause 8: it is acknowledged, assessed, investigated and
//! decided with reasons; the complainant may appeal, each time to a further level; the cause is found and removed; and the case is
//! closed only when the decision was accepted or everything offered is exhausted. `docs/complaints.md` maps clauses to commands.
//!
//! A complaint is *under the process* from its acknowledgement or assessment on. Only then do the rules about deciding and closing
//! hold ([`ComplaintState::is_under_process`]): logs from before there was a process, and imported ones, go on as they were. What holds for every
//! case of a known customer is that it is not closed before a person answered ([`ComplaintState::check_answered`]).

pub mod command;
pub mod decide;
pub mod event;
pub mod state;

pub use command::ComplaintCommand;
pub use state::{ComplaintState, Decision};
