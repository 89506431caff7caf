//! Which log this is: the first event under the prefix says it, for all replicas.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::connection::{Connection, Outgoing};
use super::failure::Failure;

/// Where the log's identity is.
pub(super) const STREAM: &str = "log-identity";
const TYPE: &str = "LogCreated";

#[derive(Serialize, Deserialize)]
struct LogCreated {
    log_id: Uuid,
}

/// The log's id, `None` where there is no log under this prefix.
pub(super) async fn find(
    connection: &Connection,
    stream: &str,
    limit: Duration,
) -> Result<Option<Uuid>, Failure> {
    let events = connection.read_stream(stream, 0, 1, limit).await?;
    let Some(event) = events.first() else { return Ok(None) };
    match serde_json::from_slice::<LogCreated>(&event.data) {
        Ok(created) if event.type_name == TYPE => Ok(Some(created.log_id)),
        _ => Err(Failure::Refused(format!(
            "{stream} does not say which log this is: another program uses this prefix"
        ))),
    }
}

/// Begins a log with this id, unless somebody was quicker; answers whose id it is then.
pub(super) async fn create(
    connection: &Connection,
    stream: &str,
    log_id: Uuid,
    limit: Duration,
) -> Result<Uuid, Failure> {
    let begun = Instant::now();
    let created = LogCreated { log_id };
    let event = Outgoing {
        id: log_id,
        type_name: TYPE.to_owned(),
        version: 1,
        metadata: "{}".into(),
        data: serde_json::to_vec(&created).expect("an id is plain JSON").into(),
        envelope: None,
    };
    match connection.append(stream, None, vec![event], limit).await {
        Ok(_) => Ok(log_id),
        Err(Failure::Conflict { .. }) => {
            let found = find(connection, stream, limit.saturating_sub(begun.elapsed())).await?;
            found.ok_or_else(|| Failure::Refused(format!("{stream} cannot be read")))
        }
        Err(failure) => Err(failure),
    }
}
