//! Who is there: every replica says every few seconds that it is alive, in a stream of which the server keeps only the end.
//!
//! A replica counts as alive as long as its heartbeats arrive here, by this machine's own monotone clock: clocks of different machines
//! are never compared. The heartbeats are also what the feed is watched by.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use tokio::{sync::watch, time::sleep};
use uuid::Uuid;

use super::{
    connection::{Connection, Outgoing},
    feed::Acknowledged,
};
use crate::{
    replica::Members,
    store::{EventStore, sqlite::SqliteStore},
};

/// Where the heartbeats are.
pub(super) const STREAM: &str = "replicas-heartbeat";
const TYPE: &str = "ReplicaHeartbeat";
/// Heartbeats that the server keeps.
const KEPT: u64 = 100;
/// More replicas than anybody runs; what exceeds them is not counted.
const MEMBERS_MAX: usize = 1_000;
/// Own heartbeats that are remembered until they come back.
const SENT_MAX: usize = 64;

#[derive(Serialize, Deserialize)]
struct Heartbeat {
    replica_id: Uuid,
    /// How far its copy reaches.
    position: Option<u64>,
}

/// Keeps the list of who is alive.
pub(super) struct Roll {
    me: Uuid,
    silence: Duration,
    heard: Mutex<BTreeMap<Uuid, Instant>>,
    /// The latest own heartbeats, with when each was sent.
    sent: Mutex<VecDeque<(Uuid, Instant)>>,
    members: watch::Sender<Members>,
}

impl Roll {
    pub(super) fn new(silence: Duration) -> Self {
        let me = Uuid::new_v4();
        let members = Members { me, alive: BTreeSet::from([me]) };
        let members = watch::Sender::new(members);
        Self { me, silence, heard: Mutex::default(), sent: Mutex::default(), members }
    }

    pub(super) fn members(&self) -> watch::Receiver<Members> {
        self.members.subscribe()
    }

    fn sent(&self, id: Uuid) {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        if sent.len() == SENT_MAX {
            sent.pop_front();
        }
        sent.push_back((id, Instant::now()));
    }

    /// A heartbeat has arrived. If it is this replica's own, answers when it was sent: all that stood in the log at that moment was
    /// delivered before it.
    pub(super) fn heard(&self, id: Uuid, data: &[u8]) -> Option<Instant> {
        let heartbeat = serde_json::from_slice::<Heartbeat>(data).ok()?;
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if heard.len() < MEMBERS_MAX || heard.contains_key(&heartbeat.replica_id) {
            heard.insert(heartbeat.replica_id, Instant::now());
        }
        drop(heard);
        self.count();
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.iter().find(|(known, _)| *known == id).map(|(_, at)| *at)
    }

    /// Strikes off who was silent for too long.
    fn count(&self) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.retain(|_, at| at.elapsed() <= self.silence);
        let alive: BTreeSet<Uuid> = heard.keys().copied().chain([self.me]).collect();
        self.members.send_if_modified(|members| {
            let changed = members.alive != alive;
            members.alive = alive;
            changed
        });
    }
}

/// What sends heartbeats.
pub(super) struct Heart {
    pub(super) connection: Arc<Connection>,
    pub(super) copy: Arc<SqliteStore>,
    pub(super) roll: Arc<Roll>,
    /// The stream's whole name.
    pub(super) stream: String,
    pub(super) interval: Duration,
}

impl Heart {
    /// Beats until `stop` says so; answers at once with where acknowledgements are told.
    pub(super) fn start(self, stop: watch::Receiver<bool>) -> Acknowledged {
        let (acknowledged, told) = watch::channel(None);
        tokio::spawn(self.run(acknowledged, stop));
        told
    }

    async fn run(
        self,
        acknowledged: watch::Sender<Option<Instant>>,
        mut stop: watch::Receiver<bool>,
    ) {
        let limit = self.roll.silence;
        let beating = async {
            if let Err(error) = self.connection.limit_count(&self.stream, KEPT, limit).await {
                tracing::warn!(%error, "old heartbeats stay on the server: their retention cannot be set");
            }
            let mut beats = true;
            loop {
                let begun = Instant::now();
                let beat = self.beat();
                self.roll.sent(beat.id);
                let sent = self.connection.append_anywhere(&self.stream, vec![beat], limit);
                let sent = sent.await;
                if sent.is_ok() {
                    acknowledged.send_replace(Some(Instant::now()));
                }
                match (&sent, beats) {
                    (Err(error), true) => tracing::warn!(%error, "no heartbeat can be sent"),
                    (Ok(_), false) => tracing::info!("heartbeats can be sent again"),
                    _ => {}
                }
                beats = sent.is_ok();
                self.roll.count();
                sleep(self.interval.saturating_sub(begun.elapsed())).await;
            }
        };
        tokio::select! {
            () = beating => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }

    fn beat(&self) -> Outgoing {
        let position = self.copy.head().map(|head| head.0);
        let heartbeat = Heartbeat { replica_id: self.roll.me, position };
        Outgoing {
            id: Uuid::new_v4(),
            type_name: TYPE.to_owned(),
            version: 1,
            metadata: "{}".into(),
            data: serde_json::to_vec(&heartbeat).expect("a heartbeat is plain JSON").into(),
            envelope: None,
        }
    }
}
