//! Progress bars on long work, where somebody is looking.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar on standard error; invisible when that is not a terminal.
pub fn bar(what: &'static str, unit: &str, total: u64) -> ProgressBar {
    let target = if std::io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let position =
        if unit == "bytes" { "{bytes}/{total_bytes}" } else { "{human_pos}/{human_len}" };
    let template = format!("{{msg}} [{{bar:30}}] {position} {unit}, {{eta}} left");
    let style = ProgressStyle::with_template(&template).expect("the template is well-formed");
    ProgressBar::with_draw_target(Some(total), target).with_style(style).with_message(what)
}
