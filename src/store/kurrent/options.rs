//! How to reach the cluster: a connection string of KurrentDB, cut down to what is safe here.
//!
//! The client ignores options that it does not know, accepts some that break it or weaken the connection, and prints whole connection
//! strings in its errors. So the string is read here first, strictly; errors name the option and never repeat a value or the string.

use std::{fmt, path::PathBuf, time::Duration};

use kurrentdb::{ClientSettings, Credentials};
use rustls::pki_types::{CertificateDer, pem::PemObject};

use crate::store::sqlite::SqliteOptions;

/// The prefix of streams where none is configured.
pub const DEFAULT_PREFIX: &str = "parvandeh";
const DEFAULT_PORT: u16 = 2113;
const SCHEMES: [&str; 4] = ["kurrentdb://", "kurrentdb+discover://", "esdb://", "esdb+discover://"];

/// Options whose value is a number of milliseconds or of attempts, with the smallest value that does no harm.
const NUMBERS: [(&str, u64); 5] = [
    // The client counts finding a node and reaching it as two.
    ("maxdiscoverattempts", 2),
    ("discoveryinterval", 1),
    ("gossiptimeout", 1),
    // Below that the client ignores the value.
    ("keepaliveinterval", 10_000),
    ("keepalivetimeout", 10_000),
];
const NUMBER_MAX: u64 = 600_000;
/// What the client is told where the connection string says nothing: it waits so many milliseconds even before its first attempt.
const QUICK: [(&str, &str); 2] = [("discoveryinterval", "50"), ("maxdiscoverattempts", "10")];

/// How the store reaches its cluster, and how patient it is. Its `Debug` shows no secret.
#[derive(Clone)]
pub struct KurrentOptions {
    hosts: Vec<String>,
    discover: bool,
    tls: bool,
    /// What else the client is told, as it stands in a connection string.
    parameters: Vec<(String, String)>,
    user: Option<(String, String)>,
    /// What the names of this log's streams begin with, before a full stop.
    pub prefix: String,
    /// Files that have the user's name and password, in place of those in the connection string.
    pub user_file: Option<PathBuf>,
    /// See [`Self::user_file`].
    pub password_file: Option<PathBuf>,
    /// Certificates (PEM) of who vouches for the servers; the system's where absent.
    pub tls_ca_file: Option<PathBuf>,
    /// How long the cluster may be looked for at the start.
    pub connect_timeout: Duration,
    /// How long an append may take, with all its attempts.
    pub append_timeout: Duration,
    /// How long a read may take, with all its attempts, and then how long the copy may take to get there.
    pub read_timeout: Duration,
    /// How long one attempt may take before the connection counts as broken.
    pub attempt_timeout: Duration,
    /// How often this replica says that it is alive.
    pub heartbeat_interval: Duration,
    /// After so long a silence a replica counts as gone, and a subscription as stalled.
    pub silence: Duration,
    /// Sizes of the copy.
    pub copy: SqliteOptions,
}

/// A connection that cannot be used as it is configured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// The connection string is not one.
    #[error(
        "the connection string of the store cannot be used: {0}; it must look like `kurrentdb://host1:2113,host2:2113?tls=true`"
    )]
    Form(&'static str),
    /// An option must not have this value, or must not be there.
    #[error(
        "the connection string of the store cannot have the option `{option}` like this: {reason}"
    )]
    Option {
        /// The option's name.
        option: String,
        /// Why not, and what to do.
        reason: String,
    },
    /// The prefix cannot begin a stream's name.
    #[error(
        "the prefix of the store must be 1 to 50 ASCII letters, digits, hyphens or underscores, and begin with a letter"
    )]
    Prefix,
    /// One of the two is there.
    #[error(
        "the store needs both a user and a password: `user_file` and `password_file`, or both in the connection string"
    )]
    HalfCredentials,
    /// A password would be sent for everybody to read.
    #[error(
        "the store has a password, but `tls=false` would send it unencrypted: use TLS, or no password"
    )]
    PlainPassword,
    /// A file cannot be used.
    #[error("{path}, named by `{setting}` of the store, cannot be used: {reason}")]
    File {
        /// The setting that names it.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// What the client needs to know, ready for use.
#[derive(Clone)]
pub(super) struct Access {
    pub(super) settings: ClientSettings,
    pub(super) credentials: Option<Credentials>,
}

impl KurrentOptions {
    /// Whether a store's address is one of a cluster.
    pub fn is_address(text: &str) -> bool {
        SCHEMES.iter().any(|scheme| text.starts_with(scheme))
    }

    /// Reads a connection string.
    ///
    /// # Errors
    /// When it is malformed, or asks for what is not safe. The error repeats nothing secret.
    pub fn parse(address: &str) -> Result<Self, OptionsError> {
        let form = OptionsError::Form;
        let (scheme, rest) = address.split_once("://").ok_or(form("it has no scheme"))?;
        let known = SCHEMES.iter().any(|known| known.strip_suffix("://") == Some(scheme));
        if !known {
            return Err(form("its scheme is not `kurrentdb`, `kurrentdb+discover` or `esdb`"));
        }
        let (authority, query) = rest.split_once('?').unwrap_or((rest, ""));
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        let (user, hosts) = match authority.rsplit_once('@') {
            Some((user, hosts)) => (Some(user), hosts),
            None => (None, authority),
        };
        let user = user.map(parse_user).transpose()?;
        let hosts = hosts.split(',').map(parse_host).collect::<Result<Vec<_>, _>>()?;
        let discover = scheme.ends_with("+discover");
        if discover && hosts.len() > 1 {
            return Err(form("`+discover` takes one host, whose name stands for all nodes"));
        }
        let mut options = Self {
            hosts,
            discover,
            tls: true,
            parameters: Vec::new(),
            user,
            prefix: DEFAULT_PREFIX.to_owned(),
            user_file: None,
            password_file: None,
            tls_ca_file: None,
            connect_timeout: Duration::from_secs(30),
            append_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(5),
            attempt_timeout: Duration::from_secs(3),
            heartbeat_interval: Duration::from_secs(3),
            silence: Duration::from_secs(10),
            copy: SqliteOptions::default(),
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or(form("an option has no value"))?;
            let value = decoded(value).ok_or(form("an option's value is not well-formed"))?;
            options.set(name, value)?;
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: String) -> Result<(), OptionsError> {
        let wrong = |reason: &str| {
            let shown = name.chars().filter(char::is_ascii_alphanumeric).take(40).collect();
            Err(OptionsError::Option { option: shown, reason: reason.to_owned() })
        };
        let lower = name.to_ascii_lowercase();
        if let Some((_, least)) = NUMBERS.iter().find(|(known, _)| *known == lower) {
            let number = value.parse::<u64>().ok();
            if !number.is_some_and(|number| (*least..=NUMBER_MAX).contains(&number)) {
                return wrong(&format!("it must be a whole number from {least} to {NUMBER_MAX}"));
            }
            self.parameters.push((lower, value));
            return Ok(());
        }
        match lower.as_str() {
            "tls" => match value.to_ascii_lowercase().parse() {
                Ok(tls) => self.tls = tls,
                Err(_) => return wrong("it must be true or false"),
            },
            "tlsverifycert" if value.eq_ignore_ascii_case("true") => {}
            "tlsverifycert" => {
                return wrong(
                    "a server that is not verified may be anybody's; give the certificate with `tls_ca_file` instead",
                );
            }
            "nodepreference" if value.eq_ignore_ascii_case("leader") => {}
            "nodepreference" => {
                return wrong(
                    "other nodes than the leader answer with what was true a moment ago; leave it out",
                );
            }
            "defaultdeadline" => {
                return wrong(
                    "the store has its own time limits, and -1 ends the client; leave it out",
                );
            }
            "tlscafile" => self.tls_ca_file = Some(value.into()),
            "usercertfile" | "userkeyfile" => self.parameters.push((lower, value)),
            "connectionname" => {
                if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_graphic()) {
                    return wrong("it must be visible ASCII");
                }
                self.parameters.push((lower, value));
            }
            _ => return wrong("it is not known here; leave it out, or look for a misspelling"),
        }
        Ok(())
    }

    /// The hosts, for people: without anything secret.
    pub fn hosts(&self) -> String {
        self.hosts.join(",")
    }

    /// Checks that everything fits together, and that the files can be used, without asking the cluster anything.
    ///
    /// # Errors
    /// What is wrong first.
    pub fn check(&self) -> Result<(), OptionsError> {
        self.access().map(drop)
    }

    /// Reads the files and checks that everything fits together.
    pub(super) fn access(&self) -> Result<Access, OptionsError> {
        let prefix = self.prefix.as_bytes();
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if !prefix.first().is_some_and(u8::is_ascii_alphabetic)
            || prefix.len() > 50
            || !prefix.iter().all(plain)
        {
            return Err(OptionsError::Prefix);
        }
        let credentials = self.credentials()?;
        if credentials.is_some() && !self.tls {
            return Err(OptionsError::PlainPassword);
        }
        let mut parameters = self.parameters.clone();
        parameters.push(("tls".to_owned(), self.tls.to_string()));
        for (name, value) in QUICK {
            if parameters.iter().all(|(known, _)| known != name) {
                parameters.push((name.to_owned(), value.to_owned()));
            }
        }
        if let Some(path) = &self.tls_ca_file {
            // The client would panic over a damaged file.
            let failed = |reason: String| OptionsError::File {
                setting: "tls_ca_file",
                path: path.clone(),
                reason,
            };
            let certificates = CertificateDer::pem_file_iter(path)
                .and_then(|certificates| certificates.collect::<Result<Vec<_>, _>>())
                .map_err(|error| failed(error.to_string()))?;
            if certificates.is_empty() {
                return Err(failed("it has no certificate".to_owned()));
            }
            let name = path.to_str().ok_or_else(|| failed("its name is not UTF-8".to_owned()))?;
            parameters.push(("tlscafile".to_owned(), name.to_owned()));
        }
        let scheme = if self.discover { "kurrentdb+discover" } else { "kurrentdb" };
        let query: Vec<String> =
            parameters.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let address = format!("{scheme}://{}?{}", self.hosts(), query.join("&"));
        // The client's error would repeat the address.
        let settings =
            address.parse().map_err(|_| OptionsError::Form("the client does not accept it"))?;
        Ok(Access { settings, credentials })
    }

    fn credentials(&self) -> Result<Option<Credentials>, OptionsError> {
        let read = |setting, path: &Option<PathBuf>| {
            let Some(path) = path else { return Ok(None) };
            let failed = |reason| OptionsError::File { setting, path: path.clone(), reason };
            let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
            let line = text.trim_end_matches(['\n', '\r']);
            if line.is_empty() || line.chars().any(char::is_control) {
                return Err(failed("it must have one line of text".to_owned()));
            }
            Ok(Some(line.to_owned()))
        };
        let user = read("user_file", &self.user_file)?;
        let password = read("password_file", &self.password_file)?;
        match (user, password) {
            (Some(user), Some(password)) => Ok(Some(Credentials::new(user, password))),
            (None, None) => {
                Ok(self.user.clone().map(|(user, password)| Credentials::new(user, password)))
            }
            // The name is no secret and may stand in the connection string.
            (None, Some(password)) => match &self.user {
                Some((user, _)) => Ok(Some(Credentials::new(user.clone(), password))),
                None => Err(OptionsError::HalfCredentials),
            },
            (Some(_), None) => Err(OptionsError::HalfCredentials),
        }
    }
}

impl fmt::Debug for KurrentOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("KurrentOptions")
            .field("hosts", &self.hosts)
            .field("tls", &self.tls)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

fn parse_user(text: &str) -> Result<(String, String), OptionsError> {
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    let (user, password) = decoded(user)
        .zip(decoded(password))
        .ok_or(OptionsError::Form("the user or the password is not well-formed"))?;
    if user.is_empty() {
        return Err(OptionsError::HalfCredentials);
    }
    Ok((user, password))
}

/// `name` or `name:port`, as the client takes it.
fn parse_host(text: &str) -> Result<String, OptionsError> {
    let (name, port) = match text.split_once(':') {
        Some((name, port)) => (name, port.parse().ok()),
        None => (text, Some(DEFAULT_PORT)),
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    match port {
        Some(port) if !name.is_empty() && name.bytes().all(plain) && port > 0 => {
            Ok(format!("{name}:{port}"))
        }
        _ => Err(OptionsError::Form("a host is not a name or an IPv4 address with a port")),
    }
}

/// Text without its percent-encoding.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        if byte == b'%' {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(byte);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

/// Text with everything percent-encoded that a query could take for something else.
fn encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'/' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}
