#!/usr/bin/env python3
"""Measure SemanticSearch through the wire on a running server.

    GRAPH_SERVICE_AUTH_SECRET=s epistemic-graph-server --socket-path /tmp/s --persist-dir /tmp/d &
    VENV/bin/python tests/python/semantic_bench.py /tmp/s s [VECTORS] [DIMENSION]

Loads random unit vectors (100,000 of 384 by default, pipelined), then prints the time of the first search, which reads
them from storage; of warm ones, from the first byte sent to the last received; and of the search behind one more
AddEmbedding. Needs only msgpack and the standard library.
"""

import hashlib
import hmac
import random
import socket
import statistics
import struct
import sys
import time

import msgpack

GRAPH = "semantic bench"
IN_FLIGHT = 100
SEARCHES = 200


class Connection:
    def __init__(self, address, secret):
        self.secret = secret.encode()
        self.last_id = 0
        if ":" in address:
            host, port = address.rsplit(":", 1)
            self.socket = socket.create_connection((host, int(port)))
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        else:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.connect(address)
        self.file = self.socket.makefile("rb")

    def send(self, method, **params):
        self.last_id += 1
        token = hmac.new(self.secret, str(self.last_id).encode(), hashlib.sha256).hexdigest()
        request = {"id": self.last_id, "graph": GRAPH, "auth_token": token, "method": method, "params": params}
        body = msgpack.packb(request)
        self.socket.sendall(struct.pack(">I", len(body)) + body)

    def receive(self):
        (length,) = struct.unpack(">I", self.file.read(4))
        answer = msgpack.unpackb(self.file.read(length))
        if "error" in answer:
            raise RuntimeError(answer["error"])
        result = answer["result"]
        return msgpack.unpackb(result) if isinstance(result, bytes) else result

    def call(self, method, **params):
        self.send(method, **params)
        return self.receive()


def load(connection, vectors, dimension, numbers):
    properties = msgpack.packb({})
    for first in range(0, vectors, IN_FLIGHT):
        names = [f"node {number}" for number in range(first, min(first + IN_FLIGHT, vectors))]
        for name in names:
            connection.send("AddNode", node_id=name, properties_msgpack=properties)
            connection.send("AddEmbedding", node_id=name, embedding=vector(dimension, numbers))
        for _ in range(2 * len(names)):
            connection.receive()


def vector(dimension, numbers):
    return [numbers.uniform(-1.0, 1.0) for _ in range(dimension)]


def timed(call):
    begun = time.perf_counter()
    found = call()
    return (time.perf_counter() - begun) * 1000, found


def main(arguments):
    if len(arguments) < 2:
        sys.exit(__doc__)
    vectors = int(arguments[2]) if len(arguments) > 2 else 100_000
    dimension = int(arguments[3]) if len(arguments) > 3 else 384
    numbers = random.Random(7)
    connection = Connection(arguments[0], arguments[1])
    try:
        connection.call("DeleteGraph", graph_name=GRAPH)
    except RuntimeError:
        pass
    connection.call("CreateGraph", graph_name=GRAPH, graph_type="Agent")
    took, _ = timed(lambda: load(connection, vectors, dimension, numbers))
    print(f"{vectors} x {dimension} loaded in {took / 1000:.1f} s")

    def search():
        return connection.call("SemanticSearch", query_embedding=query, n_results=10)

    query = vector(dimension, numbers)
    print(f"first search   {timed(search)[0]:8.2f} ms")
    times, behind = [], []
    for _ in range(SEARCHES):
        query = vector(dimension, numbers)
        took, found = timed(search)
        assert len(found) == min(10, vectors), found
        times.append(took)
    for _ in range(20):
        connection.call("AddEmbedding", node_id="node 0", embedding=vector(dimension, numbers))
        behind.append(timed(search)[0])
    times.sort()
    print(f"warm search    {times[0]:8.2f} ms best, {statistics.median(times):.2f} median, {times[-2]:.2f} p99")
    print(f"behind a write {min(behind):8.2f} ms best, {statistics.median(behind):.2f} median")
    connection.call("DeleteGraph", graph_name=GRAPH)


if __name__ == "__main__":
    main(sys.argv[1:])
