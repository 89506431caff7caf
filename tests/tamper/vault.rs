//! Changes of the envelopes.

use super::*;

fn envelopes(original: &Original) -> Vec<(i64, Vec<u8>)> {
    let log = Connection::open(original.directory.path().join("log.db")).unwrap();
    let mut statement =
        log.prepare("SELECT position, envelope FROM vault ORDER BY position").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

fn replace(copy: &Copy, position: i64, envelope: &[u8]) {
    copy.log()
        .execute("UPDATE vault SET envelope = ?1 WHERE position = ?2", (envelope, position))
        .unwrap();
}

pub fn envelopes_flipped(original: &Original, random: &mut Random) {
    let all = envelopes(original);
    for _ in 0..PLACES {
        let (position, mut envelope) = random.one_of(&all).clone();
        let at = random.below(envelope.len() as u64) as usize;
        envelope[at] ^= 1 << random.below(8);
        let copy = original.copy();
        replace(&copy, position, &envelope);
        copy.is_found_at(position as u64..=position as u64, "an envelope flipped");
    }
}

pub fn envelopes_dropped(original: &Original, random: &mut Random) {
    let all = envelopes(original);
    for _ in 0..PLACES {
        let position = random.one_of(&all).0;
        let copy = original.copy();
        copy.log().execute("DELETE FROM vault WHERE position = ?1", [position]).unwrap();
        copy.is_found_at(position as u64..=position as u64, "an envelope dropped");
    }
}

pub fn envelopes_swapped(original: &Original, random: &mut Random) {
    let all = envelopes(original);
    for _ in 0..PLACES {
        let (left, right) = (random.one_of(&all), random.one_of(&all));
        if left.0 == right.0 {
            continue;
        }
        let copy = original.copy();
        replace(&copy, left.0, &right.1);
        replace(&copy, right.0, &left.1);
        let first = left.0.min(right.0) as u64;
        copy.is_found_at(first..=first, "two envelopes swapped");
    }
}

pub fn envelopes_inserted(original: &Original, random: &mut Random) {
    let all = envelopes(original);
    for _ in 0..PLACES {
        // Also behind the end, where a next append would find it.
        let position = 1 + random.below(original.size + 20) as i64;
        if all.iter().any(|(taken, _)| *taken == position) {
            continue;
        }
        let copy = original.copy();
        let envelope = &random.one_of(&all).1;
        copy.log()
            .execute("INSERT INTO vault (position, envelope) VALUES (?1, ?2)", (position, envelope))
            .unwrap();
        copy.is_found_at(position as u64..=position as u64, "an envelope inserted");
    }
}
