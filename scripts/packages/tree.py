"""Files of a package, before they become an archive: path, mode, owner and content of each."""

import io
import tarfile
from pathlib import Path


class Tree:
    """Entries in their order. All have the same time; folders above a file are made by the way."""

    def __init__(self, time):
        self._time = time
        self._entries = {}

    def file(self, path, content, mode=0o644):
        """Adds a file with `content`: bytes, or the path of a file to copy."""
        if isinstance(content, Path):
            content = content.read_bytes()
        self._add(path, tarfile.REGTYPE, mode, content=content)

    def link(self, path, target):
        """Adds a symbolic link."""
        self._add(path, tarfile.SYMTYPE, 0o777, target=target)

    def folder(self, path, mode=0o755, owner=0):
        """Adds a folder of the user and the group with the number `owner`."""
        self._add(path, tarfile.DIRTYPE, mode, owner=owner)

    def folder_of(self, path, source, suffixes):
        """Adds the files below the folder `source` whose names end so."""
        for file in sorted(source.rglob("*")):
            if file.is_file() and file.suffix in suffixes:
                self.file(f"{path}/{file.relative_to(source)}", file)

    def paths(self):
        """The paths of all files and links."""
        return [path for path, (entry, _) in self._entries.items() if not entry.isdir()]

    def size(self):
        """Bytes of all files."""
        return sum(len(content) for _, content in self._entries.values())

    def write_tar(self, stream, top=""):
        """Writes a tar archive without compression to a binary stream, with `top` before all paths."""
        with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as archive:
            for path, (entry, content) in self._entries.items():
                entry.name = f"{top}{path}"
                archive.addfile(entry, io.BytesIO(content))

    def write_folder(self, folder):
        """Writes all files below a folder, whoever owns them."""
        for path, (entry, content) in self._entries.items():
            target = folder / path
            if entry.isdir():
                target.mkdir(exist_ok=True)
            elif entry.issym():
                target.symlink_to(entry.linkname)
            else:
                target.write_bytes(content)
            if not entry.issym():
                target.chmod(entry.mode)

    def _add(self, path, kind, mode, content=b"", target="", owner=0):
        for above in reversed(Path(path).parents[:-1]):
            if str(above) not in self._entries:
                self.folder(str(above))
        entry = tarfile.TarInfo(path)
        entry.type, entry.mode, entry.mtime = kind, mode, self._time
        entry.uid = entry.gid = owner
        entry.size, entry.linkname = len(content), target
        self._entries[path] = (entry, content)
