"""What is packed: the programs, their version, and what they need of a system."""

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ("epistemic-graph-server", "epistemic-graph-gateway", "egctl")
# The newest symbols, GLIBCXX_..., in the libstdc++ of each GCC.
LIBSTDCXX = {11: (3, 4, 29), 12: (3, 4, 30), 13: (3, 4, 32), 14: (3, 4, 33), 15: (3, 4, 34)}
# Where each shell looks for completions, below /usr/share.
COMPLETIONS = {
    "bash": "bash-completion/completions/egctl",
    "zsh": "zsh/vendor-completions/_egctl",
    "fish": "fish/vendor_completions.d/egctl.fish",
}


class PackagingError(Exception):
    """Why nothing can be packed; the text says what to do."""


def run(*command, **options):
    """The standard output of a program that has to succeed."""
    done = subprocess.run(command, check=False, capture_output=True, text=True, **options)
    if done.returncode:
        raise PackagingError(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stderr}{done.stdout}")
    return done.stdout


def workspace_version():
    """The version in Cargo.toml, which is that of all packages."""
    text = (ROOT / "Cargo.toml").read_text()
    return re.search(r'^\[workspace\.package\]\nversion = "([^"]+)"', text, re.MULTILINE).group(1)


def commit_time():
    """Seconds since 1970 that all packed files get, so that packing the same twice gives the same bytes."""
    if stamp := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(stamp)
    git = subprocess.run(["git", "-C", ROOT, "log", "-1", "--format=%ct"], check=False, capture_output=True, text=True)
    return int(git.stdout) if git.returncode == 0 and git.stdout.strip() else 1_700_000_000


@dataclass
class Release:
    """The stripped programs in a folder of their own."""

    bin_dir: Path
    version: str
    time: int = field(default_factory=commit_time)

    @classmethod
    def gather(cls, source, folder, version):
        """Copies the programs from `source` to `folder`, without symbols: they are a quarter of each."""
        folder.mkdir(parents=True)
        for name in PROGRAMS:
            if not (source / name).is_file():
                raise PackagingError(f"{source / name} is missing; make it with: scripts/package, without --bin-dir")
            shutil.copyfile(source / name, folder / name)
            (folder / name).chmod(0o755)
            run("strip", folder / name)
        release = cls(folder, version)
        for name in PROGRAMS:
            said = run(folder / name, "--version").split()
            if said[1:2] != [workspace_version()]:
                raise PackagingError(f"{name} says {said}, Cargo.toml {workspace_version()}: build it again")
        return release

    def program(self, name):
        return self.bin_dir / name

    def libraries(self, *names):
        """The shared libraries that the programs name, the dynamic linker included."""
        found = set()
        for name in names or PROGRAMS:
            needed = run("readelf", "--dynamic", self.program(name))
            found.update(re.findall(r"\(NEEDED\).*\[(.+?)\]", needed))
        return sorted(found)

    def glibc(self, *names):
        """The oldest glibc that has every symbol which the programs use, such as (2, 34)."""
        return max(self._versions("GLIBC", names or PROGRAMS))

    def gcc(self, *names):
        """The major version of the oldest GCC whose libstdc++ has every symbol which the programs use."""
        newest = max(self._versions("GLIBCXX", names or PROGRAMS), default=(3, 4))
        found = [gcc for gcc, symbols in LIBSTDCXX.items() if symbols >= newest]
        if not found:
            raise PackagingError(f"GLIBCXX_{'.'.join(map(str, newest))} is not in LIBSTDCXX of scripts/packages/release.py")
        return min(found)

    def needs(self):
        """What a system has to have, in words."""
        glibc = ".".join(map(str, self.glibc()))
        return f"they need glibc {glibc} and libstdc++ of GCC {self.gcc()}, or newer: {', '.join(self.libraries())}"

    def _versions(self, of, names):
        texts = (run("readelf", "--version-info", self.program(name)) for name in names)
        found = {number for text in texts for number in re.findall(rf"Name: {of}_([0-9.]+)", text)}
        return {tuple(map(int, number.split("."))) for number in found}

    def completions(self):
        """Texts by path below /usr/share; none of an egctl that makes none."""
        texts = {path: self._egctl("completions", shell) for shell, path in COMPLETIONS.items()}
        return {path: text.encode() for path, text in texts.items() if text is not None}

    def manual(self):
        """Texts of manual pages by their names; none of an egctl that makes none."""
        with tempfile.TemporaryDirectory() as folder:
            self._egctl("man", folder)
            return {page.name: page.read_bytes() for page in sorted(Path(folder).iterdir())}

    def _egctl(self, *arguments):
        done = subprocess.run([self.program("egctl"), *arguments], check=False, capture_output=True, text=True)
        if done.returncode == 0:
            return done.stdout
        if "unrecognized subcommand" in done.stderr:
            return None
        raise PackagingError(f"egctl {' '.join(arguments)}: {done.stderr}")
