"""Published clients that write all the time while their graph moves to another shard.

    moving_writer.py OLD NEW GRAPH [SECRET]

Four writers and one of the wheel's own router write nodes, edges, embeddings and batches at OLD until they are told that
the graph MOVED to NEW, and then ask NEW for all that was acknowledged. Any other error ends the script; those that begin
with MOVING are counted. Prints `ok N writes, N MOVING`.
"""

import argparse
import asyncio
import sys

from epistemic_graph.pool import ShardRouter

from support import connect, create_graph, secret_argument


class Writer:
    """Writes through one client until the graph has moved."""

    def __init__(self, args, name, counts):
        self.args, self.name, self.counts = args, name, counts
        self.written = []

    async def write(self, client):
        number = 0
        while True:
            node = f"{self.name} {number}"
            number += 1
            calls = [
                client.nodes.add(node, {"type": "Doc", "n": number}),
                client.edges.add(node, node, {"w": 1}),
                client.lifecycle.batch_update([{"op": "add_node", "id": f"{node} batch", "properties": {}}]),
            ]
            done = [await self.done(call) for call in calls]
            if done[0]:
                self.written.append(node)
            if None in done:
                return

    async def done(self, call):
        """Whether it was done; None once the graph has moved."""
        try:
            await call
        except RuntimeError as error:
            text = str(error)
            if f"MOVED: graph '{self.args.graph}' moved to '{self.args.new}'" in text:
                return None
            if "MOVING: " not in text:
                sys.exit(f"FAILED {self.name}: {text}")
            self.counts["MOVING"] += 1
            return False
        self.counts["writes"] += 1
        return True


async def ids_at(args):
    """The node ids of the graph at its new place, once it is open there: a moment behind the departure."""
    async with await connect(args.new, args.secret, args.graph) as client:
        while True:
            try:
                return await client.nodes.ids()
            except RuntimeError as error:
                if "ARRIVING: " not in str(error):
                    raise
            await asyncio.sleep(0.01)


async def run(args):
    counts = {"writes": 0, "MOVING": 0}
    writers = [Writer(args, f"writer {number}", counts) for number in range(5)]
    async with await connect(args.old, args.secret, args.graph) as client:
        await create_graph(client, args.graph)

    async def through_a_client(writer):
        async with await connect(args.old, args.secret, args.graph) as client:
            await writer.write(client)

    async def through_the_router(writer):
        router = ShardRouter([args.old], args.secret, min_size=1, max_size=2)
        await router.initialize()
        client = await router.acquire(args.graph)
        await writer.write(client)
        router.release(client, args.graph)
        await router.close_all()

    await asyncio.gather(through_the_router(writers[0]), *map(through_a_client, writers[1:]))
    expected = {node for writer in writers for node in writer.written}
    missing = expected - set(await ids_at(args))
    if missing:
        sys.exit(f"FAILED {len(missing)} acknowledged nodes are gone: {sorted(missing)[:3]}")
    print(f"ok {counts['writes']} writes, {counts['MOVING']} MOVING")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("old", help="endpoint of the shard that the graph leaves")
    parser.add_argument("new", help="endpoint of the shard that gets it")
    parser.add_argument("graph")
    secret_argument(parser)
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
