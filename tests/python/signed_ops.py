"""The operations of the published client 2.27.7, which signs its requests, with their answers checked.

    signed_ops.py ENDPOINT SECRET
"""

import argparse
import asyncio
import os
import time

import msgpack
from epistemic_graph import EpistemicGraphClient

from support import Checks, address, secret_argument

CONTEXT = {
    "principal": "service:planner",
    "tenant": "acme",
    "audience": "graphs",
    "agent_id": "service:planner",
    "roles": ["graph-client"],
    "scopes": ["kg:read", "kg:write", "kg:admin"],
    "policy_version": "p1",
    "delegation": [],
}


async def connect(args, graph, secret=None, **changes):
    return await EpistemicGraphClient.connect(
        **address(args.endpoint),
        auth_secret=secret or args.secret,
        graph_name=graph,
        verified_context={**CONTEXT, **changes},
    )


async def refusal(call):
    """Code and detail of the error that a call ends in."""
    try:
        await call
    except Exception as error:  # the client has a class of its own for each kind
        return getattr(error, "code", None), getattr(error, "detail", str(error))
    return None, None


async def content(check, client):
    await client.nodes.add("a", {"type": "Person", "z": [1.5, None, "x"]})
    await client.nodes.add("b", {"type": "Person"})
    await client.edges.add("a", "b", {"w": 2})
    check.equal("properties", await client.nodes.properties("a"), {"type": "Person", "z": [1.5, None, "x"]})
    check.equal("has", [await client.nodes.has(node) for node in "ax"], [True, False])
    check.equal("ids", sorted(await client.nodes.ids()), ["a", "b"])
    check.equal("counts", (await client.nodes.count(), await client.edges.count()), (2, 1))
    check.equal("list", sorted(dict(await client.nodes.list())), ["a", "b"])
    check.equal("label", [row[0] for row in await client.nodes.list_by_label("Person")], ["a", "b"])
    page = await client.nodes.list_by_label("Person", 1, after="a")
    check.equal("a page behind a", [row[0] for row in page], ["b"])
    check.equal("edge", await client.edges.has("a", "b"), True)
    check.equal("edges", [tuple(edge[:2]) for edge in await client.edges.list()], [("a", "b")])
    check.equal("neighbors", await client.nodes.neighbors("a"), ["b"])
    check.equal("degrees", (await client.nodes.in_degree("b"), await client.nodes.out_degree("b")), (1, 0))
    check.equal("ledger", len(await client.ledger.get()), 3)
    answer = await client.lifecycle.batch_update(
        [{"op": "add_node", "id": "c"}, {"op": "add_edge", "source": "b", "target": "c"}]
    )
    check.equal("batch", (answer["added_nodes"], answer["added_edges"]), (1, 1))
    await batches(check, client)
    check.equal("created once", [await client.nodes.create_if_absent("t", {"type": "T", "status": "pending"}) for _ in "ab"], [True, False])
    claims = [client.nodes.compare_and_set("t", {"status": "pending"}, {"status": by}) for by in "xy"]
    check.equal("one of two claims", await asyncio.gather(*claims), [True, False])
    check.equal("by the first", (await client.nodes.properties("t"))["status"], "x")
    for number in (2, 1):
        await client.nodes.add(f"t{number}", {"type": "T", "status": "pending", "seq": number})
    claimed = [await client.nodes.claim_next("T", {"status": "taken"}) for _ in range(3)]
    check.equal("in the order of seq", [row and row[0] for row in claimed], ["t1", "t2", None])
    check.equal("as claimed", claimed[0][1]["status"], "taken")
    for node in ("t", "t1", "t2"):
        await client.nodes.remove(node)
    document = bytes(await client.lifecycle.to_msgpack())
    check.equal("document", sorted(row[0] for row in msgpack.unpackb(document)["nodes"]), ["a", "b", "c"])
    await client.nodes.remove("c")
    await client.lifecycle.from_msgpack(document)
    check.equal("back again", await client.nodes.count(), 3)


async def batches(check, client):
    """All of a batch is done or nothing."""
    later = ("added_embeddings", "upserted_nodes", "upserted_edges", "removed_nodes", "errors")
    for _ in range(2):
        await client.edges.add("a", "c", {"w": 1})
    good = [
        {"op": "upsert_node", "id": "d", "properties": {"type": "D"}},
        {"op": "upsert_edge", "source": "a", "target": "c", "properties": {"w": 3}},
        {"op": "upsert_edge", "source": "d", "target": "d"},
        {"op": "add_embedding", "id": "d", "embedding": [1, 0.5]},
        {"op": "remove_node", "id": "missing"},
    ]
    before = await client.ledger.get()
    for bad, reason in [
        ({"op": "add_edge", "source": "a", "target": "missing"}, "Target node 'missing' not found"),
        ({"op": "add_embedding", "id": "missing", "embedding": [1]}, "Node 'missing' not found"),
        ({"op": "no_such"}, "op[5]: unknown operation 'no_such'; nothing was done"),
        ({"op": "upsert_node"}, "op[5]: missing `id`; nothing was done"),
        ({"op": "add_node", "id": "x", "properties": 5}, "op[5]: `properties` is no map; nothing was done"),
        ({"op": "add_embedding", "id": "a"}, "op[5]: missing `embedding`; nothing was done"),
        ({"op": "add_embedding", "id": "a", "embedding": []}, "op[5]: missing `embedding`; nothing was done"),
    ]:
        refused = await refusal(client.lifecycle.batch_update([*good, bad]))
        check.equal(f"refused: {bad}", refused, ("INVALID_ARGUMENT", reason))
    for bad in ([float("nan")], ["x"], 5):
        operation = {"op": "add_embedding", "id": "a", "embedding": bad}
        code, detail = await refusal(client.lifecycle.batch_update([*good, operation]))
        check.true(f"refused: {bad}: {detail}", code == "INVALID_ARGUMENT" and detail.startswith("op[5]: `embedding`"))
    labelled = {"op": "add_node", "id": "x", "properties": {"labels": [f"l{n}" for n in range(1001)]}}
    code, detail = await refusal(client.lifecycle.batch_update([*good, labelled]))
    check.true(f"refused: {detail}", code == "LIMIT_EXCEEDED" and detail.startswith("a node with 1001 labels"))
    large = [{"op": "add_node", "id": f"x{n}", "properties": {"t": "x" * (12 << 20)}} for n in range(3)]
    code, detail = await refusal(client.lifecycle.batch_update([*good, *large]))
    check.true(f"refused: {detail}", code == "LIMIT_EXCEEDED" and detail.startswith("the batch writes over"))
    check.equal("nothing of them was done", await client.ledger.get(), before)
    answer = await client.lifecycle.batch_update(good)
    check.equal("later operations", [answer[key] for key in later], [1, 1, 2, 1, []])
    check.equal("one edge for two", await client.edges.properties("a", "c"), [{"w": 3}])
    check.equal("an embedding", [row[0] for row in await client.graph.semantic_search([1.0, 0.5], 9)], ["d"])
    await client.nodes.remove("d")


async def computations(check, client):
    for node in "abcd":
        await client.nodes.add(node, {})
    for source, target in ("ab", "bc", "cd"):
        await client.edges.add(source, target, {"type": "next"})
    check.equal("path", await client.graph.shortest_path("a", "d"), ["a", "b", "c", "d"])
    check.equal("order", await client.graph.topological_sort(), ["a", "b", "c", "d"])
    check.equal("components", len(await client.graph.connected_components()), 1)
    check.equal("ranks", sorted(dict(await client.analytics.pagerank())), ["a", "b", "c", "d"])
    edges = [("a", "b", 9.0), ("b", "c", 0.1), ("c", "d", 9.0)]
    found = await client.graph.community_detect_ephemeral(["a", "b", "c", "d"], edges)
    check.equal("weights count", sorted(map(sorted, found)), [["a", "b"], ["c", "d"]])
    await client.graph.add_embedding("a", [1.0, 0.0])
    await client.graph.add_embedding("b", [0.0, 1.0, 0.0])
    found = await client.graph.semantic_search([1.0, 0.0], 5)
    check.equal("search", [row[0] for row in found], ["a"])
    answer = await client.reasoning.reason(transitive_properties=["next"])
    check.equal("reasoning", answer["inferred_count"], 3)
    answer = await client.graph.vf2_subgraph_match(client, max_results=1)
    channel = f"{client._graph_name}:channel"
    await client.channels.create(channel, "Group", CONTEXT["agent_id"], [])
    await client.channels.send_message(channel, CONTEXT["agent_id"], "one")
    check.equal("messages", [m["payload"] for m in await client.channels.get_messages(channel)], ["one"])
    await client.channels.close(channel)
    check.equal("a match", answer["matches"], [{node: node for node in "abcd"}])


async def service(check, client, args):
    check.equal("ping", await client.ping(), "pong")
    check.equal("health", (await client.health())["status"], "ok")
    name = f"{client._graph_name}:second"
    await client.tenants.create(name)
    check.true("listed", name in [graph["name"] for graph in await client.tenants.list()])
    check.equal("exists", (await refusal(client.tenants.create(name)))[1], f"Graph '{name}' already exists")
    await client.tenants.delete(name)
    missing = await refusal(client._send("NodeCount", graph=name))
    check.equal("missing", missing, ("INVALID_ARGUMENT", f"Graph '{name}' not found"))
    begun = time.monotonic()
    calls = [refusal(client._send("CatalogList")), client.nodes.count()]
    (code, _), count = await asyncio.wait_for(asyncio.gather(*calls), 20)
    check.equal("unserved", (code, count), ("METHOD_NOT_YET_SERVED", 4))
    check.true("at once", time.monotonic() - begun < 20)
    many = await asyncio.gather(*(client.nodes.has(node) for node in "abcdx" * 20))
    check.equal("pipelined", many, [True, True, True, True, False] * 20)
    for what, expected, changes in [
        ("another secret", "AUTH_BAD_SIGNATURE", {"secret": args.secret + "x"}),
        ("no scopes", "ACCESS_DENIED", {"scopes": []}),
        ("only to read", "ACCESS_DENIED", {"scopes": ["kg:read"]}),
    ]:
        async with await connect(args, client._graph_name, **changes) as other:
            check.equal(what, (await refusal(other.nodes.add("z", {})))[0], expected)
    async with await connect(args, client._graph_name, scopes=["kg:read"]) as reader:
        check.equal("reading", await reader.nodes.count(), 4)


async def run(args):
    check = Checks()
    for group in (content, computations):
        check.section = f"{group.__name__}: "
        graph = f"signed:{os.getpid()}:{group.__name__}"
        async with await connect(args, graph) as client:
            await client.tenants.create(graph)
            await group(check, client)
            if group is computations:
                check.section = "service: "
                await service(check, client, args)
            await client.tenants.delete(graph)
    check.finish()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("endpoint", help="tcp://HOST:PORT or unix://PATH")
    secret_argument(parser)
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
