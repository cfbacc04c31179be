"""Root file systems as reproducible tar archives, with the exact owner and mode of every path and no timestamps."""

import hashlib
import io
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

__all__ = ["Rootfs"]


@dataclass(frozen=True)
class _Entry:
    kind: bytes
    mode: int
    owner: tuple[int, int] = (0, 0)
    link: str = ""
    data: bytes = b""
    source: Path | None = None

    @property
    def identity(self) -> str:
        """Return a value that changes with the entry.

        A file counts by name, size and modification time; reading all files takes too long.
        """
        state = self.source.stat() if self.source else None
        return repr((self, state.st_size, state.st_mtime_ns) if state else self)


class Rootfs:
    """The contents of a root file system. Owners are (uid, gid); missing parents belong to root with mode 0755."""

    def __init__(self) -> None:
        self._entries: dict[PurePosixPath, _Entry] = {}

    def directory(self, path: str, owner: tuple[int, int] = (0, 0), mode: int = 0o755) -> None:
        """Add a directory. If the path exists, it and its contents stay unchanged."""
        self._add(path, _Entry(tarfile.DIRTYPE, mode, owner))

    def link(self, path: str, to: str) -> None:
        """Add a symbolic link."""
        self._add(path, _Entry(tarfile.SYMTYPE, 0o777, link=to))

    def text(self, path: str, content: str) -> None:
        """Add a small file that everybody can read."""
        self._add(path, _Entry(tarfile.REGTYPE, 0o644, data=content.encode()))

    def file(self, path: str, source: Path, mode: int = 0o755) -> None:
        """Add a file of this machine, owned by root; symbolic links are followed."""
        self._add(path, _Entry(tarfile.REGTYPE, mode, source=source.resolve()))

    def tree(self, path: str, source: Path) -> None:
        """Add the contents of a directory of this machine, owned by root. Files keep their modes; folders get 0755."""
        for item in sorted(source.rglob("*")):
            inside = str(PurePosixPath(path) / item.relative_to(source).as_posix())
            if item.is_symlink():
                self.link(inside, str(item.readlink()))
            elif item.is_dir():
                self.directory(inside)
            else:
                self.file(inside, item, item.stat().st_mode & 0o777)

    def digest(self) -> str:
        """Return a hexadecimal digest that changes if the archive would."""
        lines = (f"{path} {entry.identity}" for path, entry in self._entries.items())
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def write(self, target: Path) -> None:
        """Write the archive; the same contents give the same bytes."""
        with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:
            for path, entry in self._entries.items():
                header = tarfile.TarInfo(str(path).lstrip("/"))
                header.type, header.mode, header.linkname = entry.kind, entry.mode, entry.link
                header.uid, header.gid = entry.owner
                header.size = entry.source.stat().st_size if entry.source else len(entry.data)
                with entry.source.open("rb") if entry.source else io.BytesIO(entry.data) as content:
                    tar.addfile(header, content)

    def _add(self, path: str, entry: _Entry) -> None:
        place = PurePosixPath(path)
        for parent in reversed(place.parents[:-1]):
            self._entries.setdefault(parent, _Entry(tarfile.DIRTYPE, 0o755))
        self._entries.setdefault(place, entry)
