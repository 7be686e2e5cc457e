//! The published clients, unmodified, with a tenant's own key: a secret and an agent id.

use anyhow::{Context, Result, ensure};
use epistemic_tests::binaries::{CLIENT_VERSIONS, SIGNING_CLIENT};
use epistemic_tests::{python, shared};

use crate::{KEYS, client, create, secret, server};

/// What a program does that is told its secret and its agent id by its environment.
const TENANT: &str = "
import os, sys
from epistemic_graph import SyncEpistemicGraphClient as Client
from support import address
endpoint = sys.argv[1]
agent = os.environ['TENANT_AGENT_ID']
own, foreign, absent = 'tenant__acme__py', 'tenant__victim__g', 'tenant__victim__absent'

def connect(graph):
    return Client.connect(**address(endpoint), graph_name=graph, agent_id=agent)

def refusal(call):
    try:
        call()
    except RuntimeError as error:
        return str(error)
    return None

checks = 0
def check(what, actual, expected):
    global checks
    checks += 1
    assert actual == expected, (what, actual, expected)

with connect(own) as client:
    check('ping', client.ping(), 'pong')
    client.tenants.create(own)
    client.nodes.add('a', {'x': 1})
    client.nodes.add('b', {})
    client.edges.add('a', 'b', {'type': 'knows'})
    check('properties', client.nodes.properties('a'), {'x': 1})
    check('neighbors', client.nodes.neighbors('a'), ['b'])
    check('list', [graph['name'] for graph in client.tenants.list()], [own])
    for graph in (foreign, absent):
        denied = f\"ACCESS_DENIED: key 'owner' may not use graph '{graph}'\"
        check('create', refusal(lambda: client.tenants.create(graph)), denied)
        check('delete', refusal(lambda: client.tenants.delete(graph)), denied)
for graph in (foreign, absent):
    denied = f\"ACCESS_DENIED: key 'owner' may not use graph '{graph}'\"
    with connect(graph) as client:
        for what, call in [
            ('count', client.nodes.count),
            ('read', lambda: client.nodes.properties('n')),
            ('ids', client.nodes.ids),
            ('write', lambda: client.nodes.add('z', {})),
            ('ranks', client.analytics.pagerank),
        ]:
            check(what, refusal(call), denied)
with connect(own) as client:
    client.tenants.delete(own)
print(f'ok {checks} checks')
";

#[test]
fn published_clients_have_a_key_of_their_own() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = server(folder.path(), KEYS)?.tcp().start()?;
    create(&mut client(&server, "victim")?, "tenant__victim__g")?;
    let path = shared::package()?.join("python");
    let env = [
        ("PYTHONPATH", path.to_str().context("path of the scripts")?),
        ("PYTHONDONTWRITEBYTECODE", "1"),
        ("GRAPH_SERVICE_AUTH_SECRET", secret("owner")),
        ("TENANT_AGENT_ID", "owner"),
    ];
    for endpoint in [format!("unix://{}", server.socket().display()), format!("tcp://{}", server.tcp_addr())]
    {
        for version in CLIENT_VERSIONS {
            let output = python::run_with_env(version, TENANT, &[&endpoint], &env)?;
            ensure!(
                output.code == Some(0) && output.stdout.starts_with("ok "),
                "client {version}: {}{}",
                output.stdout,
                output.stderr
            );
        }
    }
    Ok(())
}

/// The client that signs names its key by the principal of its claims. Its whole script passes under an owner's key.
#[test]
fn the_client_that_signs_has_one_too() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let keys = "[[key]]\nid = \"service:planner\"\nrole = \"owner\"\ngraphs = [\"signed:*\"]\ntokens = [2]\nsecrets = [{ text = \"secret-of-planner\" }]\n";
    let server = server(folder.path(), keys)?.start()?;
    let endpoint = format!("unix://{}", server.socket().display());
    let ran = python::judge(SIGNING_CLIENT, "signed_ops.py", &[&endpoint], "secret-of-planner")?;
    ensure!(ran.starts_with("ok "), "{ran}");
    // Neither the shared secret, nor the older token with the right one.
    ensure!(python::judge(SIGNING_CLIENT, "signed_ops.py", &[&endpoint], server.secret()).is_err());
    let mut old = epistemic_tests::Client::connect(&server.unix_endpoint(), "secret-of-planner")?
        .acting_as("service:planner");
    ensure!(crate::refused(old.call("", "Ping", None))? == "Authentication failed");
    Ok(())
}
