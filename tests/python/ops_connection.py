"""What a connection promises: error texts, isolation, many calls in flight, the blocking client."""

import asyncio

from epistemic_graph import SyncEpistemicGraphClient

from support import address, connect, error_of


async def errors(check, client, args):
    await check.refused(
        "graph", client._send("NodeCount", graph="no such graph"), "Graph 'no such graph' not found"
    )
    prefix = "Invalid request MsgPack: "
    error = await error_of(client._send("NoSuchMethod"))
    check.true(
        "method", error.startswith(prefix + "unknown variant `NoSuchMethod`, expected one of `AddNode`")
    )
    await check.refused(
        "missing field", client._send("HasNode", {"x": 1}), prefix + "missing field `node_id`"
    )
    error = await error_of(client._send("HasNode", {"node_id": 5}))
    check.equal("wrong type", error, prefix + "invalid type: integer `5`, expected a string")
    async with await connect(args.endpoint, args.secret + "x") as stranger:
        await check.refused("wrong secret", stranger.ping(), "Authentication failed")
        await check.refused("and still open", stranger.nodes.count(), "Authentication failed")
    check.equal("the connection survives", await client.ping(), "pong")


async def two_connections(check, client, args):
    async with await connect(args.endpoint, args.secret, client._graph_name) as other:
        await client.nodes.add("a", {"by": "first"})
        check.equal("second reads first", await other.nodes.properties("a"), {"by": "first"})
        await other.nodes.add("a", {"by": "second"})
        check.equal("first reads second", await client.nodes.properties("a"), {"by": "second"})


async def concurrent_calls(check, client, args):
    """asyncio.gather on one connection: pipelined from 2.0.0 on, one after the other before."""
    names = [f"n{i}" for i in range(48)]
    await asyncio.gather(*(client.nodes.add(name, {"name": name}) for name in names))
    rows = await asyncio.gather(*(client.nodes.properties(name) for name in names))
    check.equal("each answer to its call", rows, [{"name": name} for name in names])
    check.equal("count", await client.nodes.count(), len(names))
    mixed = await asyncio.gather(
        client.ping(),
        client.nodes.properties("n1"),
        error_of(client.nodes.in_degree("x")),
        client.nodes.count(),
    )
    check.equal("mixed", mixed, ["pong", {"name": "n1"}, "Node 'x' not found", len(names)])
    if args.strict:
        unserved = client._send("NoSuchMethod")
        wrong = client._send("HasNode", {"node_id": 5})
        calls = [error_of(unserved), client.nodes.count(), error_of(wrong), client.ping()]
        refused, count, wrong, pong = await asyncio.wait_for(asyncio.gather(*calls), 20)
        check.true("an unserved method is answered at once", "NoSuchMethod" in refused and "HasNode" not in wrong)
        check.equal("and those beside it", [count, pong], [len(names), "pong"])
        calls = [(client.nodes.add(f"p{i}"), client.nodes.has(f"p{i}")) for i in range(100)]
        answers = await asyncio.gather(*(call for pair in calls for call in pair))
        check.equal("read your pipelined writes", answers[1::2], [True] * 100)


async def blocking_client(check, client, args):
    """The synchronous client runs a loop of its own, so it gets a thread of its own."""
    await asyncio.to_thread(blocking_calls, check, client._graph_name, args)


def blocking_calls(check, graph, args):
    with SyncEpistemicGraphClient.connect(
        **address(args.endpoint), auth_secret=args.secret, graph_name=graph
    ) as client:
        check.equal("ping", client.ping(), "pong")
        client.nodes.add("a", {"k": 1})
        check.equal("properties", client.nodes.properties("a"), {"k": 1})
        check.equal("ids", client.nodes.ids(), ["a"])
        client.clear()
        check.equal("cleared", client.nodes.count(), 0)
        try:
            client.nodes.in_degree("x")
        except RuntimeError as error:
            check.equal("error", str(error), "Node 'x' not found")
        else:
            check.true("error", False)


GROUPS = [errors, two_connections, concurrent_calls, blocking_client]
