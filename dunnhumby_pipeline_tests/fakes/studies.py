"""Small studies for tests: settings that run in seconds, runs of the real definitions and of the real command."""

from __future__ import annotations

import json
import shutil
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest
from filelock import FileLock
from typer.testing import CliRunner, Result

from dunnhumby_pipeline.cli import app
from dunnhumby_pipeline.definitions import build_defs
from dunnhumby_pipeline.orchestration.platform.runner import Outcome, open_history, run_study, selected_work
from dunnhumby_pipeline.report import drawing, pictures
from dunnhumby_pipeline.settings import Home, Settings, load_settings
from dunnhumby_pipeline.simulate.plan import RetailerPlan
from dunnhumby_pipeline.simulate.simulate import simulate
from dunnhumby_pipeline_tests.fakes.pages import sketched, undrawn

# What the command says of a study that has run to its end.
SUMMARISED = ("Segments", "Trials", "Overlap", "ATE", "Value", "claimed", "Decisions", "targeting_list", "Report")
# What costs decide, and what an order of households is worth against them.
PRICED = {
    "economics",
    "turn_cost_dial",
    "value_policies",
    "certify_policies",
    "validate_cate",
    "targeting_list",
    "experiment_design",
    "experiment_assignment",
    "refit_decisions",
    "write_list",
    "compare_demographics",
    "follow_list",
    "contact_plan",
    "campaign_report",
    "campaign_brief",
}
# For studies of many households: every step, with few repeats in it.
FEW_REPEATS = {
    "DUNNHUMBY_NUISANCE__N_REPEATS": "1",
    "DUNNHUMBY_SEGMENTATION__N_BOOTSTRAPS": "3",
    "DUNNHUMBY_SEGMENTATION__MAX_FACTORS": "5",
    "DUNNHUMBY_SEGMENTATION__N_FACTOR_REFITS": "3",
    "DUNNHUMBY_SEGMENTATION__MIXTURES": "false",
    "DUNNHUMBY_CATE__N_TREES": "40",
    "DUNNHUMBY_CATE__N_OUTCOME_BOOTSTRAPS": "10",
}


# By section: few bootstraps, folds, trees, periods and draws.
QUICK: dict[str, dict[str, Any]] = {
    "segmentation": {
        "n_bootstraps": 2,
        "n_segments": 4,
        "n_factors": 4,
        "max_factors": 4,
        "n_factor_refits": 2,
        "segment_range": (4, 5),
        "mixtures": False,
    },
    "needs": {"need_range": (3, 4), "tag_range": (6, 7), "n_refits": 2},
    "migration": {"step_days": 56, "noise_pairs": 1},
    "risk": {"max_quarters": 6, "n_bootstraps": 20},
    "nuisance": {"n_folds": 2, "n_repeats": 1, "n_jobs": 1},
    "effects": {"trimming": (0.0, 0.1), "winsorising": (0.99,)},
    "sensitivity": {"weeks_before": 4, "weeks_after": 4},
    "cate": {"n_trees": 12, "n_outcome_bootstraps": 10},
    "validation": {"n_half_samples": 50, "n_splits": 2, "n_certified_splits": 5, "n_steps": 10, "max_explained": 50},
    "power": {"spreads": (0.0, 4.0, 12.0), "n_draws": 20, "n_null_draws": 20, "n_certified": 24, "n_whole": 0},
    "refutation": {"n_draws": 5, "n_certified": 20, "n_whole": 0},
    "policy": {"n_refits": 20, "curve_steps": 10},
    "checks": {
        "warm_ari_floor": 0.0,
        "max_weighted_smd": 0.5,
        "min_trials_per_arm": 20,
        "min_effective_trials": 10,
    },
}


def quick_settings(**checks: float) -> Settings:
    """Those of `QUICK`; `checks` overrides thresholds."""
    return load_settings(None, **{**QUICK, "checks": QUICK["checks"] | checks})


def as_variables(settings: Settings, *sections: str) -> dict[str, str]:
    """Sections of settings, by default those of `QUICK`, as the environment variables that set them."""
    found = {}
    for section in sections or QUICK:
        for name, value in getattr(settings, section).model_dump(mode="json", exclude_none=True).items():
            text = value if isinstance(value, str) else json.dumps(value)
            found[f"DUNNHUMBY_{section.upper()}__{name.upper()}"] = text
    return found


@contextmanager
def no_pictures(instead: Callable[..., pictures.Picture] = undrawn) -> Iterator[None]:
    """Reports of this process have their words and tables, and no image: half of a small study's time is drawing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "draw_picture", instead)
        # A second process would be begun for nothing, and what it reads of the settings would not be seen here.
        patch.setattr(drawing, "can_be_shared", lambda n_pictures: False)
        yield


def command(*arguments: str | Path, **environment: str) -> Result:
    """The `dunnhumby` command in this process, on a terminal of 200 columns."""
    runner = CliRunner(env={"COLUMNS": "200", **environment})
    return runner.invoke(app, [str(argument) for argument in arguments])


@dataclass(frozen=True)
class Finished:
    """A study that the command ran: what it printed, and its tables."""

    result: Result
    home: Path

    def table(self, name: str) -> pd.DataFrame:
        path = self.home / "warehouse" / "TypeA" / f"{name}.parquet"
        return pd.read_parquet(path if path.exists() else self.home / "warehouse" / f"{name}.parquet")


@dataclass(frozen=True)
class Laboratory:
    """A home with its input, in which the real definitions can be run with one setting or another."""

    home: Home
    raw: Path | None

    def defs(self, settings: Settings | None = None) -> dg.Definitions:
        return build_defs(home=self.home, raw=self.raw, settings=settings or quick_settings())

    def run(
        self,
        select: str | None = None,
        settings: Settings | None = None,
        watch: Callable[[dg.DagsterEvent], None] = lambda event: None,
        instead: Callable[..., pictures.Picture] = undrawn,
    ) -> tuple[Outcome, list[dg.DagsterEvent]]:
        """Outcome and all events of a run of TypeA; `watch` is called with each event as it happens.

        The pictures of the report are left out, or come from `instead`.
        """
        events: list[dg.DagsterEvent] = []

        def on_event(event: dg.DagsterEvent) -> None:
            events.append(event)
            watch(event)

        with warnings.catch_warnings(), self.history() as instance, no_pictures(instead):
            warnings.simplefilter("ignore")
            defs = self.defs(settings)
            work = None if select is None else selected_work(defs, select)
            outcome = run_study(defs, self.home, instance, "TypeA", work, on_event)
        return outcome, events

    def history(self) -> dg.DagsterInstance:
        return open_history(self.home)

    def table(self, name: str) -> Path:
        return self.home.warehouse / "TypeA" / f"{name}.parquet"

    def copy(self, folder: Path) -> Laboratory:
        """The same home, with its history, in `folder`/home."""
        shutil.copytree(self.home.root, folder / "home")
        return Laboratory(Home(folder / "home"), self.raw)


def made_once(place: Path, make: Callable[[Path], None]) -> Path:
    """`place`, filled by `make` in the first process that asks for it; the others wait until it is there."""
    with FileLock(f"{place}.lock"):
        if not (place / "complete").exists():
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
            make(place)
            (place / "complete").touch()
    return place


# So many digits that no other number of a study has them: a text that names a household is found by its key.
FIRST_KEY = 73_519_000


def _with_long_keys(raw: Path) -> None:
    """Raise every key of a household in raw files, and in the truth beside them, by FIRST_KEY."""
    for path in raw.rglob("*"):
        if path.suffix == ".parquet":
            frame, write = pd.read_parquet(path), pd.DataFrame.to_parquet
        elif ".csv" in path.suffixes:
            frame, write = pd.read_csv(path), pd.DataFrame.to_csv
        else:
            continue
        if "household_key" in frame.columns:
            write(frame.assign(household_key=frame["household_key"] + FIRST_KEY), path, index=False)


class Watched(Settings):
    """Settings that remember which of them each step reads."""

    def __getattribute__(self, name: str) -> Any:
        if name in type(self).model_fields:
            _READ[_STEP[0]].add(name)
        return super().__getattribute__(name)


_STEP = [""]
_READ: dict[str, set[str]] = defaultdict(set)


@dataclass(frozen=True)
class SmallStudy:
    """A study of 400 simulated households with quick settings that has run to its end once, watched.

    Their keys have eight digits. The pictures of its report were made, as they read settings, and not drawn.
    Other processes copy it: to open its history would change it.
    """

    folder: Path

    @staticmethod
    def make(folder: Path) -> None:
        simulate(
            folder / "raw", RetailerPlan(n_households=400, n_products=400, lines_per_basket=2.5, trips_per_week=1.0)
        )
        _with_long_keys(folder / "raw")
        watched = Watched(**quick_settings().model_dump())
        _READ.clear()

        def watch(event: dg.DagsterEvent) -> None:
            if event.is_step_start:
                _STEP[0] = event.step_key or ""

        outcome, _ = Laboratory(Home(folder / "home"), folder / "raw").run(
            settings=watched, watch=watch, instead=sketched
        )
        assert outcome.errors == (), outcome.errors
        read = {step: sorted(names) for step, names in _READ.items()}
        (folder / "read.json").write_text(json.dumps(read), encoding="utf-8")

    @property
    def raw(self) -> Path:
        return self.folder / "raw"

    @property
    def read(self) -> dict[str, set[str]]:
        """The settings that each step read, by its name."""
        found = json.loads((self.folder / "read.json").read_text(encoding="utf-8"))
        return {step: set(names) for step, names in found.items()}

    def copy(self, folder: Path) -> Laboratory:
        """The finished study in `folder`/home, on the same raw files."""
        return Laboratory(Home(self.folder / "home"), self.raw).copy(folder)
