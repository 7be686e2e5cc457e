//! Certificates, files and flags that must not be taken.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime};

use anyhow::{Result, ensure};
use epistemic_tests::ServerProcess;
use epistemic_tests::certs::Authority;

use crate::{HOSTS, Shard, authority_and_server, status};

#[test]
fn a_server_that_cannot_be_trusted_gets_no_request() -> Result<()> {
    let authority = Authority::new()?;
    let (ca, other) = (authority.ca_text()?, Authority::new()?);
    let past = SystemTime::now() - Duration::from_secs(3600);
    let other_ca = other.ca_text()?;
    let cases = [
        (authority.server("good", &HOSTS)?, other_ca.as_str(), "not made by a CA of"),
        (authority.server_until("old", &HOSTS, past)?, &ca, "certificate expired"),
        (authority.server("elsewhere", &["elsewhere", "10.1.2.3"])?, &ca, "not valid for name"),
        (authority.client("a client", "urn:x")?, &ca, "invalid peer certificate"),
    ];
    for (pair, ca, why) in &cases {
        let shard = Shard::start(pair, &[])?;
        let refused = status(&shard.endpoint(), &["--tls-ca", ca])?;
        let error = String::from_utf8_lossy(&refused.stderr);
        ensure!(refused.status.code() == Some(3) && error.contains(why), "{why}: {error}");
        ensure!(error.contains("no TLS: "), "{error}");
    }
    Ok(())
}

/// There is no way back to plain connections.
#[test]
fn a_server_without_tls_gets_no_request_from_a_client_with_it() -> Result<()> {
    let server = ServerProcess::ours().in_memory().tcp().start()?;
    let ca = Authority::new()?.ca_text()?;
    let refused = status(&format!("tcp://{}", server.tcp_addr()), &["--tls-ca", &ca])?;
    let error = String::from_utf8_lossy(&refused.stderr);
    // Its folder is gone, so the CA cannot be read.
    ensure!(refused.status.code() == Some(3) && error.contains("cannot be used"), "{error}");
    let authority = Authority::new()?;
    let refused = status(&format!("tcp://{}", server.tcp_addr()), &["--tls-ca", &authority.ca_text()?])?;
    let error = String::from_utf8_lossy(&refused.stderr);
    ensure!(refused.status.code() == Some(3) && error.contains("speak TLS on this port"), "{error}");
    Ok(())
}

/// What cannot be meant is exit code 2, and names the file or flag.
#[test]
fn a_server_does_not_start_with_half_of_it() -> Result<()> {
    let (authority, pair) = authority_and_server()?;
    let other = authority.server("other", &HOSTS)?;
    let [cert, key, other_key] = [&pair.cert, &pair.key, &other.key].map(|path| path.display().to_string());
    let open = authority.server("open", &HOSTS)?;
    fs_err::set_permissions(&open.key, PermissionsExt::from_mode(0o640))?;
    let open_key = open.key.display().to_string();
    let cases: [(&[&str], &str); 7] = [
        (&["--tls", "require"], "--tls require needs --tls-cert and --tls-key"),
        (&["--tls-cert", &cert], "--tls-key"),
        (&["--tls-client-ca", &cert], "--tls-cert"),
        (&["--tls-cert", &cert, "--tls-key", &other_key], &other_key),
        (&["--tls-cert", &cert, "--tls-key", &open_key], "chmod 600"),
        (&["--tls-cert", "/nowhere/cert", "--tls-key", &key], "/nowhere/cert"),
        (&["--tls-cert", &key, "--tls-key", &key], "no certificate in it"),
    ];
    for (flags, why) in cases {
        let mut builder = ServerProcess::ours().in_memory();
        for flag in flags {
            builder = builder.arg(flag);
        }
        let (exit, output) = builder.start_expecting_exit()?;
        ensure!(exit.code() == Some(2) && output.contains(why), "{flags:?}: {exit}: {output}");
    }
    Ok(())
}
