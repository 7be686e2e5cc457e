"""Starting, asking and stopping servers of the wire protocol, for the benchmarks. Standard library only."""

import hashlib
import hmac
import os
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
from pathlib import Path

START_SECONDS = 600  # the reference needs a minute to open a million nodes
SECRET_VARIABLE = "GRAPH_SERVICE_AUTH_SECRET"


def pack(value):
    """MessagePack of strings, non-negative integers, floats and maps of them."""
    if isinstance(value, str):
        data = value.encode()
        return b"\xdb" + len(data).to_bytes(4, "big") + data
    if isinstance(value, int):
        return b"\xcf" + value.to_bytes(8, "big")
    if isinstance(value, float):
        return b"\xcb" + struct.pack(">d", value)
    return b"\xdf" + len(value).to_bytes(4, "big") + b"".join(pack(k) + pack(v) for k, v in value.items())


class AnswerError(Exception):
    """The server answered with an error."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """One server process that stores in `folder`; several starts on one directory are allowed."""

    def __init__(self, name, binary, folder, secret=None, arguments=()):
        self.name = name
        self.binary = str(binary)
        self.arguments = list(arguments)
        self.folder = Path(folder)
        # Not in the folder: a socket path holds 107 bytes at most.
        self.socket_folder = Path(tempfile.mkdtemp(prefix="eg-bench-"))
        self.socket_path = self.socket_folder / "server.sock"
        self.secret = secret or secrets.token_hex(16)
        self.environment = {**os.environ, SECRET_VARIABLE: self.secret}
        self.process = None

    @property
    def pid(self):
        return self.process.pid

    @property
    def data(self):
        return self.folder / "data"

    @property
    def unix_endpoint(self):
        return f"unix://{self.socket_path}"

    @property
    def tcp_endpoint(self):
        return f"tcp://127.0.0.1:{self.port}"

    def command(self):
        return [
            self.binary,
            "--socket-path", str(self.socket_path),
            "--tcp-addr", f"127.0.0.1:{self.port}",
            "--persist-dir", str(self.data),
            "--checkpoint-interval", "0",
            *self.arguments,
        ]  # fmt: skip

    def start(self, method="Ping", graph="", params=None):
        """Starts the process and returns the seconds until it answered the given request without an error."""
        self.port = free_port()
        self.socket_path.unlink(missing_ok=True)
        with open(self.folder / "log", "ab") as log:
            begun = time.monotonic()
            self.process = subprocess.Popen(
                self.command(), stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=self.environment
            )
        while time.monotonic() - begun < START_SECONDS:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} exited with {self.process.returncode}: {self.last_log_lines()}")
            try:
                self.call(method, graph, params)
                return time.monotonic() - begun
            except (OSError, EOFError, AnswerError):
                time.sleep(0.002)
        raise RuntimeError(f"{self.name} did not answer {method} within {START_SECONDS} s")

    def last_log_lines(self):
        return " | ".join((self.folder / "log").read_text(errors="replace").splitlines()[-3:])

    def stop(self):
        """Sends SIGTERM (SIGKILL after 60 s) and returns the seconds until the process had gone."""
        begun = time.monotonic()
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return time.monotonic() - begun

    def discard(self):
        """Stops the process and removes everything it stored."""
        self.stop()
        shutil.rmtree(self.socket_folder)
        shutil.rmtree(self.folder)

    def call(self, method, graph="", params=None):
        """Sends one request on a new connection and returns the bytes of the encoded result."""
        token = hmac.new(self.secret.encode(), b"1", hashlib.sha256).hexdigest()
        request = {"id": 1, "graph": graph, "auth_token": token, "method": method}
        if params:
            request["params"] = params
        body = pack(request)
        with socket.socket(socket.AF_UNIX) as stream:
            stream.connect(str(self.socket_path))
            stream.sendall(len(body).to_bytes(4, "big") + body)
            answer = receive(stream, int.from_bytes(receive(stream, 4), "big"))
        head = bytes(answer[:64])
        if b"\xa6result" not in head:
            raise AnswerError(bytes(answer[:400]).decode(errors="replace"))
        return memoryview(answer)[head.index(b"\xa6result") + 7 :]

    def memory_mb(self, field="VmRSS"):
        """Resident memory in MB; field VmHWM is its peak."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) / 1024
        raise RuntimeError(f"no {field} for process {self.pid}")

    def cpu_seconds(self):
        """User and system time of the process so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def reset_peak(self):
        """From here on VmHWM is the peak since now."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")


def receive(stream, length):
    data = bytearray(length)
    view = memoryview(data)
    have = 0
    while have < length:
        count = stream.recv_into(view[have:])
        if count == 0:
            raise EOFError("server closed the connection")
        have += count
    return data
