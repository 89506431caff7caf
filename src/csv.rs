//! Lines of CSV as RFC 4180 has them, safe to open in a spreadsheet.

use serde_json::Value;

/// A file begins with it: without it Excel takes UTF-8 for the machine's old code page and shows Persian as garbage. Others skip it.
pub const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Adds a line.
pub fn line(text: &mut String, cells: impl IntoIterator<Item = String>) {
    for (index, cell) in cells.into_iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(&cell);
    }
    text.push_str("\r\n");
}

/// A value as a cell. Texts are made safe; numbers are written as they are, and lists as one text.
pub fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => quoted(text),
        Value::Array(values) => {
            let texts: Vec<_> = values.iter().filter_map(Value::as_str).collect();
            quoted(&texts.join("; "))
        }
        Value::Object(_) => quoted(&value.to_string()),
    }
}

/// A text as a cell. One that a spreadsheet would take for a formula gets an apostrophe before it, so that it is shown and not computed;
/// in quotes alone it would be computed all the same.
pub fn quoted(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let mark = if is_formula { "'" } else { "" };
    if is_formula || text.contains(['"', ',', '\r', '\n']) {
        format!("\"{mark}{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_text_is_quoted_only_where_it_must_be_and_formulas_are_shown_and_not_computed() {
        for (value, expected) in [
            (json!(null), ""),
            (json!(-3), "-3"),
            (json!(0.5), "0.5"),
            (json!(true), "true"),
            (json!("شکایت"), "شکایت"),
            (json!("a,b"), "\"a,b\""),
            (json!("say \"no\""), "\"say \"\"no\"\"\""),
            (json!("two\nlines"), "\"two\nlines\""),
            (json!("=1+1"), "\"'=1+1\""),
            (json!("+98"), "\"'+98\""),
            (json!("-PT1H"), "\"'-PT1H\""),
            (json!("@here"), "\"'@here\""),
            (json!("\t=1"), "\"'\t=1\""),
            (json!(["call", "mail"]), "call; mail"),
            (json!(["=x"]), "\"'=x\""),
        ] {
            assert_eq!(cell(&value), expected, "{value}");
        }
    }

    #[test]
    fn a_line_ends_as_the_standard_says() {
        let mut text = String::new();
        line(&mut text, ["a".to_owned(), String::new(), "b".to_owned()]);
        assert_eq!(text, "a,,b\r\n");
    }
}
