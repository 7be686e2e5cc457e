"""The Python half of the walkthrough: tenants, their graphs and shards, through the wheel's ShardRouter.

    walkthrough.py ENDPOINTS [SECRET]                          write and read back
    walkthrough.py ENDPOINTS [SECRET] --verify                 read back what an earlier run wrote
    walkthrough.py ENDPOINTS [SECRET] --expect-down ENDPOINT   that shard is stopped, the others work

ENDPOINTS is comma-separated. Exits 1 on any difference. Writing twice leaves the same content.
"""

import argparse
import asyncio
import sys

from epistemic_graph.pool import ShardRouter

from support import Checks, create_graph, endpoint_list, owner, secret_argument, tenant_graph

TENANTS = ["acme", "globex", "initech", None]

# The table of the published walkthrough, for the endpoints it uses.
GOLDEN_ENDPOINTS = [f"tcp://localhost:{port}" for port in (9101, 9102, 9103)]
GOLDEN_PORTS = {"acme": 9103, "globex": 9101, "initech": 9102, None: 9103}


def content(tenant):
    """Nodes and edges of a tenant's graph: different for each, so that a mix-up shows."""
    name = tenant or "shared"
    nodes = {
        name: {"type": "Organisation", "name": name},
        f"{name}:ada": {"type": "Person", "name": "Ada", "employer": name},
        f"{name}:grace": {"type": "Person", "name": "Grace", "employer": name},
    }
    edges = {
        (f"{name}:ada", name): {"type": "works_for", "since": 2024},
        (f"{name}:grace", name): {"type": "works_for", "since": 2025},
        (f"{name}:ada", f"{name}:grace"): {"type": "knows"},
    }
    return nodes, edges


def check_golden_table(check):
    router = ShardRouter(GOLDEN_ENDPOINTS)
    for tenant, port in GOLDEN_PORTS.items():
        shard = router._get_shard_endpoint(tenant_graph(tenant))
        check.equal(f"published shard of {tenant}", shard, f"tcp://localhost:{port}")


def print_routing(check, router, endpoints):
    print("tenant     graph                    shard")
    for tenant in TENANTS:
        graph = tenant_graph(tenant)
        shard = router._get_shard_endpoint(graph)
        check.equal(f"shard of {graph}", shard, owner(endpoints, graph))
        print(f"{tenant or '(none)':<10} {graph:<24} {shard}")


async def checkout(router, graph):
    """A connection to the owner of `graph`. No other shard is tried when it cannot be reached."""
    try:
        return await router.acquire(graph)
    except OSError as cause:
        shard = router._get_shard_endpoint(graph)
        raise ConnectionError(
            f"Configured engine shard '{shard}' (owner of graph '{graph}' by HRW over "
            f"GRAPH_SERVICE_ENDPOINTS) is unreachable: {cause}. Start that shard's epistemic-graph-server "
            "(or remove it from GRAPH_SERVICE_ENDPOINTS — moving a graph between shards requires a manual "
            "snapshot export/import). Autostart applies only to the local unix:// endpoint, never to "
            "remote shards."
        ) from cause


async def write(router, tenant):
    graph = tenant_graph(tenant)
    nodes, edges = content(tenant)
    client = await checkout(router, graph)
    try:
        await create_graph(client, graph)
        for node_id, properties in nodes.items():
            await client.nodes.add(node_id, properties)
        for (source, target), properties in edges.items():
            if await client.edges.has(source, target):
                await client.edges.remove(source, target)
            await client.edges.add(source, target, properties)
    finally:
        router.release(client, graph)
    print(f"wrote {len(nodes)} nodes and {len(edges)} edges to {graph}")


async def verify(check, router, tenant):
    graph = tenant_graph(tenant)
    nodes, edges = content(tenant)
    client = await checkout(router, graph)
    try:
        check.equal(f"nodes of {graph}", sorted(await client.nodes.ids()), sorted(nodes))
        check.equal(f"properties in {graph}", await client.nodes.properties_batch(list(nodes)), nodes)
        check.equal(f"edge count of {graph}", await client.edges.count(), len(edges))
        for (source, target), properties in edges.items():
            found = await client.edges.properties(source, target)
            check.equal(f"edge {source} -> {target} in {graph}", found, [properties])
    finally:
        router.release(client, graph)
    print(f"read {len(nodes)} nodes and {len(edges)} edges from {graph}, as written")


async def expect_down(check, router, down):
    owned = [tenant for tenant in TENANTS if router._get_shard_endpoint(tenant_graph(tenant)) == down]
    if not owned:
        sys.exit(f"FAILED {down} owns none of the tenants' graphs, so nothing can be shown")
    for tenant in TENANTS:
        if tenant not in owned:
            await verify(check, router, tenant)
            continue
        try:
            await verify(check, router, tenant)
        except ConnectionError as error:
            check.true("names the shard", f"'{down}'" in str(error))
            print(f"ConnectionError: {error}")
        else:
            sys.exit(f"FAILED {down} answered for {tenant_graph(tenant)}, but should be down")


async def run(args):
    check = Checks()
    endpoints = endpoint_list(args.endpoints)
    # Not initialised: that would connect to every shard, and one may be down on purpose.
    router = ShardRouter(endpoints, args.secret)
    check_golden_table(check)
    print_routing(check, router, endpoints)
    try:
        if args.expect_down:
            await expect_down(check, router, args.expect_down)
        else:
            for tenant in TENANTS:
                if not args.verify:
                    await write(router, tenant)
                await verify(check, router, tenant)
    finally:
        await router.close_all()
    check.finish()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("endpoints", help="comma-separated tcp://HOST:PORT or unix://PATH")
    secret_argument(parser)
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--verify", action="store_true", help="only read back")
    mode.add_argument("--expect-down", metavar="ENDPOINT", help="this shard must be unreachable")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
