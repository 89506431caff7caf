//! Configuration: flags before environment before file before defaults.
//!
//! Flags and environment variables are read by the command line; here is the file, with every default. Unknown keys are refused, because
//! a misspelt key that is silently ignored is worse than a start that fails.

pub mod check;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use parvandeh_domain::card::{InvalidPrefix, IssuerPrefix};
use parvandeh_domain::redress::ApprovalLimit;
use serde::Deserialize;

use crate::delivery::{WebhookConfig, WebhookDelivery, WebhookError};
use crate::http::authentication::{AuthenticationConfig, KeySource, SigningAlgorithm};
use crate::http::drain::NOTICE;
use crate::http::rate_limit::RateLimitConfig;
use crate::payment::callback::{CallbackSecrets, SecretsError};
use crate::sign_in::SignInConfig;
use crate::store::kurrent::{KurrentOptions, OptionsError};
use crate::telemetry::{LogFormat, TelemetryConfig};
use crate::vault::Keyring;

/// Everything that can be configured.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the log and the read models live.
    pub data_directory: PathBuf,
    /// Where the keys of personal data and the record of erasures live; `keyring` in the data directory where absent.
    pub keyring: Option<PathBuf>,
    /// Which engine keeps the log: `sqlite`, in the data directory; or the address of a KurrentDB cluster, such as
    /// `kurrentdb://one:2113,two:2113,three:2113?tls=true`, of which the data directory then holds a copy.
    pub store: StoreAddress,
    /// How the cluster is used, where `store` names one.
    pub kurrentdb: KurrentDb,
    /// The address to listen on.
    pub listen: SocketAddr,
    /// Who may call; required outside the demo.
    pub authentication: Option<Authentication>,
    /// The GraphQL transports.
    pub graphql: GraphQl,
    /// How log lines are written.
    pub log_format: LogFormat,
    /// Where traces go.
    pub telemetry: TelemetryConfig,
    /// What callers may ask for.
    pub limits: RateLimitConfig,
    /// Who may approve redress up to what.
    pub redress: RedressLimits,
    /// Promises to customers.
    pub promises: PromisesConfig,
    /// How content customers are.
    pub surveys: SurveysConfig,
    /// The cards that are issued.
    pub cards: CardsConfig,
    /// How holders of cards sign in.
    pub sign_in: SignInConfig,
    /// The gateway that takes codes to customers. Without one nobody signs in with a card, and no contact point is verified.
    pub delivery: Option<WebhookConfig>,
    /// By whom customers pay. Without a provider nobody does.
    pub payments: Option<PaymentsConfig>,
    /// The organisation's time zone by its IANA name, such as `Asia/Tehran`: dates that customers are shown are its days. UTC where absent.
    pub time_zone: Option<String>,
    /// With less room than this on the disk of the data directory, in MiB, a server is not ready.
    pub disk_free_mib_min: u64,
    /// How many seconds a server that was told to stop goes on as before, so that balancers notice that it is not ready.
    pub drain_notice_seconds: u16,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_directory: PathBuf::from("data"),
            keyring: None,
            store: StoreAddress::default(),
            kurrentdb: KurrentDb::default(),
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            authentication: None,
            graphql: GraphQl::default(),
            log_format: LogFormat::Text,
            telemetry: TelemetryConfig::default(),
            limits: RateLimitConfig::default(),
            redress: RedressLimits::default(),
            promises: PromisesConfig::default(),
            surveys: SurveysConfig::default(),
            cards: CardsConfig::default(),
            sign_in: SignInConfig::default(),
            delivery: None,
            payments: None,
            time_zone: None,
            disk_free_mib_min: 256,
            drain_notice_seconds: NOTICE.as_secs() as u16,
        }
    }
}

/// Up to what one redress may be approved, by role. What is not named is nothing, so agents approve none unless it is said here.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RedressLimits {
    /// By an agent.
    pub agent: ApprovalLimit,
    /// By a supervisor; without a limit where absent.
    pub supervisor: Option<ApprovalLimit>,
}

/// Promises to customers.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PromisesConfig {
    /// How many minutes before a promise falls due those who are to keep it are reminded; 0 where nobody is to be.
    pub remind_minutes_before: u32,
}

impl Default for PromisesConfig {
    fn default() -> Self {
        Self { remind_minutes_before: 24 * 60 }
    }
}

/// How content customers are with the handling of their cases.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SurveysConfig {
    /// How many minutes after its closing the customer of a case is asked; where absent, only people ask.
    pub ask_minutes_after: Option<u32>,
}

/// Payments by a provider.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaymentsConfig {
    /// The provider.
    pub provider: PaymentProviderName,
    /// A file with the secret that its callbacks are signed with; with two, one a line, while it is changed.
    pub callback_secret_file: PathBuf,
}

/// The providers that this program knows. A real one is added here, in [`crate::payment`], and where the program is put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentProviderName {
    /// The one inside the program, whose customers always pay. No money moves.
    Demo,
}

/// The cards that are issued.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CardsConfig {
    /// The digits with which their numbers begin, four to eight; `936400` where absent.
    pub issuer_prefix: Option<String>,
}

/// Which engine keeps the log. May hold a password, so it is never printed.
#[derive(Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct StoreAddress(Option<String>);

impl From<String> for StoreAddress {
    fn from(address: String) -> Self {
        Self(Some(address))
    }
}

impl std::fmt::Debug for StoreAddress {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = self.0.as_deref().map_or("sqlite", |address| {
            address.split_once("://").map_or(address, |(scheme, _)| scheme)
        });
        write!(formatter, "StoreAddress({scheme})")
    }
}

/// How a KurrentDB cluster is used.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KurrentDb {
    /// What the names of the log's streams begin with, before a full stop; `parvandeh` where absent.
    pub prefix: Option<String>,
    /// A file with the user's name.
    pub user_file: Option<PathBuf>,
    /// A file with the user's password.
    pub password_file: Option<PathBuf>,
    /// Certificates (PEM) of who vouches for the servers; the system's where absent.
    pub tls_ca_file: Option<PathBuf>,
}

/// How callers are authenticated. Exactly one of `pem_file` and `jwks_url` names the keys. What has no default is looked for when it is used,
/// so that all that is missing can be told at once.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authentication {
    /// The `iss` that tokens must have.
    #[serde(default)]
    pub issuer: String,
    /// The `aud` that tokens must have.
    #[serde(default)]
    pub audience: String,
    /// The signing algorithms that are accepted: RS256, ES256, EdDSA.
    #[serde(default)]
    pub algorithms: Vec<SigningAlgorithm>,
    /// A public key in a PEM file.
    pub pem_file: Option<PathBuf>,
    /// The address of a JSON Web Key Set.
    pub jwks_url: Option<String>,
    /// How many seconds the clocks of the issuer and this machine may differ.
    #[serde(default = "leeway_seconds")]
    pub leeway_seconds: u32,
}

fn leeway_seconds() -> u32 {
    30
}

/// The GraphQL transports.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GraphQl {
    /// Web pages that may call from another origin, such as `https://desk.example.org`.
    pub allowed_origins: Vec<String>,
    /// Whether `/graphiql` is served.
    pub graphiql: bool,
    /// Whether any role may ask for the schema; else only admins.
    pub introspection: bool,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration file {path} cannot be read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("the configuration file {path} cannot be used: {message}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// What is wrong, with its place.
        message: String,
    },
    /// Outside the demo somebody must say who may call.
    #[error(
        "no authentication is configured: write [authentication] with issuer, audience, algorithms and pem_file or jwks_url \
         into the configuration file, or start with --demo to look around"
    )]
    NoAuthentication,
    /// The store is none that there is.
    #[error(
        "`store` must be `sqlite` or the address of a cluster, `kurrentdb://host:2113,host:2113?tls=true`"
    )]
    Store,
    /// The cluster cannot be used like this.
    #[error(transparent)]
    Cluster(#[from] OptionsError),
    /// A cluster is configured and not used.
    #[error(
        "[kurrentdb] is there, and `store` names no cluster: name one, or leave [kurrentdb] out"
    )]
    UnusedCluster,
    /// Something that has no default is not there.
    #[error("[authentication] has no {0}")]
    Missing(&'static str),
    /// Two sources of keys, or none.
    #[error("[authentication] needs exactly one of pem_file and jwks_url")]
    Keys,
    /// Numbers of cards cannot begin so.
    #[error("cards.issuer_prefix: {0}")]
    IssuerPrefix(#[from] InvalidPrefix),
    /// Tokens of two issuers could not be told apart.
    #[error(
        "sign_in.issuer is the identity provider's, or empty: give this program a name of its own"
    )]
    SignInIssuer,
    /// A token that is good for too long, or not at all.
    #[error(
        "sign_in.token_life_seconds must be from 60 to 3600: a blocked card's tokens are good for so long"
    )]
    TokenLife,
    /// An answer's time that hides nothing, or that nobody waits for.
    #[error("sign_in.answer_milliseconds must be from 10 to 5000")]
    AnswerTime,
    /// The secret of the payment provider cannot be used.
    #[error(transparent)]
    CallbackSecret(#[from] SecretsError),
    /// No such time zone.
    #[error("time_zone {0:?} is not an IANA zone name such as \"Asia/Tehran\"")]
    TimeZone(String),
    /// The gateway of messages cannot be used.
    #[error(transparent)]
    Delivery(#[from] WebhookError),
    /// A key file is for one algorithm.
    #[error("[authentication] with pem_file needs exactly one algorithm")]
    PemAlgorithm,
}

impl Config {
    /// Reads a configuration file; the defaults where there is no file.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let Some(path) = path else { return Ok(Self::default()) };
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        toml::from_str(&text).map_err(|error: toml::de::Error| ConfigError::Parse {
            path: path.to_owned(),
            message: error.to_string(),
        })
    }

    /// With what the numbers of cards begin.
    pub fn issuer_prefix(&self) -> Result<IssuerPrefix, ConfigError> {
        Ok(match &self.cards.issuer_prefix {
            Some(text) => IssuerPrefix::new(text)?,
            None => IssuerPrefix::default(),
        })
    }

    /// How holders of cards sign in.
    pub fn sign_in(&self) -> Result<SignInConfig, ConfigError> {
        let sign_in = &self.sign_in;
        let provider = self.authentication.as_ref().map(|provider| provider.issuer.as_str());
        if sign_in.issuer.is_empty() || provider == Some(&sign_in.issuer) {
            return Err(ConfigError::SignInIssuer);
        }
        if !(60..=3_600).contains(&sign_in.token_life_seconds) {
            return Err(ConfigError::TokenLife);
        }
        if !(10..=5_000).contains(&sign_in.answer_milliseconds) {
            return Err(ConfigError::AnswerTime);
        }
        Ok(sign_in.clone())
    }

    /// The gateway that takes codes to customers, where there is one.
    pub fn delivery(&self) -> Result<Option<WebhookDelivery>, ConfigError> {
        Ok(self.delivery.as_ref().map(WebhookDelivery::new).transpose()?)
    }

    /// By what callbacks of the payment provider are known, where there is one.
    pub fn callback_secrets(&self) -> Result<Option<CallbackSecrets>, ConfigError> {
        let read = |config: &PaymentsConfig| CallbackSecrets::read(&config.callback_secret_file);
        Ok(self.payments.as_ref().map(read).transpose()?)
    }

    /// The organisation's time zone.
    pub fn time_zone(&self) -> Result<TimeZone, ConfigError> {
        match &self.time_zone {
            None => Ok(TimeZone::UTC),
            Some(name) => TimeZone::get(name).map_err(|_| ConfigError::TimeZone(name.clone())),
        }
    }

    /// The cluster that keeps the log; `None` where the log is in the data directory.
    pub fn cluster(&self) -> Result<Option<KurrentOptions>, ConfigError> {
        let table = &self.kurrentdb;
        let address = match self.store.0.as_deref() {
            None | Some("sqlite") => {
                let files = [&table.user_file, &table.password_file, &table.tls_ca_file];
                let unused = table.prefix.is_some() || files.iter().any(|file| file.is_some());
                return if unused { Err(ConfigError::UnusedCluster) } else { Ok(None) };
            }
            Some(address) if KurrentOptions::is_address(address) => address,
            Some(_) => return Err(ConfigError::Store),
        };
        let mut options = KurrentOptions::parse(address)?;
        if let Some(prefix) = &table.prefix {
            options.prefix = prefix.clone();
        }
        options.user_file = table.user_file.clone();
        options.password_file = table.password_file.clone();
        options.tls_ca_file = table.tls_ca_file.clone().or(options.tls_ca_file);
        Ok(Some(options))
    }

    /// The directory of the keyring.
    pub fn keyring_directory(&self) -> PathBuf {
        self.keyring.clone().unwrap_or_else(|| self.data_directory.join("keyring"))
    }

    /// The keyring; key-encryption keys that the environment has come before its file.
    pub fn keyring(&self) -> Keyring {
        Keyring::from_environment(self.keyring_directory())
    }

    /// How callers are authenticated.
    pub fn authentication(&self) -> Result<AuthenticationConfig, ConfigError> {
        let authentication = self.authentication.as_ref().ok_or(ConfigError::NoAuthentication)?;
        for (name, absent) in [
            ("issuer", authentication.issuer.is_empty()),
            ("audience", authentication.audience.is_empty()),
            ("algorithms", authentication.algorithms.is_empty()),
        ] {
            if absent {
                return Err(ConfigError::Missing(name));
            }
        }
        let keys = match (&authentication.pem_file, &authentication.jwks_url) {
            (Some(path), None) => {
                let [algorithm] = authentication.algorithms[..] else {
                    return Err(ConfigError::PemAlgorithm);
                };
                KeySource::PemFile { path: path.clone(), algorithm, kid: None }
            }
            (None, Some(url)) => KeySource::JwksUrl { url: url.clone() },
            _ => return Err(ConfigError::Keys),
        };
        Ok(AuthenticationConfig {
            issuer: authentication.issuer.clone(),
            audience: authentication.audience.clone(),
            algorithms: authentication.algorithms.clone(),
            leeway_seconds: authentication.leeway_seconds,
            keys,
        })
    }
}
