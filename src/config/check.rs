//! `parvandeh config check`: everything that is wrong with a configuration, said at once.
//!
//! A start ends at the first thing that it cannot use. Whoever writes a configuration wants to know all of them, each by the name of its
//! key and with what to do. So the file is read leniently here: what cannot be used is noted and left out, and the rest is read again
//! without it. Then what is configured is compared with the machine: files, directories, the address.
//!
//! To check a further setting, add a method to `Examination`, and call it in [`examine`]. Secrets are never repeated.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::net::TcpListener;
use std::ops::Range;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use toml::de::{DeTable, DeValue};
use tracing_subscriber::EnvFilter;

use super::{Authentication, Config, ConfigError, PaymentProviderName};
use crate::clock::SystemClock;
use crate::delivery::WebhookError;
use crate::disk::Disk;
use crate::error::chain;
use crate::http::authentication::{
    AuthenticationSetupError, Authenticator, KeysError, SigningAlgorithm,
};
use crate::http::server::BYTES_PER_MIB;
use crate::proof::key::{self, KEY_VARIABLE, KeyError};
use crate::sign_in;
use crate::sign_in::token::{TokenKey, TokenKeyError};
use crate::store::kurrent::OptionsError;
use crate::vault::{self, KeyStore};

/// A file that has more is nonsense, and listing it all helps nobody.
const PROBLEMS_MAX: usize = 100;

/// One thing about a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// The key in the file, as `section.key`; or the name of an environment variable, or of the file.
    pub key: String,
    /// What is the matter with it, and what to do.
    pub message: String,
}

/// What a configuration comes to.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Key and value of what will be used, without secrets.
    pub used: Vec<(&'static str, String)>,
    /// What has to be mended before the program can start.
    pub problems: Vec<Remark>,
    /// What one should know.
    pub notes: Vec<Remark>,
}

/// Reads a configuration file as far as it can be read, and says what could not be.
pub fn read(path: Option<&Path>) -> (Config, Vec<Remark>) {
    let Some(path) = path else { return (Config::default(), Vec::new()) };
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            let message = format!("cannot be read: {error}; name another with --config");
            return (Config::default(), vec![Remark { key: path.display().to_string(), message }]);
        }
    };
    let (mut document, errors) = DeTable::parse_recoverable(&text);
    if !errors.is_empty() {
        let remark = |error: &toml::de::Error| Remark {
            key: place(path, &text, error.span()),
            message: format!("is not TOML: {}", error.message()),
        };
        return (Config::default(), errors.iter().take(PROBLEMS_MAX).map(remark).collect());
    }
    let mut problems: Vec<Remark> = Vec::new();
    loop {
        let error = match Config::deserialize(toml::de::Deserializer::from(document.clone())) {
            Ok(config) => return (config, problems),
            Err(error) => error,
        };
        let place = place(path, &text, error.span());
        let message = match error.message().strip_prefix("unknown field ") {
            // The key stands before the message already.
            Some(rest) => format!(
                "is not known, {}; {place}",
                rest.split_once(", ").map_or(rest, |(_, rest)| rest)
            ),
            None => format!("{}; {place}", error.message()),
        };
        let removed = error.span().and_then(|span| remove(document.get_mut(), &span));
        let Some(key) = removed.filter(|_| problems.len() < PROBLEMS_MAX) else {
            problems.push(Remark { key: path.display().to_string(), message });
            return (Config::default(), problems);
        };
        let message = match key.as_str() {
            "listen" => format!("{message}: give an address and a port, as in 0.0.0.0:8080"),
            _ => message,
        };
        problems.push(Remark { key, message });
    }
}

/// Takes the entry at this place out of the document, and answers its key.
fn remove(table: &mut DeTable<'_>, span: &Range<usize>) -> Option<String> {
    let covers = |of: Range<usize>| of.start <= span.start && span.end <= of.end;
    let mut found = None;
    for (key, value) in table.iter_mut() {
        let within = key.span();
        // Inside first: a table's own place may be its heading alone, or all of it.
        if let DeValue::Table(inner) = value.get_mut()
            && let Some(below) = remove(inner, span)
        {
            return Some(format!("{}.{below}", key.get_ref()));
        }
        if covers(within) || covers(value.span()) {
            found = Some(key.clone());
            break;
        }
    }
    let key = found?;
    table.remove(&key);
    Some(key.get_ref().to_string())
}

/// The file and the line of a place in its text.
fn place(path: &Path, text: &str, span: Option<Range<usize>>) -> String {
    let line =
        span.and_then(|span| text.get(..span.start)).map(|before| before.matches('\n').count() + 1);
    match line {
        Some(line) => format!("{}, line {line}", path.display()),
        None => path.display().to_string(),
    }
}

/// Compares a configuration with the machine that it is to be used on. `problems` are those of reading it; a key that has one already
/// gets no second.
pub fn examine(config: &Config, problems: Vec<Remark>) -> Report {
    let mut examination = Examination { report: Report { problems, ..Report::default() } };
    examination.data_directory(config);
    let shared = examination.store(config);
    examination.keyring(config, shared);
    examination.listen(config);
    examination.authentication(config);
    examination.graphql(config);
    examination.limits(config);
    examination.cards(config);
    examination.payments(config);
    examination.time_zone(config);
    examination.log(config);
    examination.telemetry(config);
    examination.report
}

/// A report in the making.
struct Examination {
    report: Report,
}

impl Examination {
    fn used(&mut self, key: &'static str, value: impl ToString) {
        let value = value.to_string();
        if !value.is_empty() {
            self.report.used.push((key, value));
        }
    }

    fn has_problem(&self, key: &str) -> bool {
        self.report.problems.iter().any(|remark| remark.key == key)
    }

    fn problem(&mut self, key: &str, message: impl Into<String>) {
        // What is missing because it could not be read was told already.
        let told = |remark: &Remark| {
            remark.key == key
                || key.strip_prefix(&remark.key).is_some_and(|rest| rest.starts_with('.'))
        };
        if !self.report.problems.iter().any(told) {
            self.report.problems.push(Remark { key: key.to_owned(), message: message.into() });
        }
    }

    fn note(&mut self, key: &str, message: impl Into<String>) {
        self.report.notes.push(Remark { key: key.to_owned(), message: message.into() });
    }

    /// A directory that the program writes to. One that is not there must be possible to create.
    fn directory(&mut self, key: &str, directory: &Path) {
        let shown = directory.display();
        let there = directory.ancestors().find(|place| place.exists()).unwrap_or(Path::new("."));
        if !there.is_dir() {
            return self
                .problem(key, format!("{} is not a directory: name another", there.display()));
        }
        match try_writing(there) {
            Ok(()) if there == directory => {}
            Ok(()) => self.note(key, format!("{shown} is not there yet and will be created")),
            Err(error) => self.problem(
                key,
                format!(
                    "{} cannot be written: {error}; give it to the user that runs the program, or name another directory",
                    there.display()
                ),
            ),
        }
    }

    fn data_directory(&mut self, config: &Config) {
        let directory = &config.data_directory;
        self.used("data_directory", directory.display());
        self.directory("data_directory", directory);
        let there = directory.ancestors().find(|place| place.exists()).unwrap_or(Path::new("."));
        if let Ok(disk) = Disk::of(there) {
            let (free_mib, wanted_mib) =
                (disk.free_bytes / BYTES_PER_MIB, config.disk_free_mib_min);
            self.used("disk_free_mib_min", format!("{wanted_mib} ({free_mib} are free)"));
            if free_mib < wanted_mib {
                let message =
                    format!("{free_mib} MiB are free, so a server will not be ready: make room");
                self.problem("disk_free_mib_min", message);
            }
        }
    }

    /// Answers whether the log is a cluster's.
    fn store(&mut self, config: &Config) -> bool {
        let options = match config.cluster() {
            Ok(None) => {
                self.used("store", "sqlite");
                return false;
            }
            Ok(Some(options)) => options,
            Err(error) => {
                let key =
                    if matches!(error, ConfigError::UnusedCluster) { "kurrentdb" } else { "store" };
                self.problem(key, error.to_string());
                return !matches!(error, ConfigError::UnusedCluster);
            }
        };
        self.used("store", format!("KurrentDB at {}", options.hosts()));
        self.used("kurrentdb.prefix", &options.prefix);
        let problems_before = self.report.problems.len();
        for (key, path, secret) in [
            ("kurrentdb.user_file", &options.user_file, false),
            ("kurrentdb.password_file", &options.password_file, true),
            ("kurrentdb.tls_ca_file", &options.tls_ca_file, false),
        ] {
            let Some(path) = path else { continue };
            self.used(key, path.display());
            match File::open(path).and_then(|file| file.metadata()) {
                Err(error) => {
                    self.problem(key, format!("{} cannot be read: {error}", path.display()))
                }
                Ok(metadata) if secret && metadata.permissions().mode() & 0o007 != 0 => {
                    let message = format!(
                        "{} can be read by everybody on this machine: run `chmod o= {0}`",
                        path.display()
                    );
                    self.note(key, message);
                }
                Ok(_) => {}
            }
        }
        if self.report.problems.len() == problems_before
            && let Err(error) = options.check()
        {
            let key = match &error {
                OptionsError::File { setting, .. } => format!("kurrentdb.{setting}"),
                OptionsError::Prefix => "kurrentdb.prefix".to_owned(),
                OptionsError::HalfCredentials => "kurrentdb".to_owned(),
                _ => "store".to_owned(),
            };
            self.problem(&key, error.to_string());
        }
        true
    }

    /// Replicas only read the keyring, which is theirs together.
    fn keyring(&mut self, config: &Config, shared: bool) {
        let directory = config.keyring_directory();
        self.used("keyring", directory.display());
        if shared {
            if !directory.is_dir() {
                let message = format!(
                    "{} is not there: mount the keyring that all replicas share; `parvandeh keys create` makes one",
                    directory.display()
                );
                return self.problem("keyring", message);
            }
        } else if config.keyring.is_some() {
            self.directory("keyring", &directory);
        } else if self.has_problem("data_directory") {
            // It stands there, and nothing more can be said of it.
            return;
        } else {
            let message = "the keys stand in the data directory, so who has it can read everything: for anything but a trial name a \
                           directory on another volume";
            self.note("keyring", message);
        }
        let keyring = config.keyring();
        match vault::status(&config.data_directory, &keyring) {
            Ok(status) => match status.current_version {
                Some(version) => {
                    self.used("keyring: key-encryption key", format!("version {version}"))
                }
                None if KeyStore::exists(&config.data_directory) => {
                    let message = format!(
                        "{} has no key-encryption key, and {} has data keys that need one: restore the keyring from its backup (is its \
                         volume mounted?)",
                        directory.display(),
                        config.data_directory.display()
                    );
                    self.problem("keyring", message);
                }
                None if shared => {
                    let message = format!(
                        "{} has no key-encryption key, and replicas draw none: `parvandeh keys create` makes the keyring that they share",
                        directory.display()
                    );
                    self.problem("keyring", message);
                }
                None => {
                    self.note("keyring", "a key-encryption key will be drawn at the first start")
                }
            },
            Err(error) => self.problem("keyring", chain(&error)),
        }
        let variable = std::env::var(KEY_VARIABLE).ok();
        match key::signer(&keyring, variable.as_deref(), "check", false) {
            Ok(_) | Err(KeyError::Missing(_)) => {}
            Err(error) if variable.is_some() => self.problem(KEY_VARIABLE, chain(&error)),
            Err(error) => self.problem("keyring", chain(&error)),
        }
    }

    fn listen(&mut self, config: &Config) {
        self.used("listen", config.listen);
        match TcpListener::bind(config.listen) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                self.note(
                    "listen",
                    format!("{} is in use, perhaps by a running server", config.listen),
                );
            }
            Err(error) => {
                let message = format!(
                    "{} cannot be listened on: {error}; name an address of this machine",
                    config.listen
                );
                self.problem("listen", message);
            }
        }
    }

    fn authentication(&mut self, config: &Config) {
        let Some(authentication) = &config.authentication else {
            return self.problem("authentication", ConfigError::NoAuthentication.to_string());
        };
        let Authentication { issuer, audience, algorithms, .. } = authentication;
        let names: Vec<_> = algorithms.iter().map(|algorithm| algorithm.as_str()).collect();
        self.used("authentication.issuer", issuer);
        self.used("authentication.audience", audience);
        self.used("authentication.algorithms", names.join(", "));
        for (key, absent, what) in [
            ("authentication.issuer", issuer.is_empty(), "the `iss` that tokens must have"),
            ("authentication.audience", audience.is_empty(), "the `aud` that tokens must have"),
            ("authentication.algorithms", algorithms.is_empty(), "RS256, ES256 or EdDSA"),
        ] {
            if absent {
                self.problem(key, format!("is missing: give {what}"));
            }
        }
        if algorithms.contains(&SigningAlgorithm::Hs256) {
            let message = "HS256 is for the demo alone, since whoever verifies could also sign: use RS256, ES256 or EdDSA";
            self.problem("authentication.algorithms", message);
        }
        let key = match (&authentication.pem_file, &authentication.jwks_url) {
            (Some(path), None) => {
                self.used("authentication.pem_file", path.display());
                "authentication.pem_file"
            }
            (None, Some(url)) => {
                self.used("authentication.jwks_url", without_password(url));
                "authentication.jwks_url"
            }
            _ => return self.problem("authentication", ConfigError::Keys.to_string()),
        };
        if algorithms.is_empty() || algorithms.contains(&SigningAlgorithm::Hs256) {
            return;
        }
        match config.authentication() {
            Err(ConfigError::PemAlgorithm) => {
                self.problem("authentication.algorithms", ConfigError::PemAlgorithm.to_string());
            }
            // What is missing was told above.
            Err(_) => {}
            Ok(settings) => match Authenticator::new(settings, Arc::new(SystemClock)) {
                Ok(_) => {}
                Err(AuthenticationSetupError::Keys(KeysError::Address)) => {
                    let message = "must be an address that begins with https://, or with http:// on the loopback interface";
                    self.problem(key, message);
                }
                Err(error) => self.problem(key, chain(&error)),
            },
        }
    }

    fn graphql(&mut self, config: &Config) {
        let graphql = &config.graphql;
        self.used(
            "graphql.allowed_origins",
            match graphql.allowed_origins.join(", ") {
                none if none.is_empty() => "none".to_owned(),
                origins => origins,
            },
        );
        self.used("graphql.graphiql", graphql.graphiql);
        self.used("graphql.introspection", graphql.introspection);
        for origin in &graphql.allowed_origins {
            let exact = reqwest::Url::parse(origin)
                .is_ok_and(|url| url.origin().ascii_serialization() == *origin);
            if !exact {
                let message = format!(
                    "`{origin}` is no origin as browsers send it: scheme, host and, where it is not the usual one, port; \
                     without a path or a slash at the end, as in https://desk.example.org"
                );
                self.problem("graphql.allowed_origins", message);
            }
        }
    }

    fn limits(&mut self, config: &Config) {
        let limits = &config.limits;
        for (key, value) in [
            ("limits.cost_per_second", limits.cost_per_second),
            ("limits.failed_authentications_per_minute", limits.failed_authentications_per_minute),
        ] {
            let none = "no limit".to_owned();
            self.used(key, if value == 0 { none } else { value.to_string() });
        }
        if limits.cost_per_second > 0 && limits.cost_burst < limits.cost_per_second {
            let message = format!(
                "{} is less than limits.cost_per_second allows in a second: give at least as much",
                limits.cost_burst
            );
            self.problem("limits.cost_burst", message);
        }
        if limits.trusted_proxies.is_empty() && !config.listen.ip().is_loopback() {
            let message = "nobody is believed about whom they ask for: behind a proxy all callers share its address, and its count of tokens that were not valid; name the proxy";
            self.note("limits.trusted_proxies", message);
        }
    }

    fn time_zone(&mut self, config: &Config) {
        match config.time_zone() {
            Ok(_) => {
                self.used("time_zone", config.time_zone.as_deref().unwrap_or("UTC"));
                if config.time_zone.is_none() {
                    let message = "the days that customers are shown are those of UTC: name the organisation's zone, such as \"Asia/Tehran\"";
                    self.note("time_zone", message);
                }
            }
            Err(error) => self.problem("time_zone", error.to_string()),
        }
    }

    fn cards(&mut self, config: &Config) {
        match config.issuer_prefix() {
            Ok(prefix) => self.used("cards.issuer_prefix", prefix.as_str()),
            Err(error) => self.problem("cards.issuer_prefix", error.to_string()),
        }
        self.used("sign_in.issuer", &config.sign_in.issuer);
        self.used("sign_in.token_life_seconds", config.sign_in.token_life_seconds);
        self.used("sign_in.answer_milliseconds", config.sign_in.answer_milliseconds);
        if let Err(error) = config.sign_in() {
            let key = match &error {
                ConfigError::TokenLife => "sign_in.token_life_seconds",
                ConfigError::AnswerTime => "sign_in.answer_milliseconds",
                _ => "sign_in.issuer",
            };
            self.problem(key, error.to_string());
        }
        match (&config.delivery, config.delivery()) {
            (None, _) => {
                let message = "nothing takes codes to customers: nobody signs in with a card, and no contact point is verified";
                self.note("delivery", message);
            }
            (Some(gateway), Ok(_)) => self.used("delivery.url", without_password(&gateway.url)),
            (Some(_), Err(error)) => {
                let key = match &error {
                    ConfigError::Delivery(WebhookError::Token { .. }) => "delivery.token_file",
                    _ => "delivery.url",
                };
                self.problem(key, error.to_string());
            }
        }
        if self.has_problem("data_directory") || self.has_problem("keyring") {
            // Nothing more can be said of what stands there.
            return;
        }
        let variable = std::env::var(sign_in::token::KEY_VARIABLE).ok();
        let key = TokenKey::of(&config.keyring(), variable.as_deref(), "check", false);
        match key {
            Ok(_) | Err(TokenKeyError::Missing(_)) => {}
            Err(error) if variable.is_some() => {
                self.problem(sign_in::token::KEY_VARIABLE, chain(&error));
            }
            Err(error) => self.problem("keyring", chain(&error)),
        }
    }

    fn payments(&mut self, config: &Config) {
        let Some(payments) = &config.payments else { return };
        self.used("payments.provider", format!("{:?}", payments.provider).to_lowercase());
        let path = &payments.callback_secret_file;
        self.used("payments.callback_secret_file", path.display());
        if let Err(error) = config.callback_secrets() {
            return self.problem("payments.callback_secret_file", error.to_string());
        }
        if payments.provider == PaymentProviderName::Demo {
            let message = "customers of `demo` always pay, and no money moves: for trials alone";
            self.note("payments.provider", message);
        }
        let mode = File::open(path)
            .and_then(|file| file.metadata())
            .map(|found| found.permissions().mode());
        if mode.is_ok_and(|mode| mode & 0o007 != 0) {
            let message = format!(
                "{} can be read by everybody on this machine: run `chmod o= {0}`",
                path.display()
            );
            self.note("payments.callback_secret_file", message);
        }
    }

    fn log(&mut self, config: &Config) {
        self.used("log_format", format!("{:?}", config.log_format).to_lowercase());
        if let Ok(filter) = std::env::var("PARVANDEH_LOG")
            && let Err(error) = EnvFilter::try_new(&filter)
        {
            self.problem(
                "PARVANDEH_LOG",
                format!("{error}: write levels as in info,actix_server=warn"),
            );
        }
    }

    fn telemetry(&mut self, config: &Config) {
        let ratio = config.telemetry.sampling_ratio;
        if !(0.0..=1.0).contains(&ratio) {
            let message = format!("must be from 0 to 1, not {ratio}");
            self.problem("telemetry.sampling_ratio", message);
        }
        let Some(endpoint) = &config.telemetry.otlp_endpoint else { return };
        self.used("telemetry.otlp_endpoint", without_password(endpoint));
        let web = |url: reqwest::Url| matches!(url.scheme(), "http" | "https") && url.has_host();
        if !reqwest::Url::parse(endpoint).is_ok_and(web) {
            let message = "must be the address of a collector, as in http://collector:4318";
            self.problem("telemetry.otlp_endpoint", message);
        }
    }
}

/// An address as it may be shown.
fn without_password(address: &str) -> String {
    match address.split_once("://").map(|(scheme, rest)| (scheme, rest.rsplit_once('@'))) {
        Some((scheme, Some((_, rest)))) => format!("{scheme}://…@{rest}"),
        _ => address.to_owned(),
    }
}

/// Writes a file into a directory and takes it away again.
fn try_writing(directory: &Path) -> io::Result<()> {
    let path = directory.join(format!(".parvandeh-config-check-{}", std::process::id()));
    OpenOptions::new().write(true).create_new(true).open(&path)?;
    fs::remove_file(&path)
}
