//! Changes of the file's bytes, as a failing disk makes them.

use super::*;

/// All that the file holds, row by row until it cannot be read any more.
#[derive(PartialEq)]
struct Dump {
    id: Option<String>,
    rows: Vec<(i64, String, i64, String, i64)>,
    envelopes: Vec<(i64, Vec<u8>)>,
    is_whole: bool,
}

fn dump(path: &Path) -> Option<Dump> {
    let log = Connection::open(path.join("log.db")).ok()?;
    let id = log.query_row("SELECT id FROM store", [], |row| row.get(0)).ok();
    let mut is_whole = true;
    let mut rows = Vec::new();
    let mut statement = log
        .prepare("SELECT position, stream, revision, events, checksum FROM log ORDER BY position")
        .ok()?;
    let mut found = statement.query([]).ok()?;
    loop {
        match found.next() {
            Ok(Some(row)) => {
                let values = (|| {
                    Ok::<_, rusqlite::Error>((
                        row.get(0)?,
                        row.get(1)?,
                        row.get(2)?,
                        row.get(3)?,
                        row.get(4)?,
                    ))
                })();
                match values {
                    Ok(values) => rows.push(values),
                    Err(_) => {
                        is_whole = false;
                        break;
                    }
                }
            }
            Ok(None) => break,
            Err(_) => {
                is_whole = false;
                break;
            }
        }
    }
    drop(found);
    let mut envelopes = Vec::new();
    let mut statement =
        log.prepare("SELECT position, envelope FROM vault ORDER BY position").ok()?;
    let mut found = statement.query([]).ok()?;
    loop {
        match found.next() {
            Ok(Some(row)) => match (row.get(0), row.get(1)) {
                (Ok(position), Ok(envelope)) => envelopes.push((position, envelope)),
                _ => is_whole = false,
            },
            Ok(None) => break,
            Err(_) => {
                is_whole = false;
                break;
            }
        }
    }
    Some(Dump { id, rows, envelopes, is_whole })
}

/// The first position that a difference concerns: of the log and of the vault.
fn first_difference(good: &Dump, bad: &Dump) -> Option<(u64, u64)> {
    let row = good.rows.iter().enumerate().find(|(index, row)| bad.rows.get(*index) != Some(*row));
    let row = row.map(|(index, row)| {
        let count = serde_json::from_str::<Vec<serde_json::Value>>(&row.3).unwrap().len() as u64;
        let first = match (index.checked_sub(1), bad.rows.get(index)) {
            // Its number may have become that of an event inside the append before it, which is taken twice then.
            (Some(before), Some(moved)) if good.rows[before].0 < moved.0 => row.0.min(moved.0),
            _ => row.0,
        };
        (first as u64, row.0 as u64 + count - 1)
    });
    // Also a position at which there was nothing to stand: a bit of a row's number moves its envelope there.
    let only_in = |one: &Dump, other: &Dump| {
        let only = one.envelopes.iter().filter(|envelope| !other.envelopes.contains(envelope));
        only.map(|(position, _)| *position as u64).min()
    };
    let envelope = only_in(good, bad).into_iter().chain(only_in(bad, good)).min();
    let envelope = envelope.map(|position| (position, position));
    match (row, envelope) {
        (Some(row), Some(envelope)) => Some(if row.0 <= envelope.0 { row } else { envelope }),
        (row, envelope) => row.or(envelope),
    }
}

/// A bit anywhere in the file. What changes nothing of what the file holds need not be found.
pub fn bytes_flipped(original: &Original, random: &mut Random) {
    let good = dump(original.directory.path()).unwrap();
    let (mut telling, mut silent) = (0, 0);
    while telling < PLACES {
        let copy = original.copy();
        let path = copy.path().join("log.db");
        let mut bytes = fs::read(&path).unwrap();
        let at = random.below(bytes.len() as u64) as usize;
        bytes[at] ^= 1 << random.below(8);
        fs::write(&path, bytes).unwrap();
        let what = format!("byte {at} of the file");
        let Some(bad) = dump(copy.path()) else {
            assert!(!copy.verify().holds(), "{what}");
            telling += 1;
            continue;
        };
        if bad == good {
            silent += 1;
            assert!(silent < 100 * PLACES, "nearly no change tells");
            continue;
        }
        telling += 1;
        let report = copy.verify();
        if report.holds() {
            let row = good.rows.iter().zip(&bad.rows).find(|(good, bad)| good != bad);
            let envelope =
                good.envelopes.iter().zip(&bad.envelopes).find(|(good, bad)| good != bad);
            let counts = (bad.rows.len(), bad.envelopes.len(), bad.is_whole, &bad.id);
            panic!("{what}: not found: {row:?} {envelope:?} {counts:?}");
        }
        if let Some((first, last)) =
            first_difference(&good, &bad).filter(|_| bad.is_whole && bad.id == good.id)
        {
            copy.is_found_at(first..=last, &what);
        }
    }
}

/// The end of the file is missing.
pub fn file_truncated(original: &Original, random: &mut Random) {
    for _ in 0..PLACES {
        let copy = original.copy();
        let path = copy.path().join("log.db");
        let length = fs::metadata(&path).unwrap().len();
        let left = random.below(length);
        fs::File::options().write(true).open(&path).unwrap().set_len(left).unwrap();
        assert!(!copy.verify().holds(), "{left} of {length} bytes are left");
    }
}
