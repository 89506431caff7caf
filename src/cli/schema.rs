//! `parvandeh schema`: the published contracts, generated from the code.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Exit, Failure};
use crate::graphql;

/// Writes the contracts, or compares them with what is there.
pub fn schema(directory: &Path, check: bool) -> Result<Exit, Failure> {
    let contracts = contracts();
    if check {
        return Ok(report(directory, &contracts));
    }
    for (file, text) in &contracts {
        let path = directory.join(file);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(&path, text)?;
    }
    println!("{} contracts written to {}.", contracts.len(), directory.display());
    Ok(Exit::Done)
}

/// Every contract by its path below the schema directory.
fn contracts() -> BTreeMap<PathBuf, String> {
    let mut contracts = BTreeMap::new();
    contracts.insert(PathBuf::from("schema.graphql"), graphql::sdl());
    for (file, schema) in [
        ("calendar.json", parvandeh_domain::calendar::schema()),
        ("sla-policy.json", parvandeh_domain::policy::schema()),
        ("segmentation.json", parvandeh_domain::segmentation::schema()),
        ("sla-certificate.json", parvandeh_domain::sla::certificate::schema()),
    ] {
        contracts.insert(PathBuf::from(file), pretty(&schema));
    }
    for (event_type, schema) in parvandeh_domain::log::schemas() {
        let file = format!("events/{}.v{}.json", event_type.name, event_type.version);
        contracts.insert(PathBuf::from(file), pretty(&schema));
    }
    contracts
}

/// The contracts that lie in the directory and are not generated any more.
fn unknown(directory: &Path, contracts: &BTreeMap<PathBuf, String>) -> Vec<PathBuf> {
    let files = [directory.to_owned(), directory.join("events")].into_iter().filter_map(|folder| {
        let entries = std::fs::read_dir(folder).ok()?;
        Some(entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()))
    });
    let is_known = |path: &PathBuf| {
        path.strip_prefix(directory).is_ok_and(|file| contracts.contains_key(file))
    };
    files.flatten().filter(|path| !is_known(path)).collect()
}

fn pretty(schema: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(schema).expect("a JSON Schema is plain JSON") + "\n"
}

fn report(directory: &Path, contracts: &BTreeMap<PathBuf, String>) -> Exit {
    let differing: Vec<_> = contracts
        .iter()
        .filter(|(file, text)| {
            std::fs::read_to_string(directory.join(file)).ok().as_ref() != Some(*text)
        })
        .map(|(file, _)| file)
        .collect();
    for file in &differing {
        println!("differs: {}", directory.join(file).display());
    }
    let unknown = unknown(directory, contracts);
    for file in &unknown {
        println!("published no more: {}", file.display());
    }
    if differing.is_empty() && unknown.is_empty() {
        println!("{} contracts are as committed.", contracts.len());
        Exit::Done
    } else {
        println!("Run `parvandeh schema` and commit what it writes, if the change is meant.");
        Exit::Partial
    }
}
