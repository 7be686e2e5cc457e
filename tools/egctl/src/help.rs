//! The list of commands in `egctl --help`, by what they are for.

use std::fmt::Write;

use clap::Command;

/// Every command is in one group.
const GROUPS: [(&str, &[&str]); 9] = [
    ("See the tier", &["status", "graphs", "route", "endpoints", "owners", "quota", "support-bundle"]),
    ("See the data", &["get", "nodes", "edges", "labels", "neighbors", "search", "digest", "diff"]),
    ("Change the data", &["graph", "ledger", "export", "load"]),
    ("Agents and keys", &["identity", "channel", "keys", "sessions", "audit"]),
    ("Copies", &["snapshot", "checkpoint", "backup"]),
    ("Move and grow", &["move", "moves", "reshard", "shard", "import-reference", "pull"]),
    ("Disk and damage", &["compact", "scrub", "verify", "repair", "salvage", "explain"]),
    ("TLS", &["tunnel", "certs"]),
    ("The program itself", &["completions", "man", "bench", "walkthrough"]),
];

/// The help of `command` with its commands in groups.
pub(crate) fn grouped(command: Command) -> Command {
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{}Global options:\n{{options}}{{after-help}}",
        list(&command)
    );
    command.help_template(template)
}

fn list(command: &Command) -> String {
    let names = GROUPS.iter().flat_map(|(_, names)| names.iter());
    let width = names.map(|name| name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (heading, names) in GROUPS {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{heading}:");
        for name in names {
            let inner = command.find_subcommand(name);
            let about = inner.and_then(Command::get_about).map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(text, "  {name:width$}  {about}");
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_command_is_in_one_group() {
        let listed: Vec<_> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        let command = crate::commands::command_line();
        let there: BTreeSet<_> = command.get_subcommands().map(Command::get_name).collect();
        assert_eq!(listed.len(), there.len());
        assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), there);
    }

    #[test]
    fn no_line_is_too_long_for_a_terminal() {
        let list = list(&crate::commands::command_line());
        let long: Vec<_> = list.lines().filter(|line| line.chars().count() > 120).collect();
        assert!(long.is_empty(), "{long:#?}");
    }
}
