"""The Debian package `epistemic-graph`: programs, units, their user, and what the administrator may change below /etc."""

import gzip
import hashlib
import os
import tempfile
from email.utils import formatdate
from pathlib import Path

from .release import PROGRAMS, ROOT, run
from .tarball import documents
from .tree import Tree

NAME = "epistemic-graph"
DEBIAN = ROOT / "deploy/debian"
SYSTEMD = ROOT / "deploy/systemd"
MAINTAINER = "epistemic-graph shard tier authors <maintainers@epistemic-graph.invalid>"

CONTROL = """\
Package: {name}
Version: {version}
Architecture: {architecture}
Maintainer: {maintainer}
Installed-Size: {size}
Depends: {depends}
Recommends: ca-certificates
Section: database
Priority: optional
Description: durable server for named property graphs, with its tools
 epistemic-graph-server is one shard, epistemic-graph-gateway the dashboard
 and metrics of all of them, egctl the tool of their operator.
 .
 Nothing is started when it is installed: systemctl enable --now
 epistemic-graph-shard@1 epistemic-graph-gateway
"""


CHANGELOG = """\
{name} ({version}) unstable; urgency=medium

  * What changed for users is in changelog.gz.

 -- {maintainer}  {date}
"""


def files(release, version):
    """What is installed."""
    tree = Tree(release.time)
    for name in PROGRAMS:
        tree.file(f"usr/bin/{name}", release.program(name), 0o755)
    for unit in sorted([*SYSTEMD.glob("*.service"), *SYSTEMD.glob("*.timer")]):
        text = unit.read_text().replace("/usr/local/bin/", "/usr/bin/")
        tree.file(f"lib/systemd/system/{unit.name}", text.encode())
    tree.file(f"usr/lib/sysusers.d/{NAME}.conf", SYSTEMD / f"{NAME}.sysusers.conf")
    tree.file(f"usr/lib/tmpfiles.d/{NAME}.conf", SYSTEMD / f"{NAME}.tmpfiles.conf")
    tree.file(f"etc/{NAME}/tier.env", SYSTEMD / "tier.env")
    for path, text in release.completions().items():
        tree.file(f"usr/share/{path}", text)
    for name, text in release.manual().items():
        tree.file(f"usr/share/man/man{name[-1]}/{name}.gz", packed(text))

    doc = f"usr/share/doc/{NAME}"
    tree.file(f"{doc}/copyright", copyright_text().encode())
    tree.file(f"{doc}/changelog.gz", packed((ROOT / "CHANGELOG.md").read_bytes()))
    log = CHANGELOG.format(name=NAME, version=version, maintainer=MAINTAINER, date=formatdate(release.time))
    tree.file(f"{doc}/changelog.Debian.gz", packed(log.encode()))
    documents(tree, doc)
    for folder in ("prometheus", "grafana"):
        tree.folder_of(f"{doc}/examples/{folder}", ROOT / "deploy" / folder, {".yml", ".json"})
    tree.file(f"{doc}/examples/quotas.toml", ROOT / "deploy/quotas.toml")
    return tree


def packed(text):
    """Compressed, as Debian wants changelogs and manual pages."""
    return gzip.compress(text, mtime=0)


def copyright_text():
    """The licence in the form that Debian reads."""
    licence = (ROOT / "LICENSE").read_text().split("\n\n", 2)
    holder = licence[1].removeprefix("Copyright (c) ")
    body = "\n".join(f" {line}" if line else " ." for line in licence[2].strip().split("\n"))
    head = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n"
    return f"{head}Files: *\nCopyright: {holder}\nLicense: Expat\n\nLicense: Expat\n{body}\n"


def depends(release):
    """Packages with the libraries that the programs load, and with what the units need."""
    packages = {
        "libc.so.6": f"libc6 (>= {'.'.join(map(str, release.glibc()))})",
        "libstdc++.so.6": f"libstdc++6 (>= {release.gcc()})",
        "libgcc_s.so.1": "libgcc-s1",
    }
    return ", ".join([*(package for name, package in packages.items() if name in release.libraries()), "systemd"])


def build(release, out):
    """Writes `epistemic-graph_VERSION-1_ARCHITECTURE.deb`."""
    version = f"{release.version}-1"
    tree = files(release, version)
    architecture = run("dpkg", "--print-architecture").strip()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        root.mkdir(mode=0o755)
        tree.write_folder(root)
        control = root / "DEBIAN"
        control.mkdir()
        text = CONTROL.format(
            name=NAME,
            version=version,
            architecture=architecture,
            maintainer=MAINTAINER,
            size=tree.size() >> 10,
            depends=depends(release),
        )
        (control / "control").write_text(text)
        (control / "conffiles").write_text("".join(f"/{path}\n" for path in tree.paths() if path.startswith("etc/")))
        sums = (f"{hashlib.md5((root / path).read_bytes()).hexdigest()}  {path}\n" for path in tree.paths())
        (control / "md5sums").write_text("".join(sums))
        for script in ("postinst", "prerm", "postrm"):
            (control / script).write_bytes((DEBIAN / script).read_bytes())
            (control / script).chmod(0o755)
        path = out / f"{NAME}_{version}_{architecture}.deb"
        environment = {**os.environ, "SOURCE_DATE_EPOCH": str(release.time)}
        run("dpkg-deb", "--root-owner-group", "-Zxz", "-z1", "--build", root, path, env=environment)
    return path
