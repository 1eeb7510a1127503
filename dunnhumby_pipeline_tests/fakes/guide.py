"""The commands of docs/your_data.md, and the folder that they are typed in.

python -m dunnhumby_pipeline_tests.fakes.guide RAW FOLDER

writes to FOLDER what the reader has before the first command (till-export/ from the raw files in RAW, study/), and
commands.sh, which ends at the first command that does not end as the document says.
"""

from __future__ import annotations

import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from dunnhumby_pipeline_tests.fakes.other_retailer import export_of, settings_file

GUIDE = Path(__file__).parents[2] / "docs" / "your_data.md"
# What the command says when it ends with 2.
REFUSED = "cannot be used"


@dataclass(frozen=True)
class Typed:
    """A command as it is typed, and the lines that the document shows of its answer."""

    words: tuple[str, ...]
    shown: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        return 2 if REFUSED in self.shown else 0


def commands() -> list[Typed]:
    """The commands of the document, in order."""
    found: list[tuple[str, list[str]]] = []
    for block in _blocks("console"):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return [Typed(tuple(shlex.split(line)), tuple(shown)) for line, shown in found]


def settings() -> str:
    """The dunnhumby.toml of the reader: the mapping of the worked example, and what the document adds."""
    return "\n".join([settings_file(), *_blocks("toml")])


def write(raw: Path, folder: Path, more: str = "") -> None:
    """What the reader has before the first command, in `folder`; `more` is added to the settings."""
    export_of(raw, folder / "till-export")
    (folder / "study").mkdir()
    (folder / "study" / "dunnhumby.toml").write_text(f"{settings()}\n{more}", encoding="utf-8")


def _blocks(language: str) -> list[str]:
    text = GUIDE.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def _script() -> str:
    lines = ["set -euo pipefail"]
    for typed in commands():
        lines.append(f"code=0; {shlex.join(typed.words)} >answer.txt 2>&1 || code=$?")
        lines.append(f"test $code -eq {typed.exit_code} || {{ cat answer.txt; exit 1; }}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]))
    (Path(sys.argv[2]) / "commands.sh").write_text(_script(), encoding="utf-8")
