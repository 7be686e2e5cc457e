//! For whom backups and snapshot files are encrypted, and what opens them.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use epistemic_operations::encryption::{
    Identity, Keys, Recipient, read_identities, read_recipients, recipient,
};

/// For whom is written.
#[derive(Args, Debug)]
pub(crate) struct RecipientArgs {
    /// Encrypt for this age recipient (age1...): who has its identity can read it, and nobody else. May be repeated.
    #[arg(long = "recipient", value_name = "RECIPIENT", value_delimiter = ',')]
    recipients: Vec<String>,
    /// Encrypt for the recipients in this file, one on each line.
    #[arg(long, value_name = "FILE", conflicts_with = "recipients")]
    recipients_file: Option<PathBuf>,
    /// Write in the clear, also where the context of egctl.toml or the backup before has recipients.
    #[arg(long, conflicts_with_all = ["recipients", "recipients_file"])]
    pub(crate) unencrypted: bool,
}

/// What opens it.
#[derive(Args, Debug)]
pub(crate) struct IdentityArgs {
    /// File of mode 0600 with age identities (AGE-SECRET-KEY-1...), which open what is encrypted. May be repeated.
    #[arg(long = "identity", value_name = "FILE")]
    identities: Vec<PathBuf>,
}

impl RecipientArgs {
    /// Those of the command line before those of the context.
    fn recipients(&self) -> Result<Vec<Recipient>> {
        if self.unencrypted {
            return Ok(Vec::new());
        }
        if let Some(file) = &self.recipients_file {
            return Ok(read_recipients(file)?);
        }
        Ok(self.recipients.iter().map(|text| recipient(text)).collect::<Result<_, _>>()?)
    }

    /// Keys that write.
    pub(crate) fn keys(&self) -> Result<Keys> {
        Ok(Keys::new(self.recipients()?, Vec::new()))
    }

    /// Keys that write, and read.
    pub(crate) fn keys_with(&self, identity: &IdentityArgs) -> Result<Keys> {
        Ok(Keys::new(self.recipients()?, identity.identities()?))
    }
}

impl IdentityArgs {
    fn identities(&self) -> Result<Vec<Identity>> {
        let mut identities = Vec::new();
        for file in &self.identities {
            identities.extend(read_identities(file)?);
        }
        Ok(identities)
    }

    /// Keys that read.
    pub(crate) fn keys(&self) -> Result<Keys> {
        Ok(Keys::new(Vec::new(), self.identities()?))
    }
}
