//! Replicas in any interleaving of sealing, erasing, rotating, following, losing calls, restarting and losing a disk: no key comes back, and
//! none is lost.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::super::super::{Sealed, add_key_encryption_key};
use super::*;

const REPLICAS: usize = 3;
const SUBJECTS: u128 = 3;

#[derive(Clone, Debug)]
enum Step {
    Seal(usize, u128),
    Erase(usize, u128),
    /// Learn so many further events of the log.
    Follow(usize, usize),
    /// The next call of anybody is lost: before it is done, after, or in the middle.
    Lose(u8),
    /// The process ends and starts again.
    Restart(usize),
    /// The data directory is lost.
    Rebuild(usize),
    /// The keyring has a further version, and one replica wraps everything with it.
    Rotate(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let (replica, subject) = (|| 0..REPLICAS, || 0..SUBJECTS);
    prop_oneof![
        6 => (replica(), subject()).prop_map(|(replica, subject)| Step::Seal(replica, subject)),
        2 => (replica(), subject()).prop_map(|(replica, subject)| Step::Erase(replica, subject)),
        4 => (replica(), 1_usize..6).prop_map(|(replica, count)| Step::Follow(replica, count)),
        2 => (1_u8..=3).prop_map(Step::Lose),
        2 => replica().prop_map(Step::Restart),
        1 => replica().prop_map(Step::Rebuild),
        1 => replica().prop_map(Step::Rotate),
    ]
}

struct Replica {
    place: Place,
    vault: Option<Vault>,
    /// How many events of the log it has learned.
    learned: usize,
}

impl Replica {
    fn vault(&self) -> &Vault {
        self.vault.as_ref().expect("it is open")
    }

    /// The calls of an opening may be lost too; then it is opened again.
    fn open(&mut self, cluster: &Cluster) {
        self.vault = None;
        let opened = cluster.try_open(&self.place).or_else(|_| cluster.try_open(&self.place));
        let vault = opened.expect("one call is lost at a time");
        vault.confirm_fresh(Instant::now());
        self.vault = Some(vault);
    }

    fn follow(&mut self, cluster: &Cluster, count: usize) {
        for event in cluster.network.log.events_after(self.learned).iter().take(count) {
            learn(self.vault(), event).unwrap();
            self.learned += 1;
        }
    }
}

/// Subjects whose erasure is in the log.
fn erased(cluster: &Cluster, upto: usize) -> BTreeSet<DataSubject> {
    let events = cluster.network.log.events_after(0);
    let erased = |event| match event {
        KeyEvent::Erased(tombstone) => Some::<Tombstone>(tombstone).map(|it| it.subject),
        KeyEvent::Key(_) => None,
    };
    events.into_iter().take(upto).filter_map(erased).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn no_key_comes_back_and_none_is_lost(steps in prop::collection::vec(step(), 1..40)) {
        let cluster = Cluster::new();
        let new = || Replica { place: Place::new(), vault: None, learned: 0 };
        let mut replicas: Vec<_> = (0..REPLICAS).map(|_| new()).collect();
        replicas.iter_mut().for_each(|replica| replica.open(&cluster));
        let mut envelopes: Vec<(DataSubject, Sealed)> = Vec::new();
        for step in steps {
            match step {
                Step::Seal(replica, subject) => {
                    let (replica, subject) = (&replicas[replica], customer(subject));
                    match replica.vault().seal(subject, Uuid::nil(), TEXT.as_bytes()) {
                        Ok(sealed) => {
                            // Who knows of an erasure does not seal.
                            prop_assert!(!erased(&cluster, replica.learned).contains(&subject));
                            envelopes.push((subject, sealed));
                        }
                        Err(SealError::Erased(_)) => {
                            prop_assert!(erased(&cluster, usize::MAX).contains(&subject));
                        }
                        Err(SealError::Vault(VaultError::KeyLog(KeyLogError::Unavailable(_)))) => {}
                        Err(error) => return Err(TestCaseError::fail(error.to_string())),
                    }
                }
                Step::Erase(replica, subject) => {
                    let (vault, subject) = (replicas[replica].vault(), customer(subject));
                    if vault.erase(subject, at(), Uuid::from_u128(9)).is_ok() {
                        prop_assert!(erased(&cluster, usize::MAX).contains(&subject));
                        prop_assert!(replicas[replica].place.stored(subject).is_empty());
                    }
                }
                Step::Follow(replica, count) => replicas[replica].follow(&cluster, count),
                Step::Lose(fault) => cluster.network.fault.store(fault, Ordering::SeqCst),
                Step::Restart(replica) => replicas[replica].open(&cluster),
                Step::Rebuild(replica) => {
                    replicas[replica] = new();
                    replicas[replica].open(&cluster);
                    // Whatever the log has of those who are erased, nothing of it comes here.
                    replicas[replica].follow(&cluster, usize::MAX);
                }
                Step::Rotate(replica) => {
                    add_key_encryption_key(&cluster.keyring()).unwrap();
                    replicas[replica].open(&cluster);
                    let _ = replicas[replica].vault().rotate(|_| {});
                }
            }
            for replica in &replicas {
                for subject in erased(&cluster, replica.learned) {
                    prop_assert!(replica.place.stored(subject).is_empty(), "{subject} has a key again");
                }
            }
        }
        cluster.network.fault.store(0, Ordering::SeqCst);
        let gone = erased(&cluster, usize::MAX);
        for replica in &mut replicas {
            replica.follow(&cluster, usize::MAX);
            let mut keys = BTreeSet::new();
            for (subject, sealed) in &envelopes {
                keys.insert((*subject, sealed.seal.key));
                let text = opened(replica.vault(), sealed);
                prop_assert_eq!(text.is_none(), gone.contains(subject), "{}", subject);
            }
            let subjects: BTreeSet<_> = keys.iter().map(|(subject, _)| *subject).collect();
            prop_assert_eq!(keys.len(), subjects.len(), "a subject has two keys");
            for subject in gone.iter().copied() {
                prop_assert!(is_refused(replica.vault(), subject));
            }
        }
    }
}
