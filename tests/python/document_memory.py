"""The memory that a server takes for a document of the published client.

    document_memory.py SERVER MB

Starts SERVER on a new directory and fills a graph with MB megabytes of properties. Then `to_msgpack`, and `from_msgpack` of its
result as the first request of a new connection. Prints the length of the document, and what the server held before each
of the two and at most during it.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from support import connect, create_graph

SECRET = "document-memory"
IN_A_BATCH = 500


def mib(pid, field):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) // 1024
    raise RuntimeError(f"no {field}")


async def measured(pid, what, call):
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    before = mib(pid, "VmRSS:")
    result = await call
    print(f"{what}: {before} MiB, at most {mib(pid, 'VmHWM:')} MiB")
    return result


async def connected(endpoint, graph):
    for _ in range(300):
        try:
            return await connect(endpoint, SECRET, graph)
        except OSError:
            await asyncio.sleep(0.1)
    raise RuntimeError("the server does not listen")


async def run(pid, endpoint, nodes):
    client = await connected(endpoint, "a")
    for graph in "ab":
        await create_graph(client, graph)
    for first in range(0, nodes, IN_A_BATCH):
        items = [
            {"op": "add_node", "id": f"node {number}", "properties": {"text": "x" * 980, "number": number}}
            for number in range(first, first + IN_A_BATCH)
        ]
        await client.lifecycle.batch_update(items)
    document = await measured(pid, "to_msgpack", client.lifecycle.to_msgpack())
    await client.close()
    print(f"document: {len(document)} bytes")
    client = await connect(endpoint, SECRET, "b")
    await measured(pid, "from_msgpack", client.lifecycle.from_msgpack(document))
    assert await client.nodes.count() == nodes
    await client.close()


def main():
    server, megabytes = sys.argv[1], int(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["--persist-dir", f"{folder}/store", "--init", "--socket-path", f"{folder}/socket"]
        environment = {**os.environ, "GRAPH_SERVICE_AUTH_SECRET": SECRET}
        process = subprocess.Popen([server, *arguments], env=environment, stdout=subprocess.DEVNULL)
        try:
            asyncio.run(run(process.pid, f"unix://{folder}/socket", megabytes * 1000))
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    main()
