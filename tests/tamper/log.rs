//! Changes of the log's rows, each with the checksum mended: what somebody would do who knows the format.

use super::*;

/// One bit of an append, in an event or between two.
pub fn bytes_flipped(original: &Original, random: &mut Random) {
    for _ in 0..PLACES {
        let index = random.below(original.rows.len() as u64) as usize;
        let mut row = original.rows[index].clone();
        let at = random.below(row.events.len() as u64) as usize;
        let before = row.events.clone();
        // Seven bits, so that it stays a text more often than not.
        row.events[at] ^= 1 << random.below(7);
        let as_text = String::from_utf8_lossy(&row.events).into_owned().into_bytes();
        row.events = as_text;
        let first = row.position as u64;
        let places = Row { events: before, ..row.clone() }.places();
        let inside = places.iter().position(|place| place.contains(&at));
        let expected = match inside {
            Some(event) => first + event as u64..=first + event as u64,
            // Between two events, either of them is the right one to name.
            None => {
                let after = places.iter().filter(|place| place.end <= at).count() as u64;
                let last = places.len() as u64 - 1;
                first + after.saturating_sub(1).min(last)..=first + after.min(last)
            }
        };
        let copy = original.copy();
        let log = copy.log();
        let events = String::from_utf8(row.events.clone()).unwrap();
        let values = (events, row.checksum(), row.position);
        log.execute("UPDATE log SET events = ?1, checksum = ?2 WHERE position = ?3", values)
            .unwrap();
        copy.is_found_at(expected, &format!("byte {at} of the append at {first}"));
    }
}

/// A column beside the events.
pub fn columns_changed(original: &Original, random: &mut Random) {
    for number in 0..PLACES {
        let mut row = original.rows[original.some_row(random)].clone();
        let position = row.position as u64;
        let mut found_at = position;
        let old = row.position;
        match number % 4 {
            0 => row.stream = format!("case-{}", uuid::Uuid::new_v4()),
            1 => row.revision += 1 + random.below(3) as i64,
            2 => {
                // To behind the end: its place is empty then.
                row.position = original.size as i64 + 1 + random.below(100) as i64;
            }
            _ => {
                // To before the beginning, where no event can be.
                row.position = -(random.below(100) as i64);
                found_at = 0;
            }
        }
        let copy = original.copy();
        let values = (row.position, &row.stream, row.revision, row.checksum(), old);
        copy.log()
            .execute("UPDATE log SET position = ?1, stream = ?2, revision = ?3, checksum = ?4 WHERE position = ?5", values)
            .unwrap();
        copy.is_found_at(
            found_at..=found_at,
            &format!("column {} of the append at {position}", number % 4),
        );
    }
}

/// Closes or opens a gap: moves all from a position on, envelopes too.
fn shift(copy: &Copy, rows: &mut [Row], envelopes_from: i64, by: i64) {
    for row in rows {
        row.position += by;
    }
    let log = copy.log();
    // In two steps, so that no two stand at one position meanwhile.
    log.execute("UPDATE vault SET position = -position WHERE position >= ?1", [envelopes_from])
        .unwrap();
    log.execute("UPDATE vault SET position = -position + ?1 WHERE position < 0", [by]).unwrap();
}

/// An append is taken out; every other time the gap is closed.
pub fn rows_dropped(original: &Original, random: &mut Random) {
    for number in 0..PLACES {
        let index = original.some_row(random);
        let copy = original.copy();
        let mut rows = original.rows.clone();
        let dropped = rows.remove(index);
        let (position, end) = (dropped.position, dropped.position + dropped.count());
        copy.log()
            .execute("DELETE FROM vault WHERE position >= ?1 AND position < ?2", [position, end])
            .unwrap();
        if number % 2 == 0 {
            shift(&copy, &mut rows[index..], end, position - end);
        }
        copy.rewrite(&rows);
        copy.is_found_at(position as u64..=position as u64, "an append dropped");
    }
}

/// An event is taken out of an append of several.
pub fn events_dropped(original: &Original, random: &mut Random) {
    let several: Vec<usize> =
        (0..original.rows.len()).filter(|index| original.rows[*index].count() > 1).collect();
    for _ in 0..PLACES {
        let row = &original.rows[*random.one_of(&several)];
        let places = row.places();
        let event = random.below(places.len() as u64) as usize;
        let kept = places.iter().enumerate().filter(|(index, _)| *index != event);
        let kept: Vec<&[u8]> = kept.map(|(_, place)| &row.events[place.clone()]).collect();
        let changed =
            Row { events: [b"[", &kept.join(&b","[..])[..], b"]"].concat(), ..row.clone() };
        let copy = original.copy();
        let log = copy.log();
        log.execute("DELETE FROM log WHERE position = ?1", [row.position]).unwrap();
        insert(&log, &changed);
        let position = row.position as u64 + event as u64;
        copy.is_found_at(position..=position, "an event dropped from an append");
    }
}

/// An append is added in the middle, like another one but with new ids.
pub fn rows_inserted(original: &Original, random: &mut Random) {
    for _ in 0..PLACES {
        let index = original.some_row(random);
        let mut added = random.one_of(&original.rows).clone();
        let place = added.places()[0].clone();
        let id = uuid::Uuid::new_v4().to_string();
        let at = place.start + r#"{"id":""#.len();
        added.events[at..at + 36].copy_from_slice(id.as_bytes());
        let copy = original.copy();
        let mut rows = original.rows.clone();
        let position = rows[index].position;
        let count = added.count();
        shift(&copy, &mut rows[index..], position, count);
        added.position = position;
        rows.insert(index, added);
        copy.rewrite(&rows);
        copy.is_found_at(position as u64..=position as u64, "an append inserted");
    }
}

/// Two appends change places.
pub fn rows_swapped(original: &Original, random: &mut Random) {
    let singles: Vec<usize> =
        (0..original.rows.len()).filter(|index| original.rows[*index].count() == 1).collect();
    for _ in 0..PLACES {
        let (left, right) = (*random.one_of(&singles), *random.one_of(&singles));
        if left == right {
            continue;
        }
        let mut rows = original.rows.clone();
        rows.swap(left, right);
        let first = original.rows[left.min(right)].position;
        (rows[left].position, rows[right].position) =
            (original.rows[left].position, original.rows[right].position);
        let copy = original.copy();
        copy.rewrite(&rows);
        copy.is_found_at(first as u64..=first as u64, "two appends swapped");
    }
}

/// The end is cut off.
pub fn log_truncated(original: &Original, random: &mut Random) {
    for _ in 0..PLACES {
        let row = &original.rows[1 + original.some_row(random)];
        let copy = original.copy();
        let log = copy.log();
        log.execute("DELETE FROM log WHERE position >= ?1", [row.position]).unwrap();
        log.execute("DELETE FROM vault WHERE position >= ?1", [row.position]).unwrap();
        let position = row.position as u64;
        copy.is_found_at(position..=position, "the log truncated");
    }
}
