"""The numbers of README and docs, written from a finished study, and whether they are as old as the code.

python -m dunnhumby_pipeline.published --home HOME     # writes them, and docs/figures.json: what they rest on
python -m dunnhumby_pipeline.published --check         # exits 1 when a number or the code has changed since

Writing needs a study of the default settings in which nothing is stale. The check reads documents and code alone: it
needs no tables, and takes as long as loading the definitions.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from rich.console import Console

from dunnhumby_pipeline.contracts import registry
from dunnhumby_pipeline.definitions import build_defs
from dunnhumby_pipeline.engine.tables import read_table
from dunnhumby_pipeline.orchestration.platform.keys import table_of
from dunnhumby_pipeline.orchestration.platform.origin import Origin
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.runner import open_history
from dunnhumby_pipeline.orchestration.platform.versions import source_versions
from dunnhumby_pipeline.orchestration.reporting import all_check_states, study_facts, study_tables
from dunnhumby_pipeline.orchestration.staleness import stale_assets
from dunnhumby_pipeline.report import answer, summary
from dunnhumby_pipeline.report.published import PublishedError, block_in, numbers_in, renewed, tables_in
from dunnhumby_pipeline.settings import Home, Settings, load_settings, resolve_raw

if TYPE_CHECKING:
    import dagster as dg

DOCUMENTS = ("README.md", "docs/methods.md")
RECORD = "docs/figures.json"
SUMMARY = "summary"
# A summary names the places of one machine, and the seconds that it took.
_PLACES = {"tables": "data/warehouse", "report": "data/warehouse/{type}/campaign_report.html"}
_PLACES["brief"] = "data/warehouse/{type}/campaign_brief.html"
_PLACES["targeting list"] = "data/warehouse/{type}/targeting_list.parquet"
_PLACES["list for a spreadsheet"] = "data/warehouse/{type}/targeting_list.csv"


def write(root: Path, home: Home, campaign_type: str) -> str:
    """Renew the documents under `root` from the study at `home`; what was done, in a sentence.

    Raises PublishedError when the study is not one of the code and the default settings as they are.
    """
    study = Study(load_settings(home), home, resolve_raw(None))
    texts = _texts(root)
    defs = build_defs(home=home, settings=study.settings)
    steps = steps_behind(texts, defs, study.settings)
    if steps != steps_behind(texts, defs, Settings()):
        raise PublishedError(f"the study at {home.root} has settings of its own; publish one of the defaults")
    with open_history(home) as instance:
        stale = {table_of(key) for key in stale_assets(study, defs.resolve_asset_graph(), instance, campaign_type, {})}
        behind = sorted(name for name in stale if registry.table(name).made_by in steps)
        if behind:
            raise PublishedError(
                f"the study at {home.root} is stale in {len(behind)} tables ({', '.join(behind[:5])}, ...); "
                f"run `dunnhumby run --home {home.root}` first"
            )
        blocks = {SUMMARY: _summary(study, instance, campaign_type)}

    def read(name: str) -> pd.DataFrame:
        return read_table(study.table(name, campaign_type if registry.table(name).partitioned else None))

    texts = {name: renewed(text, read, blocks) for name, text in texts.items()}
    for name, text in texts.items():
        (root / name).write_text(text, encoding="utf-8")
    origin = Origin.read(study.origin)
    record = {
        "made": date.today().isoformat(),
        "input": origin.description if origin else "",
        "campaign_type": campaign_type,
        "steps": steps,
        "documents": _published(texts),
    }
    (root / RECORD).write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return f"{sum(len(numbers_in(text)) for text in texts.values())} numbers written from {home.root}"


def check(root: Path) -> list[str]:
    """What is wrong with the numbers in the documents under `root`: edited by hand, or older than the code."""
    record = json.loads((root / RECORD).read_text(encoding="utf-8"))
    texts = _texts(root)
    found = _published(texts)
    wrong = [
        f"{name}: its numbers are not those written from a study"
        for name in texts
        if found[name] != record["documents"].get(name)
    ]
    steps = steps_behind(texts, build_defs(settings=Settings()), Settings())
    changed = sorted(
        name for name in steps.keys() | record["steps"].keys() if steps.get(name) != record["steps"].get(name)
    )
    if changed:
        wrong.append(f"numbers of {record['made']} are older than the code of {', '.join(changed)}")
    return wrong


def steps_behind(texts: Mapping[str, str], defs: dg.Definitions, settings: Settings) -> dict[str, str]:
    """The steps that numbers of the documents come from, directly or through others, and the versions of their code."""
    names = set().union(*(tables_in(text) for text in texts.values()))
    if any(block_in(text, SUMMARY) is not None for text in texts.values()):
        names |= {*summary.READS, *answer.READS}
    return source_versions(defs, names, settings)


def _texts(root: Path) -> dict[str, str]:
    return {name: (root / name).read_text(encoding="utf-8") for name in DOCUMENTS}


def _published(texts: Mapping[str, str]) -> dict[str, Any]:
    """What a record keeps of documents: the numbers of each, and a digest of its summary."""
    found: dict[str, Any] = {}
    for name, text in texts.items():
        block = block_in(text, SUMMARY)
        digest = None if block is None else hashlib.sha256(block.encode()).hexdigest()[:16]
        found[name] = {"numbers": numbers_in(text), SUMMARY: digest}
    return found


def _summary(study: Study, instance: dg.DagsterInstance, campaign_type: str) -> str:
    """The screen that a run ends with, as a block of Markdown."""
    facts = study_facts(study, campaign_type)
    facts["paths"] = {name: place.format(type=campaign_type) for name, place in _PLACES.items()}
    console = Console(width=summary.WIDTH, color_system=None, force_terminal=False)
    with console.capture() as captured:
        checks = all_check_states(instance, campaign_type)
        console.print(summary.render_summary(study_tables(study, campaign_type), checks, facts))
    lines = [line.rstrip() for line in captured.get().splitlines()]
    return "\n".join(["```", *lines, "```", ""])


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the numbers, or check them: 0, or 1 with what is wrong and the command that renews them."""
    parser = argparse.ArgumentParser(prog="python -m dunnhumby_pipeline.published")
    parser.add_argument("--home", type=Path, help="home of a finished study of the sample")
    parser.add_argument("--campaign-type", default="TypeA")
    parser.add_argument("--root", type=Path, default=Path(), help="folder of README.md and docs")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a number is stale")
    given = parser.parse_args(arguments)
    if given.check:
        wrong = check(given.root)
        if wrong:
            print("\n".join([*wrong, "finish a study of the sample (make run), then: make docs STUDY_HOME=its home"]))
        return int(bool(wrong))
    try:
        print(write(given.root, Home.resolve(given.home), given.campaign_type))
    except PublishedError as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
