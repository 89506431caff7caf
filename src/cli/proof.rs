//! `parvandeh proof`: the checkpoint, the public key, proofs about single events, and the signatures of witnesses.
//!
//! Everything is read from the data directory, beside a running server too. Nothing is signed here: that is the server's part.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use uuid::Uuid;

use super::verify::{checkpoint, key};
use super::{Exit, Failure, Format, file};
use crate::config::Config;
use crate::proof::checkpoint::{Folder, SignedCheckpoint};
use crate::proof::leaf::Leaves;
use crate::proof::merkle::{self, Hash};
use crate::proof::note::{Signature, VerifierKey, has_known_shape};
use crate::proof::tree::Tree;
use crate::proof::verify::base64;
use crate::store::Position;
use crate::store::sqlite::LogReader;

/// What can be asked of the proof.
#[derive(Subcommand)]
pub enum ProofCommand {
    /// Print the last signed checkpoint. Keep it: what it covers cannot be changed unnoticed any more.
    Checkpoint,
    /// Print the public key that checkpoints are verified with.
    Key,
    /// Prove that an event is under the checkpoint.
    Inclusion(InclusionArguments),
    /// Prove that the checkpoint goes on from an earlier one.
    Consistency(ConsistencyArguments),
    /// Keep the signature of a witness: of the stored checkpoint, or of an earlier one that comes as a whole note.
    Cosign(CosignArguments),
}

/// Which event, in which tree.
#[derive(Args)]
pub struct InclusionArguments {
    /// The event's position in the log, or its id.
    event: String,
    /// The size of the tree; that of the checkpoint where it is not said.
    #[arg(long, value_name = "EVENTS")]
    tree_size: Option<u64>,
    /// How the proof is written.
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
}

/// From where to where.
#[derive(Args)]
pub struct ConsistencyArguments {
    /// The size of the earlier checkpoint, or the file that holds it: then it is compared as well.
    from: String,
    /// The later size; that of the stored checkpoint where it is not said.
    #[arg(long, value_name = "EVENTS")]
    to: Option<u64>,
    /// How the proof is written.
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
}

/// What a witness has signed.
#[derive(Args)]
pub struct CosignArguments {
    /// A signature line for the stored checkpoint: `— <name> <base64>`.
    #[arg(long, value_name = "LINE", required_unless_present = "note", conflicts_with = "note")]
    signature: Option<String>,
    /// A whole note: a checkpoint of this log with our signature and those of witnesses.
    #[arg(long, value_name = "FILE")]
    note: Option<PathBuf>,
    /// The public key of the witness, as text or in a file: the signature is verified with it before it is kept.
    #[arg(long, value_name = "KEY")]
    witness_key: Option<String>,
}

/// The proof of a data directory.
struct Opened {
    folder: Folder,
    tree: Tree,
    signed: SignedCheckpoint,
    key: VerifierKey,
}

impl Opened {
    fn read(config: &Config) -> Result<Self, Failure> {
        let folder = Folder::of(&config.data_directory);
        let missing = || {
            let message = format!(
                "{} has no signed checkpoint yet; the server signs about every second",
                config.data_directory.display()
            );
            Failure::new(Exit::NotFound, message)
        };
        let signed = folder.checkpoint()?.ok_or_else(missing)?;
        let key = folder.verifier_key()?.ok_or_else(missing)?;
        signed.verify(&key)?;
        Ok(Self { tree: Tree::of(folder.path()), folder, signed, key })
    }

    /// A size that the checkpoint covers, by default its own.
    fn size(&self, wanted: Option<u64>) -> Result<u64, Failure> {
        let signed = self.signed.checkpoint.size;
        let size = wanted.unwrap_or(signed);
        if (1..=signed).contains(&size) {
            return Ok(size);
        }
        let message = format!("the size must be from 1 to {signed}, the size of the checkpoint");
        Err(Failure::new(Exit::NotFound, message))
    }

    /// The root at a size, after a look whether the tree's files are those of the checkpoint.
    fn root(&self, size: u64) -> Result<Hash, Failure> {
        let checkpoint = &self.signed.checkpoint;
        if merkle::root(&self.tree, checkpoint.size)? != checkpoint.root {
            let message = "the tree's files do not give the signed root: run `parvandeh verify`";
            return Err(Failure::new(Exit::Failed, message));
        }
        Ok(merkle::root(&self.tree, size)?)
    }
}

/// Runs a command.
pub fn proof(config: &Config, command: &ProofCommand) -> Result<Exit, Failure> {
    let opened = Opened::read(config)?;
    match command {
        ProofCommand::Checkpoint => file::answer(&opened.signed.note.to_string())?,
        ProofCommand::Key => file::answer(&format!("{}\n", opened.key))?,
        ProofCommand::Inclusion(arguments) => inclusion(config, &opened, arguments)?,
        ProofCommand::Consistency(arguments) => consistency(&opened, arguments)?,
        ProofCommand::Cosign(arguments) => cosign(&opened, arguments)?,
    }
    Ok(Exit::Done)
}

fn inclusion(
    config: &Config,
    opened: &Opened,
    arguments: &InclusionArguments,
) -> Result<(), Failure> {
    let log = LogReader::open(&config.data_directory)?;
    let size = opened.size(arguments.tree_size)?;
    let event = match (arguments.event.parse::<u64>(), arguments.event.parse::<Uuid>()) {
        (Ok(position), _) if (1..=size).contains(&position) => {
            let after = (position > 1).then_some(Position(position - 1));
            log.read_all(after, 1)?.pop()
        }
        (_, Ok(id)) => {
            let mut found = None;
            for index in opened.tree.candidates(id, size)? {
                let after = (index > 0).then_some(Position(index));
                let event = log.read_all(after, 1)?.pop();
                found = found.or(event.filter(|event| event.id == id));
            }
            found
        }
        _ => None,
    };
    let event = event.ok_or_else(|| {
        let message = format!(
            "there is no event {} among the {size} under the checkpoint; name a position or an event's id",
            arguments.event
        );
        Failure::new(Exit::NotFound, message)
    })?;
    let index = event.position.0 - 1;
    let mut leaves = Leaves::of(log.store_id()?);
    let leaf = String::from_utf8_lossy(leaves.text(&event)).into_owned();
    let (root, hash) = (opened.root(size)?, merkle::leaf_hash(leaf.as_bytes()));
    let hashes = merkle::inclusion_proof(&opened.tree, index, size)?;
    if !merkle::verify_inclusion(&hash, index, size, &hashes, &root) {
        let message = format!(
            "the event at position {} is not the one under the checkpoint: run `parvandeh verify`",
            event.position
        );
        return Err(Failure::new(Exit::Failed, message));
    }
    let proof = json!({
        "position": event.position,
        "index": index,
        "treeSize": size,
        "leaf": leaf,
        "leafHash": base64(&hash),
        "hashes": texts(&hashes),
        "root": base64(&root),
        "checkpoint": opened.signed.note.to_string(),
    });
    print(arguments.format, &proof, &["position", "treeSize", "leaf", "leafHash", "hashes", "root"])
}

fn consistency(opened: &Opened, arguments: &ConsistencyArguments) -> Result<(), Failure> {
    let earlier = match arguments.from.parse::<u64>() {
        Ok(_) => None,
        Err(_) => Some(checkpoint(arguments.from.as_ref())?),
    };
    if let Some(earlier) = &earlier {
        earlier.verify(&opened.key)?;
    }
    let wanted = earlier.as_ref().map(|earlier| earlier.checkpoint.size);
    let from = opened.size(wanted.or(arguments.from.parse().ok()))?;
    let to = opened.size(arguments.to)?;
    if from > to {
        return Err(Failure::new(Exit::NotFound, format!("{from} events are more than {to}")));
    }
    let (from_root, to_root) = (opened.root(from)?, opened.root(to)?);
    if earlier.is_some_and(|earlier| earlier.checkpoint.root != from_root) {
        let message = format!(
            "the log does NOT go on from that checkpoint: its first {from} events have another root. Run `parvandeh verify --checkpoint {}`",
            arguments.from
        );
        return Err(Failure::new(Exit::Failed, message));
    }
    let proof = json!({
        "from": from,
        "to": to,
        "fromRoot": base64(&from_root),
        "toRoot": base64(&to_root),
        "hashes": texts(&merkle::consistency_proof(&opened.tree, from, to)?),
        "checkpoint": opened.signed.note.to_string(),
    });
    print(arguments.format, &proof, &["from", "to", "fromRoot", "toRoot", "hashes"])
}

fn cosign(opened: &Opened, arguments: &CosignArguments) -> Result<(), Failure> {
    let refused = |message: String| Err(Failure::new(Exit::Failed, message));
    let mut witnessed = match (&arguments.signature, &arguments.note) {
        (Some(line), _) => {
            let mut signed = opened.signed.clone();
            // Those of other witnesses are kept already, and say nothing about this one.
            signed.note.signatures.retain(|line| opened.key.is_named_by(line));
            signed.note.signatures.push(line.trim().parse::<Signature>()?);
            signed
        }
        (None, Some(path)) => checkpoint(path)?,
        (None, None) => return refused("give --signature or --note".to_owned()),
    };
    witnessed.verify(&opened.key)?;
    let size = witnessed.checkpoint.size;
    if opened.root(opened.size(Some(size))?)? != witnessed.checkpoint.root {
        return refused(format!(
            "the note's root over {size} events is not this log's: run `parvandeh verify`"
        ));
    }
    if let Some(text) = &arguments.witness_key {
        key(text)?.verify(&witnessed.note)?;
    }
    let known = opened.folder.witnessed()?;
    if let Some(known) = known {
        let kept = known.checkpoint.size;
        if kept > size {
            return refused(format!("a later checkpoint, of {kept} events, is witnessed already"));
        }
        if known.note.text == witnessed.note.text {
            let lines = witnessed.note.signatures.iter().cloned();
            let fresh: Vec<_> =
                lines.filter(|line| !known.note.signatures.contains(line)).collect();
            witnessed.note.signatures = [known.note.signatures, fresh].concat();
        }
    }
    let others = witnessed.note.signatures.iter().filter(|line| !opened.key.is_named_by(line));
    let others: Vec<_> = others.collect();
    if let Some(line) = others.iter().find(|line| !has_known_shape(line)) {
        return refused(format!("the signature of {} has not the length of one", line.name));
    }
    let Some(last) = others.last() else {
        return refused("the note has no signature but this log's own".to_owned());
    };
    opened.folder.store_witnessed(&witnessed.note)?;
    file::answer(&format!(
        "The signature of {} is kept for the checkpoint of {size} events.\n",
        last.name
    ))
}

fn texts(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(base64).collect()
}

fn print(format: Format, proof: &Value, shown: &[&str]) -> Result<(), Failure> {
    match format {
        Format::Json => file::answer(&format!("{proof:#}\n")),
        Format::Text => {
            let mut out = String::new();
            for name in shown {
                match &proof[*name] {
                    Value::Array(values) => {
                        out.push_str(&format!("{name}\n"));
                        let lines = values.iter().filter_map(Value::as_str);
                        lines.for_each(|value| out.push_str(&format!("  {value}\n")));
                    }
                    Value::String(value) => out.push_str(&format!("{name}  {value}\n")),
                    value => out.push_str(&format!("{name}  {value}\n")),
                }
            }
            file::answer(&out)
        }
    }
}
