//! A server, by what it publishes: the checkpoint, every leaf and every tile.
//!
//! The leaves give the root; nothing else of the server is trusted. What they say of the events (hashes of what is stored, never what it
//! says) can be compared later with a bundle or a data directory: the root is the same.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use serde::Deserialize;

use super::{Known, Part, Report, Roots, Trust};
use crate::proof::checkpoint::SignedCheckpoint;
use crate::proof::merkle::{Hash, leaf_hash, perfect_root};
use crate::proof::note::{NOTE_BYTES_MAX, VerifierKey};
use crate::proof::tiles::{self, TileKind, TilePath};
use crate::proof::tree::{LEVELS_MAX, TILE_HASHES};

/// Requests under way at once.
const REQUESTS_AT_ONCE: usize = 8;
const TIMEOUT: Duration = Duration::from_secs(60);
/// The largest tile there can be: 256 leaves of the largest size.
const TILE_BYTES_MAX: usize = TILE_HASHES * (2 + 65_535);

/// Why a server cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// The request failed.
    #[error("asking {url}")]
    Request {
        /// What was asked for.
        url: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The server refused it.
    #[error("{url} answered {status}{}", if status.as_u16() == 401 || status.as_u16() == 403 { ": give a token of an auditor with --token" } else { "" })]
    Status {
        /// What was asked for.
        url: String,
        /// How it was answered.
        status: reqwest::StatusCode,
    },
    /// The answer is larger than what was asked for can be.
    #[error("{0} answered with more than it should")]
    TooLarge(String),
}

/// A server and the token that it is asked with.
#[derive(Clone)]
struct Remote {
    client: reqwest::Client,
    address: String,
    token: Option<String>,
}

impl Remote {
    async fn get(&self, path: &str, bytes_max: usize) -> Result<Vec<u8>, RemoteError> {
        let url = format!("{}/proof/{path}", self.address);
        let failed = |source| RemoteError::Request { url: url.clone(), source };
        let mut request = self.client.get(&url).timeout(TIMEOUT);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let mut response = request.send().await.map_err(failed)?;
        let status = response.status();
        if !status.is_success() {
            return Err(RemoteError::Status { url, status });
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > bytes_max {
                return Err(RemoteError::TooLarge(url));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    async fn text(&self, path: &str) -> Result<String, RemoteError> {
        let body = self.get(path, NOTE_BYTES_MAX).await?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    async fn tile(&self, path: TilePath) -> Result<Vec<u8>, RemoteError> {
        self.get(&format!("tile/{path}"), TILE_BYTES_MAX).await
    }
}

/// What is read of a leaf.
#[derive(Deserialize)]
struct Leaf<'a> {
    store: &'a str,
    position: u64,
    #[serde(borrow)]
    stream: std::borrow::Cow<'a, str>,
    revision: u64,
}

/// Verifies what a server publishes. `progress` is told the events passed and the checkpoint's size.
pub async fn verify(
    address: &str,
    token: Option<String>,
    trust: &Trust,
    progress: impl Fn(u64, u64),
) -> Result<Report, RemoteError> {
    let address = address.trim_end_matches('/').to_owned();
    let remote = Remote { client: reqwest::Client::new(), address, token };
    let mut report = Report::about(remote.address.clone());
    let signed = match SignedCheckpoint::parse(&remote.text("checkpoint").await?) {
        Ok(signed) => signed,
        Err(error) => {
            report.general(Part::Checkpoint, error.to_string());
            return Ok(report);
        }
    };
    let beside: Option<VerifierKey> = remote.text("key").await?.parse().ok();
    report.judge(&signed, trust, beside.as_ref());
    for witness in &trust.witnesses {
        if let Err(error) = witness.verify(&signed.note) {
            report.general(Part::Checkpoint, format!("the checkpoint: {error}"));
        }
    }
    let size = signed.checkpoint.size;
    let mut known = vec![Known::of("the checkpoint", &signed)];
    known.extend(trust.earlier.iter().map(|it| Known::of("the checkpoint from before", it)));
    let store = signed.checkpoint.origin.strip_prefix("parvandeh/").unwrap_or_default();

    let mut leaves =
        Leaves { roots: Roots::at(&known), streams: HashMap::new(), groups: Vec::new() };
    let fetched = TilePath::all(TileKind::Entries, size).map(|entries| {
        let remote = remote.clone();
        async move {
            let hashes = TilePath { kind: TileKind::Hashes { level: 0 }, ..entries };
            let both = tokio::try_join!(remote.tile(entries), remote.tile(hashes))?;
            Ok::<_, RemoteError>((entries, both))
        }
    });
    let mut fetched = futures_util::stream::iter(fetched).buffered(REQUESTS_AT_ONCE);
    while let Some((path, (entries, hashes))) = fetched.try_next().await? {
        if !leaves.take_in(path, &entries, &hashes, store, &mut report) {
            return Ok(report);
        }
        progress(report.events, size);
    }
    let mut groups = std::mem::take(&mut leaves.groups);
    for level in 1..LEVELS_MAX {
        if groups.is_empty() {
            break;
        }
        for path in TilePath::all(TileKind::Hashes { level: level as u8 }, size) {
            let tile = remote.tile(path).await?;
            let first = path.first() as usize;
            let computed = &groups[first..first + usize::from(path.width)];
            if tile != computed.as_flattened() {
                let span = 256_u64.pow(level as u32);
                let problem = format!("tile {path} does not hold the roots that the leaves give");
                report.at(Part::Tree, path.first() * span + 1, problem);
            }
        }
        groups =
            groups.as_chunks::<TILE_HASHES>().0.iter().map(|tile| perfect_root(tile)).collect();
    }
    for Known { said_by, size, root } in &known {
        match leaves.roots.of(*size) {
            Some(given) if given == *root => {}
            _ => report.general(
                Part::Checkpoint,
                format!("the leaves do not give the root of {said_by} over {size} events"),
            ),
        }
    }
    report.remarks.push(
        "The leaves hold hashes of what is stored: what the events say was not seen. Verify the data directory or a bundle against the same \
         checkpoint for that."
            .to_owned(),
    );
    Ok(report)
}

struct Leaves {
    roots: Roots,
    streams: HashMap<Box<str>, u64>,
    /// The roots of full tiles: 32 bytes for 256 events.
    groups: Vec<Hash>,
}

impl Leaves {
    /// Takes a tile of leaves in, and compares it with the published hashes. False where it is not what it should be at all.
    fn take_in(
        &mut self,
        path: TilePath,
        entries: &[u8],
        hashes: &[u8],
        store: &str,
        report: &mut Report,
    ) -> bool {
        let width = usize::from(path.width);
        let leaves = tiles::entries(entries).filter(|leaves| leaves.len() == width);
        let Some(leaves) = leaves else {
            report.at(
                Part::Tree,
                path.first() + 1,
                format!("tile {path} does not hold {width} leaves"),
            );
            return false;
        };
        let computed: Vec<Hash> = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
        for ((leaf, hash), position) in leaves.iter().zip(&computed).zip(path.first() + 1..) {
            let at = (position - path.first() - 1) as usize * 32;
            if hashes.get(at..at + 32) != Some(&hash[..]) {
                let problem = "the leaf is not the one whose hash the tile holds";
                report.at(Part::Tree, position, problem);
            }
            self.leaf(leaf, position, store, report);
            self.roots.push_leaf(*hash);
            report.events += 1;
        }
        if hashes.len() != width * 32 {
            report.at(
                Part::Tree,
                path.first() + 1,
                format!("the tile of hashes {path} has not its length"),
            );
        }
        if width == TILE_HASHES {
            self.groups.push(perfect_root(&computed));
        }
        true
    }

    fn leaf(&mut self, leaf: &[u8], position: u64, store: &str, report: &mut Report) {
        let leaf: Leaf<'_> = match serde_json::from_slice(leaf) {
            Ok(leaf) => leaf,
            Err(error) => {
                return report.at(Part::Log, position, format!("the leaf cannot be read: {error}"));
            }
        };
        if leaf.position != position || leaf.store != store {
            let problem = format!("the leaf is about position {} of {}", leaf.position, leaf.store);
            report.at(Part::Log, position, problem);
        }
        let next = self.streams.get(&*leaf.stream).copied().unwrap_or(0);
        if leaf.revision != next {
            let problem =
                format!("{} goes on with revision {}, not {next}", leaf.stream, leaf.revision);
            report.at(Part::Log, position, problem);
        }
        self.streams.insert((*leaf.stream).into(), leaf.revision.saturating_add(1));
    }
}
