//! A provider inside the program, for the demo and for tests: customers who always pay, a moment after they are asked.
//!
//! It behaves as real ones do where it matters: it tells by signed callbacks over HTTP, some of them twice, tries again where nobody answers, and
//! has books of its own, in a file, that outlive the program. No money moves.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use parvandeh_domain::id::{PaymentId, ProviderId, ProviderReference};
use parvandeh_domain::money::Money;
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, watch};

use super::callback::{Callback, CallbackSecrets, Told};
use super::{Direction, MadeRefund, PaymentPage, PaymentProvider, ProviderError, Settlement};
use crate::clock::Clock;

/// Its name.
pub const NAME: &str = "demo";
/// The most payments that customers are busy with at one time.
const PENDING_MAX: usize = 1_000;
/// How many payments of its books it tells of again after a start: somebody may not have heard.
const RETOLD_MAX: usize = 1_000;
/// How often it tries to be heard, and how long it waits after the first time; each time twice as long.
const ATTEMPTS_MAX: u32 = 8;
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// The provider. Cheap to clone.
#[derive(Clone)]
pub struct DemoProvider(Arc<Shared>);

struct Shared {
    secrets: CallbackSecrets,
    clock: Arc<dyn Clock>,
    pays_after: Duration,
    books: Mutex<Books>,
    /// Where callbacks go; nowhere before it is known.
    target: watch::Sender<Option<String>>,
    pending: Arc<Semaphore>,
    to_lose: AtomicUsize,
    client: reqwest::Client,
}

/// What it knows to have moved.
#[derive(Default)]
struct Books {
    lines: Vec<Line>,
    known: HashMap<(PaymentId, bool), usize>,
    file: Option<File>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Line {
    payment_id: PaymentId,
    refunded: bool,
    money: Money,
    at: Timestamp,
}

impl Line {
    fn reference(&self) -> ProviderReference {
        let what = if self.refunded { "demo-refund" } else { "demo" };
        ProviderReference::new(format!("{what}-{}", self.payment_id))
            .expect("letters and a UUID are a reference")
    }
}

impl DemoProvider {
    /// A provider whose customers pay so long after they were asked, with its books in a file, or in memory alone.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn open(
        books: Option<&Path>,
        pays_after: Duration,
        secrets: CallbackSecrets,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Self> {
        Ok(Self(Arc::new(Shared {
            secrets,
            clock,
            pays_after,
            books: Mutex::new(books.map(Books::open).transpose()?.unwrap_or_default()),
            target: watch::Sender::new(None),
            pending: Arc::new(Semaphore::new(PENDING_MAX)),
            to_lose: AtomicUsize::new(0),
            client: reqwest::Client::new(),
        })))
    }

    /// Tells it where callbacks go. What is in its books it tells again.
    pub fn send_to(&self, url: String) {
        self.0.target.send_replace(Some(url));
        let lines: Vec<_> = {
            let books = self.0.books.lock().unwrap_or_else(PoisonError::into_inner);
            let paid = books.lines.iter().rev().filter(|line| !line.refunded);
            paid.take(RETOLD_MAX).cloned().collect()
        };
        let shared = self.0.clone();
        tokio::spawn(async move {
            for line in lines {
                shared.tell(&line).await;
            }
        });
    }

    /// Loses the next callbacks, so many: the money moves and nobody is told.
    pub fn lose_next(&self, count: usize) {
        self.0.to_lose.store(count, Ordering::SeqCst);
    }
}

impl Books {
    fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
        let mut books = Self::default();
        for line in BufReader::new(&file).lines() {
            // The last line may be half written, where the program was killed.
            if let Ok(line) = serde_json::from_str::<Line>(&line?) {
                books.take_in(line);
            }
        }
        books.file = Some(file);
        Ok(books)
    }

    fn take_in(&mut self, line: Line) {
        self.known.insert((line.payment_id, line.refunded), self.lines.len());
        self.lines.push(line);
    }

    /// Writes a line, once for each payment and direction; gives the line that stands.
    fn write(&mut self, line: Line) -> io::Result<Line> {
        if let Some(number) = self.known.get(&(line.payment_id, line.refunded)) {
            return Ok(self.lines[*number].clone());
        }
        if let Some(file) = &mut self.file {
            // A line of its own, also after half a line.
            let text = serde_json::to_string(&line).map_err(io::Error::from)?;
            file.write_all(format!("\n{text}\n").as_bytes())?;
        }
        self.take_in(line.clone());
        Ok(line)
    }
}

impl Shared {
    fn write(&self, payment_id: PaymentId, refunded: bool, money: Money) -> io::Result<Line> {
        let at = self.clock.now();
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        books.write(Line { payment_id, refunded, money, at })
    }

    async fn pay(&self, payment_id: PaymentId, money: Money) {
        tokio::time::sleep(self.pays_after).await;
        match self.write(payment_id, false, money) {
            Ok(line) => self.tell(&line).await,
            Err(error) => tracing::error!(%error, "the demo's books of payments"),
        }
    }

    /// Tells of a payment, every second one twice, until somebody has heard.
    async fn tell(&self, line: &Line) {
        let lost = self
            .to_lose
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if lost.is_ok() {
            return;
        }
        let (payment_id, money) = (line.payment_id, line.money);
        let told = Told::Paid { payment_id, reference: line.reference(), money };
        let body = serde_json::to_vec(&Callback { timestamp: line.at, told })
            .expect("a callback always serialises");
        let times = if payment_id.0.as_bytes()[15] % 2 == 0 { 2 } else { 1 };
        for _ in 0..times {
            self.send(&format!("demo-{payment_id}"), &body).await;
        }
    }

    async fn send(&self, id: &str, body: &[u8]) {
        let mut wait = FIRST_WAIT;
        for _ in 0..ATTEMPTS_MAX {
            let mut target = self.target.subscribe();
            let url = match target.wait_for(Option::is_some).await {
                Ok(url) => url.clone().expect("it was waited for"),
                Err(_) => return,
            };
            let headers = self.secrets.sign(id, self.clock.now(), body);
            let sent = self
                .client
                .post(url)
                .timeout(Duration::from_secs(10))
                .header("content-type", "application/json")
                .header("webhook-id", headers.id)
                .header("webhook-timestamp", headers.timestamp)
                .header("webhook-signature", headers.signature)
                .body(body.to_vec())
                .send()
                .await;
            match sent {
                Ok(response) if !response.status().is_server_error() => return,
                _ => tokio::time::sleep(wait).await,
            }
            wait *= 2;
        }
        tracing::warn!(id, "nobody heard the demo's callback about a payment");
    }
}

#[async_trait]
impl PaymentProvider for DemoProvider {
    fn id(&self) -> ProviderId {
        ProviderId::new(NAME).expect("a word is a code")
    }

    async fn begin(
        &self,
        payment_id: PaymentId,
        money: Money,
    ) -> Result<PaymentPage, ProviderError> {
        let permit = self.0.pending.clone().try_acquire_owned();
        let permit = permit.map_err(|_| ProviderError("has too much to do".to_owned()))?;
        let shared = self.0.clone();
        tokio::spawn(async move {
            let _permit = permit;
            shared.pay(payment_id, money).await;
        });
        Ok(PaymentPage { address: format!("https://payments.example/{payment_id}") })
    }

    async fn refund(
        &self,
        payment_id: PaymentId,
        money: Money,
        _reference: &ProviderReference,
    ) -> Result<MadeRefund, ProviderError> {
        let written = self.0.write(payment_id, true, money);
        let line = written.map_err(|error| ProviderError(format!("has no books: {error}")))?;
        Ok(MadeRefund { reference: line.reference(), at: line.at })
    }

    async fn settlements(&self, day: Date) -> Result<Vec<Settlement>, ProviderError> {
        let books = self.0.books.lock().unwrap_or_else(PoisonError::into_inner);
        let of_day =
            books.lines.iter().filter(|line| TimeZone::UTC.to_datetime(line.at).date() == day);
        let settlement = |line: &Line| Settlement {
            payment_id: line.payment_id,
            direction: if line.refunded { Direction::Refunded } else { Direction::Paid },
            reference: line.reference(),
            money: line.money,
            at: line.at,
        };
        Ok(of_day.map(settlement).collect())
    }
}
