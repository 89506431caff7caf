//! How alike two words of names are.
//!
//! Costs count in halves of a letter. Within one script two words are aligned letter by letter, and letters that sound alike are half a
//! slip: ط for ت, a for e. Between the scripts a Persian word is aligned with its possible Latin spellings: what Persian does not write, the
//! short vowels and doubled consonants, costs nothing on the Latin side.

/// How close two words are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closeness {
    /// One word in two spellings.
    Same,
    /// A slip of the pen apart, or a word and its initial.
    Near,
    /// Two words.
    Different,
}

/// A whole letter, in halves.
const LETTER: usize = 2;
/// The longest word that is looked at, in characters.
const LENGTH_MAX: usize = 64;

/// Compares two words in normal form.
pub fn compare(one: &str, other: &str) -> Closeness {
    if one == other {
        return Closeness::Same;
    }
    let (one, other) = (letters(one), letters(other));
    let shorter = one.len().min(other.len());
    if makes_a_feminine(&one, &other) || makes_a_feminine(&other, &one) {
        return Closeness::Different;
    }
    let (cost, same_max) = match (is_persian(&one), is_persian(&other)) {
        (true, true) => (aligned(&one, &other, persian_cost), 1),
        (false, false) => {
            let (one, other) = (latin_sounds(&one), latin_sounds(&other));
            // In a long word two vowels may differ, in a short one they make another name: Zahra, Zohre.
            let same_max = if one.len().min(other.len()) >= 6 { 2 } else { 1 };
            (aligned(&one, &other, latin_cost), same_max)
        }
        (true, false) => (transliterated(&one, &other), 0),
        (false, true) => (transliterated(&other, &one), 0),
    };
    if cost <= same_max {
        return Closeness::Same;
    }
    let is_initial = shorter == 1 && same_initial(&one, &other);
    let near_max = if shorter >= 7 { 3 } else { LETTER };
    let is_half = is_compound_of(&one, &other) || is_compound_of(&other, &one);
    if is_initial || is_half || (shorter >= 4 && cost <= near_max) {
        return Closeness::Near;
    }
    Closeness::Different
}

fn letters(word: &str) -> Vec<char> {
    word.chars().filter(|c| *c != '\'').take(LENGTH_MAX).collect()
}

fn is_persian(word: &[char]) -> bool {
    word.iter().any(|c| ('\u{0600}'..='\u{06ff}').contains(c))
}

fn same_initial(one: &[char], other: &[char]) -> bool {
    let (Some(first), Some(second)) = (one.first(), other.first()) else { return false };
    first == second
        || sound(*first).is_some_and(|sound| Some(sound) == self::sound(*second))
        || (is_vowel(*first) && matches!(second, 'ا' | 'ع'))
        || (is_vowel(*second) && matches!(first, 'ا' | 'ع'))
}

/// سعید and سعیده, Farid and Farideh are two names, as close as they look.
fn makes_a_feminine(masculine: &[char], feminine: &[char]) -> bool {
    let ending = feminine.strip_prefix(masculine);
    ending.is_some_and(|ending| matches!(ending, ['ه'] | ['e'] | ['e' | 'a', 'h'] | ['a']))
        && masculine.last().is_some_and(|last| !is_vowel(*last))
}

/// محمدرضا is called رضا by those who know him, and امیرحسین امیر.
fn is_compound_of(compound: &[char], part: &[char]) -> bool {
    part.len() >= 3
        && compound.len() >= part.len() + 3
        && (compound.starts_with(part) || compound.ends_with(part))
}

fn is_vowel(c: char) -> bool {
    matches!(c, 'a' | 'e' | 'i' | 'o' | 'u')
}

/// The least cost of turning one word into the other by changing, adding and leaving out letters, and by changing neighbours' places.
fn aligned(one: &[char], other: &[char], cost: fn(Option<char>, Option<char>) -> usize) -> usize {
    let width = other.len() + 1;
    let mut table = vec![0; (one.len() + 1) * width];
    for i in 0..=one.len() {
        for j in 0..=other.len() {
            if i + j == 0 {
                continue;
            }
            let mut best = usize::MAX;
            if i > 0 {
                best = best.min(table[(i - 1) * width + j] + cost(Some(one[i - 1]), None));
            }
            if j > 0 {
                best = best.min(table[i * width + j - 1] + cost(None, Some(other[j - 1])));
            }
            if i > 0 && j > 0 {
                let change = cost(Some(one[i - 1]), Some(other[j - 1]));
                best = best.min(table[(i - 1) * width + j - 1] + change);
            }
            if i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1] {
                best = best.min(table[(i - 2) * width + j - 2] + LETTER);
            }
            table[i * width + j] = best;
        }
    }
    table[one.len() * width + other.len()]
}

fn persian_cost(one: Option<char>, other: Option<char>) -> usize {
    match (one, other) {
        (Some(one), Some(other)) if one == other => 0,
        (Some('ا'), Some('ع')) | (Some('ع'), Some('ا')) => 1,
        (Some(one), Some(other)) if sound(one).is_some() && sound(one) == sound(other) => 1,
        _ => LETTER,
    }
}

fn latin_cost(one: Option<char>, other: Option<char>) -> usize {
    let is_short = |c: char| matches!(c, 'a' | 'e' | 'o' | 'u');
    match (one, other) {
        (Some(one), Some(other)) if one == other => 0,
        (Some(one), Some(other)) if is_short(one) && is_short(other) => 1,
        (Some('e'), Some('i')) | (Some('i'), Some('e')) => 1,
        (Some('k'), Some('q'))
        | (Some('q'), Some('k'))
        | (Some('g'), Some('q'))
        | (Some('q'), Some('g')) => 1,
        (Some(letter), None) | (None, Some(letter)) if is_short(letter) || letter == 'h' => 1,
        _ => LETTER,
    }
}

/// A Latin word by its sounds: one letter for each group that is one sound, doubled letters once, no silent h at the end.
fn latin_sounds(word: &[char]) -> Vec<char> {
    const GROUPS: &[(&str, char)] = &[
        ("kh", 'x'),
        ("sh", 'š'),
        ("ch", 'č'),
        ("zh", 'ž'),
        ("gh", 'q'),
        ("ph", 'f'),
        ("th", 't'),
        ("ck", 'k'),
        ("oo", 'u'),
        ("ou", 'u'),
        ("ow", 'u'),
        ("ee", 'i'),
        ("ei", 'i'),
        ("ey", 'i'),
        ("ai", 'i'),
        ("ay", 'i'),
        ("ie", 'i'),
        ("iy", 'i'),
        ("aa", 'a'),
        ("w", 'v'),
        ("y", 'i'),
        ("c", 'k'),
        ("q", 'q'),
    ];
    let text: String = word.iter().collect();
    let mut rest = text.as_str();
    let mut sounds: Vec<char> = Vec::with_capacity(text.len());
    while let Some(first) = rest.chars().next() {
        let group = GROUPS.iter().find(|(group, _)| rest.starts_with(group));
        let (length, sound) =
            group.map_or((first.len_utf8(), first), |(g, sound)| (g.len(), *sound));
        if sounds.last() != Some(&sound) {
            sounds.push(sound);
        }
        rest = &rest[length..];
    }
    if let [.., vowel, 'h'] = sounds[..]
        && is_vowel(vowel)
    {
        sounds.pop();
    }
    sounds
}

/// The sound of a consonant, one letter for all letters that sound alike; `None` of vowels and of what may be one.
fn sound(c: char) -> Option<char> {
    Some(match c {
        'ب' | 'b' => 'b',
        'پ' | 'p' => 'p',
        'ت' | 'ط' | 't' => 't',
        'ث' | 'س' | 'ص' | 's' => 's',
        'ج' | 'j' => 'j',
        'چ' | 'č' => 'č',
        'ح' | 'ه' | 'h' => 'h',
        'خ' | 'x' => 'x',
        'د' | 'd' => 'd',
        'ذ' | 'ز' | 'ض' | 'ظ' | 'z' => 'z',
        'ر' | 'r' => 'r',
        'ژ' | 'ž' => 'ž',
        'ش' | 'š' => 'š',
        'غ' | 'ق' | 'q' => 'q',
        'ف' | 'f' => 'f',
        'ک' | 'k' => 'k',
        'گ' | 'g' => 'g',
        'ل' | 'l' => 'l',
        'م' | 'm' => 'm',
        'ن' | 'n' => 'n',
        'و' | 'v' | 'w' => 'v',
        'ی' | 'y' => 'y',
        _ => return None,
    })
}

/// The consonants of a word by their sounds, without those that spellings leave out or write as vowels (h, v, y).
pub fn consonants(word: &str) -> Vec<char> {
    let word = letters(word);
    let word = if is_persian(&word) { word } else { latin_sounds(&word) };
    let mut consonants = Vec::with_capacity(word.len());
    let mut last = None;
    for c in word {
        let sound = sound(c).filter(|sound| !matches!(sound, 'h' | 'v' | 'y'));
        // Doubled consonants are written once in Persian.
        if sound.is_some() && sound != last {
            consonants.extend(sound);
        }
        last = sound;
    }
    consonants
}

/// How a Persian letter may be written in Latin ones. An empty spelling means that it may be left out.
fn spellings(letter: char, first: bool, last: bool) -> &'static [&'static str] {
    match letter {
        'ا' if first => &["a", "e", "o", "i", "u", "aa"],
        'ا' if last => &["a", "aa", "ah"],
        'ا' => &["a", "aa", "o", "u"],
        'ب' => &["b"],
        'پ' => &["p"],
        'ت' | 'ط' => &["t", "th"],
        'ث' | 'س' | 'ص' => &["s", "c"],
        'ج' => &["j", "g", "dj"],
        'چ' => &["ch", "tch"],
        'ح' => &["h"],
        'خ' => &["kh", "x"],
        'د' => &["d"],
        'ذ' | 'ز' | 'ض' | 'ظ' => &["z"],
        'ر' => &["r"],
        'ژ' => &["zh", "j"],
        'ش' => &["sh"],
        'ع' => &["", "a", "e", "o", "aa"],
        'غ' | 'ق' => &["gh", "q", "g", "k"],
        'ف' => &["f", "ph"],
        'ک' => &["k", "c", "ck"],
        'گ' => &["g"],
        'ل' => &["l"],
        'م' => &["m"],
        'ن' => &["n"],
        'و' => &["v", "w", "o", "oo", "u", "ou", "ow"],
        'ه' if last => &["h", "eh", "e", "ah", "a"],
        'ه' => &["h"],
        'ی' if last => &["i", "y", "ee", "ei", "ey", "a", "aa", "ya"],
        'ی' => &["i", "y", "ee", "ei", "ey", "ai", "ay", "ie", "iy", "ya", "ye", "e"],
        _ => &[],
    }
}

/// A Persian word by the letters that are heard: خوا is read kha, ای at the beginning i, and a doubled ی as one.
fn heard(persian: &[char]) -> Vec<char> {
    let mut heard = Vec::with_capacity(persian.len());
    for (at, c) in persian.iter().enumerate() {
        let silent = match c {
            'و' => at > 0 && persian[at - 1] == 'خ' && persian.get(at + 1) == Some(&'ا'),
            'ا' => at == 0 && persian.get(1) == Some(&'ی'),
            'ی' => at > 0 && persian[at - 1] == 'ی',
            _ => false,
        };
        if !silent {
            heard.push(*c);
        }
    }
    heard
}

/// The cost of a Latin word as a spelling of a Persian one.
fn transliterated(persian: &[char], latin: &[char]) -> usize {
    let persian = &heard(persian)[..];
    let width = latin.len() + 1;
    let mut table = vec![usize::MAX; (persian.len() + 1) * width];
    table[0] = 0;
    let reach = |table: &mut Vec<usize>, i: usize, j: usize, cost: usize| {
        let place = &mut table[i * width + j];
        *place = (*place).min(cost);
    };
    for i in 0..=persian.len() {
        for j in 0..=latin.len() {
            let cost = table[i * width + j];
            if cost == usize::MAX {
                continue;
            }
            if j < latin.len() {
                // Between the letters of a Persian word there may be short vowels, and a consonant may be doubled.
                let inside = i > 0 && i < persian.len();
                let unwritten = inside && matches!(latin[j], 'a' | 'e' | 'o' | 'u');
                let doubled = j > 0 && latin[j] == latin[j - 1] && !is_vowel(latin[j]);
                let step = if unwritten || doubled { 0 } else { LETTER };
                reach(&mut table, i, j + 1, cost + step);
            }
            if i < persian.len() {
                let last = i + 1 == persian.len();
                for spelling in spellings(persian[i], i == 0, last) {
                    let length = spelling.len();
                    let fits = latin.len() - j >= length
                        && spelling.chars().eq(latin[j..j + length].iter().copied());
                    if fits {
                        reach(&mut table, i + 1, j + length, cost);
                    }
                }
                reach(&mut table, i + 1, j, cost + LETTER);
                if j < latin.len() {
                    reach(&mut table, i + 1, j + 1, cost + LETTER);
                }
            }
        }
    }
    table[persian.len() * width + latin.len()]
}
