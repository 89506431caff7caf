//! `parvandeh token`: tokens for the demo, and the key that signs them.
//!
//! The key is drawn at random when a directory is filled, and stands in a file of that directory. There is no other way to sign a token
//! with a shared secret: outside the demo, tokens come from an identity provider.

use std::path::Path;

use clap::{Args, ValueEnum};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::{Exit, Failure};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::demo;
use crate::http::authentication::{Secret, issue_demo_token};
use crate::principal::{Principal, Role};

/// The file with the demo's key. Its presence marks a directory as a demo's.
pub const KEY_FILE: &str = "demo.key";
/// How long a demo token is good.
const TOKEN_LIFE: SignedDuration = SignedDuration::from_hours(24 * 7);

/// What a token says.
#[derive(Args)]
pub struct TokenArguments {
    /// The role.
    #[arg(long, value_enum)]
    role: RoleArgument,
    /// The name of its holder; `demo-<role>` where absent.
    #[arg(long)]
    subject: Option<String>,
    /// The customer, for the role customer (a UUID); where absent, the demo's busiest one.
    #[arg(long)]
    customer: Option<Uuid>,
    /// The units, for agents and supervisors; where absent, those of the demo.
    #[arg(long = "unit")]
    units: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RoleArgument {
    Customer,
    Agent,
    Supervisor,
    Auditor,
    Monitor,
    Service,
    Admin,
    Employee,
}

impl From<RoleArgument> for Role {
    fn from(role: RoleArgument) -> Self {
        match role {
            RoleArgument::Customer => Self::Customer,
            RoleArgument::Agent => Self::Agent,
            RoleArgument::Supervisor => Self::Supervisor,
            RoleArgument::Auditor => Self::Auditor,
            RoleArgument::Monitor => Self::Monitor,
            RoleArgument::Service => Self::Service,
            RoleArgument::Admin => Self::Admin,
            RoleArgument::Employee => Self::Employee,
        }
    }
}

/// Prints a token.
pub fn token(config: &Config, arguments: &TokenArguments) -> Result<Exit, Failure> {
    let Some(secret) = read_key(&config.data_directory)? else {
        let directory = config.data_directory.display();
        let message = format!(
            "{directory} is not a demo's data directory: tokens come from your identity provider. \
             `parvandeh serve --demo` makes a demo."
        );
        return Err(Failure::new(Exit::NotFound, message));
    };
    let role = Role::from(arguments.role);
    let visitor = demo::visitors().into_iter().find(|visitor| visitor.role == role);
    let mut principal = visitor.expect("the demo has a visitor of every role");
    if let Some(subject) = &arguments.subject {
        principal.subject = subject.clone();
    }
    if role == Role::Customer && arguments.customer.is_some() {
        principal.customer_id = arguments.customer;
    }
    if matches!(role, Role::Agent | Role::Supervisor) && !arguments.units.is_empty() {
        principal.units = arguments.units.clone();
    }
    println!("{}", issue(&secret, principal));
    Ok(Exit::Done)
}

/// A token for this principal, good for a week from now.
pub fn issue(secret: &Secret, principal: Principal) -> String {
    let now = SystemClock.now();
    let expires_at = now.saturating_add(TOKEN_LIFE).unwrap_or(Timestamp::MAX);
    issue_demo_token(secret, &Principal { expires_at, ..principal }, now)
}

/// The key of a demo's directory, `None` where there is none.
pub fn read_key(directory: &Path) -> std::io::Result<Option<Secret>> {
    match std::fs::read_to_string(directory.join(KEY_FILE)) {
        Ok(text) => Ok(Some(Secret::from(text.trim().to_owned()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Draws a key for a directory that is to hold a demo, readable by its owner alone.
pub fn create_key(directory: &Path) -> std::io::Result<Secret> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let text = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(directory.join(KEY_FILE))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    Ok(Secret::from(text))
}
