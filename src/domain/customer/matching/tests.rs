//! The comparison against a table of pairs with the right answer, and its laws.

use std::path::Path;

use proptest::prelude::*;

use super::name::{NameLikeness, sound_key};
use super::spelling::Closeness;
use super::*;

/// A row of the table.
struct Pair {
    line: usize,
    answer: Likeness,
    one: Record,
    other: Record,
    why: String,
}

fn record(name: &str, contact_points: &str) -> Record {
    let contact_points = contact_points.split(" | ").filter(|text| !text.is_empty());
    let contact_points = contact_points.map(|text| {
        let (kind, value) = text.split_once(':').expect("a kind and a value");
        (kind.parse().expect("a kind of contact point"), value.to_owned())
    });
    Record { name: name.to_owned(), contact_points: contact_points.collect() }
}

fn pairs(file: &str) -> Vec<Pair> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/matching").join(file);
    let text = std::fs::read_to_string(path).expect("the table");
    let rows = text.lines().enumerate().filter(|(_, line)| !line.starts_with('#'));
    rows.map(|(at, line)| {
        let cells: Vec<_> = line.split('\t').collect();
        let [answer, name, contacts, other_name, other_contacts, why] = cells[..] else {
            panic!("line {}: {} cells", at + 1, cells.len())
        };
        Pair {
            line: at + 1,
            answer: match answer {
                "same" => Likeness::Same,
                "near" => Likeness::Near,
                "different" => Likeness::Different,
                _ => panic!("line {}: {answer}", at + 1),
            },
            one: record(name, contacts),
            other: record(other_name, other_contacts),
            why: why.to_owned(),
        }
    })
    .collect()
}

/// Of what was found, how much is right; of what is right, how much was found.
fn precision_and_recall(pairs: &[(Likeness, Likeness)], least: Likeness) -> (f64, f64) {
    let count = |right: bool, found: bool| {
        let of =
            |pair: &&(Likeness, Likeness)| (pair.0 >= least) == right && (pair.1 >= least) == found;
        pairs.iter().filter(of).count() as f64
    };
    let both = count(true, true);
    (both / (both + count(false, true)), both / (both + count(true, false)))
}

/// How the comparison does on a table.
struct Measured {
    /// Precision and recall of what is proposed at all.
    proposed: (f64, f64),
    /// Precision and recall of what is called the same.
    same: (f64, f64),
    /// How much of what is worth a look shares what it is looked up by.
    looked_up: f64,
}

fn measure(table: &[Pair]) -> Measured {
    let mut answers = Vec::new();
    for pair in table {
        let Comparison { likeness, reasons } = compare(&pair.one, &pair.other);
        answers.push((pair.answer, likeness));
        if likeness != pair.answer {
            println!(
                "line {}: {:?} and not {:?} ({}): {} / {} {reasons:?}",
                pair.line, likeness, pair.answer, pair.why, pair.one.name, pair.other.name
            );
        }
    }
    // Every pair that is worth a look must share what it is looked up by, or nobody is shown it.
    let wanted: Vec<_> = table.iter().filter(|pair| pair.answer > Likeness::Different).collect();
    let found = wanted.iter().filter(|pair| {
        let key = sound_key(&pair.one.name);
        let contact = |record: &Record| {
            let forms = record.contact_points.iter();
            forms.map(|(kind, value)| (*kind, contact_point_form(*kind, value))).collect::<Vec<_>>()
        };
        let theirs = contact(&pair.other);
        (!key.is_empty() && key == sound_key(&pair.other.name))
            || contact(&pair.one).iter().any(|form| theirs.contains(form))
    });
    let looked_up = found.count() as f64 / wanted.len() as f64;
    let proposed = precision_and_recall(&answers, Likeness::Near);
    let same = precision_and_recall(&answers, Likeness::Same);
    println!(
        "{} pairs; proposed: precision {:.3}, recall {:.3}; the same: precision {:.3}, recall {:.3}; \
         looked up: {looked_up:.3}",
        table.len(),
        proposed.0,
        proposed.1,
        same.0,
        same.1
    );
    Measured { proposed, same, looked_up }
}

#[test]
fn the_table_of_pairs_is_answered_with_the_stated_precision_and_recall() {
    let table = pairs("pairs.tsv");
    assert!(table.len() >= 300, "{} pairs", table.len());
    let Measured { proposed, same, looked_up } = measure(&table);
    assert!(proposed.0 >= 0.94 && proposed.1 >= 0.97, "proposed: {proposed:?}");
    assert!(same.0 >= 0.98 && same.1 >= 0.97, "the same: {same:?}");
    assert!(looked_up >= 0.99, "looked up: {looked_up}");
}

#[test]
fn the_pairs_that_were_held_out_are_answered_as_they_were_when_they_were_first_tried() {
    let table = pairs("held_out.tsv");
    assert!(table.len() >= 150, "{} pairs", table.len());
    let Measured { proposed, same, looked_up } = measure(&table);
    // Measured once, on the day it was written: 0.910 and 0.935, 0.903 and 0.956, 1.000. No rule was mended by it.
    assert!(proposed.0 >= 0.909 && proposed.1 >= 0.935, "proposed: {proposed:?}");
    assert!(same.0 >= 0.902 && same.1 >= 0.955, "the same: {same:?}");
    assert!(looked_up >= 0.999, "looked up: {looked_up}");
}

#[test]
fn a_name_alone_and_a_telephone_alone_are_not_enough() {
    let one = record("علی کریمی", "phone:+989121110001");
    assert_eq!(compare(&one, &record("Ali Karimi", "")).likeness, Likeness::Different);
    assert_eq!(
        compare(&one, &record("Sara Nouri", "phone:09121110001")).likeness,
        Likeness::Different
    );
    let both = compare(&one, &record("Ali Karimi", "phone:09121110001"));
    assert_eq!(both.likeness, Likeness::Same);
    assert_eq!(both.reasons, [MatchReason::SameName, MatchReason::SamePhone]);
}

#[test]
fn a_sound_key_is_one_for_both_scripts_and_every_order_of_words() {
    for other in ["Ali Reza Karimi", "Karimi, Alireza", "علی رضا کریمی", "دکتر عليرضا كريمي"]
    {
        assert_eq!(sound_key("علیرضا کریمی"), sound_key(other), "{other}");
    }
    assert_ne!(sound_key("علیرضا کریمی"), sound_key("علیرضا رحیمی"));
    assert_eq!(sound_key("علی"), "", "too short to look anybody up by");
}

proptest! {
    #[test]
    fn it_does_not_matter_which_record_comes_first(
        one in "[اآبپتثجحخدرزسشعغفقکگلمنوهی a-z\u{200c}]{0,16}",
        other in "[اآبپتثجحخدرزسشعغفقکگلمنوهی a-z\u{200c}]{0,16}",
    ) {
        let (one, other) = (record(&one, "phone:+982112345678"), record(&other, "phone:02112345678"));
        prop_assert_eq!(compare(&one, &other), compare(&other, &one));
        if compare(&one, &one).likeness == Likeness::Different {
            prop_assert_eq!(name::compare(&one.name, &one.name), NameLikeness::Different);
        }
    }
}

#[test]
fn every_consonant_sounds_as_it_is_written_in_latin_letters() {
    let table = [
        ("b", "ب"),
        ("p", "پ"),
        ("t", "تط"),
        ("s", "ثسص"),
        ("j", "ج"),
        ("ch", "چ"),
        ("kh", "خ"),
        ("d", "د"),
        ("z", "ذزضظ"),
        ("r", "ر"),
        ("zh", "ژ"),
        ("sh", "ش"),
        ("gh", "غق"),
        ("f", "ف"),
        ("k", "ک"),
        ("g", "گ"),
        ("l", "ل"),
        ("m", "م"),
        ("n", "ن"),
    ];
    for (latin, letters) in table {
        let sound = spelling::consonants(latin);
        assert_eq!(sound.len(), 1, "{latin}");
        for letter in letters.chars() {
            assert_eq!(spelling::consonants(&letter.to_string()), sound, "{letter} {latin}");
        }
    }
    // These are heard, but spellings leave them out or write them as vowels: an initial tells.
    for (initial, name) in
        [("ه", "hadi"), ("ح", "hadi"), ("و", "vahid"), ("ی", "yaser"), ("ع", "ali")]
    {
        assert!(spelling::consonants(initial).is_empty(), "{initial}");
        assert_eq!(spelling::compare(initial, name), Closeness::Near, "{initial} {name}");
        assert_eq!(spelling::compare(name, initial), Closeness::Near, "{initial} {name}");
        assert_eq!(spelling::compare(initial, "parviz"), Closeness::Different, "{initial}");
    }
}

#[test]
fn a_persian_name_is_the_same_in_each_of_its_latin_spellings() {
    for (persian, latin) in [
        ("چمران", "chamran"),
        ("چمران", "tchamran"),
        ("محمد", "mohammad"),
        ("محمد", "mohamad"),
        ("خواجه", "khajeh"),
        ("ایران", "iran"),
        ("قاسم", "ghasem"),
        ("قاسم", "qasem"),
        ("ژاله", "zhaleh"),
    ] {
        assert_eq!(spelling::compare(persian, latin), Closeness::Same, "{persian} {latin}");
        assert_eq!(spelling::compare(latin, persian), Closeness::Same, "{persian} {latin}");
    }
}
