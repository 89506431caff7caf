//! A clock's time as one line of characters: stretches in proportion, and marks for now and the due moment below.

use jiff::Timestamp;
use parvandeh_domain::sla::{Clock, IntervalCourse};

const WIDTH: usize = 90;

/// The characters of a line.
#[derive(Clone, Copy)]
pub struct Characters {
    running: char,
    paused: char,
    idle: char,
    to_come: char,
}

impl Characters {
    /// Blocks, when the terminal's locale has them; plain characters otherwise.
    pub fn of_locale() -> Self {
        let variables = ["LC_ALL", "LC_CTYPE", "LANG"];
        let mut set = variables.iter().filter_map(|name| std::env::var(name).ok());
        let locale = set.find(|value| !value.is_empty()).unwrap_or_default().to_ascii_lowercase();
        let is_utf8 = locale.contains("utf-8") || locale.contains("utf8");
        if is_utf8 { Self::BLOCKS } else { Self::PLAIN }
    }

    const BLOCKS: Self = Self { running: '█', paused: '░', idle: '·', to_come: '─' };
    const PLAIN: Self = Self { running: '#', paused: ':', idle: '.', to_come: '-' };

    /// What the characters mean, in one line.
    pub fn legend(self) -> String {
        let Self { running, paused, idle, to_come } = self;
        format!("{running} running  {paused} paused  {idle} stopped for a while  {to_come} to come")
    }
}

/// The line, and the line of marks below it.
pub fn lines(clock: &Clock, now: Timestamp, characters: Characters) -> [String; 2] {
    let end = clock.stopped_at.unwrap_or(now.max(clock.started_at));
    let last = clock.due_at.map_or(end, |due| due.max(end));
    let (begin_ns, last_ns) = (clock.started_at.as_nanosecond(), last.as_nanosecond());
    let length_ns = (last_ns - begin_ns).max(1);
    let cells = WIDTH as i128;
    let line = (0..cells).map(|cell| {
        // The middle of the cell's time stands for it.
        let at = begin_ns + length_ns * (2 * cell + 1) / (2 * cells);
        if at >= end.as_nanosecond() {
            return characters.to_come;
        }
        let here = clock.intervals.iter().rfind(|interval| interval.from.as_nanosecond() <= at);
        match here.map(|interval| interval.course) {
            Some(IntervalCourse::Running) => characters.running,
            Some(IntervalCourse::Paused) => characters.paused,
            Some(IntervalCourse::Idle) | None => characters.idle,
        }
    });
    let place = |at: Timestamp| {
        let cell = (at.as_nanosecond() - begin_ns) * cells / length_ns;
        usize::try_from(cell.clamp(0, cells - 1)).unwrap_or_default()
    };
    let end_name = if clock.stopped_at.is_some() { "stopped" } else { "now" };
    let mut marks = vec![(place(end), end_name)];
    marks.extend(clock.due_at.map(|due| (place(due), "due")));
    marks.sort();
    [line.collect(), marked(&marks)]
}

/// Marks below their places, each with its name to the right, or to the left where the right has no room.
fn marked(marks: &[(usize, &str)]) -> String {
    if let [(one, first), (other, second)] = marks
        && one == other
    {
        return marked(&[(*one, &format!("{first}, {second}"))]);
    }
    let mut line = String::new();
    for (index, (place, name)) in marks.iter().enumerate() {
        let room = marks.get(index + 1).map_or(WIDTH + 8, |(next, _)| *next) - place;
        let left = format!("{name} ^");
        let written = line.chars().count();
        let fits_left = written + left.len() <= place + 1;
        if (room > name.len() + 3 && place + name.len() < WIDTH) || !fits_left {
            line += &" ".repeat(place.saturating_sub(written));
            line += &format!("^ {name} ");
        } else {
            line += &" ".repeat((place + 1).saturating_sub(written + left.len()));
            line += &left;
        }
    }
    line.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_stand_below_their_places_with_their_names() {
        assert_eq!(marked(&[(0, "due"), (20, "now")]), "^ due               ^ now");
        assert_eq!(marked(&[(10, "due"), (13, "now")]), "      due ^  ^ now");
        assert_eq!(marked(&[(5, "due"), (5, "now")]), "     ^ due, now");
        let end = marked(&[(3, "due"), (89, "stopped")]);
        assert!(end.ends_with("stopped ^") && end.len() == 90, "{end}");
        let crowded = marked(&[(87, "due"), (89, "now")]);
        assert!(crowded.contains("due ^") && crowded.ends_with("^ now"), "{crowded}");
    }
}
