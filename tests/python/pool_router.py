"""The wheel's ShardRouter and ConnectionPool over several shards.

    pool_router.py ENDPOINTS [SECRET]

ENDPOINTS is comma-separated; the strings are both hashed and connected to. Creates one graph per
tenant through the router, writes and reads back, then asks every shard directly which graphs it has.
Prints `ok N checks`, or the first difference and exits 1.
"""

import argparse
import asyncio
import os

from epistemic_graph.pool import ShardRouter

from support import Checks, connect, create_graph, endpoint_list, owner, secret_argument, tenant_graph

TENANTS = 24
READERS = 8


async def write(check, router, graph):
    client = await router.acquire(graph)
    try:
        await create_graph(client, graph)
        await client.nodes.add("self", {"graph": graph})
        await client.nodes.add("other", {"n": 1})
        await client.edges.add("self", "other", {"type": "knows"})
        check.equal(f"count of {graph}", await client.nodes.count(), 2)
    finally:
        router.release(client, graph)


async def read(check, router, graph):
    client = await router.acquire(graph)
    try:
        check.equal(f"properties in {graph}", await client.nodes.properties("self"), {"graph": graph})
        check.equal(f"neighbours in {graph}", await client.nodes.neighbors("self"), ["other"])
    finally:
        router.release(client, graph)


async def placement(check, endpoints, secret, graphs):
    """Each shard has the graphs that it owns and none of the others."""
    for endpoint in endpoints:
        async with await connect(endpoint, secret) as client:
            held = {graph["name"] for graph in await client.tenants.list()} & set(graphs)
        owned = {graph for graph in graphs if owner(endpoints, graph) == endpoint}
        check.equal(f"graphs on {endpoint}", sorted(held), sorted(owned))


async def dead_connection(check, router, graph):
    """The pool pings at checkout and replaces a connection that has died."""
    client = await router.acquire(graph)
    await client.close()
    router.release(client, graph)
    await read(check, router, graph)


async def run(args):
    check = Checks()
    endpoints = endpoint_list(args.endpoints)
    graphs = [tenant_graph(f"pool-{os.getpid()}-{n}") for n in range(TENANTS)]
    router = ShardRouter(endpoints, args.secret, min_size=1, max_size=4)
    await router.initialize()
    try:
        for graph in graphs:
            check.equal(f"owner of {graph}", router._get_shard_endpoint(graph), owner(endpoints, graph))
        await asyncio.gather(*(write(check, router, graph) for graph in graphs))
        await asyncio.gather(*(read(check, router, graph) for graph in graphs * READERS))
        await placement(check, endpoints, args.secret, graphs)
        await dead_connection(check, router, graphs[0])
    finally:
        for graph in graphs:
            client = await router.acquire(graph)
            await client.tenants.delete(graph)
            router.release(client, graph)
        await router.close_all()
    check.finish()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("endpoints", help="comma-separated tcp://HOST:PORT or unix://PATH")
    secret_argument(parser)
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
