"""Random programs of client calls against two servers side by side; every answer is compared.

    differential.py --ours SOCKET --reference SOCKET [SECRET] [--seed N] [--operations N]
                    [--program K] [--skip METHOD] [--exclusions]

Both servers are emptied first. A program is a thousand calls of the real client on graphs of several kinds. What is
left out of the comparison, and why, is in the tables of diff_exclusions.py, which `--exclusions` prints. On a
difference the program is shrunk, printed with both answers, and the exit status is 1. Prints `ok N operations`
otherwise.
"""

import argparse
import asyncio
import collections
import contextlib
import random
import sys
import time

import msgpack
from epistemic_graph import EpistemicGraphClient

import diff_exclusions
import diff_model
import diff_rules
from diff_program import Op, Program
from support import address, secret_argument

SHRINK_SECONDS = 60
# The two servers have to see one second in calls that store the time, so these are not sent at its end.
TIMED = {"TouchNodes", "DecaySweep"}
SECOND_ENDS = 0.95


class Client(EpistemicGraphClient):
    """The client, which also keeps what the server answered: several calls return nothing."""

    answer = None

    async def _send(self, method, params=None, graph=None):
        try:
            self.answer = "result", await self.ask(method, params, graph)
        except RuntimeError as error:
            self.answer = "error", str(error)
            raise
        except (ValueError, msgpack.UnpackException) as error:
            self.answer = "undecodable", repr(error)
            raise
        return self.answer[1]

    async def ask(self, method, params, graph):
        return await super()._send(method, params, graph)


class Recorder(EpistemicGraphClient):
    """The client with nothing behind it: tells which request a call would send."""

    answer = None

    def __init__(self):
        super().__init__(None, None, "", "")

    async def _send(self, method, params=None, graph=None):
        self.answer = method, params


class Difference(Exception):
    """Two answers that should be the same."""

    def __init__(self, op, method, what, ours, reference):
        super().__init__(what)
        self.op, self.method, self.what, self.ours, self.reference = op, method, what, ours, reference

    def kind(self):
        """The method, and whether either answer is a result."""
        return self.method, self.ours[0], self.reference[0]

    def __str__(self):
        return f"{self.op}\n  {self.what}\n  ours      {str(self.ours):.1000}\n  reference {str(self.reference):.1000}"


async def call(client, op):
    """The answer to a call, as (kind, value)."""
    target = client
    client._graph_name = op.graph
    for name in op.call.split("."):
        target = getattr(target, name)
    with contextlib.suppress(RuntimeError, ValueError, msgpack.UnpackException):
        await target(*op.args)
    return client.answer


class Comparison:
    """Two connected servers, the model of their graphs, and counts."""

    def __init__(self, ours, reference, skip):
        self.ours, self.reference, self.skip = ours, reference, skip
        self.recorder = Recorder()
        self.model = diff_model.Model()
        self.methods = collections.Counter()
        self.excluded = collections.Counter()

    async def empty(self):
        """Makes both servers as good as new."""
        for client in (self.ours, self.reference):
            for graph in await client.tenants.list():
                if graph["name"] != "__commons__":
                    await client.tenants.delete(graph["name"])
            kind, channels = await call(client, Op("", "channels.list", ()))
            for channel in channels if kind == "result" else []:
                await client.channels.close(channel["id"])
        self.model = diff_model.Model()

    async def run(self, ops):
        """Runs a program on servers made empty; raises the first `Difference`."""
        for op in ops:
            if op.call == "copy":
                if op := await self.copied(op):
                    await self.step(op)
            else:
                await self.step(op)

    async def copied(self, op):
        """The load that a `copy` stands for, of the document that one of the servers writes."""
        source, side = op.args
        kind, document = await call(getattr(self, side), Op(source, "lifecycle.to_msgpack", ()))
        if kind != "result" or self.model.graphs[source].ledger_rebuilt:
            return None
        return Op(op.graph, "lifecycle.from_msgpack", (bytes(document),))

    async def step(self, op):
        await call(self.recorder, op)
        method, params = self.recorder.answer
        if method in self.skip:
            return
        if name := self.model.excluded(op.graph, method, params):
            self.excluded[name] += 1
            return
        second = await self.early_in_a_second() if method in TIMED else None
        ours, reference = await call(self.ours, op), await call(self.reference, op)
        self.methods[method] += 1
        graph = self.model.graphs.get(op.graph, diff_model.Graph())
        if second is not None and second != int(time.time()):
            await self.forget(op.graph)
            return
        if what := diff_rules.difference(method, params, ours, reference, graph):
            raise Difference(op, method, what, ours, reference)
        if reference[0] == "result":
            self.model.apply(op.graph, method, params)
            if method in diff_model.UNMODELLED and op.graph in self.model.graphs:
                await self.read_again(op.graph)

    async def read_again(self, name):
        """Compares the whole graph and takes it over into the model."""
        op = Op(name, "lifecycle.to_msgpack", ())
        await self.step(op)
        _, document = await call(self.reference, op)
        self.model.graphs[name].load(msgpack.unpackb(bytes(document)))

    @staticmethod
    async def early_in_a_second():
        rest = 1 - time.time() % 1
        if rest < 1 - SECOND_ENDS:
            await asyncio.sleep(rest)
        return int(time.time())

    async def forget(self, name):
        """Clears a graph on both sides, whose times differ because the clock went on between two calls."""
        op = Op(name, "graph.clear", ())
        await call(self.ours, op)
        await call(self.reference, op)
        self.model.apply(name, "ClearGraph", None)


async def first_difference(comparison, ops, emptied=False):
    if not emptied:
        await comparison.empty()
    try:
        await comparison.run(ops)
    except Difference as difference:
        return difference
    return None


async def shrink(comparison, ops, difference):
    """Deletes calls, ever smaller pieces at a time, as long as the same method still differs in the same way."""
    ops = ops[: next(i for i, op in enumerate(ops) if op is difference.op or i == len(ops) - 1) + 1]
    deadline = time.monotonic() + SHRINK_SECONDS
    size = len(ops) // 2
    while size and time.monotonic() < deadline:
        start = 0
        while start < len(ops) and time.monotonic() < deadline:
            shorter = ops[:start] + ops[start + size :]
            found = await first_difference(comparison, shorter)
            if found and found.kind() == difference.kind():
                ops, difference = shorter, found
            else:
                start += size
        size //= 2
    return ops, difference


@contextlib.asynccontextmanager
async def connected(args, skip=()):
    """A comparison of the two servers of the arguments."""
    async with (
        await Client.connect(**address(args.ours), auth_secret=args.secret) as ours,
        await Client.connect(**address(args.reference), auth_secret=args.secret) as reference,
    ):
        yield Comparison(ours, reference, set(skip))


async def compare(args):
    async with connected(args, args.skip) as comparison:
        number = args.program or 0
        while True:
            ops = Program(random.Random(f"{args.seed}:{number}")).write()
            if difference := await first_difference(comparison, ops):
                ops, difference = await shrink(comparison, ops, difference)
                print(f"DIFFERENCE in {difference.method}; repeat with --seed {args.seed} --program {number}")
                print("the program, shrunk:", *ops, sep="\n  ")
                print(f"the difference: {difference}")
                return 1
            number += 1
            if args.program is not None or comparison.methods.total() >= args.operations:
                break
        print(f"seed {args.seed}: {number} programs")
        print("operations:", *(f"{name} {count}" for name, count in comparison.methods.most_common()), sep="  ")
        print("left out:", *(f"{name} {count}" for name, count in comparison.excluded.most_common()), sep="  ")
        print(f"ok {comparison.methods.total()} operations")
        return 0


def print_exclusions():
    for title in ("AVOIDED", "NORMALISED", "LEFT_OUT"):
        for name, reason in getattr(diff_exclusions, title).items():
            print(f"{title.lower()}  {name}: {reason}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", metavar="SOCKET", help="the server under test")
    parser.add_argument("--reference", metavar="SOCKET", help="the 0.31.0 server, in memory")
    secret_argument(parser)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32), help="repeats a run (default: random)")
    parser.add_argument("--operations", type=int, default=10_000, help="stop after so many (default: 10000)")
    parser.add_argument("--program", type=int, metavar="K", help="run only this program of the seed")
    parser.add_argument("--skip", metavar="METHOD", action="append", default=[], help="never send this method")
    parser.add_argument("--exclusions", action="store_true", help="print what is left out, and why")
    args = parser.parse_args()
    if args.exclusions:
        return print_exclusions()
    print(f"seed {args.seed}", flush=True)
    sys.exit(asyncio.run(compare(args)))


if __name__ == "__main__":
    main()
