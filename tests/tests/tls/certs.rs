//! `egctl certs dev`: what it makes is all that a trial needs.

use std::os::unix::fs::PermissionsExt;

use anyhow::{Result, ensure};
use epistemic_tests::certs::Pair;
use tempfile::TempDir;

use crate::{Shard, egctl, said, status_json};

#[test]
fn a_trial_needs_one_command() -> Result<()> {
    let folder = TempDir::new()?;
    let out = folder.path().join("certs");
    let words = out.display().to_string();
    let make = ["certs", "dev", "--out", &words, "--host", "localhost", "--host", "127.0.0.1"];
    let (good, text) = said(&mut egctl(&make)?)?;
    ensure!(good && text.contains("EPISTEMIC_GRAPH_TLS=require"), "{text}");
    for name in ["ca.pem", "server.pem", "server.key", "client.pem", "client.key"] {
        let mode = fs_err::metadata(out.join(name))?.permissions().mode() & 0o777;
        ensure!(mode == 0o600, "{name}: {mode:o}");
    }
    let path = |name: &str| out.join(name).display().to_string();
    let [ca, cert, key] = ["ca.pem", "client.pem", "client.key"].map(path);
    let pair = Pair { cert: out.join("server.pem"), key: out.join("server.key") };
    let shard = Shard::start(&pair, &["--tls", "require", "--tls-client-ca", &ca])?;
    status_json(&shard.endpoint(), &["--tls-ca", &ca, "--tls-cert", &cert, "--tls-key", &key])?;
    // By the environment, as clients have it.
    let mut command = egctl(&["status", "--endpoint", &shard.endpoint()])?;
    command.env("EPISTEMIC_GRAPH_TLS", "require").env("EPISTEMIC_GRAPH_TLS_CA", &ca);
    command.env("EPISTEMIC_GRAPH_TLS_CERT", &cert).env("EPISTEMIC_GRAPH_TLS_KEY", &key);
    let (good, text) = said(&mut command)?;
    ensure!(good && text.contains("its certificate ends in"), "{text}");
    // By a context, with files beside its own.
    let config = out.join("egctl.toml");
    let endpoint = shard.endpoint();
    let files = "tls_ca = \"ca.pem\"\ntls_cert = \"client.pem\"\ntls_key = \"client.key\"\n";
    fs_err::write(&config, format!("[contexts.trial]\nendpoints = [\"{endpoint}\"]\n{files}"))?;
    let by_context = ["status", "--context", "trial", "--config", &config.display().to_string()];
    let (good, text) = said(&mut egctl(&by_context)?)?;
    ensure!(good && text.contains("its certificate ends in"), "{text}");
    // It takes nothing away.
    let before = fs_err::read(out.join("server.key"))?;
    let (good, text) = said(&mut egctl(&make)?)?;
    ensure!(!good && text.contains("is there already"), "{text}");
    ensure!(fs_err::read(out.join("server.key"))? == before);
    Ok(())
}
