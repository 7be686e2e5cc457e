"""Shows that the differential test can fail: spoils the answers of one method after the other.

    diff_selftest.py --ours SOCKET --reference SOCKET [SECRET] [--seed N]

Both servers are reference servers. A difference has to be found for every method that programs send, and none
without a spoiled answer. Prints `ok N methods`, or the methods that were not judged and exits 1.
"""

import argparse
import asyncio
import random
import sys

import differential
from diff_program import Program
from support import secret_argument

PROGRAMS = 15


def spoil(value):
    """The value with one wrong part: as little as a client would notice."""
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1e-6 if isinstance(value, float) and abs(value) <= 1 else value + 10
        case str():
            return value + "x"
        case bytes():
            return value + b"\xc0"
        case [*head, last]:
            return [*head, spoil(last)] if last and not isinstance(last, str) else head
        case dict() if value:
            return {key: spoil(part) for key, part in value.items()}
        case None:
            return [""]
    return ["x"]


async def found(comparison, method, seed):
    """True when a difference in `method` shows up, and nothing but it."""
    send = comparison.ours.ask

    async def spoiling(name, params=None, graph=None):
        try:
            answer = await send(name, params, graph)
        except RuntimeError as error:
            raise RuntimeError(f"{'x' * (name == method)}{error}") from None
        return spoil(answer) if name == method else answer

    for number in range(PROGRAMS):
        ops = Program(random.Random(f"{seed}:{number}")).write()
        comparison.ours.ask = send
        await comparison.empty()
        comparison.ours.ask = spoiling
        try:
            difference = await differential.first_difference(comparison, ops, emptied=True)
        finally:
            comparison.ours.ask = send
        if difference:
            return difference.method == method
    return False


async def run(args):
    async with differential.connected(args) as comparison:
        for number in range(3):
            ops = Program(random.Random(f"{args.seed}:{number}")).write()
            if difference := await differential.first_difference(comparison, ops):
                print(f"DIFFERENCE without a spoiled answer: {difference}")
                return 1
        methods = sorted(comparison.methods)
        missed = [method for method in methods if not await found(comparison, method, args.seed)]
        print(f"not judged: {missed}" if missed else f"ok {len(methods)} methods")
        return bool(missed)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", metavar="SOCKET", required=True)
    parser.add_argument("--reference", metavar="SOCKET", required=True)
    secret_argument(parser)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32), help="repeats a run (default: random)")
    args = parser.parse_args()
    print(f"seed {args.seed}", flush=True)
    sys.exit(asyncio.run(run(args)))


if __name__ == "__main__":
    main()
