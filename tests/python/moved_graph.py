"""A client whose endpoint list still names the shard that a graph has left.

    moved_graph.py OLD NEW GRAPH [SECRET]

Every read, write and create through the wheel's router and through a plain connection has to end in an error that names
NEW; none may find or make an empty graph. Prints `ok N checks`, or the first difference and exits 1.
"""

import argparse
import asyncio

from epistemic_graph.pool import ShardRouter

from support import Checks, connect, create_graph, error_of, secret_argument


async def ask(check, client, graph, new):
    calls = {
        "count": client.nodes.count(),
        "properties": client.nodes.properties("n1"),
        "ids": client.nodes.ids(),
        "edges": client.edges.list(),
        "export": client.lifecycle.to_msgpack(),
        "pagerank": client.analytics.pagerank(),
        "add": client.nodes.add("stray", {}),
        "connect": client.edges.add("n1", "n2", {}),
        "remove": client.nodes.remove("n1"),
        "batch": client.lifecycle.batch_update([{"op": "add_node", "id": "stray"}]),
        "import": client.lifecycle.from_msgpack(b"\x82\xa5nodes\x90\xa5edges\x90"),
        "clear": client.graph.clear(),
        "create": client.tenants.create(graph),
        "create unless there": create_graph(client, graph),
        "delete": client.tenants.delete(graph),
    }
    for name, call in calls.items():
        error = await error_of(call) or "no error"
        check.true(f"{name}: {error}", f"MOVED: graph '{graph}' moved to '{new}'" in error)
    held = {entry["name"] for entry in await client.tenants.list()}
    check.true("the list of graphs does not have it", graph not in held)


async def run(args):
    check = Checks()
    async with await connect(args.old, args.secret, args.graph) as client:
        await ask(check, client, args.graph, args.new)
    router = ShardRouter([args.old], args.secret, min_size=1, max_size=2)
    await router.initialize()
    client = await router.acquire(args.graph)
    check.section = "router, "
    await ask(check, client, args.graph, args.new)
    router.release(client, args.graph)
    await router.close_all()
    async with await connect(args.new, args.secret, args.graph) as client:
        check.true("the new owner has it", await client.nodes.count() > 0)
    check.finish()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("old", help="endpoint of the shard that the graph has left")
    parser.add_argument("new", help="endpoint of the shard that has it")
    parser.add_argument("graph")
    secret_argument(parser)
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
