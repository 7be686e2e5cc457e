//! Asking before something is gone.

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::Result;
use clap::Args;
use epistemic_operations::names::shown;

use crate::exit::{Exit, Failure};

/// Whether it was asked already.
#[derive(Args, Debug, Clone, Copy)]
pub(crate) struct ConfirmArgs {
    /// Do not ask for the name again.
    #[arg(long, short = 'y')]
    yes: bool,
}

impl ConfirmArgs {
    /// Has the name of what is to go typed again on the terminal; `what` says what will happen to it.
    ///
    /// # Errors
    /// Another name was typed, or there is no terminal to ask at.
    pub(crate) fn ask(self, what: &str, name: &str) -> Result<()> {
        if self.yes {
            return Ok(());
        }
        if !io::stdin().is_terminal() {
            let message = format!("{what}: give --yes; there is no terminal to ask at");
            return Err(Failure::new(Exit::Usage, message).into());
        }
        let mut stderr = io::stderr().lock();
        write!(stderr, "{what}.\nType its name to go on: ")?;
        stderr.flush()?;
        let mut typed = String::new();
        io::stdin().lock().read_line(&mut typed)?;
        let typed = typed.trim_end_matches(['\n', '\r']);
        if typed == name || typed == shown(name) {
            return Ok(());
        }
        Err(Failure::new(Exit::Usage, "that is another name; nothing was done").into())
    }
}
