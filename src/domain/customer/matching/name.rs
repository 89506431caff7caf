//! Whether two names are names of one person, across spellings and scripts.
//!
//! A name is a few words. Titles are left out, the order does not matter (family names come first in some lists), and neither does
//! whether the parts of a word are written together: علی رضا, علیرضا. How alike two words are is a matter of spelling.

use super::spelling::{self, Closeness};
use crate::text::normal_form;

/// How alike two names are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameLikeness {
    /// One name in two spellings.
    Same,
    /// Alike but for a slip in one word, or with an initial in place of a word.
    Near,
    /// One has all words of the other and more.
    Part,
    /// Two names.
    Different,
}

/// The most words of a name that are looked at.
const WORDS_MAX: usize = 8;

/// Words that are written before a name and are no part of it, in normal form.
const TITLES: &[&str] = &[
    "اقا",
    "اقای",
    "خانم",
    "سرکار",
    "جناب",
    "دکتر",
    "مهندس",
    "سید",
    "سیده",
    "حاج",
    "حاجی",
    "استاد",
    "شرکت",
    "mr",
    "mrs",
    "ms",
    "miss",
    "dr",
    "eng",
    "prof",
    "seyed",
    "seyyed",
    "sayed",
    "sayyed",
    "sayyid",
    "seyyedeh",
    "seyedeh",
    "haj",
    "haji",
    "hajj",
];

/// The words of a name that are its own, in normal form.
fn words(name: &str) -> Vec<String> {
    let form = normal_form(name);
    let words = form
        .split(|c: char| !(c.is_alphanumeric() || c == '\''))
        .filter(|word| !word.is_empty())
        .take(WORDS_MAX)
        .map(str::to_owned);
    let words: Vec<_> = words.collect();
    let own: Vec<_> =
        words.iter().filter(|word| !TITLES.contains(&word.as_str())).cloned().collect();
    if own.is_empty() { words } else { own }
}

/// Compares two names.
pub fn compare(one: &str, other: &str) -> NameLikeness {
    let (one, other) = (words(one), words(other));
    if one.is_empty() || other.is_empty() {
        return NameLikeness::Different;
    }
    if one.concat() == other.concat() {
        return NameLikeness::Same;
    }
    let (shorter, longer) = if one.len() <= other.len() { (&one, &other) } else { (&other, &one) };
    let paired = pair(shorter, longer);
    let (mut same, mut near) = (0, 0);
    for closeness in &paired {
        match closeness {
            Closeness::Same => same += 1,
            Closeness::Near => near += 1,
            Closeness::Different => {}
        }
    }
    let all_same = same == shorter.len();
    if all_same && shorter.len() == longer.len() {
        return NameLikeness::Same;
    }
    if one.len() != other.len()
        && spelling::compare(&one.concat(), &other.concat()) == Closeness::Same
    {
        return NameLikeness::Same;
    }
    if all_same {
        return NameLikeness::Part;
    }
    if same >= 1 && near == 1 && same + near == shorter.len() {
        return NameLikeness::Near;
    }
    NameLikeness::Different
}

/// How close each word of the shorter name is to its own word of the longer: the closest pairs are taken first.
fn pair(shorter: &[String], longer: &[String]) -> Vec<Closeness> {
    let mut paired = vec![Closeness::Different; shorter.len()];
    let mut taken = vec![false; longer.len()];
    for wanted in [Closeness::Same, Closeness::Near] {
        for (at, word) in shorter.iter().enumerate() {
            if paired[at] != Closeness::Different {
                continue;
            }
            let found = (0..longer.len())
                .find(|place| !taken[*place] && spelling::compare(word, &longer[*place]) == wanted);
            if let Some(place) = found {
                taken[place] = true;
                paired[at] = wanted;
            }
        }
    }
    paired
}

/// What is left of a name when everything is taken out in which spellings of it differ: its consonants by sound, in the order of
/// the alphabet. One name has one key in Persian and in Latin letters, whatever the order of its words; so records that may be one
/// person's are found by it. Different names may share a key. Empty where a name has less than four consonants, because too many would.
pub fn sound_key(name: &str) -> String {
    let mut consonants: Vec<char> =
        words(name).iter().flat_map(|word| spelling::consonants(word)).collect();
    consonants.sort_unstable();
    if consonants.len() < 4 { String::new() } else { consonants.into_iter().collect() }
}
