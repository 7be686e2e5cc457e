"""Writes of the published client 2.27.7 with idempotency keys of the caller's own.

    once_ops.py ENDPOINT first|again SECRET

`first` makes the writes and sends each again, `again` sends them once more, for a server that was killed in between.
"""

import argparse
import asyncio

import msgpack

from signed_ops import connect, refusal
from support import Checks, create_graph, secret_argument

GRAPH = "once"


async def send(client, key, method, **params):
    return await client._send(method, params, idempotency_key=key)


async def write(check, client):
    """Each write, however often it is sent."""
    properties = msgpack.packb({"type": "T"})
    touched = await send(client, "touch", "TouchNodes", node_ids=["a", "b", "missing"])
    check.equal("touched", touched, 2)
    await send(client, "add", "AddNode", node_id="added", properties_msgpack=properties)
    await send(client, "edge", "AddEdge", source_id="a", target_id="b", properties_msgpack=properties)
    made = await send(client, "make", "CreateNodeIfAbsent", node_id="made", properties_msgpack=properties)
    check.equal("made", made, True)
    operations = msgpack.packb([{"op": "add_node", "id": "batch"}, {"op": "add_edge", "source": "a", "target": "x"}])
    report = await send(client, "batch", "BatchUpdate", operations_msgpack=operations)
    check.equal("report", (report["added_nodes"], len(report["errors"])), (1, 1))
    check.equal("created", await send(client, "graph", "CreateGraph", graph_name="made once", graph_type="Agent"), {"created": "made once"})


async def run(args):
    check = Checks()
    async with await connect(args, GRAPH) as client:
        if args.phase == "first":
            await create_graph(client, GRAPH)
            for node in "ab":
                await client.nodes.add(node, {"type": "T"})
            await write(check, client)
            await client.nodes.remove("added")
        before = await client.ledger.get()
        await write(check, client)
        check.equal("nothing is done again", await client.ledger.get(), before)
        check.equal("nor what was undone", await client.nodes.has("added"), False)
        check.equal("one edge", await client.edges.count(), 1)
        code, _ = await refusal(send(client, "add", "AddNode", node_id="other", properties_msgpack=b"\x80"))
        check.equal("another request with the key", code, "IDEMPOTENCY_CONFLICT")
        check.equal("reads ignore keys", await send(client, "add", "HasNode", node_id="a"), True)
        for number in range(2):
            code, _ = await refusal(send(client, "later", "AddEdge", source_id="a", target_id="no", properties_msgpack=b"\x80"))
            check.equal(f"a refused write is refused again, {number}", code, "INVALID_ARGUMENT")
        for _ in range(2):
            await client.nodes.add("free", {"type": "T"})
        check.true("writes without a key are all done", len(await client.ledger.get()) == len(before) + 2)
    check.finish()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("endpoint")
    parser.add_argument("phase", choices=["first", "again"])
    secret_argument(parser)
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
