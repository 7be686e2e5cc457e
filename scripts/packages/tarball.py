"""The release tarball: programs, what runs them, and the documents that their messages name."""

import gzip
import platform

from .release import PROGRAMS, ROOT
from .tree import Tree


def documents(tree, path):
    """The documents of the repository, for people who have only the package."""
    for name in ("README.md", "ARCHITECTURE.md"):
        tree.file(f"{path}/{name}", ROOT / name)
    tree.folder_of(f"{path}/docs", ROOT / "docs", {".md"})


def build(release, out):
    """Writes `epistemic-graph-VERSION-MACHINE-linux-gnu.tar.gz`."""
    tree = Tree(release.time)
    for name in PROGRAMS:
        tree.file(f"bin/{name}", release.program(name), 0o755)
    for path, text in release.completions().items():
        tree.file(f"share/{path}", text)
    for name, text in release.manual().items():
        tree.file(f"share/man/man{name[-1]}/{name}", text)
    tree.folder_of("deploy", ROOT / "deploy", {".service", ".timer", ".conf", ".env", ".toml", ".yml", ".yaml", ".json"})
    for name in ("LICENSE", "CHANGELOG.md"):
        tree.file(name, ROOT / name)
    documents(tree, "doc")

    name = f"epistemic-graph-{release.version}-{platform.machine()}-linux-gnu"
    path = out / f"{name}.tar.gz"
    with path.open("wb") as file, gzip.GzipFile("", "wb", 6, file, release.time) as packed:
        tree.write_tar(packed, f"{name}/")
    return path
