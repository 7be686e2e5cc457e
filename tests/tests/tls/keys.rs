//! Client certificates that show keys.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use epistemic_tests::certs::{Authority, Pair};
use epistemic_tests::gateway::replace_private_file;
use epistemic_tests::wire::{field, params};
use epistemic_tests::{Client, ServerProcess, Value, wait};

use crate::forms::forms;
use crate::{LIMIT, Shard, Tunnel, authority_and_server, egctl};

const KEYS: &str = r#"
[[key]]
id = "acme"
role = "owner"
graphs = ["tenant__acme__*"]
certificates = ["spiffe://tier/acme"]

[[key]]
id = "both"
role = "reader"
graphs = ["tenant__acme__*"]
certificates = ["spiffe://tier/both"]
secrets = [{ text = "secret-of-both-!" }]

[[key]]
id = "root"
role = "system"
secrets = [{ text = "secret-of-root-!" }]
"#;

const FOREIGN: &str = "tenant__victim__existing";
const ABSENT: &str = "tenant__victim__invented";
const MARK: &str = "mark-of-the-victim";

fn write_keys(folder: &Path, text: &str) -> Result<()> {
    replace_private_file(&folder.join("keys.toml"), text)
}

struct Tier {
    authority: Authority,
    shard: Shard,
    folder: tempfile::TempDir,
}

impl Tier {
    /// With a keys file, and a CA of clients, which all have to show a certificate of.
    fn start(flags: &[&str]) -> Result<Self> {
        let (authority, pair) = authority_and_server()?;
        let folder = tempfile::tempdir()?;
        write_keys(folder.path(), KEYS)?;
        let keys = folder.path().join("keys.toml");
        let ca = authority.ca_text()?;
        let flags =
            [&["--keys-file", keys.to_str().context("a path")?, "--tls-client-ca", &ca], flags].concat();
        let shard = Shard::start_with(ServerProcess::ours(), &pair, &flags)?;
        Ok(Self { authority, shard, folder })
    }

    fn tunnel(&self, pair: &Pair) -> Result<Tunnel> {
        let text = |path: &Path| path.to_str().map(str::to_owned).context("a path");
        let (ca, cert, key) = (self.authority.ca_text()?, text(&pair.cert)?, text(&pair.key)?);
        Tunnel::start(&self.shard.endpoint(), &["--tls-ca", &ca, "--tls-cert", &cert, "--tls-key", &key])
    }

    fn root(&self) -> Result<Client> {
        Ok(Client::connect(&self.shard.server.unix_endpoint(), "secret-of-root-!")?.acting_as("root"))
    }
}

fn create(client: &mut Client, graph: &str) -> Result<()> {
    client.call("", "CreateGraph", params([("graph_name", graph.into()), ("graph_type", "Agent".into())]))?;
    Ok(())
}

/// What the tunnel carries has a token of some other secret: the certificate is what counts.
#[test]
fn a_certificate_shows_a_key_and_confines_to_it() -> Result<()> {
    // Tokens over ids are not taken over the network; the certificate is stronger.
    let tier = Tier::start(&["--min-auth", "1-local"])?;
    let mut root = tier.root()?;
    create(&mut root, FOREIGN)?;
    root.add_node(FOREIGN, MARK, b"\x80")?;
    let pair = tier.authority.client("acme", "spiffe://tier/acme")?;
    let tunnel = tier.tunnel(&pair)?;
    let mut acme = tunnel.client()?;
    create(&mut acme, "tenant__acme__g")?;
    let sessions = root.call("", "SessionList", None)?;
    let row =
        sessions.as_array().context("rows")?.iter().find(|row| field(row, "key") == Some(&"acme".into()));
    let row = row.with_context(|| format!("{sessions}"))?;
    for (name, text) in [("transport", "tls"), ("certificate", "spiffe://tier/acme"), ("principal", "acme")] {
        ensure!(field(row, name) == Some(&text.into()), "{row}");
    }
    let health = acme.call("", "Health", None)?;
    let methods: Vec<String> = field(&health, "ops")
        .and_then(Value::as_array)
        .context("ops")?
        .iter()
        .filter_map(|op| op.as_str().map(str::to_owned))
        .collect();
    ensure!(methods.len() > 100);
    for method in methods.iter().filter(|method| *method != "BeginTxn") {
        let mut client = tunnel.client()?;
        for form in 0..forms(FOREIGN).len() {
            let mut ask = |name: &str, graph: &str| -> Result<String> {
                client.send(graph, method, forms(name).swap_remove(form))?;
                let text = match client.receive()?.outcome {
                    Ok(value) => format!("ok {value}"),
                    Err(text) => text,
                };
                Ok(text.replace(name, "NAME"))
            };
            if ["Health", "SessionList", "ListChannels", "ListGraphs", "GraphStats"]
                .contains(&method.as_str())
            {
                let told = ask(FOREIGN, "")?;
                ensure!(!told.contains(MARK) && !told.contains("victim"), "{method}: {told}");
                continue;
            }
            for outside in [true, false] {
                let graph = |name: &'static str| if outside { name } else { "" };
                let (foreign, absent) = (ask(FOREIGN, graph(FOREIGN))?, ask(ABSENT, graph(ABSENT))?);
                ensure!(!foreign.contains(MARK), "{method}: {foreign}");
                ensure!(foreign == absent, "{method} {form}: {foreign} and {absent}");
            }
        }
    }
    let count = root.call(FOREIGN, "NodeCount", None)?;
    ensure!(count == Value::from(1), "{count}");
    ensure!(!root.call("", "ListGraphs", None)?.to_string().contains(ABSENT));
    // Nor can it speak as somebody else.
    let mut other = tunnel.client()?.acting_as("root");
    let error = other.call("", "Ping", None).err().context("it speaks as root")?;
    ensure!(error.server_text().is_some_and(|text| text.starts_with("Authentication failed")), "{error}");
    Ok(())
}

#[test]
fn a_certificate_of_no_key_shows_nothing() -> Result<()> {
    let tier = Tier::start(&[])?;
    let tunnel = tier.tunnel(&tier.authority.client("stranger", "spiffe://tier/stranger")?)?;
    let error = tunnel.client()?.call("", "ShardStatus", None);
    // The shared secret of the harness, which is the default key here, shows that one as ever.
    ensure!(error.is_ok(), "{error:?}");
    let mut guess = tunnel.client()?.acting_as("acme");
    ensure!(guess.call("", "Ping", None).is_err());
    Ok(())
}

/// With a secret besides: a connection with the certificate needs none, one without it does.
#[test]
fn a_key_may_have_both() -> Result<()> {
    let tier = Tier::start(&[])?;
    let tunnel = tier.tunnel(&tier.authority.client("both", "spiffe://tier/both")?)?;
    tunnel.client()?.call("", "Ping", None)?;
    let unix = tier.shard.server.unix_endpoint();
    Client::connect(&unix, "secret-of-both-!")?.acting_as("both").call("", "Ping", None)?;
    ensure!(Client::connect(&unix, "secret-of-acme-!")?.acting_as("both").call("", "Ping", None).is_err());
    ensure!(
        Client::connect(&unix, "")?.acting_as("acme").call("", "Ping", None).is_err(),
        "it has no secret"
    );
    Ok(())
}

#[test]
fn a_certificate_that_is_taken_out_ends_its_connections_at_once() -> Result<()> {
    let tier = Tier::start(&[])?;
    let tunnel = tier.tunnel(&tier.authority.client("acme", "spiffe://tier/acme")?)?;
    let mut acme = tunnel.client()?;
    create(&mut acme, "tenant__acme__g")?;
    write_keys(tier.folder.path(), &KEYS.replace("spiffe://tier/acme", "spiffe://tier/elsewhere"))?;
    tier.shard.wait_for_log("connections_ended=1")?;
    ensure!(acme.is_closed_by_server()?);
    ensure!(tunnel.client()?.acting_as("acme").call("", "Ping", None).is_err());
    write_keys(tier.folder.path(), KEYS)?;
    let again = || Ok::<_, anyhow::Error>(tunnel.client()?.call("", "Ping", None).ok());
    wait::poll(LIMIT, std::time::Duration::from_millis(20), again)?.context("it stays shut out")?;
    Ok(())
}

/// `egctl`, which is the router's client, with a certificate and no secret at all.
#[test]
fn our_client_needs_no_secret_with_a_certificate() -> Result<()> {
    let tier = Tier::start(&["--min-auth", "2"])?;
    let pair = tier.authority.client("acme", "spiffe://tier/acme")?;
    let text = |path: &Path| path.to_str().map(str::to_owned).context("a path");
    let (ca, cert, key) = (tier.authority.ca_text()?, text(&pair.cert)?, text(&pair.key)?);
    let tls = ["--tls-ca", &ca, "--tls-cert", &cert, "--tls-key", &key];
    for min_auth in ["1", "2"] {
        let graph = format!("tenant__acme__g{min_auth}");
        let flags = ["graph", "create", &graph, "--endpoint", &tier.shard.endpoint(), "--min-auth", min_auth];
        let output = egctl(&flags)?.args(tls).env_remove("GRAPH_SERVICE_AUTH_SECRET").output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let flags = ["graph", "create", "tenant__other__g", "--endpoint", &tier.shard.endpoint()];
    let output = egctl(&flags)?.args(tls).env_remove("GRAPH_SERVICE_AUTH_SECRET").output()?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(!output.status.success() && error.contains("key 'acme' may not use graph"), "{error}");
    Ok(())
}
