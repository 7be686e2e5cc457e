//! `docs/flags.md` is what the programs say of themselves in `--help`. `UPDATE=1` writes it anew.

use std::collections::VecDeque;
use std::fmt::Write;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use epistemic_tests::binaries;

use super::{repository, succeeds, text};

const PAGE: &str = "docs/flags.md";
const HEAD: &str = "\
# Flags and variables

Made of `--help` of the programs by `tests/tests/operations/flags.rs`; do not edit it. A flag wins over its variable.
[Variables](variables.md) has those that several programs share.
";

/// One flag, or argument, as `--help` has it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Flag {
    name: String,
    meaning: String,
    variable: Option<String>,
    default: Option<String>,
}

/// The long help of a program or of one of its commands.
#[derive(Debug, Default, PartialEq, Eq)]
struct Help {
    about: String,
    commands: Vec<String>,
    flags: Vec<Flag>,
}

impl Help {
    /// Runs the program with `--help` and without variables, whose values it would show.
    fn of(words: &[String]) -> Result<Self> {
        let (program, command) = words.split_first().context("a program")?;
        let mut run = Command::new(binaries::bin_dir()?.join(program));
        run.args(command).arg("--help").env_clear();
        Ok(Self::parse(&succeeds(&mut run)?))
    }

    fn parse(help: &str) -> Self {
        let mut found = Self::default();
        let about = help.lines().take_while(|line| !line.starts_with("Usage:"));
        found.about = about.map(str::trim).take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
        let has_commands = help.lines().any(|line| line.starts_with("Usage:") && line.contains("COMMAND"));
        let mut section = "";
        let mut paragraphs = String::new();
        for line in help.lines().chain([""; 2]) {
            let indent = line.len() - line.trim_start().len();
            if indent == 0 && line.ends_with(':') {
                section = line;
                continue;
            }
            let begins_flag = line.trim_start().starts_with(['-', '<', '[']) && (2..10).contains(&indent);
            if ["Usage:", "Exit codes:", ""].contains(&section) {
                continue;
            }
            if begins_flag {
                found.end_flag(&mut paragraphs);
                let (name, rest) = line.trim().split_once("  ").unwrap_or((line.trim(), ""));
                found.flags.push(Flag { name: name.to_owned(), ..Flag::default() });
                paragraphs = rest.trim().to_owned();
            } else if indent >= 10 || line.is_empty() {
                paragraphs.push(if line.is_empty() { '\n' } else { ' ' });
                paragraphs.push_str(line.trim());
            } else if indent == 2 && has_commands {
                let name = line.split_whitespace().next().unwrap_or_default();
                // What is in capitals is a variable.
                if name != "help" && name.starts_with(|letter: char| letter.is_ascii_lowercase()) {
                    found.commands.push(name.to_owned());
                }
            }
        }
        found.end_flag(&mut paragraphs);
        found.flags.retain(|flag| !flag.name.contains("--help") && !flag.name.contains("--version"));
        found
    }

    /// What was read since the name of the newest flag is about it.
    fn end_flag(&mut self, paragraphs: &mut String) {
        let Some(flag) = self.flags.last_mut() else { return };
        let mut meaning = Vec::new();
        for paragraph in std::mem::take(paragraphs).split('\n').map(str::trim) {
            let mut paragraph = paragraph.to_owned();
            flag.variable = taken(&mut paragraph, "[env: ")
                .map(|text| text.trim_end_matches('=').to_owned())
                .or(flag.variable.take());
            flag.default = taken(&mut paragraph, "[default: ").or(flag.default.take());
            if !paragraph.trim().is_empty() {
                meaning.push(paragraph.split_whitespace().collect::<Vec<_>>().join(" "));
            }
        }
        if !meaning.is_empty() {
            flag.meaning = meaning.join(" ");
        }
    }
}

/// Takes `[begin ...]` out of a text.
fn taken(text: &mut String, begin: &str) -> Option<String> {
    let start = text.find(begin)?;
    let end = start + text[start..].find(']')?;
    let found = text[start + begin.len()..end].to_owned();
    text.replace_range(start..=end, "");
    Some(found)
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;").replace('>', "&gt;")
}

fn table(page: &mut String, flags: &[Flag]) -> Result<()> {
    if flags.is_empty() {
        return Ok(());
    }
    writeln!(page, "\n| Flag | Variable | Default | Meaning |\n|---|---|---|---|")?;
    for Flag { name, meaning, variable, default } in flags {
        let code = |text: &Option<String>| {
            text.as_ref().map_or("-".to_owned(), |text| format!("`{}`", text.replace('|', "\\|")))
        };
        writeln!(
            page,
            "| `{}` | {} | {} | {} |",
            name.replace('|', "\\|"),
            code(variable),
            code(default),
            cell(meaning)
        )?;
    }
    Ok(())
}

/// The page, of all programs and all commands of `egctl`.
fn page() -> Result<String> {
    let mut page = HEAD.to_owned();
    for program in ["epistemic-graph-server", "epistemic-graph-gateway", "egctl"] {
        let mut waiting: VecDeque<Vec<String>> = VecDeque::from([vec![program.to_owned()]]);
        let mut common = Vec::new();
        while let Some(words) = waiting.pop_front() {
            let mut help = Help::of(&words)?;
            // Those of the program stand there once.
            help.flags.retain(|flag| !common.contains(flag));
            let name = words.join(" ");
            let heading = if words.len() == 1 { "##" } else { "###" };
            writeln!(page, "\n{heading} {name}\n\n{}", cell(&help.about))?;
            table(&mut page, &help.flags)?;
            if words.len() == 1 {
                common = std::mem::take(&mut help.flags);
            }
            // Each command before the next one, with its own below it.
            for command in help.commands.iter().rev() {
                waiting.push_front([&words[..], std::slice::from_ref(command)].concat());
            }
        }
    }
    Ok(page)
}

#[test]
fn the_page_of_flags_is_what_the_programs_say() -> Result<()> {
    let made = page()?;
    if std::env::var_os("UPDATE").is_some() {
        fs_err::write(repository(PAGE)?, &made)?;
    }
    let there = text(PAGE)?;
    let different =
        made.lines().zip(there.lines().chain(std::iter::repeat(""))).find(|(made, there)| made != there);
    ensure!(
        made == there,
        "{PAGE} is not what --help says: UPDATE=1 cargo test --release -p epistemic-tests --test operations flags\n{different:#?}"
    );
    for flag in
        ["`--socket-path <PATH>`", "`GRAPH_SERVICE_SOCKET`", "### egctl backup create", "--slow-request"]
    {
        ensure!(made.contains(flag), "{flag} is missing");
    }
    Ok(())
}

#[test]
fn help_is_taken_apart() -> Result<()> {
    let help = "\
A shard: named graphs.

More of it.

Usage: server [OPTIONS] <DIR> <COMMAND>

See the data:
  create  Makes one

Environment:
  NAME  of it

The program itself:
  help    Print this message

Arguments:
  <DIR>
          Where [possible values: a, b]

Options:
      --socket-path <PATH>
          Socket to listen on
          of two lines
          
          [env: GRAPH_SERVICE_SOCKET=]

  -n, --number <N>
          How many

          [default: 3]

  -h, --help
          Print help

Exit codes:
  0  done
";
    let flag = |name: &str, meaning: &str, variable: Option<&str>, default: Option<&str>| Flag {
        name: name.into(),
        meaning: meaning.into(),
        variable: variable.map(Into::into),
        default: default.map(Into::into),
    };
    let expected = Help {
        about: "A shard: named graphs.".into(),
        commands: vec!["create".into()],
        flags: vec![
            flag("<DIR>", "Where [possible values: a, b]", None, None),
            flag(
                "--socket-path <PATH>",
                "Socket to listen on of two lines",
                Some("GRAPH_SERVICE_SOCKET"),
                None,
            ),
            flag("-n, --number <N>", "How many", None, Some("3")),
        ],
    };
    let found = Help::parse(help);
    ensure!(found == expected, "{found:#?}");
    Ok(())
}
