"""Operations on a whole graph: batches, subgraph, triples, ledger, document, clear."""

import msgpack

from support import error_of


async def batch_update(check, client, _args):
    answer = await client.lifecycle.batch_update(
        [
            {"op": "add_node", "id": "a", "properties": {"z": 1, "a": [1.5, None, "x"]}},
            {"op": "add_node", "id": "b"},
            {"op": "add_edge", "source": "a", "target": "b", "properties": {"type": "knows"}},
            {"op": "add_edge", "source": "a", "target": "missing"},
            {"op": "add_edge", "source": "nobody", "target": "b"},
            {"op": "zzz"},
            {"op": "add_node", "id": "gone"},
            {"op": "add_edge", "source": "b", "target": "a"},
            {"op": "remove_edge", "source": "b", "target": "a"},
            {"op": "remove_node", "id": "gone"},
        ]
    )
    errors = [
        "op[3]: Target node 'missing' not found",
        "op[4]: Source node 'nobody' not found",
        "op[5]: unknown operation 'zzz'",
    ]
    counts = {"added_nodes": 3, "added_edges": 2, "removed_nodes": 1, "removed_edges": 1}
    check.equal("answer", answer, {**counts, "errors": errors})
    check.equal("nodes", sorted(await client.nodes.ids()), ["a", "b"])
    check.equal("properties", await client.nodes.properties("a"), {"a": [1.5, None, "x"], "z": 1})
    check.equal("edge", await client.edges.properties("a", "b"), [{"type": "knows"}])
    error = await error_of(client.lifecycle.batch_update({"op": "add_node"}))
    check.true("not a list", error.startswith("[EpistemicGraph::batch_update] invalid MsgPack: "))
    many = [{"op": "add_node", "id": f"n{i}", "properties": {"i": i}} for i in range(5000)]
    answer = await client.lifecycle.batch_update(many)
    check.equal("5,000 nodes", (answer["added_nodes"], answer["errors"]), (5000, []))
    check.equal("5,002 nodes", await client.nodes.count(), 5002)
    check.equal("the last of them", await client.nodes.properties("n4999"), {"i": 4999})


async def subgraph(check, client, _args):
    for node_id in "abc":
        await client.nodes.add(node_id, {"name": node_id})
    for source, target in ["ab", "bc", "ab"]:
        await client.edges.add(source, target, {"pair": source + target})
    cut = await client.graph.get_subgraph(["a", "b", "a", "missing"])
    found = sorted(cut["nodes"], key=lambda node: node["id"])
    check.equal("nodes", found, [{"id": n, "properties": {"name": n}} for n in "ab"])
    edge = {"source": "a", "target": "b", "properties": {"pair": "ab"}}
    check.equal("edges", cut["edges"], [edge, edge])
    check.equal("nothing", await client.graph.get_subgraph([]), {"nodes": [], "edges": []})


async def triples(check, client, _args):
    await client.nodes.add("a", {"type": "Person", "age": 5, "ok": True, "f": 2.5, "list": [1], "none": None})
    await client.nodes.add("b", {"node_type": "Place"})
    await client.edges.add("a", "b", {"type": "lives_in"})
    await client.edges.add("a", "b", {"rel_type": "likes"})
    await client.edges.add("b", "a")
    expected = [
        ["a", "age", "5"],
        ["a", "f", "2.5"],
        ["a", "likes", "b"],
        ["a", "lives_in", "b"],
        ["a", "ok", "true"],
        ["a", "rdf:type", "Person"],
        ["b", "RELATED_TO", "a"],
        ["b", "rdf:type", "Place"],
    ]
    check.equal("triples", sorted(await client._send("GetTriples")), expected)


async def ledger(check, client, _args):
    check.equal("empty", await client.ledger.get(), [])
    await client.nodes.add("a", {"k": 1})
    await client.nodes.add("b")
    await client.edges.add("a", "b", {"w": 2})
    await client.edges.remove("a", "b")
    await client.nodes.remove("missing")
    await client.nodes.remove("b")
    await client.lifecycle.batch_update([{"op": "add_node", "id": "c"}])
    lines = [
        "ADD_NODE|a|81a16b01",
        "ADD_NODE|b|80",
        "ADD_EDGE|a|b|81a17702",
        "REMOVE_EDGE|a|b",
        "REMOVE_NODE|b",
        "ADD_NODE|c|80",
    ]
    check.equal("lines", await client.ledger.get(), lines)
    check.equal("total_mutations", (await client.lifecycle.metrics())["total_mutations"], 6)
    check.equal("clear", await client.ledger.clear(), None)
    check.equal("cleared", await client.ledger.get(), [])
    check.equal("content stays", sorted(await client.nodes.ids()), ["a", "c"])


async def apply_ledger(check, client, args):
    await client.nodes.add("c")
    check.equal("apply", await client.ledger.apply(["ADD_NODE|d|80", "REMOVE_NODE|c", "REMOVE_NODE|x"]), None)
    check.equal("applied", await client.nodes.ids(), ["d"])
    if args.strict:
        await client.ledger.apply(["ADD_NODE|e|81a16b01"])
        check.equal("hex is decoded", await client.nodes.properties("e"), {"k": 1})
        error = "ApplyLedger: line 1: no fields; nothing was applied"
        await check.refused("bad line", client.ledger.apply(["REMOVE_NODE|d", "nonsense"]), error)
        check.equal("nothing was applied", sorted(await client.nodes.ids()), ["d", "e"])


async def metrics(check, client, _args):
    await client.nodes.add("a")
    await client.nodes.add("b")
    await client.edges.add("a", "b")
    expected = {
        "node_count": 2,
        "active_nodes": 2,
        "edge_count": 1,
        "archived_nodes": 0,
        "compacted_nodes": 0,
        "last_prune_removed": 0,
        "total_mutations": 3,
    }
    check.equal("metrics", await client.lifecycle.metrics(), expected)


async def documents(check, client, _args):
    await client.nodes.add("a", {"k": 1})
    await client.nodes.add("b")
    await client.edges.add("a", "b", {"w": 2})
    document = bytes(await client.lifecycle.to_msgpack())
    content = msgpack.unpackb(document)
    check.equal("keys", sorted(content), ["edges", "ledger", "nodes", "semantic_store"])
    check.equal("nodes", sorted(content["nodes"]), [["a", [0x81, 0xA1, 0x6B, 1]], ["b", [0x80]]])
    check.equal("edges", content["edges"], [["a", "b", [0x81, 0xA1, 0x77, 2]]])
    before = await client.ledger.get()
    check.equal("ledger", content["ledger"], before)

    await client.nodes.add("later")
    check.equal("import", await client.lifecycle.from_msgpack(document), None)
    check.equal("replaced", sorted(await client.nodes.ids()), ["a", "b"])
    check.equal("edge", await client.edges.properties("a", "b"), [{"w": 2}])
    check.equal("ledger replaced", await client.ledger.get(), before)
    check.true("garbage refused", await error_of(client.lifecycle.from_msgpack(b"\xc1")))
    check.equal("and nothing changed", await client.nodes.count(), 2)

    copy = f"{client._graph_name}:copy"
    await client.tenants.create(copy)
    await client._send("FromMsgpack", {"msgpack": document}, graph=copy)
    check.equal("moved", sorted(await client._send("NodeIds", graph=copy)), ["a", "b"])
    await client.tenants.delete(copy)
    await client.lifecycle.from_msgpack(msgpack.packb({}))
    check.equal("empty document", await client.nodes.count(), 0)


async def clear(check, client, _args):
    await client.nodes.add("a")
    await client.edges.add("a", "a")
    check.equal("clear", await client.graph.clear(), None)
    check.equal("empty", (await client.nodes.count(), await client.edges.count()), (0, 0))
    check.equal("ledger", await client.ledger.get(), [])
    await client.nodes.add("a")
    check.equal("no old edge", await client.edges.has("a", "a"), False)


GROUPS = [batch_update, subgraph, triples, ledger, apply_ledger, metrics, documents, clear]
