//! What the desk does for whom, seen from the log: so much the same that nobody learns from the work which cards there are.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use parvandeh_domain::card::command::{BlockCard, IssueCard};
use parvandeh_domain::card::{BlockReason, CardCommand, CardNumber, IssuerPrefix};
use parvandeh_domain::customer::command::RegisterCustomer;
use parvandeh_domain::customer::{CustomerCommand, CustomerKind, Language};
use parvandeh_domain::pii::Pii;
use tokio::sync::watch;

use super::*;
use crate::clock::SystemClock;
use crate::delivery::MemoryDelivery;
use crate::store::memory::MemoryStore;
use crate::store::{AppendError, Appended, Expect, LoggedEvent, NewEvent, Position, ReadError};
use crate::vault::{Keyring, Vault};

/// A store that takes note of what is asked of it: what was done to a stream of which category.
#[derive(Default)]
struct Watched {
    inner: MemoryStore,
    asked: Mutex<Vec<(&'static str, String)>>,
}

impl Watched {
    fn note(&self, what: &'static str, stream: &StreamId) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.push((what, stream.category().to_owned()));
    }

    fn take(&self) -> Vec<(&'static str, String)> {
        std::mem::take(&mut self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl EventStore for Watched {
    fn id(&self) -> Uuid {
        self.inner.id()
    }

    async fn append(
        &self,
        stream: &StreamId,
        expect: Expect,
        events: Vec<NewEvent>,
    ) -> Result<Appended, AppendError> {
        self.note("append", stream);
        self.inner.append(stream, expect, events).await
    }

    async fn read_stream(
        &self,
        stream: &StreamId,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<LoggedEvent>, ReadError> {
        self.note("read", stream);
        self.inner.read_stream(stream, after, limit).await
    }

    async fn read_all(
        &self,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<LoggedEvent>, ReadError> {
        self.inner.read_all(after, limit).await
    }

    async fn remove_envelopes(&self, events: Vec<Position>) -> Result<usize, AppendError> {
        self.inner.remove_envelopes(events).await
    }

    fn head(&self) -> Option<Position> {
        self.inner.head()
    }

    fn head_changes(&self) -> watch::Receiver<Option<Position>> {
        self.inner.head_changes()
    }
}

struct Place {
    _directory: tempfile::TempDir,
    store: Arc<Watched>,
    vault: Arc<Vault>,
    commands: Arc<CommandHandler>,
    desk: Desk,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let keyring = Keyring::at(directory.path().join("keyring"));
        let vault = Arc::new(Vault::open(directory.path(), keyring.clone()).unwrap());
        let store = Arc::new(Watched::default());
        let clock = Arc::new(SystemClock);
        let commands = Arc::new(CommandHandler::new(store.clone(), vault.clone(), clock.clone()));
        let outbox = Outbox::start(Arc::new(MemoryDelivery::default()));
        let key = TokenKey::of(&keyring, None, "parvandeh", true).unwrap();
        let config = SignInConfig { answer_milliseconds: 1, ..SignInConfig::default() };
        let desk =
            Desk::new(commands.clone(), store.clone(), vault.clone(), outbox, key, clock, config);
        Self { _directory: directory, store, vault, commands, desk }
    }

    async fn execute<D>(&self, id: Uuid, command: D::Command)
    where
        D: Decider + 'static,
        D::Command: Clone,
        D::Event: StoredEvent,
        D::State: Send + Sync,
    {
        let metadata = CommandMetadata {
            command_id: CommandId(Uuid::new_v4()),
            digest: None,
            actor: Actor { kind: ActorKind::Service, id: "test".to_owned() },
            occurred_at: None,
            correlation_id: Uuid::nil(),
            subject: None,
        };
        let (stream, batch) = (stream(D::CATEGORY, id), vec![(metadata, command)]);
        self.commands.execute::<D>(&stream, batch, None, |_| true).await.unwrap();
    }

    /// A customer with a card that these commands were given after its issue; answers the card.
    async fn card(&self, account: u128, commands: &[CardCommand]) -> CardId {
        let customer_id = CustomerId(Uuid::from_u128(account));
        let register = RegisterCustomer {
            kind: CustomerKind::Individual,
            name: Pii::new("مهری".to_owned()),
            language: Language::Persian,
            tier: None,
        };
        self.execute::<Customer>(customer_id.0, CustomerCommand::Register(register)).await;
        let number = CardNumber::of(&IssuerPrefix::default(), account);
        let id = codes::card_id(&self.vault, &number);
        let number = Pii::new(number.digits().to_owned());
        let issue = IssueCard { customer_id, number, replaces: None };
        self.execute::<Card>(id.0, CardCommand::Issue(issue)).await;
        for command in commands {
            self.execute::<Card>(id.0, command.clone()).await;
        }
        id
    }

    /// What the log is asked for when somebody says a code.
    async fn work(&self, card_id: CardId, code: &str) -> Vec<(&'static str, String)> {
        self.store.take();
        let code = Zeroizing::new(code.to_owned());
        assert!(self.desk.enter(card_id, code).await.unwrap().is_none());
        self.store.take()
    }
}

#[tokio::test]
async fn the_same_work_is_done_for_every_number_whether_or_not_it_is_a_cards() {
    let place = Place::new();
    let block = CardCommand::Block(BlockCard { reason: BlockReason::Lost });
    let active = place.card(3, &[CardCommand::Activate]).await;
    let rows = [
        ("nobody's", place.desk.card_id("9364000000000001")),
        ("no number", place.desk.card_id("؟")),
        ("issued", place.card(1, &[]).await),
        ("blocked", place.card(2, &[CardCommand::Activate, block]).await),
        ("active", active),
    ];
    let steps = ["card", "customer", "signin", "signin", "signin"];
    let expected: Vec<_> = steps.map(|category| ("read", category.to_owned())).into();
    for (name, card_id) in rows {
        assert_eq!(place.work(card_id, "123456").await, expected, "{name}");
    }
    // Only a wrong code for a code that was sent costs more: it is on the disk before it is answered. The answer's time hides that.
    let code_hash = codes::of_sign_in(&place.vault, active, "123456");
    let customer_id = CustomerId(Uuid::from_u128(3));
    let issue = IssueCode { customer_id, contact_point: 1, code_hash };
    place.execute::<SignIn>(active.0, SignInCommand::IssueCode(issue)).await;
    let work = place.work(active, "654321").await;
    assert!(work.contains(&("append", "signin".to_owned())), "{work:?}");
}

#[tokio::test]
async fn a_log_that_cannot_be_understood_refuses_like_a_wrong_code() {
    let place = Place::new();
    let active = place.card(3, &[CardCommand::Activate]).await;
    let nonsense = NewEvent {
        id: Uuid::new_v4(),
        type_name: "SignInOfAnotherKind",
        version: 1,
        metadata: b"{}".as_slice().into(),
        data: b"{}".as_slice().into(),
        envelope: None,
    };
    let stream = stream("signin", active.0);
    place.store.append(&stream, Expect::NoStream, vec![nonsense]).await.unwrap();
    place.work(active, "123456").await;
}

#[test]
fn an_answer_comes_a_whole_number_of_times_after_the_question() {
    let asked_at = Instant::now();
    let after = |milliseconds| {
        let now = asked_at + Duration::from_millis(milliseconds);
        let answer_at = answer_at(asked_at, now, Duration::from_millis(500));
        answer_at.duration_since(asked_at).as_millis()
    };
    assert_eq!([0, 1, 499, 500, 501, 1_700].map(after), [500, 500, 500, 500, 1_000, 2_000]);
}
