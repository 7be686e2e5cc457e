//! `egctl keys derive`.

use std::io::{self, Write};

use anyhow::Result;
use clap::Args;
use epistemic_keys::{Derived, TENANT, check_tenant, tenant_secret};
use epistemic_operations::names::shown;
use serde::Serialize;

use super::file::FileArgs;
use crate::exit::{EXIT_CODES, Exit, Failure};
use crate::output::{OutputArgs, Report};

/// Print what a tenant's clients are given: the agent_id that names its key, and its secret, which follows from the root.
/// Shards need to be told nothing.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct DeriveArgs {
    /// The tenant, written as in the names of its graphs.
    #[arg(long, value_name = "TENANT")]
    tenant: String,
    /// Prefix of the entry, where the file has several.
    #[arg(long, value_name = "PREFIX")]
    prefix: Option<String>,
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Made {
    agent_id: String,
    secret: String,
    graphs: Vec<String>,
}

pub(super) fn run(args: &DeriveArgs) -> Result<()> {
    let usage = |text: String| Failure::new(Exit::Usage, text);
    check_tenant(&args.tenant).map_err(|error| usage(error.to_string()))?;
    let document = args.file.open()?;
    let entries: Vec<&Derived> = document.parsed.derived.iter().collect();
    let chosen = match (&args.prefix, &*entries) {
        (Some(prefix), all) => all.iter().find(|entry| entry.prefix == *prefix).copied(),
        (None, [only]) => Some(*only),
        (None, _) => None,
    };
    let told = "give --prefix of one of the [[derived]] entries of the keys file; egctl keys add PREFIX --derived makes one";
    let entry = chosen.ok_or_else(|| usage(told.to_owned()))?;
    if entry.except.contains(&args.tenant) {
        return Err(usage(format!("the key of tenant {} is retired", shown(&args.tenant))).into());
    }
    let secret = tenant_secret(entry.roots[0].text.expose(), &args.tenant);
    args.output.print(&Made {
        agent_id: format!("{}{}", entry.prefix, args.tenant),
        secret: secret.expose().to_owned(),
        graphs: entry.graphs.iter().map(|graph| graph.replace(TENANT, &args.tenant)).collect(),
    })
}

impl Report for Made {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "agent_id  {}", shown(&self.agent_id))?;
        writeln!(out, "secret    {}", self.secret)?;
        writeln!(out, "graphs    {}", self.graphs.join(" "))
    }
}
