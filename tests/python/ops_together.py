"""Agents together: channels, and reads across several graphs (the client has them from 2.0.0 on)."""

import msgpack

from support import error_of


async def channels(check, client, _args):
    name = f"{client._graph_name}:channel"
    check.equal("create", await client.channels.create(name, "Group", "a", ["b"]), None)
    await check.refused(
        "create twice", client.channels.create(name, "Group", "z", []), f"Channel '{name}' already exists"
    )
    await client.channels.join(name, "c")
    await client.channels.send_message(name, "a", "one")
    await client.channels.send_message(name, "c", "two")
    await check.refused(
        "stranger",
        client.channels.send_message(name, "x", "?"),
        f"Agent 'x' is not a member of channel '{name}'",
    )
    messages = await client.channels.get_messages(name)
    check.equal("messages", [(m["sender"], m["payload"]) for m in messages], [("a", "one"), ("c", "two")])
    check.equal("newest", [m["payload"] for m in await client.channels.get_messages(name, 1)], ["two"])
    check.equal("members", sorted(await client.channels.get_members(name)), ["a", "b", "c"])
    listed = [channel for channel in await client.channels.list() if channel["id"] == name]
    check.equal("listed", listed, [{"id": name, "type": "Group", "members": 3}])
    check.equal("leave", await client.channels.leave(name, "c"), "left")
    record = await client.channels.close(name, [0.5], "topic")
    told = {key: record[key] for key in ("creator", "message_count", "summary_embedding", "topic_metadata")}
    expected = {"creator": "a", "message_count": 2, "summary_embedding": [0.5], "topic_metadata": "topic"}
    check.equal("closing record", told, expected)
    await check.refused("closed", client.channels.get_members(name), f"Channel '{name}' not found")


async def union_reads(check, client, _args):
    if not hasattr(client.nodes, "properties_union"):
        return
    base = client._graph_name
    names = [f"{base}:1", f"{base}:2"]
    for name in names:
        await client.tenants.create(name)
    one, two = names
    missing = f"{base}:missing"

    async def add(graph, node, properties):
        params = {"node_id": node, "properties_msgpack": list(msgpack.packb(properties))}
        await client._send("AddNode", params, graph=graph)

    async def link(graph, source, target):
        params = {"source_id": source, "target_id": target, "properties_msgpack": [0x80]}
        await client._send("AddEdge", params, graph=graph)

    for graph, node, number in [(one, "a", 1), (one, "x", 1), (two, "a", 2), (two, "b", 2), (two, "c", 2)]:
        await add(graph, node, {"type": "L", "in": number})
    for graph, source, target in [(one, "a", "x"), (two, "a", "b"), (two, "c", "a"), (two, "a", "b")]:
        await link(graph, source, target)
    nodes = client.nodes
    check.equal("first found", await nodes.properties_union("a", [one, two]), {"type": "L", "in": 1})
    check.equal("in order", await nodes.properties_union("a", [missing, two, one]), {"type": "L", "in": 2})
    check.equal("only in the second", await nodes.properties_union("b", [one, two]), {"type": "L", "in": 2})
    for graphs in ([], [missing], [one]):
        check.equal(f"nowhere {len(graphs)}", await nodes.properties_union("zz", graphs), None)
    rows = dict(map(tuple_of, await nodes.list_by_label_union("L", [two, one, two])))
    check.equal("labels", {node: row["in"] for node, row in rows.items()}, {"a": 2, "b": 2, "c": 2, "x": 1})
    for limit in (1, 2, 3, 4, 9):
        rows = await nodes.list_by_label_union("L", [one, two], limit)
        check.equal(f"limit {limit}", (len(rows), len(dict(map(tuple_of, rows)))), (min(limit, 4),) * 2)
    check.equal("no such label", await nodes.list_by_label_union("M", [one, two]), [])
    check.equal("neighbours", sorted(await nodes.neighbors_union("a", [one, missing, two])), ["b", "c", "x"])
    check.equal("of one", await nodes.neighbors_union("x", [two, one]), ["a"])
    check.equal("of none", await nodes.neighbors_union("zz", [one, two]), [])
    error = await error_of(client._send("UnionGetNeighbors", {"graphs": [], "node_id": "a"}, graph=missing))
    check.equal("the graph of the request", error, f"Graph '{missing}' not found")
    for name in names:
        await client.tenants.delete(name)


def tuple_of(row):
    return row[0], row[1]


GROUPS = [channels, union_reads]
