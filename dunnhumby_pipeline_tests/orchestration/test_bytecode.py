"""What is kept of a module's code is that of its source, or is made anew."""

from __future__ import annotations

import os
import py_compile
import sys
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from dunnhumby_pipeline.orchestration.platform import bytecode
from dunnhumby_pipeline.orchestration.platform.bytecode import compiled, compiled_file

FIRST = '"""Words."""\ndef f(a):\n    """More."""\n    assert a\n    return a + 1\n'
SECOND = FIRST.replace("+ 1", "+ 2")


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    file = tmp_path / "module.py"
    file.write_text(FIRST, encoding="utf-8")
    return file


def kept(module: Path) -> Path:
    return Path(cache_from_source(module, optimization=2))


def refuse(*_: object, **__: object) -> None:
    raise PermissionError("read-only")


def test_it_is_that_of_the_source_first_and_later(module: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert compiled_file(module) == compiled(FIRST)
    assert kept(module).is_file()
    monkeypatch.setattr(py_compile, "compile", refuse)
    monkeypatch.setattr(bytecode, "compiled", refuse)
    assert compiled_file(module) == compiled(FIRST)


def test_another_source_of_the_same_size_and_time_is_compiled(module: Path) -> None:
    compiled_file(module)
    then = module.stat()
    module.write_text(SECOND, encoding="utf-8")
    os.utime(module, ns=(then.st_atime_ns, then.st_mtime_ns))
    assert compiled_file(module) == compiled(SECOND) != compiled(FIRST)
    assert compiled_file(module) == compiled(SECOND)


@pytest.mark.parametrize("damage", [b"", b"short", bytes(64)])
def test_what_is_damaged_is_made_anew(module: Path, damage: bytes) -> None:
    compiled_file(module)
    whole = kept(module).read_bytes()
    for content in (damage, whole[:16] + damage, whole[: len(whole) // 2]):
        kept(module).write_bytes(content)
        assert compiled_file(module) == compiled(FIRST)
        assert kept(module).read_bytes() == whole


def test_what_python_kept_by_time_of_change_is_not_relied_on(module: Path) -> None:
    py_compile.compile(str(module), str(kept(module)), optimize=2)
    module.write_text(SECOND, encoding="utf-8")
    assert compiled_file(module) == compiled(SECOND)


@pytest.mark.parametrize("how", ["unwritable", "not wanted"])
def test_where_nothing_can_be_kept_it_is_compiled(module: Path, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if how == "unwritable":
        monkeypatch.setattr(py_compile, "compile", refuse)
    else:
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert compiled_file(module) == compiled(FIRST)
    assert not kept(module).exists()
