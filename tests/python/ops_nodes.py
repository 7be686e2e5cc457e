"""Node operations, one by one and in batches, and reads of their surroundings."""

import importlib.metadata

ALICE = {"type": "Person", "name": "Alice", "age": 42, "score": 0.5, "tags": ["a", "b"]}
BOB = {"label": "Person", "name": "Bob", "active": True, "nested": {"k": None}}


async def nodes(check, client, _args):
    check.equal("empty count", await client.nodes.count(), 0)
    check.equal("empty ids", await client.nodes.ids(), [])
    check.equal("add", await client.nodes.add("alice", ALICE), None)
    await client.nodes.add("bob", BOB)
    check.equal("properties", await client.nodes.properties("alice"), ALICE)
    check.equal("missing properties", await client.nodes.properties("nobody"), None)
    check.equal("has", await client.nodes.has("alice"), True)
    check.equal("has not", await client.nodes.has("nobody"), False)
    check.equal("count", await client.nodes.count(), 2)
    check.equal("ids", sorted(await client.nodes.ids()), ["alice", "bob"])
    check.equal("list", sorted(await client.nodes.list()), [["alice", ALICE], ["bob", BOB]])
    await client.nodes.add("bob", {"name": "Robert"})
    check.equal("replaced, not merged", await client.nodes.properties("bob"), {"name": "Robert"})
    check.equal("count after replacing", await client.nodes.count(), 2)
    check.equal("remove", await client.nodes.remove("bob"), None)
    check.equal("remove missing", await client.nodes.remove("bob"), None)
    check.equal("removed", await client.nodes.has("bob"), False)
    ids = ["", "a|b", "nul\0", "line\nbreak", "\N{GRINNING FACE}", "x" * 100_000]
    for node_id in ids:
        await client.nodes.add(node_id, {"length": len(node_id)})
    for node_id in ids:
        check.equal(f"id {node_id[:20]!r}", await client.nodes.properties(node_id), {"length": len(node_id)})
    check.equal("odd ids", sorted(await client.nodes.ids()), sorted([*ids, "alice"]))
    await client.nodes.add("plain")
    check.equal("no properties", await client.nodes.properties("plain"), {})


async def node_batches(check, client, _args):
    await client.nodes.add("a", {"n": 1})
    await client.nodes.add("b", {"n": 2})
    batch = await client.nodes.properties_batch(["b", "missing", "a", "b"])
    check.equal("properties batch", batch, {"b": {"n": 2}, "missing": None, "a": {"n": 1}})
    rows = await client._send("GetNodePropertiesBatch", {"node_ids": ["b", "missing", "b"]})
    check.equal("request order", [row[0] for row in rows], ["b", "missing", "b"])
    check.equal(
        "has batch", await client.nodes.has_batch(["a", "x", "b"]), {"a": True, "x": False, "b": True}
    )
    check.equal("empty batches", await client.nodes.has_batch([]), {})
    check.equal("empty properties batch", await client.nodes.properties_batch([]), {})


async def labels(check, client, _args):
    await client.nodes.add("type", {"type": "Person", "n": 1})
    await client.nodes.add("label", {"label": "Person"})
    await client.nodes.add("node_type", {"node_type": "Person"})
    await client.nodes.add("labels", {"labels": ["Agent", "Person"]})
    await client.nodes.add("case", {"type": "person"})
    await client.nodes.add("other", {"type": "Place", "name": "Person"})

    async def found(label, limit=0):
        return sorted(row[0] for row in await client.nodes.list_by_label(label, limit))

    check.equal("by label", await found("Person"), ["label", "labels", "node_type", "type"])
    check.equal("by second label", await found("Agent"), ["labels"])
    check.equal("no such label", await found("Nothing"), [])
    check.equal("limit", len(await found("Person", 2)), 2)
    check.equal(
        "decoded view",
        await client.nodes.list_by_label("Place"),
        [["other", {"name": "Person", "type": "Place"}]],
    )
    await client.nodes.add("type", {"type": "Place"})
    await client.nodes.remove("label")
    check.equal("index follows changes", await found("Person"), ["labels", "node_type"])
    check.equal("index gains", await found("Place"), ["other", "type"])


async def degrees(check, client, _args):
    for node_id in "abcd":
        await client.nodes.add(node_id)
    for source, target in ["ab", "ac", "ba", "cc"]:
        await client.edges.add(source, target)
    read = client.nodes
    check.equal("in", [await read.in_degree(n) for n in "abcd"], [1, 1, 2, 0])
    check.equal("out", [await read.out_degree(n) for n in "abcd"], [2, 1, 1, 0])
    check.equal("successors, newest first", await read.successors("a"), ["c", "b"])
    check.equal("predecessors, newest first", await read.predecessors("c"), ["c", "a"])
    check.equal("neighbours", sorted(await read.neighbors("a")), ["b", "c"])
    check.equal("self loop", sorted(await read.neighbors("c")), ["a", "c"])
    check.equal("isolated", [await read.neighbors("d"), await read.successors("d")], [[], []])
    for call in (read.in_degree, read.out_degree, read.predecessors, read.successors, read.neighbors):
        await check.refused(call.__name__, call("x"), "Node 'x' not found")


GROUPS = [nodes, node_batches, degrees]
if importlib.metadata.version("epistemic-graph") != "0.28.0":
    GROUPS.append(labels)
