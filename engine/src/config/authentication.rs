//! Where clients authenticate with: secret, keys file, kinds of tokens.

use std::path::Path;

use zeroize::Zeroizing;

use super::Config;
use crate::signed::Expected;

/// Flags about tokens.
#[derive(Debug, Clone, clap::Args)]
pub struct SignedConfig {
    /// The weakest token that is taken: `1`, also `token`, is over the id of a request, which clients before 2.27 send and
    /// which can be used again for another request; `2`, also `signed`, over all of a request, once; `1-local` takes the
    /// weaker one over a unix socket and from loopback addresses only
    #[arg(long, env = "GRAPH_SERVICE_MIN_AUTH", default_value = "1", value_name = "KIND")]
    pub min_auth: MinAuth,

    /// Seconds that the clocks of signed requests may differ from this one; 0 is the default [default: 300]
    #[arg(
        long,
        env = "EPISTEMIC_GRAPH_ENVELOPE_SKEW_SECS",
        default_value_t = 0,
        hide_default_value = true,
        value_name = "SECONDS"
    )]
    pub clock_skew: u64,

    /// Audience that signed requests must name [default: any]
    #[arg(long, env = "EPISTEMIC_GRAPH_AUDIENCE", value_name = "NAME")]
    pub audience: Option<String>,

    /// Tenant that signed requests must name [default: any]
    #[arg(long, env = "EPISTEMIC_GRAPH_TENANT", value_name = "NAME")]
    pub token_tenant: Option<String>,

    /// Version of the policy that signed requests must name [default: any]
    #[arg(long, env = "EPISTEMIC_GRAPH_POLICY_VERSION", value_name = "VERSION")]
    pub policy_version: Option<String>,

    /// Name of this server in signed requests that are for one server only [default: any]
    #[arg(long, env = "EPISTEMIC_GRAPH_NODE_ID", value_name = "NAME")]
    pub node_id: Option<String>,

    /// Take only signed requests that name this server (--node-id): others could be sent again to another one, within the
    /// window
    #[arg(long, requires = "node_id")]
    pub require_node: bool,
}

impl SignedConfig {
    /// Seconds that clocks may differ.
    pub fn window(&self) -> u64 {
        if self.clock_skew == 0 { 300 } else { self.clock_skew }
    }

    /// What claims must be. An empty variable expects nothing.
    pub(crate) fn expected(&self) -> Expected {
        let some = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
        Expected {
            audience: some(&self.audience),
            tenant: some(&self.token_tenant),
            policy_version: some(&self.policy_version),
            node: some(&self.node_id),
            node_is_needed: self.require_node,
        }
    }
}

/// Kinds of tokens, the weaker one first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum MinAuth {
    /// Over the id of a request.
    #[value(name = "1", alias = "token")]
    Token,
    /// That on this machine, over all of a request from others.
    #[value(name = "1-local")]
    Local,
    /// Over all of a request.
    #[value(name = "2", alias = "signed")]
    Signed,
}

/// Where clients authenticate with, or why the server must not start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthChoice {
    /// Tokens made with this secret, which is wiped from memory when this is dropped.
    Secret(Zeroizing<String>),
    /// The keys of the file alone.
    Keys,
    /// No authentication, on request.
    Insecure,
}

/// A secret of fewer bytes is warned about.
pub const SHORT_SECRET: usize = 16;

impl AuthChoice {
    /// Whether the secret has so few bytes that it can be guessed from a request that was overheard.
    pub fn is_short(&self) -> bool {
        matches!(self, AuthChoice::Secret(secret) if secret.len() < SHORT_SECRET)
    }
}

const NO_SECRET: &str = "error: no auth secret configured — refusing to start.
Set GRAPH_SERVICE_AUTH_SECRET or give --auth-secret-file FILE, the same secret on every shard and client.
For a throw-away server on a private socket, --allow-insecure serves everyone without authentication.";

impl Config {
    /// Finds the secret: file, then argument, then environment.
    ///
    /// # Errors
    /// The text for standard error; the process exits with 2 then.
    pub fn auth(&self) -> Result<AuthChoice, String> {
        if let Some(file) = &self.auth_secret_file {
            return read_secret(file).map(AuthChoice::Secret);
        }
        let variable = std::env::var("GRAPH_SERVICE_AUTH_SECRET").ok();
        let mut given = [self.auth_secret.clone(), variable].into_iter().flatten().map(Zeroizing::new);
        let secret = given.find(|secret| !secret.is_empty());
        let insecure = self.allow_insecure
            || std::env::var("EPISTEMIC_GRAPH_ALLOW_INSECURE")
                .is_ok_and(|value| value == "1" || value == "true");
        match secret {
            Some(secret) => Ok(AuthChoice::Secret(secret)),
            None if self.keys_file.is_some() => Ok(AuthChoice::Keys),
            None if insecure && self.signed.min_auth != MinAuth::Token => {
                Err("error: --min-auth needs a secret, which --allow-insecure does without".into())
            }
            None if insecure => Ok(AuthChoice::Insecure),
            None => Err(NO_SECRET.into()),
        }
    }
}

/// A file that never ends would be read for ever.
const MAX_SECRET_BYTES: usize = 64 << 10;

fn read_secret(file: &Path) -> Result<Zeroizing<String>, String> {
    use std::{io::Read, os::unix::fs::PermissionsExt};
    let failed = |error: std::io::Error| format!("error: {error}");
    // What is read is what was checked, whatever becomes of the name meanwhile.
    let mut open = fs_err::File::open(file).map_err(failed)?;
    let mode = open.metadata().map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(format!(
            "error: secret file '{}' can be read by others (mode {:03o}); run: chmod 600 '{0}'",
            file.display(),
            mode & 0o777
        ));
    }
    // Room for all of it, so that no shorter copy is left behind.
    let mut text = Zeroizing::new(String::with_capacity(MAX_SECRET_BYTES));
    open.by_ref().take(MAX_SECRET_BYTES as u64).read_to_string(&mut text).map_err(failed)?;
    if text.len() == MAX_SECRET_BYTES {
        return Err(format!("error: secret file '{}' is longer than a secret can be", file.display()));
    }
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(format!("error: secret file '{}' is empty", file.display())),
        secret => Ok(secret.to_owned().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_files_must_be_private() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("secret");
        fs_err::write(&file, "s3cret\n").unwrap();
        fs_err::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
        assert!(read_secret(&file).unwrap_err().contains("chmod 600"));
        fs_err::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
        assert_eq!(*read_secret(&file).unwrap(), "s3cret");
    }
}
