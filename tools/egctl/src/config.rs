//! `egctl.toml`: what is given to every command of a tier, by the name of a context.
//!
//! ```toml
//! context = "prod"                 # used when no --context is given
//!
//! [contexts.prod]
//! endpoints = ["tcp://db1:9101", "tcp://db2:9101"]
//! secret_file = "prod.secret"      # beside this file
//! agent_id = "ops"
//! default_graph = "__bus__"
//! tls_ca = "ca.pem"                # TLS for every tcp:// endpoint
//! min_auth = 2                     # no token that can be used again
//! recipients = ["age1..."]         # backups and snapshot files are encrypted for these
//! identity = "host.key"            # opens what is encrypted
//! ```
//!
//! A context gives defaults to flags of the same names, nothing else. A flag goes before all; a context that was asked for goes
//! before variables, and these go before the context that the file uses by itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, Command};
use epistemic_router::{
    DEFAULT_GRAPH_VAR, ENDPOINTS_VAR, MIN_AUTH_VAR, SECRET_VAR, SOCKET_VAR, TCP_ADDR_VAR, TLS_CA_VAR,
    TLS_CERT_VAR, TLS_KEY_VAR,
};
use serde::Deserialize;

use crate::exit::{Exit, Failure};

/// Which configuration is meant.
#[derive(Args, Debug, Clone)]
pub(crate) struct ConfigArgs {
    /// Use this context of the configuration file.
    #[arg(long, global = true, value_name = "NAME", env = "EGCTL_CONTEXT", help_heading = "Global options")]
    context: Option<String>,
    /// The configuration file. Default: egctl.toml in $XDG_CONFIG_HOME/epistemic-graph (~/.config/epistemic-graph), else in
    /// /etc/epistemic-graph.
    #[arg(long, global = true, value_name = "FILE", env = "EGCTL_CONFIG", help_heading = "Global options")]
    config: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    context: Option<String>,
    #[serde(default)]
    contexts: BTreeMap<String, Context>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Context {
    endpoints: Option<Vec<String>>,
    secret_file: Option<PathBuf>,
    agent_id: Option<String>,
    default_graph: Option<String>,
    min_auth: Option<u8>,
    tls_ca: Option<PathBuf>,
    tls_cert: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    recipients: Option<Vec<String>>,
    identity: Option<PathBuf>,
}

/// Values of flags, by the names that the command line has for them.
pub(crate) type Defaults = BTreeMap<&'static str, String>;

impl ConfigArgs {
    /// What the context gives; nothing without a file.
    ///
    /// # Errors
    /// The file that was named is not there, a file is none, or it has no such context.
    pub(crate) fn defaults(&self, lookup: impl Fn(&str) -> Option<String>) -> Result<Defaults> {
        let Some(path) = self.path(&lookup)? else { return Ok(Defaults::new()) };
        let text = fs_err::read_to_string(&path)?;
        let refused = |reason: String| Failure::new(Exit::Usage, format!("{}: {reason}", path.display()));
        let file: File = toml::from_str(&text).map_err(|error| refused(error.to_string()))?;
        let Some(name) = self.context.as_ref().or(file.context.as_ref()) else { return Ok(Defaults::new()) };
        let context = file.contexts.get(name).ok_or_else(|| {
            let known: Vec<_> = file.contexts.keys().map(String::as_str).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            refused(format!("there is no context {name:?}; there are: {known}"))
        })?;
        let mut defaults = context.defaults(path.parent().unwrap_or(Path::new(".")))?;
        if self.context.is_none() {
            defaults.retain(|flag, _| variables(flag).iter().all(|variable| lookup(variable).is_none()));
        }
        Ok(defaults)
    }

    fn path(&self, lookup: &impl Fn(&str) -> Option<String>) -> Result<Option<PathBuf>, Failure> {
        if let Some(path) = &self.config {
            return Ok(Some(path.clone()));
        }
        let own = lookup("XDG_CONFIG_HOME")
            .filter(|folder| !folder.is_empty())
            .map(PathBuf::from)
            .or_else(|| Some(Path::new(&lookup("HOME")?).join(".config")));
        let folders = own.into_iter().chain([PathBuf::from("/etc")]);
        let mut paths = folders.map(|folder| folder.join("epistemic-graph/egctl.toml"));
        let path = paths.find(|path| path.is_file());
        if let (Some(context), None) = (&self.context, &path) {
            let message =
                format!("there is no configuration file with context {context:?}: name it with --config");
            return Err(Failure::new(Exit::Usage, message));
        }
        Ok(path)
    }
}

/// The variables that say the same as a flag.
fn variables(flag: &str) -> &'static [&'static str] {
    match flag {
        "endpoints" => &[ENDPOINTS_VAR, TCP_ADDR_VAR, SOCKET_VAR],
        "secret_file" => &[SECRET_VAR],
        "default_graph" => &[DEFAULT_GRAPH_VAR],
        "min_auth" => &[MIN_AUTH_VAR],
        "tls_ca" => &[TLS_CA_VAR],
        "tls_cert" => &[TLS_CERT_VAR],
        "tls_key" => &[TLS_KEY_VAR],
        _ => &[],
    }
}

impl Context {
    /// Paths begin in the folder of the file.
    fn defaults(&self, folder: &Path) -> Result<Defaults> {
        let mut defaults = Defaults::new();
        if let Some(endpoints) = &self.endpoints {
            defaults.insert("endpoints", serde_json::to_string(endpoints)?);
        }
        let files = [
            ("secret_file", &self.secret_file),
            ("tls_ca", &self.tls_ca),
            ("tls_cert", &self.tls_cert),
            ("tls_key", &self.tls_key),
            ("identities", &self.identity),
        ];
        for (flag, path) in files {
            let path = path.as_ref().map(|path| folder.join(path).to_string_lossy().into_owned());
            defaults.extend(path.map(|path| (flag, path)));
        }
        defaults.extend(self.min_auth.map(|version| ("min_auth", version.to_string())));
        defaults.extend(self.recipients.as_ref().map(|recipients| ("recipients", recipients.join(","))));
        defaults.extend(self.agent_id.clone().map(|agent| ("agent_id", agent)));
        defaults.extend(self.default_graph.clone().map(|graph| ("default_graph", graph)));
        Ok(defaults)
    }
}

/// The command with these defaults for the flags of all commands below it.
pub(crate) fn with_defaults(command: Command, defaults: &Defaults) -> Command {
    let command = command.mut_args(|arg| match defaults.get(arg.get_id().as_str()) {
        Some(value) => arg.default_value(value.clone()),
        None => arg,
    });
    command.mut_subcommands(|inner| with_defaults(inner, defaults))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaults(text: &str, context: Option<&str>, set: &[(&str, &str)]) -> Result<Defaults> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("egctl.toml");
        fs_err::write(&path, text).unwrap();
        let args = ConfigArgs { context: context.map(str::to_owned), config: Some(path) };
        let lookup = |name: &str| {
            set.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_owned())
        };
        let mut defaults = args.defaults(lookup)?;
        for value in defaults.values_mut() {
            *value = value.replace(dir.path().to_str().unwrap(), "DIR");
        }
        Ok(defaults)
    }

    const FILE: &str = "context = \"a\"\n[contexts.a]\nendpoints = [\"tcp://h:1\"]\nsecret_file = \"s\"\n\
                        [contexts.b]\nsecret_file = \"/s\"\nagent_id = \"ops\"\nmin_auth = 2\ntls_ca = \"ca.pem\"\n\
                        recipients = [\"age1a\", \"age1b\"]\nidentity = \"host.key\"\n";

    #[test]
    fn a_context_gives_values_to_flags() {
        let a = defaults(FILE, None, &[]).unwrap();
        let expected = [("endpoints", "[\"tcp://h:1\"]".to_owned()), ("secret_file", "DIR/s".to_owned())];
        assert_eq!(a, Defaults::from(expected));
        let b = defaults(FILE, Some("b"), &[]).unwrap();
        let expected = [
            ("agent_id", "ops"),
            ("min_auth", "2"),
            ("secret_file", "/s"),
            ("tls_ca", "DIR/ca.pem"),
            ("recipients", "age1a,age1b"),
            ("identities", "DIR/host.key"),
        ];
        let expected = expected.map(|(flag, value)| (flag, value.to_owned()));
        assert_eq!(b, Defaults::from(expected));
    }

    #[test]
    fn variables_go_before_a_context_that_nobody_asked_for() {
        let set = [("GRAPH_SERVICE_TCP_ADDR", "h:2"), ("GRAPH_SERVICE_AUTH_SECRET", "x")];
        assert_eq!(defaults(FILE, None, &set).unwrap(), Defaults::new());
        assert_eq!(defaults(FILE, Some("a"), &set).unwrap().len(), 2);
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_what_there_is() {
        for (text, context, told) in [
            (FILE, Some("c"), "there are: a, b"),
            ("context = \"a\"", None, "there are: none"),
            ("[contexts.a]\nendpoint = \"tcp://h:1\"", None, "unknown field `endpoint`"),
            ("context = ", None, "egctl.toml"),
        ] {
            let error = defaults(text, context, &[]).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}
