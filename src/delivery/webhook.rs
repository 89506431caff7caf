//! Delivery by a gateway that is asked over HTTP.
//!
//! Every message is one `POST` of `{"kind": "phone", "to": "+98...", "language": "fa", "text": "..."}`, with the token of a file as
//! `Authorization: Bearer`. A few lines of anybody's make of it what their provider of short messages or their mail server wants.

use std::fmt;
use std::path::PathBuf;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use super::{Delivery, DeliveryError, Message};

/// The gateway.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// Its address: `https`, or `http` on the loopback interface.
    pub url: String,
    /// A file with the token that it knows this program by.
    pub token_file: Option<PathBuf>,
}

/// Why a gateway cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// Codes must not go through a net in the clear.
    #[error("delivery.url must begin with https://, or with http:// on the loopback interface")]
    Address,
    /// The token cannot be read.
    #[error("delivery.token_file {} cannot be read: {source}", path.display())]
    Token {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// No client could be made.
    #[error("cannot make an HTTP client for the gateway of messages")]
    Client(#[source] reqwest::Error),
}

/// Hands messages to a gateway.
pub struct WebhookDelivery {
    url: reqwest::Url,
    token: Option<Zeroizing<String>>,
    client: reqwest::Client,
}

impl WebhookDelivery {
    /// The gateway that is configured.
    ///
    /// # Errors
    /// When the address or the token cannot be used.
    pub fn new(config: &WebhookConfig) -> Result<Self, WebhookError> {
        let url = reqwest::Url::parse(&config.url).map_err(|_| WebhookError::Address)?;
        let is_loopback = ["127.0.0.1", "[::1]", "localhost"].map(Some).contains(&url.host_str());
        if !(url.scheme() == "https" || url.scheme() == "http" && is_loopback) {
            return Err(WebhookError::Address);
        }
        let token = config.token_file.as_ref().map(|path| {
            let text = std::fs::read_to_string(path).map(Zeroizing::new);
            text.map(|text| Zeroizing::new(text.trim().to_owned()))
                .map_err(|source| WebhookError::Token { path: path.clone(), source })
        });
        let client = reqwest::Client::builder()
            // A redirect could lead away from https.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(WebhookError::Client)?;
        Ok(Self { url, token: token.transpose()?, client })
    }
}

impl fmt::Debug for WebhookDelivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookDelivery").finish_non_exhaustive()
    }
}

#[async_trait]
impl Delivery for WebhookDelivery {
    async fn deliver(&self, message: &Message) -> Result<(), DeliveryError> {
        let body = json!({
            "kind": message.kind.as_str(),
            "to": message.address.as_str(),
            "language": message.language.as_str(),
            "text": message.text().as_str(),
        });
        let mut request = self.client.post(self.url.clone()).body(body.to_string());
        request = request.header("content-type", "application/json");
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.as_str());
        }
        // An error of the client can name the address, which may hold a password.
        let response = request.send().await.map_err(|error| {
            let what = if error.is_connect() { "cannot be reached" } else { "gave no answer" };
            DeliveryError(format!("the gateway {what}"))
        })?;
        match response.status() {
            status if status.is_success() => Ok(()),
            status => Err(DeliveryError(format!("the gateway answered {}", status.as_u16()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_goes_through_no_net_in_the_clear() {
        let at = |url: &str| {
            WebhookDelivery::new(&WebhookConfig { url: url.to_owned(), token_file: None })
        };
        for wrong in [
            "http://sms.example.org/send",
            "ftp://127.0.0.1/",
            "sms",
            "http://localhost.example.org",
        ] {
            assert!(matches!(at(wrong), Err(WebhookError::Address)), "{wrong}");
        }
        assert!(at("https://sms.example.org/send").is_ok());
        assert!(at("http://127.0.0.1:9000/send").is_ok());
    }
}
