"""Edge operations: one edge, parallel edges, self loops, and the upsert of published clients."""

import msgpack


async def edges(check, client, _args):
    for node_id in "abc":
        await client.nodes.add(node_id)
    check.equal("add", await client.edges.add("a", "b", {"type": "knows", "w": 1}), None)
    await client.edges.add("b", "c", {"rel_type": "likes"})
    await client.edges.add("c", "c")
    check.equal("has", await client.edges.has("a", "b"), True)
    check.equal("directed", await client.edges.has("b", "a"), False)
    check.equal("count", await client.edges.count(), 3)
    listed = sorted((s, t, msgpack.unpackb(bytes(raw))) for s, t, raw in await client.edges.list())
    expected = [("a", "b", {"type": "knows", "w": 1}), ("b", "c", {"rel_type": "likes"}), ("c", "c", {})]
    check.equal("list", listed, expected)
    check.equal("properties", await client.edges.properties("a", "b"), [{"type": "knows", "w": 1}])
    check.equal("no properties", await client.edges.properties("b", "a"), [])
    batch = await client.edges.properties_batch([("b", "c"), ("b", "a"), ("a", "b")])
    check.equal("properties batch", batch, [[{"rel_type": "likes"}], [], [{"type": "knows", "w": 1}]])
    missing = [("a", "x", "Target"), ("x", "a", "Source"), ("x", "y", "Source")]
    for source, target, end in missing:
        name = source if end == "Source" else target
        await check.refused(
            f"{source}->{target}", client.edges.add(source, target), f"{end} node '{name}' not found"
        )
    check.equal("edges create no nodes", await client.nodes.count(), 3)
    check.equal("remove", await client.edges.remove("a", "b"), None)
    check.equal("remove missing", await client.edges.remove("a", "b"), None)
    check.equal("removed", await client.edges.has("a", "b"), False)
    await client.nodes.remove("c")
    check.equal("edges go with their node", await client.edges.count(), 0)
    check.equal("none listed", await client.edges.list(), [])


async def replacing_an_edge(check, client, _args):
    """HasEdge, RemoveEdge, AddEdge: how published clients upsert an edge."""
    await client.nodes.add("a")
    await client.nodes.add("b")
    for weight in (1, 2, 3):
        if await client.edges.has("a", "b"):
            await client.edges.remove("a", "b")
        await client.edges.add("a", "b", {"w": weight})
    check.equal("one edge", await client.edges.count(), 1)
    check.equal("last value", await client.edges.properties("a", "b"), [{"w": 3}])


async def parallel_edges(check, client, args):
    await client.nodes.add("a")
    await client.nodes.add("b")
    for weight in (1, 2, 3):
        await client.edges.add("a", "b", {"w": weight})
    check.equal("count", await client.edges.count(), 3)
    check.equal("insertion order", await client.edges.properties("a", "b"), [{"w": 1}, {"w": 2}, {"w": 3}])
    check.equal("batch", await client.edges.properties_batch([("a", "b")]), [[{"w": 1}, {"w": 2}, {"w": 3}]])
    check.equal("out degree", await client.nodes.out_degree("a"), 3)
    check.equal("successors repeat", await client.nodes.successors("a"), ["b", "b", "b"])
    await client.edges.remove("a", "b")
    check.equal("all removed", await client.edges.count(), 0)
    check.equal("no properties left", await client.edges.properties("a", "b"), [])
    if args.strict:
        check.equal("no ghost edge", await client.edges.has("a", "b"), False)
        check.equal("no ghost degree", await client.nodes.out_degree("a"), 0)


GROUPS = [edges, replacing_an_edge, parallel_edges]
