"""The checked specs kept between runs: reading and checking them all takes seconds, this a tenth.

A stored book is found by a digest of everything that it was made from: the spec files, the code
that reads and checks them, and the versions of Python and pydantic. It lives in the user's own
cache folder, like compiled modules do; whatever is wrong with it, the specs are read again.
"""

from __future__ import annotations

import os
import pickle
import sys
import tempfile
from collections.abc import Callable, Iterable
from hashlib import blake2b
from pathlib import Path
from typing import TypeVar

import pydantic

_CODE = Path(__file__).parent.parent
_SOURCES = ("spec/*.py", "law/*.py", "draw/expressions.py")
_KEPT = 4

T = TypeVar("T")


def kept(kind: type[T], paths: Iterable[Path], make: Callable[[], T]) -> T:
    """What `make` gives for these files, from the store where it is there."""
    place = folder() / f"book-{_digest(paths)}.pickle"
    try:
        found = pickle.loads(place.read_bytes())
        if isinstance(found, kind):
            return found
    except Exception:  # noqa: BLE001 - absent, cut short or of other code: made anew
        pass
    made = make()
    _write(place, pickle.dumps(made, protocol=5))
    return made


def folder() -> Path:
    """Where checked specs are kept: the user's cache folder, as XDG says."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(base) / "transformer-conformance"


def _digest(paths: Iterable[Path]) -> str:
    digest = blake2b(digest_size=16)
    digest.update(f"{sys.version} {pydantic.VERSION}".encode())
    code = sorted(path for pattern in _SOURCES for path in _CODE.glob(pattern))
    for path in (*code, *paths):
        content = path.read_bytes()
        digest.update(f"\0{path}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _write(place: Path, content: bytes) -> None:
    """Whole or not at all; a folder that cannot be written is no fault."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, draft = tempfile.mkstemp(dir=place.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(draft, place)
        stored = sorted(place.parent.glob("book-*.pickle"), key=lambda p: p.stat().st_mtime)
        for old in stored[:-_KEPT]:
            old.unlink(missing_ok=True)
    except OSError:
        return
