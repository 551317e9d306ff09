"""What identifies the files of a model in a directory, where no commit does.

The fingerprint covers the name, size and whole content of each file up to 16 MiB that transformers
may read (configs, tokenizer, chat template, remote code), and of each larger file its name, its
size, and 4 KiB at regular places: in a safetensors file its whole header (names, types, shapes and
places of all tensors) and the middle of each tensor, in any other file 1,024 places. A training
step changes practically all bytes of the tensors that it touches, so that two checkpoints differ;
a change of a few bytes elsewhere in a large file is not seen. Reading all of it would take as long
as loading the model.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

__all__ = ["WEIGHTS", "fingerprint"]

WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".ckpt")
_READ = (*WEIGHTS, ".json", ".jinja", ".txt", ".model", ".py", ".tiktoken", ".merges")
_WHOLE = 16 * 1024 * 1024
_PIECE = 4096
_PLACES = 1024
_LONGEST_HEADER = 100 * 1024 * 1024


def fingerprint(directory: Path) -> str:
    """Return 16 hexadecimal digits of SHA-256 over the directory's model files, by name.

    Raises:
        OSError: a file cannot be read.
    """
    total = hashlib.sha256()
    for path in sorted(directory.iterdir()):
        if path.suffix in _READ and path.is_file():
            total.update(f"{path.name}\0{path.stat().st_size}\0".encode())
            total.update(_digest(path))
    return total.hexdigest()[:16]


def _digest(path: Path) -> bytes:
    size = path.stat().st_size
    with path.open("rb") as file:
        if size <= _WHOLE:
            return hashlib.file_digest(file, "sha256").digest()
        found = hashlib.sha256()
        for at in _places(file, size, safetensors=path.suffix == ".safetensors"):
            file.seek(at)
            found.update(file.read(_PIECE))
        if path.suffix == ".safetensors":
            file.seek(0)
            found.update(file.read(8 + _header_length(file, size)))
        return found.digest()


def _places(file: BinaryIO, size: int, *, safetensors: bool) -> Iterator[int]:
    length = _header_length(file, size) if safetensors else 0
    if length:
        file.seek(8)
        header = json.loads(file.read(length))
        for name in sorted(header):
            if name != "__metadata__":
                begin, end = header[name]["data_offsets"]
                yield 8 + length + max(begin, (begin + end - _PIECE) // 2)
    else:
        yield from range(0, size, max(1, size // _PLACES))


def _header_length(file: BinaryIO, size: int) -> int:
    """Return the length of a safetensors header; 0 where the file has none that is sensible."""
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    return length if length <= min(size - 8, _LONGEST_HEADER) else 0
