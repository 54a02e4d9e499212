"""A run on disk: a manifest, and Parquet parts that can be trusted after any interruption.

A part appears under its name complete or not at all, and the name carries the checksum of
its content, so a truncated or altered file gives itself away.
"""

import hashlib
import json
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from mlmlearn.errors import RunError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["RunFolder", "checksum", "from_parquet", "to_parquet", "write_atomically"]

# The file whose lock a process holds while it works in a folder.
LOCK = ".lock"


def to_parquet(table: pd.DataFrame) -> bytes:
    """Turn a table into the content of a Parquet file.

    Not by pandas, whose own way there and back takes as long as fitting does.
    """
    columns = pa.table({name: table[name] for name in table})
    texts = [field.name for field in columns.schema if field.type == pa.string()]
    file = pa.BufferOutputStream()
    parquet.write_table(columns, file, compression="zstd", use_dictionary=texts)
    return bytes(file.getvalue())


def from_parquet(content: bytes) -> pd.DataFrame:
    """Turn the content of a Parquet file into a table."""
    table: pd.DataFrame = parquet.ParquetFile(pa.BufferReader(content)).read().to_pandas()
    return table


def checksum(content: bytes) -> str:
    """Return the SHA-256 of a file's content in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file that after a crash or a kill is there in full or not at all, or `RunError`."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with _told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        if os.name == "posix":  # so that the new name lasts, too
            descriptor = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunError(f"{path} could not be written: {error.strerror or error}") from error


def _flat(entries: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat = {}
    for key, value in entries.items():
        nested = isinstance(value, Mapping)
        flat.update(_flat(value, f"{prefix}{key}.") if nested else {prefix + key: value})
    return flat


class RunFolder:
    """The folder of one run, which need not exist yet, and must not hold anything else.

    `manifest` says what was run, by what, on what; it is empty while the folder holds no run.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.manifest = self._read_manifest()

    def _read_manifest(self) -> dict[str, Any]:
        try:
            return dict(json.loads((self.path / "manifest.json").read_bytes()))
        except FileNotFoundError:
            if any(file.suffix != ".tmp" and file.name != LOCK for file in self.path.glob("*")):
                raise RunError(
                    f"{self.path} has files in it but no run (no manifest.json); name an empty "
                    "folder, or one that does not exist yet"
                ) from None
            return {}
        except (OSError, ValueError, TypeError) as error:
            raise RunError(f"{self.path / 'manifest.json'} cannot be read: {error}") from error

    def check(self, expected: Mapping[str, Any]) -> None:
        """Refuse, with every difference, when the folder's run is not the one asked for."""
        if not self.manifest:
            return
        there = _flat({key: self.manifest[key] for key in expected if key in self.manifest})
        asked = _flat(expected)
        differing = [
            f"{key} is {there.get(key)!r} there and {asked.get(key)!r} here"
            for key in sorted(there | asked)
            if there.get(key) != asked.get(key)
        ]
        if differing:
            raise RunError(
                f"{self.path} holds another run: {'; '.join(differing)}; "
                "choose another folder, or ask for the same run"
            )

    def note(self, **entries: Any) -> None:
        """Add entries to the manifest, or replace them."""
        self.manifest |= entries
        content = json.dumps(self.manifest, indent=2) + "\n"
        write_atomically(self.path / "manifest.json", content.encode())

    def write(self, name: str, table: pd.DataFrame) -> None:
        """Write one part, and remove whatever else has its name."""
        content = to_parquet(table)
        path = self._parts / f"{name}.{checksum(content)[:16]}.parquet"
        write_atomically(path, content)
        for other in self._parts.glob(f"{name}.*"):
            if other != path:
                other.unlink(missing_ok=True)

    def sound(self) -> dict[str, Path]:
        """Find the parts by name, leaving out those that cannot be trusted, with a warning.

        Two sound files for one part cannot both be of this run, so neither is taken.
        """
        sound: dict[str, list[Path]] = {}
        left_out: list[Path] = []
        for path in sorted(self._parts.glob("*.parquet")):
            name, expected = path.name.split(".")[:2]
            if checksum(path.read_bytes())[:16] == expected:
                sound.setdefault(name, []).append(path)
            else:
                left_out.append(path)
        for name in [name for name, files in sound.items() if len(files) > 1]:
            left_out += sound.pop(name)
        if left_out:
            warnings.warn(
                f"{self.path}: left out {len(left_out)} damaged "
                f"part{'s' if len(left_out) > 1 else ''} "
                f"({', '.join(path.name for path in left_out)}); the same run computes "
                "again what was in there",
                stacklevel=2,
            )
        return {name: files[0] for name, files in sound.items()}

    def read(self) -> tuple[int, Iterator[pd.DataFrame]]:
        """Count the rows of the sound parts, and read them, in the order of the grid."""
        paths = self.sound().values()
        n_rows = sum(parquet.read_metadata(path).num_rows for path in paths)
        return n_rows, (from_parquet(path.read_bytes()) for path in paths)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes out, or say in a `RunError` that one is at work here.

        What the folder holds may have changed before the lock was there, so the manifest is read
        anew. Unfinished files of a process that was killed are cleared away.
        """
        with _told(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            lock = (self.path / LOCK).open("w")
        with lock:
            try:
                if fcntl is not None:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RunError(
                    f"another process is computing the run in {self.path}; wait until it ends, "
                    "or choose another folder"
                ) from None
            except OSError:
                pass  # a file system without locks
            self.manifest = self._read_manifest()
            for path in self.path.rglob("*.tmp"):
                path.unlink(missing_ok=True)
            yield

    @property
    def _parts(self) -> Path:
        return self.path / "parts"
