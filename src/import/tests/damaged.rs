//! Sources that are not what they should be: what is told, and what is still read.

use super::*;

#[test]
fn a_source_that_cannot_be_opened_says_what_to_do() {
    let folder = TempDir::new().unwrap();
    let mapping = Mapping::parse(MAPPING).unwrap();
    let missing = read(&folder.path().join("none"), &mapping);
    assert!(matches!(missing, Err(OpenSourceError::Unreadable { .. })));
    assert!(matches!(read(folder.path(), &mapping), Err(OpenSourceError::NotAFile { .. })));
    let utf16: Vec<u8> =
        "\u{FEFF}<log/>".encode_utf16().flat_map(|unit| unit.to_le_bytes()).collect();
    let table: [(&[u8], &str); 7] = [
        (b"", "is empty"),
        (b" \n\t ", "is empty"),
        (b"\xEF\xBB\xBF", "is empty"),
        (&gzip(b""), "is empty"),
        (&utf16, "UTF-16"),
        (b"id;title\n1;t\n", "neither XES"),
        (b"\x1F\x8B\x08\0damaged", "cannot read the source"),
    ];
    for (bytes, expected) in table {
        let error = try_read_bytes(bytes).expect_err("it must not open").to_string();
        assert!(error.contains(expected), "{bytes:?}: {error}");
    }
}

#[test]
fn a_source_broken_as_a_file_gives_what_came_before_and_ends_with_its_line() {
    let a = trace("a");
    let latin1 = |text: String| -> Vec<u8> {
        text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
    };
    let declared = "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n<log></log>";
    let doctype = "<!DOCTYPE log [<!ENTITY x \"y\">]>\n";
    let table: Vec<(&str, Vec<u8>, Vec<&str>)> = vec![
        ("an unclosed log", format!("<log>\n{a}").into(), vec!["a", "3!: the file ends inside"]),
        (
            "an unclosed trace",
            "<log>\n<trace>\n".into(),
            vec!["3!: the file ends inside the trace"],
        ),
        (
            "a tag cut off",
            format!("<log>\n{a}<trace><stri").into(),
            vec!["a", "3!: the XML is mal"],
        ),
        ("a wrong end tag", log(&format!("{a}<trace></log>")).into(), vec!["a", "4!: the XML is"]),
        (
            "invalid UTF-8",
            [b"<log>\n<\xFF>".as_slice()].concat(),
            vec!["2!: the text is not UTF-8"],
        ),
        ("Latin-1", latin1(log(&trace("café"))), vec!["3!: the text is not UTF-8"]),
        ("declared Latin-1", declared.into(), vec!["1!: the file declares the encoding"]),
        (
            "NUL bytes in text",
            format!("<log>\n{a}\0\0</log>").into(),
            vec!["a", "2!: the text con"],
        ),
        (
            "NUL bytes in a tag",
            format!("<log>\n{a}<tr\0ce/></log>").into(),
            vec!["a", "3!: the XML"],
        ),
        ("another root", "<html>\n</html>".into(), vec!["1!: <html> stands where"]),
        (
            "two roots",
            log(&a).repeat(2).replace("<?xml version=\"1.0\"?>\n", "").into(),
            vec!["a", "4!: <log> stands where"],
        ),
        ("only a comment", "<!-- empty -->".into(), vec!["1!: there is no <log>"]),
        ("no quotes", "<log>\n<trace a=b/></log>".into(), vec!["2!: the XML is malformed"]),
        (
            "deep nesting",
            format!("<log>{}", "<x>".repeat(100_000)).into(),
            vec!["1!: elements are"],
        ),
        (
            "a declared entity",
            format!("{doctype}{}", &log(&trace("&x;"))[22..]).into(),
            vec!["3: the attribute `id` cannot be read"],
        ),
    ];
    for (name, bytes, expected) in table {
        let outcomes = told(&read_bytes(&bytes));
        assert_eq!(outcomes.len(), expected.len(), "{name}: {outcomes:?}");
        for (outcome, expected) in outcomes.iter().zip(expected) {
            assert!(outcome.starts_with(expected), "{name}: {outcome} is not {expected}");
        }
    }
}

#[test]
fn truncated_gzip_gives_the_whole_records_before_the_cut_and_says_that_the_file_is_incomplete() {
    let ids = || (0..2000_u32).map(|n| format!("case-{}", n.wrapping_mul(2_654_435_761)));
    let xes = log(&ids().map(|id| trace(&id)).collect::<String>());
    let json_lines: String = ids().map(|id| line(&id)).collect();
    for text in [xes, json_lines] {
        let packed = gzip(text.as_bytes());
        let outcomes = read_bytes(&packed[..packed.len() / 2]);
        let (last, before) = outcomes.split_last().unwrap();
        let last = last.as_ref().unwrap_err();
        assert!(last.ends_source && last.message.contains("incomplete"), "{last}");
        assert!(before.len() > 100 && before.iter().all(Result::is_ok));
        for (case, id) in before.iter().zip(ids()) {
            assert_eq!(case.as_ref().unwrap().key, id);
        }
        // The checksum at the end is part of the file as well.
        let told = told(&read_bytes(&packed[..packed.len() - 4]));
        assert!(told.last().unwrap().contains("incomplete"), "{:?}", told.last());
    }
}

#[test]
fn a_bad_value_is_a_problem_of_its_record_and_the_next_record_is_read() {
    let huge = "x".repeat(70_000);
    let table = [
        ("<date key=\"d\" value=\"yesterday\"/>".to_owned(), "is not a date and time"),
        ("<date key=\"d\" value=\"2024-02-30T00:00:00Z\"/>".to_owned(), "is not a date and time"),
        ("<date key=\"d\" value=\"2024-02-01T00:00:00\"/>".to_owned(), "source.time_zone"),
        ("<int key=\"n\" value=\"1.5\"/>".to_owned(), "whole number"),
        ("<int key=\"n\" value=\"9223372036854775808\"/>".to_owned(), "whole number"),
        ("<float key=\"n\" value=\"1,5\"/>".to_owned(), "is no number"),
        ("<boolean key=\"b\" value=\"yes\"/>".to_owned(), "`true` or `false`"),
        ("<string key=\"s\"/>".to_owned(), "has no `value`"),
        ("<string value=\"s\"/>".to_owned(), "has no `key`"),
        ("<string key=\"s\" value=\"&nbsp;\"/>".to_owned(), "cannot be read"),
        ("<string key=\"s\" value=\"&#0;\"/>".to_owned(), "cannot be read"),
        ("<string key=\"s\" value=\"&#7;\"/>".to_owned(), "U+0007"),
        ("<string key=\"s\" value=\"\0\"/>".to_owned(), "U+0000"),
        (format!("<string key=\"s\" value=\"{huge}\"/>"), "70000 bytes"),
        ("<string key=\"id\" value=\"other\"/>".to_owned(), "given twice"),
        ("<string key=\"via\" value=\"pigeon\"/>".to_owned(), "case.channel"),
        ("<string key=\"opened\" value=\"soon\"/>".to_owned(), "case.opened_at"),
        ("<event><string key=\"what\" value=\"w\"/></event>".to_owned(), "activity.occurred_at"),
        ("<event><float key=\"at\" value=\"1\"/></event>".to_owned(), "activity."),
    ];
    for (bad, expected) in table {
        let worse = trace("bad").replace("</trace>", &format!("\n{bad}\n</trace>"));
        let outcomes = read_bytes(log(&(worse + &trace("good"))).as_bytes());
        assert_eq!(outcomes.len(), 2, "{bad}: {:?}", told(&outcomes));
        let problem = outcomes[0].as_ref().unwrap_err();
        assert!(problem.message.contains(expected), "{bad}: {problem}");
        assert!(matches!(problem.place.line, 3 | 4) && !problem.ends_source, "{bad}: {problem}");
        assert_eq!(outcomes[1].as_ref().unwrap().key, "good");
    }
}

#[test]
fn a_record_without_a_key_is_a_problem_and_the_next_record_is_read() {
    for key in ["", "<string key=\"id\" value=\" \"/>", "<float key=\"id\" value=\"1.5\"/>"] {
        let keyless = trace("x").replace("<string key=\"id\" value=\"x\"/>", key);
        let outcomes = told(&read_bytes(log(&(keyless + &trace("good"))).as_bytes()));
        assert!(outcomes[0].starts_with("3: ") && outcomes[0].contains("case key"), "{outcomes:?}");
        assert_eq!(outcomes[1..], ["good"]);
    }
    for key in ["", "\"id\":\" \",", "\"id\":null,", "\"id\":1.5,", "\"id\":[1],"] {
        let keyless = line("x").replace("\"id\":\"x\",", key);
        let outcomes = told(&read_bytes((keyless + &line("good")).as_bytes()));
        assert!(outcomes[0].starts_with("1: ") && outcomes[0].contains("case key"), "{outcomes:?}");
        assert_eq!(outcomes[1..], ["good"]);
    }
}

#[test]
fn an_event_outside_any_trace_is_a_problem_and_the_traces_are_read() {
    let outcomes = told(&read_bytes(log(&format!("<event/>\n{}", trace("a"))).as_bytes()));
    assert!(outcomes[0].starts_with("3: the event stands outside any trace"), "{outcomes:?}");
    assert_eq!(outcomes[1..], ["a"]);
}

#[test]
fn a_bad_json_line_is_reported_with_its_number_and_the_rest_is_read() {
    let table: [(&[u8], &str); 9] = [
        (b"{\"id\":", "not a JSON object"),
        (b"{\"id\":\"x\"} trailing", "not a JSON object"),
        (b"[1]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b"{\"id\":\"caf\xE9\"}", "not UTF-8"),
        (b"\0\0\0\0", "not a JSON object"),
        (b"{\"id\":\"x\",\"title\":\"\\u0000\"}", "U+0000"),
        (b"{\"id\":\"x\",\"title\":\"1\",\"title\":\"2\"}", "given twice"),
        (b"{\"id\":\"x\",\"n\":1e999}", "not a JSON object"),
    ];
    for (bad, expected) in table {
        let bytes = [line("a").as_bytes(), bad, b"\n", line("b").as_bytes()].concat();
        let outcomes = told(&read_bytes(&bytes));
        let text = String::from_utf8_lossy(bad);
        assert!(outcomes[0].starts_with("2: ") && outcomes[0].contains(expected), "{outcomes:?}");
        assert!(!outcomes[0].contains("line 1"), "{text}: {outcomes:?}");
        assert_eq!(outcomes[1..], ["a", "b"], "{text}");
    }
}

#[test]
fn a_record_beyond_a_limit_is_refused_without_ending_the_source() {
    let limits = Limits {
        trace_events_max: 3,
        trace_bytes_max: 2_000,
        value_bytes_max: 1_000,
        line_bytes_max: 1_500,
        ..Limits::default()
    };
    let event = "<event><string key=\"what\" value=\"w\"/><date key=\"at\" \
                 value=\"2024-01-01T00:00:00Z\"/></event>";
    let wide: String =
        (0..30).map(|n| format!("<string key=\"{n}\" value=\"{}\"/>", "v".repeat(99))).collect();
    for (bulk, expected) in [(event.repeat(3), "more than 3 events"), (wide, "more than 2000 byt")]
    {
        let large = trace("large").replace("</trace>", &format!("{bulk}</trace>"));
        let text = log(&(large + &trace("small")));
        let outcomes = try_read_within(text.as_bytes(), limits).unwrap();
        let problem = outcomes[0].as_ref().unwrap_err();
        assert!(problem.message.contains(expected), "{problem}");
        assert_eq!(problem.record.as_deref(), Some("large"));
        assert_eq!(outcomes[1].as_ref().unwrap().key, "small");
    }

    let long = format!("{{\"id\":\"x\",\"s\":\"{}\"}}\n", "v".repeat(100_000));
    let text = line("large").repeat(5) + &long + &line("small");
    let outcomes = told(&try_read_within(text.as_bytes(), limits).unwrap());
    assert!(outcomes[0].starts_with("6: the line is longer than 1500 bytes"), "{outcomes:?}");
    assert!(outcomes[1].starts_with("4: the case has more than 3 events"), "{outcomes:?}");
    assert_eq!(outcomes[2..], ["small"]);
}

#[test]
fn a_tag_without_end_is_given_up_at_the_limit_instead_of_being_gathered() {
    let limits = Limits { markup_bytes_max: 200_000, ..Limits::default() };
    let text = log(&(trace("a") + "<string key=\"" + &"x".repeat(300_000)));
    let outcomes = told(&try_read_within(text.as_bytes(), limits).unwrap());
    assert!(outcomes[1].starts_with("4!: a tag or a text is longer than 200000"), "{outcomes:?}");
    assert_eq!(outcomes.len(), 2);
}
