//! `__commons__`, the default graph of published clients, goes where the list says, like any other graph.

use anyhow::{Context, Result, ensure};
use epistemic_tests::wire::field;
use epistemic_tests::{Client, ServerProcess, python};
use serde_json::Value;

use super::{Shards, egctl, endpoint, json, owners};

const COMMONS: &str = "__commons__";

/// The published client writes 50 nodes and 49 edges into its default graph, or reads them.
const CLIENT: &str = "
import sys
from epistemic_graph import SyncEpistemicGraphClient as Client
socket, secret, what = sys.argv[1:]
with Client.connect(socket_path=socket, auth_secret=secret) as client:
    if what == 'write':
        for number in range(50):
            client.nodes.add(f'n{number}', {'number': number})
        for number in range(1, 50):
            client.edges.add('n0', f'n{number}', {'type': 'knows'})
    print(client.nodes.count(), client.edges.count())
";

fn published_client(server: &ServerProcess, what: &str) -> Result<String> {
    let socket = server.socket().display().to_string();
    Ok(python::check("0.31.0", CLIENT, &[&socket, server.secret(), what])?.trim().to_owned())
}

/// Three shards, and one that owns `__commons__` once it is in the list.
fn shards() -> Result<Shards> {
    let servers: Vec<_> = (0..3).map(|_| ServerProcess::ours().start()).collect::<Result<_>>()?;
    let list = servers.iter().map(|server| endpoint(&server.builder())).collect::<Vec<_>>().join(",");
    loop {
        let newcomer = ServerProcess::ours();
        let own = endpoint(&newcomer);
        if owners(&format!("{list},{own}"), &[COMMONS.to_owned()])? == [own] {
            return Ok(Shards { servers, newcomer: newcomer.start()? });
        }
    }
}

fn owner_of_commons(shards: &Shards) -> Result<usize> {
    let owner = owners(&shards.from(), &[COMMONS.to_owned()])?;
    let place = shards.servers.iter().position(|server| owner == [endpoint(&server.builder())]);
    place.context("no owner")
}

/// The rows of `egctl graphs` for `__commons__` that have content or are marked.
fn rows(list: &str) -> Result<Vec<Value>> {
    let listed = json(&["graphs", "--json", "--endpoints", list])?;
    let rows = listed["graphs"].as_array().context("graphs")?.iter();
    let wanted = |row: &&Value| row["name"] == COMMONS && (row["nodes"] != 0 || !row["belongs_on"].is_null());
    Ok(rows.filter(wanted).cloned().collect())
}

fn refusal(client: &mut Client, node: &str) -> Result<String> {
    Ok(client.add_node(COMMONS, node, b"\x80").err().context("it was written")?.to_string())
}

#[test]
fn the_default_graph_of_published_clients_goes_along() -> Result<()> {
    let mut shards = shards()?;
    let (from, to) = (shards.from(), shards.to());
    let old = owner_of_commons(&shards)?;
    let (source, newcomer) = (endpoint(&shards.servers[old].builder()), endpoint(&shards.newcomer.builder()));
    ensure!(published_client(&shards.servers[old], "write")? == "50 49");
    let marked = rows(&to)?;
    ensure!(marked.len() == 1 && marked[0]["belongs_on"] == newcomer.as_str(), "{marked:?}");

    let plan = json(&["reshard", "plan", "--json", "--from", &from, "--to", &to])?;
    let step = &plan["moves"][0];
    ensure!(
        plan["moves"].as_array().map(Vec::len) == Some(1) && step["graph"] == COMMONS && step["nodes"] == 50,
        "{plan:#}"
    );
    let folder = tempfile::tempdir()?;
    let state = folder.path().join("state").display().to_string();
    let done = json(&["reshard", "apply", "--json", "--from", &from, "--to", &to, "--state", &state])?;
    ensure!(done["moved"] == 1 && done["left"] == 0, "{done:#}");
    ensure!(published_client(&shards.newcomer, "read")? == "50 49");
    let kept = rows(&to)?;
    ensure!(
        kept.len() == 1 && kept[0]["belongs_on"].is_null() && kept[0]["place"] == newcomer.as_str(),
        "{kept:?}"
    );

    // A client with the old list is sent on, also after a restart; one that only connects is not.
    for _ in 0..2 {
        let mut client = shards.servers[old].client()?;
        ensure!(refusal(&mut client, "n")?.contains(&format!("MOVED: graph '{COMMONS}'")));
        let created = client.create_graph(COMMONS).err().context("it was created")?.to_string();
        ensure!(created.contains("already exists"), "{created}");
        client.call(COMMONS, "ListGraphs", None)?;
        let builder = shards.servers[old].builder();
        ensure!(shards.servers[old].terminate()?.success(), "{}", shards.servers[old].output());
        shards.servers[old] = builder.start()?;
    }
    // And back over the signpost, by hand.
    let journal = folder.path().join("journal").display().to_string();
    let back = ["move", COMMONS, "--from", &newcomer, "--to", &source, "--journal", &journal];
    let moved = egctl(&back)?;
    ensure!(moved.status.success(), "{}", String::from_utf8_lossy(&moved.stderr));
    ensure!(published_client(&shards.servers[old], "read")? == "50 49");
    Ok(())
}

#[test]
fn two_with_content_are_refused_and_resolved() -> Result<()> {
    let shards = shards()?;
    let (from, to) = (shards.from(), shards.to());
    let old = owner_of_commons(&shards)?;
    let stray = (old + 1) % 3;
    for (place, nodes) in [(old, 3), (stray, 1)] {
        let mut client = shards.servers[place].client()?;
        (0..nodes).try_for_each(|node| client.add_node(COMMONS, &format!("n{node}"), b"\x80"))?;
    }
    let (keeper, other) =
        (endpoint(&shards.servers[old].builder()), endpoint(&shards.servers[stray].builder()));
    let refused = egctl(&["reshard", "plan", "--from", &from, "--to", &to])?;
    let told = String::from_utf8_lossy(&refused.stderr);
    ensure!(
        !refused.status.success() && told.contains(COMMONS) && told.contains("egctl owners resolve"),
        "{told}"
    );
    let checked = egctl(&["owners", "check", "--endpoints", &from])?;
    ensure!(checked.status.code() == Some(7), "{checked:?}");
    json(&["owners", "resolve", COMMONS, "--keep", &keeper, "--endpoints", &from, "--json"])?;
    let count = shards.servers[old].client()?.call(COMMONS, "NodeCount", None)?;
    ensure!(count.as_u64() == Some(3), "{count}");
    let sent_on = refusal(&mut shards.servers[stray].client()?, "n")?;
    ensure!(sent_on.contains("MOVED: ") && sent_on.contains(&keeper), "{other}: {sent_on}");
    ensure!(egctl(&["reshard", "plan", "--from", &from, "--to", &to])?.status.success());
    Ok(())
}

/// An aborted move leaves the source as it was and the destination with an empty one.
#[test]
fn a_move_that_is_given_up_leaves_an_empty_one() -> Result<()> {
    let shards = shards()?;
    let old = owner_of_commons(&shards)?;
    let mut client = shards.newcomer.client()?;
    shards.servers[old].client()?.add_node(COMMONS, "n", b"\x80")?;
    let (source, newcomer) = (endpoint(&shards.servers[old].builder()), endpoint(&shards.newcomer.builder()));
    let fields = [("move_id", "m1".into()), ("from", source.as_str().into())];
    client.call(COMMONS, "MoveArrive", epistemic_tests::wire::params(fields))?;
    ensure!(refusal(&mut client, "n")?.contains("ARRIVING"));
    let folder = tempfile::tempdir()?;
    let journal = folder.path().join("journal").display().to_string();
    let args = ["move", COMMONS, "--from", &source, "--to", &newcomer, "--abort", "--journal", &journal];
    let aborted = egctl(&args)?;
    ensure!(aborted.status.success(), "{}", String::from_utf8_lossy(&aborted.stderr));
    client.add_node(COMMONS, "m", b"\x80")?;
    let count = shards.servers[old].client()?.call(COMMONS, "NodeCount", None)?;
    ensure!(count.as_u64() == Some(1), "{count}");
    let stats = client.call(COMMONS, "GraphStats", None)?;
    let row = stats.as_array().and_then(|rows| rows.first()).context("no row")?;
    ensure!(field(row, "type").and_then(|kind| kind.as_str()) == Some("Commons"), "{row}");
    Ok(())
}
