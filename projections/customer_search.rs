//! Finding a customer by their name or a contact point, without the read models knowing either.
//!
//! A row has a *blind index*: a keyed hash of the text, which the vault makes of what it is asked for too. So a text is found exactly or not
//! at all, and who has the file alone cannot try texts out. An erasure takes the blind indexes away.

use parvandeh_domain::customer::CustomerEvent;
use parvandeh_domain::decider::Recorded;
use parvandeh_domain::log::DomainEvent;
use parvandeh_domain::pii::BlindIndex;
use rusqlite::Connection;
use uuid::Uuid;

use crate::ReadModel;
use crate::column;

/// What is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Name,
    ContactPoint,
}

impl Field {
    fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::ContactPoint => "contact_point",
        }
    }
}

/// What an event does to the table.
enum Step {
    /// A name takes the place of the one before.
    Said {
        customer: Uuid,
        position: i64,
        field: Field,
        blind_index: Option<BlindIndex>,
        sound_index: Option<BlindIndex>,
    },
    Erased {
        customer: Uuid,
    },
}

/// The read model.
#[derive(Default)]
pub struct CustomerSearch {
    steps: Vec<Step>,
}

impl ReadModel for CustomerSearch {
    fn tables(&self) -> &'static str {
        "CREATE TABLE customer_search (
            customer_id BLOB NOT NULL, position INTEGER NOT NULL, field TEXT NOT NULL, blind_index BLOB,
            sound_index BLOB,
            PRIMARY KEY (customer_id, position)
        ) WITHOUT ROWID"
    }

    fn indexes(&self) -> &'static str {
        "CREATE INDEX customer_search_found ON customer_search (blind_index)
            WHERE blind_index IS NOT NULL;
         CREATE INDEX customer_search_sounding ON customer_search (sound_index)
            WHERE sound_index IS NOT NULL"
    }

    fn personal_columns(&self) -> &'static [(&'static str, &'static str)] {
        &[("customer_search", "blind_index"), ("customer_search", "sound_index")]
    }

    fn apply(&mut self, _: &Connection, event: &Recorded<DomainEvent>) -> rusqlite::Result<()> {
        let DomainEvent::Customer(id, customer_event) = &event.event else { return Ok(()) };
        let field = match customer_event {
            CustomerEvent::Registered(_) => Field::Name,
            CustomerEvent::DetailsChanged(changed) if changed.name.is_some() => Field::Name,
            CustomerEvent::ContactPointAdded(_) => Field::ContactPoint,
            CustomerEvent::Erased(_) => {
                self.steps.push(Step::Erased { customer: id.0 });
                return Ok(());
            }
            CustomerEvent::DetailsChanged(_)
            | CustomerEvent::ValueAssessed(_)
            | CustomerEvent::TierChanged(_)
            | CustomerEvent::ConsentGiven(_)
            | CustomerEvent::ConsentWithdrawn(_)
            | CustomerEvent::LegalHoldPlaced(_)
            | CustomerEvent::LegalHoldReleased(_)
            | CustomerEvent::ErasureOrdered(_)
            | CustomerEvent::Merged(_)
            | CustomerEvent::Unmerged(_)
            | CustomerEvent::RepresentativeAppointed(_)
            | CustomerEvent::RepresentativeDismissed(_)
            | CustomerEvent::VerificationRequested(_)
            | CustomerEvent::VerificationFailed(_)
            | CustomerEvent::ContactPointVerified(_)
            | CustomerEvent::PreferencesChanged(_)
            | CustomerEvent::NotificationsRead(_) => return Ok(()),
        };
        self.steps.push(Step::Said {
            customer: id.0,
            position: column::integer(event.position),
            field,
            blind_index: event.blind_index,
            sound_index: event.sound_index,
        });
        Ok(())
    }

    fn flush(&mut self, db: &Connection) -> rusqlite::Result<()> {
        let mut forget = db.prepare_cached(
            "DELETE FROM customer_search WHERE customer_id = ? AND field = 'name'",
        )?;
        let mut insert = db.prepare_cached(
            "INSERT OR REPLACE INTO customer_search (customer_id, position, field, blind_index, sound_index)
             VALUES (?, ?, ?, ?, ?)",
        )?;
        let mut erase = db.prepare_cached(
            "UPDATE customer_search SET blind_index = NULL, sound_index = NULL WHERE customer_id = ?",
        )?;
        for step in std::mem::take(&mut self.steps) {
            match step {
                Step::Said { customer, position, field, blind_index, sound_index } => {
                    if field == Field::Name {
                        forget.execute([customer])?;
                    }
                    let blind_index = blind_index.map(|index| index.0);
                    let sound_index = sound_index.map(|index| index.0);
                    let row = (customer, position, field.as_str(), blind_index, sound_index);
                    insert.execute(row)?;
                }
                Step::Erased { customer } => {
                    erase.execute([customer])?;
                }
            }
        }
        Ok(())
    }
}

/// The most records that are looked at as possible matches of one.
pub const CANDIDATES_MAX: usize = 100;

/// The records that share a contact point with this one, or the sound of the name: those that may be the same person's. Not scoped,
/// because it tells of ids alone: what they lead to is read with a scope.
pub fn candidates(db: &Connection, id: Uuid) -> rusqlite::Result<Vec<Uuid>> {
    db.prepare_cached(
        "SELECT other.customer_id FROM customer_search own
             JOIN customer_search other ON other.blind_index = own.blind_index
         WHERE own.customer_id = ?1 AND own.field = 'contact_point' AND other.field = 'contact_point'
             AND other.customer_id <> ?1
         UNION
         SELECT other.customer_id FROM customer_search own
             JOIN customer_search other ON other.sound_index = own.sound_index
         WHERE own.customer_id = ?1 AND other.customer_id <> ?1
         LIMIT ?2",
    )?
    .query_map((id, CANDIDATES_MAX as i64), |row| row.get(0))?
    .collect()
}
