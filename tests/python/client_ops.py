"""Every operation that the wheel's own client can send to a shard, with its answer checked.

    client_ops.py ENDPOINT [SECRET] [--strict] [--skip GROUP] [--shutdown]

Each group of checks gets a graph of its own, named after this process and deleted at the end, so runs
may overlap (not on a reference server, whose Checkpoint fails when a graph is deleted meanwhile).
Prints `ok N checks`, or the first difference and exits 1.
"""

import argparse
import asyncio
import os

import ops_connection
import ops_content
import ops_edges
import ops_nodes
import ops_service
import ops_together
from support import Checks, connect, secret_argument

MODULES = [ops_service, ops_nodes, ops_edges, ops_content, ops_together, ops_connection]


async def run(args):
    check = Checks()
    for group in [group for module in MODULES for group in module.GROUPS]:
        if group.__name__ in args.skip:
            continue
        check.section = f"{group.__name__}: "
        graph = f"client_ops:{os.getpid()}:{group.__name__}"
        async with await connect(args.endpoint, args.secret, graph) as client:
            await client.tenants.create(graph)
            try:
                await group(check, client, args)
            finally:
                await client.tenants.delete(graph)
    if args.shutdown:
        check.section = "shutdown: "
        async with await connect(args.endpoint, args.secret) as client:
            check.equal("answer", await client.shutdown(), "shutting_down")
    check.finish()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("endpoint", help="tcp://HOST:PORT or unix://PATH")
    secret_argument(parser)
    parser.add_argument("--strict", action="store_true", help="also check what reference servers get wrong")
    parser.add_argument("--skip", metavar="GROUP", action="append", default=[], help="leave a group of checks out")
    parser.add_argument("--shutdown", action="store_true", help="end with the Shutdown call")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
