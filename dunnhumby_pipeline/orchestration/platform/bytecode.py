"""The code of modules without docstrings, compiled once for all processes: as `python -OO` keeps it.

Versions rest on the code of four hundred modules, which takes half a second to compile, and a tenth of that to read.
"""

from __future__ import annotations

import marshal
import py_compile
import sys
from importlib.util import MAGIC_NUMBER, cache_from_source, source_hash
from pathlib import Path
from types import CodeType

# Where it lies is kept by Python together with a hash of the source, which is held against it at each reading: a time
# of change, which Python goes by otherwise, may stay the same.
_CHECKED_HASH = 0b11
_HEAD = 16


def compiled(source: str | bytes) -> CodeType:
    """A module's code without its docstrings (and assertions, of which there are none outside tests)."""
    # One name for all: where a module lies is no part of its code.
    return compile(source, "module", "exec", dont_inherit=True, optimize=2)


def compiled_file(file: Path) -> CodeType:
    """`compiled` of a source file: what is kept of it in `__pycache__`, or else kept there where that can be done."""
    source, kept = file.read_bytes(), Path(cache_from_source(file, optimization=2))
    found = _kept(kept, source)
    if found is None and not sys.dont_write_bytecode:
        try:
            py_compile.compile(
                str(file),
                str(kept),
                dfile="module",
                doraise=True,
                optimize=2,
                invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH,
            )
        except OSError:
            # An installation that nobody may write to.
            pass
        else:
            found = _kept(kept, source)
    return compiled(source) if found is None else found


def _kept(file: Path, source: bytes) -> CodeType | None:
    """The code in `file` when it is that of `source`, compiled by this release of Python."""
    try:
        content = file.read_bytes()
        head = MAGIC_NUMBER + _CHECKED_HASH.to_bytes(4, "little") + source_hash(source)
        code = marshal.loads(memoryview(content)[_HEAD:]) if content[:_HEAD] == head else None
    except (OSError, EOFError, ValueError, TypeError):
        return None
    return code if isinstance(code, CodeType) else None
