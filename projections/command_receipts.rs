//! Which commands came with an idempotency key, and where their events went.
//!
//! The stream itself tells whether a command was executed on it. This table tells the one thing that a stream cannot: that the same
//! key was used for another stream.

use parvandeh_domain::decider::Recorded;
use parvandeh_domain::log::DomainEvent;
use rusqlite::{Connection, OptionalExtension};
use uuid::Uuid;

use crate::ReadModel;
use crate::column;

/// Where a command's events went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandReceipt {
    /// The stream.
    pub stream: String,
    /// The digest of the command.
    pub digest: String,
}

/// The read model.
#[derive(Default)]
pub struct CommandReceipts {
    receipts: Vec<(Uuid, CommandReceipt, i64)>,
}

impl ReadModel for CommandReceipts {
    fn tables(&self) -> &'static str {
        "CREATE TABLE command_receipt (
            command_id BLOB PRIMARY KEY, stream TEXT NOT NULL, digest TEXT NOT NULL,
            position INTEGER NOT NULL
        ) WITHOUT ROWID"
    }

    fn indexes(&self) -> &'static str {
        ""
    }

    fn apply(&mut self, _: &Connection, event: &Recorded<DomainEvent>) -> rusqlite::Result<()> {
        if let Some(digest) = &event.meta.command_digest {
            let receipt =
                CommandReceipt { stream: event.event.stream_name(), digest: digest.clone() };
            let position = column::integer(event.position);
            self.receipts.push((event.meta.causation_id.0, receipt, position));
        }
        Ok(())
    }

    fn flush(&mut self, db: &Connection) -> rusqlite::Result<()> {
        let mut insert = db.prepare_cached(
            "INSERT OR IGNORE INTO command_receipt (command_id, stream, digest, position) \
             VALUES (?, ?, ?, ?)",
        )?;
        for (command_id, receipt, position) in self.receipts.drain(..) {
            insert.execute(rusqlite::params![
                command_id,
                receipt.stream,
                receipt.digest,
                position
            ])?;
        }
        Ok(())
    }
}

/// Where the command's events went, `None` when it wrote none or had no key. For the command side, which has no principal's scope:
/// it answers only whether a key was used before.
pub fn receipt(db: &Connection, command_id: Uuid) -> rusqlite::Result<Option<CommandReceipt>> {
    db.prepare_cached("SELECT stream, digest FROM command_receipt WHERE command_id = ?")?
        .query_row([command_id], |row| {
            Ok(CommandReceipt { stream: row.get(0)?, digest: row.get(1)? })
        })
        .optional()
}
