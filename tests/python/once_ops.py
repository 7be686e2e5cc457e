"""Writes of the published client 2.27.7 with idempotency keys of the caller's own.

    once_ops.py ENDPOINT first|again SECRET

`first` makes the writes and sends each again, `again` sends them once more, for a server that was killed in between.
"""

import argparse
import asyncio

import msgpack

from signed_ops import CONTEXT, connect, refusal
from support import Checks, create_graph, secret_argument

GRAPH = "once"
DOCUMENTS = "once documents"


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
    operations = msgpack.packb([{"op": "add_node", "id": "batch"}, {"op": "upsert_node", "id": "batch"}])
    report = await send(client, "batch", "BatchUpdate", operations_msgpack=operations)
    check.equal("report", (report["added_nodes"], report["upserted_nodes"]), (1, 1))
    claimed = await send(client, "claim", "ClaimNext", label="Task", updates_msgpack=msgpack.packb({"status": "taken"}))
    check.equal("claimed", claimed, ["t1", {"seq": 1, "status": "taken", "type": "Task"}])
    check.equal("created", await send(client, "graph", "CreateGraph", graph_name="made once", graph_type="Agent"), {"created": "made once"})


async def documents(check, client, first):
    """A document takes the place of the graph once for its key."""
    if first:
        await create_graph(client, DOCUMENTS)
    empty = msgpack.packb({"nodes": [], "edges": [], "ledger": []})
    for method, more in [("FromMsgpack", {}), ("Reconcile", {"graph_name": DOCUMENTS})]:
        if first:
            await client.nodes.add("before", {})
            await send(client, method, method, msgpack=empty, **more)
            check.equal(f"{method}: replaced", await client.nodes.count(), 0)
            await client.nodes.add(method, {})
        for _ in range(2):
            await send(client, method, method, msgpack=empty, **more)
        check.equal(f"{method}: what came later stays", await client.nodes.has(method), first or method == "Reconcile")
        code, _ = await refusal(send(client, method, method, msgpack=msgpack.packb({"nodes": []}), **more))
        check.equal(f"{method}: another document", code, "IDEMPOTENCY_CONFLICT")


async def messages(check, client):
    """What is not remembered, as docs/protocol.md says: a message that is sent again is a second one."""
    channel = "once messages"
    await client.channels.create(channel, "Group", CONTEXT["agent_id"], [])
    for _ in range(2):
        await send(client, "say", "SendMessage", channel_id=channel, sender=CONTEXT["agent_id"], payload="one")
    found = [message["payload"] for message in await client.channels.get_messages(channel)]
    check.equal("sent twice", found, ["one", "one"])
    await client.channels.close(channel)


async def run(args):
    check = Checks()
    async with await connect(args, GRAPH) as client:
        if args.phase == "first":
            await create_graph(client, GRAPH)
            for node in "ab":
                await client.nodes.add(node, {"type": "T"})
            for seq in (1, 2):
                await client.nodes.add(f"t{seq}", {"type": "Task", "status": "pending", "seq": seq})
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
        check.equal("the next task is still there", (await client.nodes.properties("t2"))["status"], "pending")
    async with await connect(args, DOCUMENTS) as client:
        await documents(check, client, args.phase == "first")
        await messages(check, client)
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
