"""Fills a reference server with graphs of odd names and content, through the wheel's own client.

    reference_fill.py ENDPOINT SECRET PHASE

PHASE 1 makes the graphs, PHASE 2 changes them with what the reference writes to its log. Each graph gets its node
`last-PHASE` last, so that a reader of the log knows that all of it is there.
"""

import asyncio
import math
import sys

from support import connect, create_graph

GRAPHS = {
    "plain": "Agent",
    "a:b": "Team",
    "agent:é🙂": "Global",
    "tenant__acme____bus__": "Agent",
    "empty": "Team",
}
PROPERTIES = {
    "text": "é\n|\0🙂",
    "float": math.pi,
    "tiny": 5e-324,
    "big": 2**64 - 1,
    "small": -(2**63),
    "bytes": b"\x00\xff\xc1",
    "nested": {"list": [1, None, True, {"deep": [[]]}], "empty": {}},
}


async def first(client, graph):
    await client.nodes.add("", {"id": "empty"})
    await client.nodes.add("pipe|and\nline", PROPERTIES)
    for number in range(50):
        await client.nodes.add(f"n{number}", {"number": number, "of": graph})
    for number in range(49):
        await client.edges.add(f"n{number}", f"n{number + 1}", {"weight": number / 3})
    for copy in range(3):
        await client.edges.add("n1", "n0", {"copy": copy})
    await client.edges.add("n2", "n2", {"self": True})
    await client.edges.add("", "pipe|and\nline", PROPERTIES)
    await client.edges.add("n7", "n8", {"gone": True})
    await client.edges.remove("n7", "n8")
    await client.nodes.remove("n30")
    for number in range(10):
        await client.graph.add_embedding(f"n{number}", [number + 0.1, 1.0, -1.0])


async def second(client):
    await client.nodes.add("n3", {"number": "three"})
    await client.edges.add("n1", "n0", {"copy": 3})
    await client.edges.remove("n5", "n6")
    await client.nodes.remove("n40")
    operations = [
        {"op": "add_node", "id": "batch", "properties": {"z": 1, "a": [2.5, None]}},
        {"op": "add_edge", "source": "batch", "target": "n0", "properties": {"by": "batch"}},
        {"op": "remove_node", "id": "n41"},
    ]
    await client.lifecycle.batch_update(operations)


async def main():
    endpoint, secret, phase = sys.argv[1:]
    for graph, kind in GRAPHS.items():
        client = await connect(endpoint, secret, graph)
        await create_graph(client, graph, kind)
        if graph != "empty":
            await (first(client, graph) if phase == "1" else second(client))
            await client.nodes.add(f"last-{phase}", {})
        await client.close()


asyncio.run(main())
