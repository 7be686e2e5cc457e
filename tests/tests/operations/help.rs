//! What the programs say about themselves.

use std::process::Command;

use anyhow::{Result, bail, ensure};
use epistemic_tests::binaries;

use super::succeeds;

const SERVER: &str = "epistemic-graph-server";
const GATEWAY: &str = "epistemic-graph-gateway";
const EGCTL: &str = "egctl";

/// The `--help` of a program.
pub(super) struct Help {
    text: String,
}

impl Help {
    /// Runs `words` with `--help`: an error when the program does not take one of its flags.
    pub(super) fn of_command(words: &[&str]) -> Result<Self> {
        let Some((program, arguments)) = words.split_first() else { bail!("an empty command") };
        let name = program.rsplit('/').next().unwrap_or_default();
        ensure!([SERVER, GATEWAY, EGCTL].contains(&name), "{program} is not one of our programs");
        let text = succeeds(Command::new(binaries::bin_dir()?.join(name)).args(arguments).arg("--help"))?;
        Ok(Self { text })
    }

    /// The default of a flag that is there, where it is a number.
    pub(super) fn default_of(&self, flag: &str) -> Option<Option<u64>> {
        let begins = |line: &&str| line.trim_start().starts_with("--");
        let mut lines =
            self.text.lines().skip_while(|line| !line.trim_start().starts_with(&format!("{flag} ")));
        let first = lines.next()?;
        let rest = lines.take_while(|line| !begins(line)).collect::<Vec<_>>().join("\n");
        let said = format!("{first}\n{rest}");
        Some(said.split_once("[default: ").and_then(|(_, rest)| rest.split_once(']')?.0.parse().ok()))
    }

    /// Whether the flag or variable is in the text as a word of its own.
    pub(super) fn has(&self, word: &str) -> bool {
        let part_of_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        self.text.split(|c| !part_of_word(c)).any(|found| found == word)
    }
}

/// Checks that a command is one of our programs and has only flags that it documents.
pub(super) fn check_flags(words: &[&str]) -> Result<Help> {
    let help = Help::of_command(words)?;
    let flags: Vec<_> = words.iter().filter(|word| word.starts_with("--")).collect();
    ensure!(!flags.is_empty(), "{words:?} has no flags");
    for flag in flags {
        ensure!(help.has(flag), "{flag} is not in the --help of {}", words[0]);
    }
    Ok(help)
}

/// The value of a flag in a command.
pub(super) fn value<'w>(words: &[&'w str], flag: &str) -> Option<&'w str> {
    let at = words.iter().position(|word| *word == flag)?;
    words.get(at + 1).copied()
}

/// The port at the end of `HOST:PORT`.
pub(super) fn port(address: &str) -> Option<u16> {
    address.rsplit(':').next()?.parse().ok()
}

#[test]
fn a_flag_that_does_not_exist_is_noticed() -> Result<()> {
    let server = |flag: &'static str| check_flags(&[SERVER, flag, "1"]);
    ensure!(server("--checkpoint-keep").is_ok());
    ensure!(server("--checkpoint-kept").is_err() && server("--checkpoint").is_err());
    ensure!(!server("--checkpoint-keep")?.has("--checkpoint"), "a part of a word");
    Ok(())
}
