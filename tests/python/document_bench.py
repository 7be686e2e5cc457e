"""Times `to_msgpack` or `from_msgpack` through the wheel's own client; `scripts/bench-snapshot` runs it.

    document_bench.py export|import ENDPOINT GRAPH FILE

The secret is read from GRAPH_SERVICE_AUTH_SECRET. Prints JSON: seconds of the call alone, bytes of the document, peak
memory of this process up to the end of the call. An export leaves the document in FILE, an import makes GRAPH of it.
"""

import asyncio
import json
import os
import sys
import time
from pathlib import Path

from support import connect, create_graph


def peak_mib():
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmHWM in /proc/self/status")


async def main():
    action, endpoint, graph, path = sys.argv[1:]
    client = await connect(endpoint, os.environ["GRAPH_SERVICE_AUTH_SECRET"], graph)
    if action == "import":
        await create_graph(client, graph)
        document = Path(path).read_bytes()
    begun = time.monotonic()
    if action == "export":
        document = await client.lifecycle.to_msgpack()
    else:
        await client.lifecycle.from_msgpack(document)
    found = {"seconds": time.monotonic() - begun, "bytes": len(document), "client_mib": peak_mib()}
    if action == "export":
        Path(path).write_bytes(bytes(document))
    found["counts"] = [await client.nodes.count(), await client.edges.count()]
    await client.close()
    print(json.dumps(found))


asyncio.run(main())
