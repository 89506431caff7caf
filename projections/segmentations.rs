//! Segmentations: every version that was published.

use jiff::Timestamp;
use parvandeh_domain::decider::Recorded;
use parvandeh_domain::id::SegmentationId;
use parvandeh_domain::log::DomainEvent;
use parvandeh_domain::segmentation::{
    DEFAULT_SEGMENTATION, SegmentationEvent, SegmentationPublished,
};
use rusqlite::Connection;

use crate::ReadModel;
use crate::column;

/// A version of a segmentation, as it was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedSegmentation {
    /// The segmentation.
    pub id: SegmentationId,
    /// What was published.
    pub published: SegmentationPublished,
    /// When.
    pub published_at: Timestamp,
}

/// The read model.
#[derive(Default)]
pub struct Segmentations {
    rows: Vec<(i64, PublishedSegmentation)>,
}

impl ReadModel for Segmentations {
    fn tables(&self) -> &'static str {
        "CREATE TABLE segmentation (
            position INTEGER PRIMARY KEY, id TEXT NOT NULL, published_at INTEGER NOT NULL,
            event TEXT NOT NULL
        )"
    }

    fn indexes(&self) -> &'static str {
        ""
    }

    fn apply(&mut self, _: &Connection, event: &Recorded<DomainEvent>) -> rusqlite::Result<()> {
        if let DomainEvent::Segmentation(id, SegmentationEvent::Published(published)) = &event.event
        {
            let row = PublishedSegmentation {
                id: id.clone(),
                published: published.clone(),
                published_at: event.meta.recorded_at,
            };
            self.rows.push((column::integer(event.position), row));
        }
        Ok(())
    }

    fn flush(&mut self, db: &Connection) -> rusqlite::Result<()> {
        let mut insert = db.prepare_cached(
            "INSERT OR REPLACE INTO segmentation (position, id, published_at, event) \
             VALUES (?, ?, ?, ?)",
        )?;
        for (position, row) in self.rows.drain(..) {
            let event = serde_json::to_string(&row.published).expect("documents serialise");
            let published_at = column::microseconds(row.published_at);
            insert.execute((position, row.id.as_str(), published_at, event))?;
        }
        Ok(())
    }
}

/// Every version of every segmentation, in the order of publication.
pub fn published(db: &Connection) -> rusqlite::Result<Vec<PublishedSegmentation>> {
    let mut statement =
        db.prepare_cached("SELECT id, published_at, event FROM segmentation ORDER BY position")?;
    let mut rows = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let Ok(id) = SegmentationId::new(row.get::<_, String>(0)?) else { continue };
        let (published_at, published) = (column::time(row, 1)?, column::json(row, 2)?);
        all.push(PublishedSegmentation { id, published, published_at });
    }
    Ok(all)
}

/// The versions in force at a moment, in the order in which they are tried: by their ids, and the segmentation `default` last.
pub fn in_force(
    db: &Connection,
    at: Timestamp,
) -> rusqlite::Result<Vec<(SegmentationId, SegmentationPublished)>> {
    let all = published(db)?;
    let mut ids: Vec<&SegmentationId> = all.iter().map(|row| &row.id).collect();
    ids.sort_unstable_by_key(|id| (id.as_str() == DEFAULT_SEGMENTATION, id.as_str()));
    ids.dedup();
    let version = |id: &SegmentationId| {
        let versions = all.iter().filter(|row| row.id == *id).map(|row| &row.published);
        SegmentationPublished::in_force(versions, at).cloned()
    };
    Ok(ids.into_iter().filter_map(|id| Some((id.clone(), version(id)?))).collect())
}
