"""The container image, as an archive that `docker load` reads: programs, busybox, and the libraries that they need."""

import gzip
import hashlib
import io
import json
import platform
import re
import tarfile
from datetime import datetime, timezone
from pathlib import Path

from .release import PROGRAMS, ROOT, PackagingError, run
from .tree import Tree

USER = 10001
BUSYBOX = Path("/bin/busybox")
# Whom egctl trusts for a bucket behind HTTPS.
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}

# How it runs. It writes to /tmp and to the persist directory only, so the root may be read-only; it holds no secret and no
# default for one.
CONFIG = {
    "User": f"{USER}:{USER}",
    "Env": ["PATH=/usr/local/bin:/usr/bin:/bin"],
    "Cmd": ["epistemic-graph-server"],
    "ExposedPorts": {"9101/tcp": {}, "9111/tcp": {}},
    "StopSignal": "SIGTERM",
    "Healthcheck": {
        "Test": ["CMD", "healthcheck"],
        "Interval": 10_000_000_000,
        "Timeout": 5_000_000_000,
        "StartPeriod": 60_000_000_000,
        "Retries": 3,
    },
}


def root(release):
    """The files of the image."""
    tree = Tree(release.time)
    for name in PROGRAMS:
        tree.file(f"usr/local/bin/{name}", release.program(name), 0o755)
    tree.file("usr/local/bin/healthcheck", ROOT / "docker/healthcheck", 0o755)

    # A shell, and the HTTP client of the health check.
    if not BUSYBOX.is_file():
        raise PackagingError(f"{BUSYBOX} is missing; install it with: scripts/setup --for package")
    tree.file("bin/busybox", BUSYBOX, 0o755)
    for applet in run(BUSYBOX, "--list").split():
        if applet != "busybox":
            tree.link(f"bin/{applet}", "busybox")
    for path in shared_libraries([BUSYBOX, *map(release.program, PROGRAMS)]):
        tree.file(str(path).lstrip("/"), path.resolve(), 0o755)

    user = f"epistemic-graph:x:{USER}:{USER}::/:/bin/sh\n"
    tree.file("etc/passwd", f"root:x:0:0::/:/bin/sh\n{user}".encode())
    tree.file("etc/group", f"root:x:0:\nepistemic-graph:x:{USER}:\n".encode())
    if CERTIFICATES.is_file():
        tree.file(str(CERTIFICATES).lstrip("/"), CERTIFICATES)
    tree.folder("tmp", 0o1777)
    # A new volume takes owner and mode of the folder that it is mounted over.
    for number in (1, 2, 3):
        tree.folder(f"data/shard-{number}", 0o700, USER)
    return tree


def shared_libraries(programs):
    """Paths of all libraries that programs load, and of the loader."""
    paths = set()
    for program in programs:
        paths.update(map(Path, re.findall(r"(?:=> |^\s+)(/\S+) \(0x", run("ldd", program), re.MULTILINE)))
    return sorted(paths)


def build(release, out):
    """Writes `epistemic-graph-VERSION-image.tar.gz` and returns its path."""
    layer = io.BytesIO()
    root(release).write_tar(layer)
    digest = hashlib.sha256(layer.getvalue()).hexdigest()
    created = datetime.fromtimestamp(release.time, timezone.utc).isoformat().replace("+00:00", "Z")
    config = {
        "architecture": ARCHITECTURES[platform.machine()],
        "os": "linux",
        "created": created,
        "config": {**CONFIG, "Labels": {"org.opencontainers.image.version": release.version}},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        "history": [{"created": created, "created_by": "scripts/package image"}],
    }
    config = json.dumps(config).encode()
    name = f"{hashlib.sha256(config).hexdigest()}.json"
    tags = [f"epistemic-graph:{release.version}", "epistemic-graph:latest"]
    manifest = json.dumps([{"Config": name, "RepoTags": tags, "Layers": [f"{digest}/layer.tar"]}]).encode()

    path = out / f"epistemic-graph-{release.version}-image.tar.gz"
    with path.open("wb") as file, gzip.GzipFile("", "wb", 6, file, release.time) as packed:
        with tarfile.open(fileobj=packed, mode="w") as archive:
            for member, content in ((f"{digest}/layer.tar", layer.getvalue()), (name, config), ("manifest.json", manifest)):
                entry = tarfile.TarInfo(member)
                entry.size, entry.mtime = len(content), release.time
                archive.addfile(entry, io.BytesIO(content))
    return path
