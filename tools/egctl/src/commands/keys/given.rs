//! Where a new secret goes: to whoever is to have it, and not to the screen unless that is asked for.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt;

/// Where to put a new secret.
#[derive(Args, Debug)]
pub(super) struct GivenArgs {
    /// Write the new secret to this file as well, which must not be there yet and gets mode 0600: what its client is given.
    #[arg(long, value_name = "FILE")]
    secret_out: Option<PathBuf>,
    /// Print the new secret.
    #[arg(long)]
    show_secret: bool,
}

/// A new secret: 64 hexadecimal digits of 32 random bytes.
pub(super) fn random() -> String {
    hex::encode(rand::random::<[u8; 32]>())
}

impl GivenArgs {
    /// The secret if it is to be printed. It is put into the file of its client, before the keys file has it.
    pub(super) fn give(&self, secret: &str) -> Result<Option<String>> {
        if let Some(path) = &self.secret_out {
            let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
            file.write_all(format!("{secret}\n").as_bytes())?;
            file.sync_all()?;
        }
        Ok(self.show_secret.then(|| secret.to_owned()))
    }
}
