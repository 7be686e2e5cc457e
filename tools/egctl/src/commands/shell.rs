//! `egctl completions` and `egctl man`.

use std::io;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Command};
use clap_complete::Shell;

use crate::exit::EXIT_CODES;

/// Print the completions for a shell: egctl completions bash > /etc/bash_completion.d/egctl
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(super) struct CompletionsArgs {
    /// The shell.
    shell: Shell,
}

/// Write the manual pages of egctl and of all its commands into a folder, which is made.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(super) struct ManArgs {
    /// The folder, such as /usr/local/share/man/man1.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Prints the completions for `command`, the whole command line.
pub(super) fn completions(args: &CompletionsArgs, mut command: Command) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "egctl", &mut script);
    match io::Write::write_all(&mut io::stdout().lock(), &script) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Writes a page for `command` and each one below it.
pub(super) fn man(args: &ManArgs, command: Command) -> Result<()> {
    fs_err::create_dir_all(&args.folder)?;
    Ok(clap_mangen::generate_to(command, &args.folder)?)
}
