"""Prints all that a client sees of every graph on a server, in a form that does not depend on the server's order.

    reference_dump.py ENDPOINT SECRET [--types] [--embeddings]

Properties are the stored bytes. Neighbours are left out: the reference goes on showing removed parallel edges there.
"""

import asyncio
import json
import sys

import msgpack
from support import connect


def embeddings(embeddings=None, dim=0, ids=(), data=()):
    """Components by node, of either form of the document."""
    flat = {node: data[place * dim : (place + 1) * dim] for place, node in enumerate(ids)}
    return {**(embeddings or {}), **flat}


async def dump(client, flags):
    ids = sorted(await client.nodes.ids())
    stored = await client._send("GetNodePropertiesBatch", {"node_ids": ids})
    edges = [[source, target, bytes(props).hex()] for source, target, props in await client.edges.list()]
    # Parallel edges stay in their order.
    edges.sort(key=lambda edge: edge[:2])
    found = {
        "nodes": [[node, props.hex()] for node, props in stored],
        "edges": edges,
        "counts": [await client.nodes.count(), await client.edges.count()],
        "ledger": await client.ledger.get(),
    }
    if "--embeddings" in flags:
        document = msgpack.unpackb(bytes(await client.lifecycle.to_msgpack()), raw=False)
        found["embeddings"] = embeddings(**document["semantic_store"])
    return found


async def main():
    endpoint, secret, *flags = sys.argv[1:]
    client = await connect(endpoint, secret)
    listed = await client.tenants.list()
    await client.close()
    found = {}
    for graph in sorted(listed, key=lambda graph: graph["name"]):
        client = await connect(endpoint, secret, graph["name"])
        found[graph["name"]] = await dump(client, flags)
        if "--types" in flags:
            found[graph["name"]]["type"] = graph["type"]
        await client.close()
    print(json.dumps(found, sort_keys=True))


asyncio.run(main())
