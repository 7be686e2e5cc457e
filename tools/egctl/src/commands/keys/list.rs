//! `egctl keys list`.

use std::io::{self, Write};

use anyhow::Result;
use clap::Args;
use epistemic_keys::{Derived, Key, Secret, Tokens, Validity};
use epistemic_storage::clock;
use serde::Serialize;

use super::file::FileArgs;
use crate::exit::EXIT_CODES;
use crate::output::{OutputArgs, Report};
use crate::table::{shortened, write_table};

/// List the keys of the file, without their secrets. A file that a server would not take is an error.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct ListArgs {
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Listed {
    file: String,
    keys: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    id: String,
    /// Who requests are from; none where it is the tenant.
    principal: Option<String>,
    role: &'static str,
    graphs: Vec<String>,
    may_act_as: Vec<String>,
    certificates: Vec<String>,
    tokens: Vec<u8>,
    /// Of so many secrets.
    secrets: usize,
    /// `valid`, `not yet`, `expired`, `rotating`, `frozen`.
    state: &'static str,
    except: Vec<String>,
    frozen: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quota_class: Option<String>,
}

pub(super) fn run(args: &ListArgs) -> Result<()> {
    let document = args.file.open()?;
    let now = clock::unix_ms() / 1000;
    let keys = document.parsed.keys.iter().map(|key| of_key(key, now));
    let derived = document.parsed.derived.iter().map(|derived| of_derived(derived, now));
    let keys = keys.chain(derived).collect();
    args.output.print(&Listed { file: args.file.path().display().to_string(), keys })
}

fn of_key(key: &Key, now: u64) -> Row {
    Row {
        id: key.id.clone(),
        principal: Some(key.principal.clone()),
        role: key.role.name(),
        graphs: key.graphs.clone(),
        may_act_as: key.may_act_as.clone(),
        certificates: key.certificates.clone(),
        tokens: versions(key.tokens),
        secrets: key.secrets.len(),
        state: if key.frozen { "frozen" } else { state_of_key(key, now) },
        except: Vec::new(),
        frozen: Vec::new(),
        quota_class: key.quota_class.clone(),
    }
}

fn of_derived(derived: &Derived, now: u64) -> Row {
    Row {
        id: format!("{}{}", derived.prefix, epistemic_keys::TENANT),
        principal: None,
        role: derived.role.name(),
        graphs: derived.graphs.clone(),
        may_act_as: Vec::new(),
        certificates: Vec::new(),
        tokens: versions(derived.tokens),
        secrets: derived.roots.len(),
        state: state(derived.validity, &derived.roots, now),
        except: derived.except.clone(),
        frozen: derived.frozen.clone(),
        quota_class: derived.quota_class.clone(),
    }
}

fn versions(tokens: Tokens) -> Vec<u8> {
    [(tokens.by_id, 1), (tokens.signed, 2)]
        .into_iter()
        .filter_map(|(taken, version)| taken.then_some(version))
        .collect()
}

/// Certificates count for as long as the key does.
fn state_of_key(key: &Key, now: u64) -> &'static str {
    match state(key.validity, &key.secrets, now) {
        "expired" if key.validity.holds(now) && !key.certificates.is_empty() => "valid",
        state => state,
    }
}

fn state(validity: Validity, secrets: &[Secret], now: u64) -> &'static str {
    let any = |now| validity.holds(now) && secrets.iter().any(|secret| secret.validity.holds(now));
    if validity.not_before.is_some_and(|from| now < from) {
        "not yet"
    } else if !any(now) {
        "expired"
    } else if secrets.len() > 1 {
        "rotating"
    } else {
        "valid"
    }
}

impl Report for Listed {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.keys.is_empty() {
            return writeln!(out, "no keys in {}", self.file);
        }
        let row = |row: &Row| {
            let graphs = if row.graphs.is_empty() { "all".to_owned() } else { row.graphs.join(" ") };
            let versions: Vec<_> = row.tokens.iter().map(u8::to_string).collect();
            [
                shortened(&row.id),
                shortened(row.principal.as_deref().unwrap_or("the tenant")),
                row.role.to_owned(),
                shortened(&graphs),
                versions.join(","),
                row.secrets.to_string(),
                row.state.to_owned(),
            ]
        };
        let rows: Vec<_> = self.keys.iter().map(row).collect();
        write_table(out, ["key", "principal", "role", "graphs", "tokens", "secrets", "state"], &rows)
    }
}
