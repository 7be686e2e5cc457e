//! `egctl keys add`.

use std::io::{self, Write};

use anyhow::Result;
use clap::Args;
use epistemic_keys::Role;
use epistemic_operations::names::shown;
use serde::Serialize;
use toml_edit::{Datetime, Table, value};

use super::NEXT;
use super::file::{FileArgs, Kind, secret, texts};
use super::given::{GivenArgs, random};
use crate::exit::{EXIT_CODES, Exit, Failure};
use crate::output::{OutputArgs, Report};

/// Add a key with a new secret. The file is made if there is none.
///
/// Clients before 2.27 name their key by agent_id, later ones by the principal of their claims. With --derived the id is the
/// prefix of the ids of all tenants' keys, and each pattern has {tenant} in it.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct AddArgs {
    /// Id of the key; "default" is that of requests that name none.
    id: String,
    /// reader, writer, owner (for the graphs of --graphs), operator or system (for all graphs).
    #[arg(long, value_parser = role)]
    role: Role,
    /// Pattern of graph names, in which * stands for any characters: tenant__acme__*; repeat it for several.
    #[arg(long, value_name = "PATTERN")]
    graphs: Vec<String>,
    /// Who its requests are from [default: its id].
    #[arg(long, value_name = "NAME", conflicts_with = "derived")]
    principal: Option<String>,
    /// Another agent that its requests may name; repeat it for several.
    #[arg(long, value_name = "NAME", conflicts_with = "derived")]
    may_act_as: Vec<String>,
    /// URI of a client certificate that shows the key as its secret does; repeat it for several.
    #[arg(long = "certificate", value_name = "URI", conflicts_with = "derived")]
    certificates: Vec<String>,
    /// Give it no secret: certificates alone show it.
    #[arg(long, requires = "certificates", conflicts_with = "derived")]
    no_secret: bool,
    /// Version of tokens that is taken: 1 over the id of a request, 2 over all of it; repeat it for both [default: both].
    #[arg(long, value_name = "VERSION")]
    tokens: Vec<u8>,
    /// What it uses counts for this quota class too; the rule of the class is the one of tenant class:NAME (egctl quota).
    #[arg(long, value_name = "NAME")]
    quota_class: Option<String>,
    /// When it ends, as 2026-12-31T00:00:00Z.
    #[arg(long, value_name = "TIME")]
    not_after: Option<Datetime>,
    /// One entry for all tenants: their keys are derived from one root.
    #[arg(long)]
    derived: bool,
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    given: GivenArgs,
    #[command(flatten)]
    output: OutputArgs,
}

fn role(text: &str) -> Result<Role, String> {
    let names = || format!("give one of {}", Role::ALL.map(Role::name).join(", "));
    Role::ALL.into_iter().find(|role| role.name() == text).ok_or_else(names)
}

#[derive(Serialize)]
struct Added<'a> {
    id: &'a str,
    role: &'static str,
    derived: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    next: &'static str,
}

pub(super) fn run(args: &AddArgs) -> Result<()> {
    let mut document = args.file.open_or_begin()?;
    let kind = if args.derived { Kind::Derived } else { Kind::Key };
    let text = random();
    let mut entry = Table::new();
    entry.insert(if args.derived { "prefix" } else { "id" }, value(&*args.id));
    if let Some(principal) = &args.principal {
        entry.insert("principal", value(&**principal));
    }
    entry.insert("role", value(args.role.name()));
    let lists =
        [("graphs", &args.graphs), ("may_act_as", &args.may_act_as), ("certificates", &args.certificates)];
    for (field, list) in lists {
        if !list.is_empty() {
            entry.insert(field, texts(list));
        }
    }
    if !args.tokens.is_empty() {
        entry.insert(
            "tokens",
            value(args.tokens.iter().map(|version| i64::from(*version)).collect::<toml_edit::Array>()),
        );
    }
    if let Some(class) = &args.quota_class {
        entry.insert("quota_class", value(&**class));
    }
    if let Some(time) = args.not_after {
        entry.insert("not_after", value(time));
    }
    if !args.no_secret {
        entry.insert(kind.secrets(), value([secret(&text)].into_iter().collect::<toml_edit::Array>()));
    }
    let known = &document.parsed;
    let taken = known.keys.iter().any(|key| key.id == args.id)
        || known.derived.iter().any(|derived| derived.prefix == args.id);
    if taken {
        let text = format!("there is a key {} already; for a new secret: egctl keys rotate", shown(&args.id));
        return Err(Failure::new(Exit::Usage, text).into());
    }
    document.add(kind, entry)?;
    let printed = if args.no_secret { None } else { args.given.give(&text)? };
    document.write()?;
    let role = args.role.name();
    args.output.print(&Added { id: &args.id, role, derived: args.derived, secret: printed, next: NEXT })
}

impl Report for Added<'_> {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let what = if self.derived { "keys of tenants, as" } else { "key" };
        writeln!(out, "{what} {} was added, a {}", shown(self.id), self.role)?;
        if let Some(secret) = &self.secret {
            writeln!(out, "{secret}")?;
        }
        writeln!(out, "next: {}", self.next)
    }
}
