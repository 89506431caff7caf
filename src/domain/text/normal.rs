//! The normal form of a text: one form for what people take for the same text, whatever keyboard it was typed on.
//!
//! Persian is typed on Arabic and Persian keyboards, with and without the joiners, hamzas and vowel signs that a careful writer sets. The
//! same name then has many spellings that look alike and are different characters. Searching and matching compare normal forms; what
//! is stored and shown stays as it was written.
//!
//! | Written | Normal form |
//! |---|---|
//! | ي ى ئ ې ے ێ and their forms with a hamza | ی |
//! | ك ڪ | ک |
//! | ة ۀ ە ہ ۂ ۃ ھ | ه |
//! | أ إ آ ٱ | ا |
//! | ؤ ۆ ۇ | و |
//! | ء, a hamza or a madda of its own | nothing |
//! | vowel signs, tanwin, tashdid, sukun, the dagger alef, accents on Latin letters | nothing |
//! | tatweel, zero-width (non-)joiners and spaces, soft hyphens, marks of direction | nothing |
//! | letters of Arabic presentation (as copied from PDF), letters of full width | the plain letter |
//! | Persian, Arabic and full-width digits | ASCII digits |
//! | capital letters | small letters |
//! | white space of any kind and length | one space; none at either end |
//!
//! A hamza on its seat goes with its seat (ئ is ی, not ء), because it is what writers leave out; ة is ه, as Persian reads it.

/// The normal form. It is its own normal form.
pub fn normal_form(text: &str) -> String {
    let mut form = String::with_capacity(text.len());
    for c in text.chars().flat_map(char::to_lowercase) {
        if c.is_whitespace() {
            if !form.is_empty() && !form.ends_with(' ') {
                form.push(' ');
            }
        } else {
            match folded(c) {
                Folded::Same => form.push(c),
                Folded::Into(letters) => form.push_str(letters),
                Folded::Digit(digit) => form.push(char::from(b'0' + digit)),
            }
        }
    }
    if form.ends_with(' ') {
        form.pop();
    }
    form
}

/// What becomes of a character.
enum Folded {
    Same,
    Into(&'static str),
    Digit(u8),
}

fn folded(c: char) -> Folded {
    let digit = |zero: u32| Folded::Digit((c as u32 - zero) as u8);
    let letters = match c {
        '\0'..='\u{7f}' => return Folded::Same,
        '۰'..='۹' => return digit(0x06f0),
        '٠'..='٩' => return digit(0x0660),
        '\u{ff10}'..='\u{ff19}' => return digit(0xff10),
        'ي' | 'ى' | 'ئ' | 'ې' | 'ے' | 'ۓ' | 'ێ' | 'ۍ' => "ی",
        'ك' | 'ڪ' => "ک",
        'ة' | 'ۀ' | 'ە' | 'ہ' | 'ۂ' | 'ۃ' | 'ھ' => "ه",
        'أ' | 'إ' | 'آ' | 'ٱ' => "ا",
        'ؤ' | 'ۆ' | 'ۇ' => "و",
        'ء' | '\u{0640}' | '\u{0610}'..='\u{061a}' | '\u{061c}' => "",
        '\u{064b}'..='\u{065f}' | '\u{0670}' | '\u{06d6}'..='\u{06ed}' => "",
        '\u{0300}'..='\u{036f}' => "",
        '\u{00ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' => "",
        '\u{2060}'..='\u{206f}' | '\u{feff}' => "",
        '\u{fb50}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}' => return presented(c),
        '\u{ff41}'..='\u{ff5a}' => LATIN[c as usize - 0xff41],
        'ß' => "ss",
        'à'..='å' | 'ā' | 'ă' | 'ą' => "a",
        'æ' => "ae",
        'ç' | 'ć' | 'ĉ' | 'ċ' | 'č' => "c",
        'ď' | 'đ' | 'ð' => "d",
        'è'..='ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' => "e",
        'ĝ' | 'ğ' | 'ġ' | 'ģ' => "g",
        'ĥ' | 'ħ' => "h",
        'ì'..='ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' | 'ı' => "i",
        'ĺ' | 'ļ' | 'ľ' | 'ł' => "l",
        'ñ' | 'ń' | 'ņ' | 'ň' => "n",
        'ò'..='ö' | 'ø' | 'ō' | 'ŏ' | 'ő' => "o",
        'œ' => "oe",
        'ŕ' | 'ř' => "r",
        'ś' | 'ŝ' | 'ş' | 'š' | 'ș' => "s",
        'ţ' | 'ť' | 'ț' => "t",
        'ù'..='ü' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' => "u",
        'ý' | 'ÿ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        _ => return Folded::Same,
    };
    Folded::Into(letters)
}

const LATIN: [&str; 26] = [
    "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s",
    "t", "u", "v", "w", "x", "y", "z",
];

/// The blocks of letters in the shapes that they take inside a word: first and last character, and what they are.
const PRESENTED: &[(u32, u32, &str)] = &[
    (0xfb50, 0xfb51, "ا"),
    (0xfb56, 0xfb59, "پ"),
    (0xfb7a, 0xfb7d, "چ"),
    (0xfb8a, 0xfb8b, "ژ"),
    (0xfb8e, 0xfb91, "ک"),
    (0xfb92, 0xfb95, "گ"),
    (0xfba4, 0xfbad, "ه"),
    (0xfbae, 0xfbb1, "ی"),
    (0xfbfc, 0xfbff, "ی"),
    (0xfdf2, 0xfdf2, "الله"),
    (0xfdfc, 0xfdfc, "ریال"),
    (0xfe70, 0xfe80, ""),
    (0xfe81, 0xfe84, "ا"),
    (0xfe85, 0xfe86, "و"),
    (0xfe87, 0xfe88, "ا"),
    (0xfe89, 0xfe8c, "ی"),
    (0xfe8d, 0xfe8e, "ا"),
    (0xfe8f, 0xfe92, "ب"),
    (0xfe93, 0xfe94, "ه"),
    (0xfe95, 0xfe98, "ت"),
    (0xfe99, 0xfe9c, "ث"),
    (0xfe9d, 0xfea0, "ج"),
    (0xfea1, 0xfea4, "ح"),
    (0xfea5, 0xfea8, "خ"),
    (0xfea9, 0xfeaa, "د"),
    (0xfeab, 0xfeac, "ذ"),
    (0xfead, 0xfeae, "ر"),
    (0xfeaf, 0xfeb0, "ز"),
    (0xfeb1, 0xfeb4, "س"),
    (0xfeb5, 0xfeb8, "ش"),
    (0xfeb9, 0xfebc, "ص"),
    (0xfebd, 0xfec0, "ض"),
    (0xfec1, 0xfec4, "ط"),
    (0xfec5, 0xfec8, "ظ"),
    (0xfec9, 0xfecc, "ع"),
    (0xfecd, 0xfed0, "غ"),
    (0xfed1, 0xfed4, "ف"),
    (0xfed5, 0xfed8, "ق"),
    (0xfed9, 0xfedc, "ک"),
    (0xfedd, 0xfee0, "ل"),
    (0xfee1, 0xfee4, "م"),
    (0xfee5, 0xfee8, "ن"),
    (0xfee9, 0xfeec, "ه"),
    (0xfeed, 0xfeee, "و"),
    (0xfeef, 0xfef4, "ی"),
    (0xfef5, 0xfefc, "لا"),
];

fn presented(c: char) -> Folded {
    let code = c as u32;
    let found = PRESENTED.iter().find(|(first, last, _)| (*first..=*last).contains(&code));
    found.map_or(Folded::Same, |(_, _, letters)| Folded::Into(letters))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spellings_that_people_take_for_the_same_have_one_form() {
        let table: &[(&str, &[&str])] = &[
            ("علی کریمی", &["علي كريمي", "عَلی کَریمی", "علـــی کریمی", " على\u{a0} كریمى "]),
            ("علیرضا", &["علی\u{200c}رضا", "عليرضا", "علی\u{200d}رضا", "\u{202b}علیرضا\u{202c}"]),
            ("فاطمه", &["فاطمة", "فاطمۀ", "فاطمه\u{654}", "فاطمہ"]),
            ("ارش", &["آرش", "أرش", "ا\u{653}رش", "ٱرش"]),
            ("مومنی", &["مؤمنی", "مو\u{654}منی", "مومنى"]),
            ("رییس", &["رئیس", "رییس", "رئيس"]),
            ("علا", &["علاء", "علا"]),
            ("سلام", &["ﺳﻼم", "ﺳﻼﻡ"]),
            ("پلاک 12", &["پلاک ۱۲", "پلاک ١٢", "پلاک\t１２"]),
            ("jose muller", &["José  MÜLLER", "Jose\u{301} Muller", "ＪＯＳＥ muller"]),
        ];
        for (form, spellings) in table {
            for spelling in *spellings {
                assert_eq!(normal_form(spelling), *form, "{spelling}");
            }
        }
    }

    #[test]
    fn different_names_keep_different_forms() {
        let names = ["علی", "عالی", "حسن", "حسین", "زهرا", "زهره", "اکبر", "کبرا", "طاهر", "تاهر"];
        for (at, name) in names.iter().enumerate() {
            for other in &names[at + 1..] {
                assert_ne!(normal_form(name), normal_form(other));
            }
        }
    }

    #[test]
    fn every_character_folds_to_what_stays_as_it_is() {
        for c in '\0'..=char::MAX {
            let once = normal_form(&format!("x{c}x"));
            assert_eq!(normal_form(&once), once, "U+{:04X}", c as u32);
        }
    }

    proptest! {
        #[test]
        fn a_normal_form_is_its_own_normal_form(text in "(\\PC|[ \\t\\x{600}-\\x{6ff}\\x{200b}-\\x{200f}\\x{fe70}-\\x{fefc}]){0,40}") {
            let once = normal_form(&text);
            prop_assert_eq!(normal_form(&once), once.clone());
            prop_assert!(!once.starts_with(' ') && !once.ends_with(' ') && !once.contains("  "));
        }
    }
}
