//! The demo in a data directory: filling it, moving it, and telling the visitor what to do.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parvandeh_domain::calendar::{Calendar, CalendarCommand, PublishCalendar};
use parvandeh_domain::case::command::OpenCase;
use parvandeh_domain::case::{Case, CaseCommand};
use parvandeh_domain::customer::{Customer, CustomerCommand};
use parvandeh_domain::decider::{Actor, ActorKind, Decider};
use parvandeh_domain::event::StoredEvent;
use parvandeh_domain::id::{CommandId, CustomerId, derived};
use parvandeh_domain::policy::{Policy, PolicyCommand, PublishPolicy};

use super::{Movement, Portfolio, Step, UNITS, portfolio};
use crate::app::{App, StartError};
use crate::clock::{Clock, ManualClock, SystemClock};
use crate::command::handler::{CommandError, CommandHandler, CommandMetadata};
use crate::error::chain;
use crate::principal::{Principal, Role};
use crate::store::StreamId;
use crate::vault::Keyring;

/// How often something happens while one looks.
const MOVEMENT_INTERVAL: Duration = Duration::from_secs(3);

/// Why the demo could not be filled in.
#[derive(Debug, thiserror::Error)]
pub enum FillError {
    /// The data directory could not be opened.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A step of the demo was not accepted.
    #[error("filling in the demo: {stream}: {message}")]
    Step {
        /// Where.
        stream: String,
        /// Why.
        message: String,
    },
}

/// Fills an empty data directory with the portfolio, as if it had been worked on for the last sixty days.
pub async fn fill(directory: &Path, keyring: Keyring) -> Result<(), FillError> {
    let now = SystemClock.now();
    let portfolio = portfolio(now);
    // The times of recording lie in the past, so the past is played in its order with a clock of its own.
    let begun = portfolio.calendars.iter().map(|(_, _, from)| *from).min().unwrap_or(now);
    let clock = Arc::new(ManualClock::starting_at(begun));
    let app = App::open_with(directory, keyring, clock.clone()).await?;
    publish(&app.commands, &portfolio).await?;

    enum Recorded<'a> {
        Customer(String, &'a Step<CustomerCommand>),
        Case(String, &'a Step<CaseCommand>),
    }
    let customers = portfolio.customers.iter().flat_map(|(id, steps)| {
        steps
            .iter()
            .map(move |step| (step.recorded_at, Recorded::Customer(format!("customer-{id}"), step)))
    });
    let cases = portfolio.cases.iter().flat_map(|(id, steps)| {
        steps.iter().map(move |step| (step.recorded_at, Recorded::Case(format!("case-{id}"), step)))
    });
    let mut steps: Vec<_> = customers.chain(cases).collect();
    steps.sort_by_key(|(recorded_at, _)| *recorded_at);
    for (recorded_at, step) in steps {
        clock.set(recorded_at);
        match step {
            Recorded::Customer(stream, step) => {
                perform::<Customer>(&app.commands, &stream, step).await?;
            }
            Recorded::Case(stream, step) => perform::<Case>(&app.commands, &stream, step).await?,
        }
    }
    app.stop().await;
    Ok(())
}

async fn publish(commands: &CommandHandler, portfolio: &Portfolio) -> Result<(), FillError> {
    let step = |id: &str, from: Timestamp| {
        let actor = Actor { kind: ActorKind::Staff, id: "demo-admin".to_owned() };
        let command_id = CommandId(derived(&["demo publication", id]));
        (Some(from), from, actor, command_id)
    };
    for (id, document, from) in &portfolio.calendars {
        let (effective_from, at, actor, command_id) = step(id.as_str(), *from);
        let command = CalendarCommand::Publish(PublishCalendar {
            document: document.clone(),
            effective_from,
        });
        let step = Step { occurred_at: at, recorded_at: at, actor, command, command_id };
        perform::<Calendar>(commands, &format!("calendar-{id}"), &step).await?;
    }
    for (id, document, from) in &portfolio.policies {
        let (effective_from, at, actor, command_id) = step(id.as_str(), *from);
        let command =
            PolicyCommand::Publish(PublishPolicy { document: document.clone(), effective_from });
        let step = Step { occurred_at: at, recorded_at: at, actor, command, command_id };
        perform::<Policy>(commands, &format!("policy-{id}"), &step).await?;
    }
    Ok(())
}

async fn perform<D>(
    commands: &CommandHandler,
    stream: &str,
    step: &Step<D::Command>,
) -> Result<(), FillError>
where
    D: Decider + 'static,
    D::Command: Clone,
    D::Event: StoredEvent,
    D::State: Send + Sync,
{
    let failed = |message: String| FillError::Step { stream: stream.to_owned(), message };
    let stream_id = StreamId::new(stream).map_err(|error| failed(error.to_string()))?;
    commands
        .execute::<D>(&stream_id, vec![(metadata(step), step.command.clone())], None, |_| true)
        .await
        .map_err(|error| failed(error.to_string()))?;
    Ok(())
}

fn metadata<C>(step: &Step<C>) -> CommandMetadata {
    CommandMetadata {
        command_id: step.command_id,
        digest: None,
        actor: step.actor.clone(),
        occurred_at: Some(step.occurred_at),
        correlation_id: step.command_id.0,
        subject: None,
    }
}

/// Lets something happen every few seconds, for as long as it is polled.
pub async fn move_on(commands: Arc<CommandHandler>, clock: Arc<dyn Clock>) {
    let mut movement = Movement::new(&portfolio(clock.now()));
    loop {
        tokio::time::sleep(MOVEMENT_INTERVAL).await;
        let (id, step) = movement.next(clock.now());
        let Ok(stream) = StreamId::new(&format!("case-{id}")) else { continue };
        let batch = vec![(metadata(&step), step.command.clone())];
        match commands.execute::<Case>(&stream, batch, None, |_| true).await {
            Ok(_) => {}
            // A visitor may have been quicker with this case.
            Err(CommandError::Refused(refusal)) => tracing::debug!(%refusal, "the demo moves on"),
            Err(error) => tracing::warn!(error = %chain(&error), "the demo cannot move on"),
        }
    }
}

/// Somebody of each role, for tokens.
pub fn visitors() -> Vec<Principal> {
    let units: Vec<String> = UNITS.iter().map(|unit| (*unit).to_owned()).collect();
    Role::ALL
        .into_iter()
        .map(|role| Principal {
            subject: format!("demo-{role}"),
            role,
            customer_id: (role == Role::Customer).then(|| busiest_customer().0),
            units: match role {
                Role::Agent => units[..1].to_vec(),
                Role::Supervisor => units.clone(),
                _ => Vec::new(),
            },
            expires_at: Timestamp::MAX,
        })
        .collect()
}

/// The customer with the most cases, whose own view shows the most.
fn busiest_customer() -> CustomerId {
    let portfolio = portfolio(Timestamp::UNIX_EPOCH);
    let cases_of = |id: &CustomerId| {
        let opens = |command: &CaseCommand| matches!(command, CaseCommand::Open(OpenCase { customer_id, .. }) if *customer_id == Some(*id));
        let all = portfolio.cases.iter();
        all.filter(|(_, steps)| steps.iter().any(|step| opens(&step.command))).count()
    };
    let busiest = portfolio.customers.iter().map(|(id, _)| *id).max_by_key(cases_of);
    busiest.expect("the portfolio has customers")
}

/// Tells the visitor what to open, and with which token.
pub fn greet(address: SocketAddr, token: impl Fn(Principal) -> String) {
    println!("Parvandeh's demo is ready.\n");
    println!("  GraphiQL   http://{address}/graphiql");
    println!("  GraphQL    http://{address}/graphql");
    println!("  Health     http://{address}/health/ready");
    println!("  Metrics    http://{address}/metrics\n");
    println!(
        "A token for each role, good for a week (`parvandeh token --role ROLE` prints another):\n"
    );
    for visitor in visitors() {
        println!("{:<16}{}\n", visitor.role.as_str(), token(visitor));
    }
    println!(
        "Something happens every three seconds, and a promise falls due now and then. Stop with Ctrl-C."
    );
}
