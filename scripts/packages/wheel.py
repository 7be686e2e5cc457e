"""The wheel `epistemic-graph-server`: the server program for pip, laid out as that of the reference.

Published clients from 2.27 on ask the module `epistemic_graph_server` where the program is.
"""

import base64
import hashlib
import platform
import zipfile

from .release import ROOT, PackagingError

PROGRAM = "epistemic-graph-server"
PACKAGE = "epistemic_graph_server"
# What every system with the glibc of a manylinux tag has beside it, by PEP 600.
SYSTEM = {"libstdc++.so.6", "libgcc_s.so.1", "libc.so.6", "libm.so.6", "libdl.so.2", "librt.so.1", "libpthread.so.0"}

METADATA = """\
Metadata-Version: 2.1
Name: epistemic-graph-server
Version: {version}
Summary: The epistemic-graph-server of the shard tier, for the published Python clients
License: MIT
Requires-Python: >=3.8
Description-Content-Type: text/markdown

`pip install` of this wheel puts `epistemic-graph-server` beside the interpreter. `epistemic_graph_server.binary_path()`
is where it is, or what `EPISTEMIC_GRAPH_SERVER_BIN` names.
"""

WHEEL = """\
Wheel-Version: 1.0
Generator: scripts/package
Root-Is-Purelib: false
Tag: {tag}
"""


def tag(release):
    """The platforms that the program runs on."""
    foreign = [name for name in release.libraries(PROGRAM) if name not in SYSTEM and not name.startswith("ld-linux")]
    if foreign:
        raise PackagingError(f"{PROGRAM} needs {', '.join(foreign)}, which a wheel may not count on")
    # PEP 600: with a glibc of 2.35 or newer comes the libstdc++ of GCC 12 or newer.
    if (gcc := release.gcc(PROGRAM)) > 12:
        raise PackagingError(f"{PROGRAM} needs libstdc++ of GCC {gcc}: build it where GCC 12 is, as on Debian 12")
    major, minor = max(release.glibc(PROGRAM), (2, 35))
    return f"py3-none-manylinux_{major}_{minor}_{platform.machine()}"


def build(release, out):
    """Writes `epistemic_graph_server-VERSION-TAG.whl`."""
    info = f"{PACKAGE}-{release.version}.dist-info"
    members = {
        f"{PACKAGE}/__init__.py": (ROOT / "scripts/packages/wheel_module.py").read_bytes(),
        f"{PACKAGE}-{release.version}.data/scripts/{PROGRAM}": release.program(PROGRAM).read_bytes(),
        f"{info}/METADATA": METADATA.format(version=release.version).encode(),
        f"{info}/WHEEL": WHEEL.format(tag=tag(release)).encode(),
        f"{info}/licenses/LICENSE": (ROOT / "LICENSE").read_bytes(),
    }
    record = "".join(f"{name},sha256={digest(content)},{len(content)}\n" for name, content in members.items())
    members[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()

    path = out / f"{PACKAGE}-{release.version}-{tag(release)}.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (0o100755 if "/scripts/" in name else 0o100644) << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return path


def digest(content):
    """SHA-256 as RECORD has it."""
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
