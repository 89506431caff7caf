//! `docs/errors.md` lists every code that a caller can get, and no other.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use parvandeh::error::ErrorCode;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The codes of the document's tables: the first cell of each row, in backticks.
pub fn codes_of_the_document() -> BTreeSet<String> {
    let document = read(&root().join("docs/errors.md"));
    let cells = document.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    cells.map(|(code, _)| code.to_owned()).collect()
}

/// The string literals of a source text that have the form of a code: capitals in at least two words.
fn codes_in(source: &str) -> impl Iterator<Item = String> {
    let code = |text: &&str| {
        let words = text.split('_').filter(|word| !word.is_empty()).count();
        words > 1 && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
    };
    source.split('"').skip(1).step_by(2).filter(code).map(str::to_owned)
}

/// The sources that name codes of user errors: refusals of the core, and the resolvers.
fn sources() -> Vec<PathBuf> {
    let children = |path: PathBuf| {
        std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>()
    };
    let files = |path: PathBuf| if path.is_dir() { children(path) } else { vec![path] };
    let aggregates = children(root().join("src/domain"));
    let refusals = aggregates.into_iter().map(|path| path.join("error.rs"));
    refusals
        .filter(|path| path.exists())
        .chain([root().join("src/domain/text/mod.rs")])
        .chain(children(root().join("src/graphql")).into_iter().flat_map(files))
        .collect()
}

#[test]
fn the_document_of_errors_names_every_code_and_no_other() {
    let user: BTreeSet<String> =
        sources().iter().flat_map(|path| codes_in(&read(path)).collect::<Vec<_>>()).collect();
    // If the search of the sources found nothing, this test could not fail.
    for known in ["CASE_CLOSED", "PHONE_INVALID", "TEXT_EMPTY", "REVISION_CONFLICT"] {
        assert!(user.contains(known), "{known}");
    }
    let top = ErrorCode::ALL.map(|code| code.as_str().to_owned());
    let all: BTreeSet<String> = user.into_iter().chain(top).collect();
    let documented = codes_of_the_document();
    let missing: Vec<_> = all.difference(&documented).collect();
    let stale: Vec<_> = documented.difference(&all).collect();
    assert!(missing.is_empty(), "docs/errors.md does not name {missing:?}");
    assert!(stale.is_empty(), "no source names {stale:?}, but docs/errors.md does");
}

#[test]
fn every_code_of_the_document_has_a_sentence_in_persian() {
    let codes = codes_of_the_document();
    assert!(codes.contains("CASE_CLOSED"), "the document was not understood");
    let missing: Vec<_> =
        codes.into_iter().filter(|code| !parvandeh::words::is_known(code)).collect();
    assert!(missing.is_empty(), "src/words/persian.rs has no sentence for {missing:?}");
}
