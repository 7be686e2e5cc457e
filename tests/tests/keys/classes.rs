//! Quota classes: what keys use together, besides the tenants of the graphs.

use anyhow::{Result, ensure};
use epistemic_tests::Egctl;

use crate::{KEYS, client, create, refused, server, write_keys};

const G: &str = "tenant__acme__g";
const RULES: &str = "[[rule]]\ntenant = \"class:batch\"\nrequests_per_second = 5\n";

#[test]
fn keys_of_a_class_share_its_limits_and_others_do_not_notice() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let rules = folder.path().join("quotas.toml");
    fs_err::write(&rules, RULES)?;
    let with_class = |class: &str| {
        KEYS.replace("id = \"writer\"", &format!("id = \"writer\"\nquota_class = \"{class}\""))
            .replace("id = \"reader\"", &format!("id = \"reader\"\nquota_class = \"{class}\""))
    };
    let server = server(folder.path(), &with_class("batch"))?.arg("--quotas").arg(&rules).start()?;
    let (mut owner, mut writer, mut reader) =
        (client(&server, "owner")?, client(&server, "writer")?, client(&server, "reader")?);
    create(&mut owner, G)?;
    for _ in 0..50 {
        owner.call(G, "NodeCount", None)?;
    }
    let mut told = None;
    for number in 0..200 {
        let asked = if number % 2 == 0 { &mut writer } else { &mut reader };
        if let Err(error) = asked.call(G, "NodeCount", None) {
            told = Some(refused(Err::<(), _>(error))?);
            break;
        }
    }
    let text = told.unwrap_or_default();
    let words = "QUOTA: keys of quota class 'batch' may use 5 requests per second (quota rule 'class:batch')";
    ensure!(text.starts_with(words), "{text}");
    owner.call(G, "NodeCount", None)?;

    let endpoint = format!("unix://{}", server.socket().display());
    let ops = Egctl::with_secret("secret-of-ops-!!");
    let show = ["quota", "show", "--tenant", "class:batch", "--endpoint", &endpoint, "--agent-id", "ops"];
    let shown = ops.json(&show)?;
    let row = &shown["shards"][0]["answer"]["tenants"][0];
    ensure!(row["limits"]["requests_per_second"] == 5 && row["refused"].as_u64() > Some(0), "{shown}");
    // Raised at once, as for a tenant.
    let set = ["quota", "set", "class:batch", "requests_per_second=none", "--endpoint", &endpoint];
    ops.ends(0, [&set[..], &["--agent-id", "ops"]].concat())?;
    for _ in 0..50 {
        writer.call(G, "NodeCount", None)?;
    }
    // Another class is another right: who has the key connects again.
    write_keys(folder.path(), &with_class("nightly"))?;
    ensure!(writer.is_closed_by_server()?);
    client(&server, "writer")?.call(G, "NodeCount", None)?;
    owner.call(G, "NodeCount", None)?;
    Ok(())
}
