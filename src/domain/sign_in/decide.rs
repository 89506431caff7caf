//! Who signs in.

use super::SignIn;
use super::command::SignInCommand;
use super::error::SignInRefusal;
use super::event::{SignInCodeIssued, SignInEvent, SignInFailed, SignedIn};
use super::state::SignInState;
use crate::decider::{Context, Decider, Metadata};
use crate::one_time_code::{Checked, CodeProblem, LIFE};

impl Decider for SignIn {
    type Command = SignInCommand;
    type Event = SignInEvent;
    type State = SignInState;
    type Refusal = SignInRefusal;

    const CATEGORY: &'static str = "signin";

    fn name(command: &SignInCommand) -> &'static str {
        match command {
            SignInCommand::IssueCode(_) => "issue_code",
            SignInCommand::Enter(_) => "enter",
        }
    }

    fn decide(
        state: &SignInState,
        command: SignInCommand,
        context: &Context,
    ) -> Result<Vec<SignInEvent>, SignInRefusal> {
        let now = context.recorded_at;
        match command {
            SignInCommand::IssueCode(issue) => {
                state.codes.may_issue(now).map_err(|problem| match problem {
                    CodeProblem::Locked => SignInRefusal::Locked,
                    CodeProblem::TooSoon => SignInRefusal::TooSoon,
                })?;
                let event = SignInCodeIssued {
                    customer_id: issue.customer_id,
                    contact_point: issue.contact_point,
                    code_hash: issue.code_hash,
                    expires_at: now.saturating_add(LIFE).unwrap_or(now),
                };
                Ok(vec![event.into()])
            }
            // A wrong code is an event, not a refusal: it must count after a crash and on other replicas.
            SignInCommand::Enter(enter) => match state.codes.check(&enter.code_hash, now) {
                Checked::Right => Ok(vec![SignedIn { customer_id: enter.customer_id }.into()]),
                Checked::Wrong { locked_until } => Ok(vec![SignInFailed { locked_until }.into()]),
                Checked::Void => Err(SignInRefusal::NoCode),
            },
        }
    }

    fn evolve(state: SignInState, event: &SignInEvent, meta: &Metadata) -> SignInState {
        state.evolve(event, meta)
    }
}
