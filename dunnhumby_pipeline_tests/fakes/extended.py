"""What a package says and does that holds the examples of CONTRIBUTING.md: facts by kind, as JSON.

python -m dunnhumby_pipeline_tests.fakes.extended    in the folder of such a package
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

import dunnhumby_pipeline
from dunnhumby_pipeline.causal.cate.learners.registry import LEARNERS
from dunnhumby_pipeline.causal.cate.selection import fit_cate
from dunnhumby_pipeline.causal.design.graph import node_columns
from dunnhumby_pipeline.causal.design.outcomes import weights_table
from dunnhumby_pipeline.contracts.registry import table
from dunnhumby_pipeline.definitions import build_defs
from dunnhumby_pipeline.engine.run import run
from dunnhumby_pipeline.features.dictionary import features_markdown
from dunnhumby_pipeline.features.profile import household_features
from dunnhumby_pipeline.features.purchases import weighed_purchases
from dunnhumby_pipeline.features.windows import one_window
from dunnhumby_pipeline.orchestration.assets import targeting as steps
from dunnhumby_pipeline.orchestration.checks.document import checks_markdown
from dunnhumby_pipeline.orchestration.checks.registry import CHECKS
from dunnhumby_pipeline.orchestration.platform.keys import asset_key
from dunnhumby_pipeline.report.page import render_report
from dunnhumby_pipeline.report.pictures import Picture, draw_picture
from dunnhumby_pipeline.report.section import Section
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.settings import CateSettings, Home, PolicySettings, Settings, TrialSettings
from dunnhumby_pipeline.targeting.economics import Economics
from dunnhumby_pipeline.targeting.evidence import Evidence
from dunnhumby_pipeline.targeting.policies.registry import chosen_policy, policies
from dunnhumby_pipeline.targeting.value import policy_values
from dunnhumby_pipeline.words import features as feature_words
from dunnhumby_pipeline.words import terms
from dunnhumby_pipeline.words.dictionary import assets_markdown, dictionary_markdown
from dunnhumby_pipeline_tests.fakes.known_truth import ENGINE, lines, simulate_trials, write_tables
from dunnhumby_pipeline_tests.fakes.pages import undrawn
from dunnhumby_pipeline_tests.fakes.results import run as made_up_run
from dunnhumby_pipeline_tests.fakes.results import study
from dunnhumby_pipeline_tests.golden import golden_file, text

Facts = Mapping[str, Any]
# Day 285 is a Sunday.
SUNDAY = 285


def documents() -> Facts:
    """The documents that `make docs` writes, and the expressions whose stored text is no longer theirs."""
    stored = {path.stem: path for path in golden_file("duckdb", "purchases").parent.glob("*.sql")}
    return {
        "features": features_markdown(),
        "dictionary": dictionary_markdown(),
        "assets": assets_markdown(),
        "checks": checks_markdown(),
        "golden": sorted(name for name, file in stored.items() if text("duckdb", name) != file.read_text()),
    }


def feature(folder: Path) -> Facts:
    """One household with a basket on a Sunday and three on other days."""
    bought = lines(*((1, day, 5.0) for day in (SUNDAY, SUNDAY + 1, SUNDAY + 2, SUNDAY + 3)))
    found = household_features(write_tables(folder, transactions=bought), one_window(SUNDAY, SUNDAY + 9), ENGINE)
    covariates = table("first_campaign_cohort").required
    return {
        "value": float(found.at[0, "sunday_share"]),
        "label": feature_words.feature("sunday_share"),
        "described": "sunday_share" in table("customer_features").required,
        "covariate": "sunday_share" in covariates,
        "node": "sunday_share" in node_columns("shopping habits", list(covariates)),
    }


def learner() -> Facts:
    """Fitted out of fold, beside other learners, to trials with effects that slope."""
    # Trees take time, and libraries that load slowly.
    for name in LEARNERS.keys() - {"constant", "x_learner", "dr_linear", "ridge"}:
        LEARNERS.pop(name)
    known = simulate_trials(600, 1, lambda x: 2 + 2 * x[:, 1])
    settings = CateSettings(n_outcome_bootstraps=10)
    fitted = fit_cate(known.trials, known.x, known.residuals(), settings, 0.95, 1)
    own = fitted.by_model[fitted.by_model["model"] == "ridge"]
    lower, upper = LEARNERS["ridge"].from_settings(settings, 1).fit(known.x, known.residuals()).interval(known.x, 0.95)
    return {
        "keys": own[["household_key", "campaign"]].to_numpy().tolist()
        == known.trials[["household_key", "campaign"]].to_numpy().tolist(),
        "correlation": float(np.corrcoef(own["cate"], known.effect)[0, 1]),
        "covered": float(((lower < known.effect) & (known.effect < upper)).mean()),
        "scored_folds": fitted.scoreboard.loc[fitted.scoreboard["model"] == "ridge", "fold"].tolist(),
        "label": terms.model("ridge"),
    }


def policy() -> Facts:
    """Two segments, of which a contact pays in the first alone."""
    n = 120
    pays = np.arange(n) % 2 == 0
    evidence = Evidence(
        scores=np.where(pays, 15.0, 1.0),
        outcome=np.zeros(n),
        as_done=np.zeros(n),
        treated=(np.arange(n) // 2 % 2).astype(float),
        covariates=np.zeros((n, 1)),
        covariate_names=("none",),
        labels=pd.DataFrame(
            {"lookback_segment": np.where(pays, "buyers", "browsers"), "lookback_need": "none", "campaign": 8}
        ),
        cate=np.zeros(n),
        standard_error=np.ones(n),
        by_model={},
        folds=np.arange(n) % 3,
        households=np.arange(n),
        n_listed=n,
    )
    settings = PolicySettings(chosen="proven_segments")
    economics = Economics(contact_cost=4.0, margin=0.5)
    values = policy_values(evidence, economics, policies(settings), settings.chosen, 0.95).set_index("policy")
    return {
        "row": [float(values.at["proven_segments", name]) for name in ("share_targeted", "value", "chosen")],
        "chosen": chosen_policy(settings).name,
        "label": terms.policy("proven_segments"),
    }


def check() -> Facts:
    """The judgement of shares as they should be, and with one that cannot be."""
    [own] = [each for each in CHECKS if each.name == "shares_possible"]
    good = study.policy_value()
    return {
        "key": own.key.to_user_string(),
        "blocks": own.blocks,
        "good": bool(own.judge(good, Settings().checks).passed),
        "bad": bool(own.judge(good.assign(share_targeted=1.5), Settings().checks).passed),
    }


def picture() -> Facts:
    """The page, whose other pictures are left undrawn."""
    drawn: dict[str, Picture] = {}

    def draw(section: Section, tables: StudyTables, settings: Settings) -> Picture:
        if section.name != "expected_profits":
            return undrawn(section, tables, settings)
        return drawn.setdefault(section.name, draw_picture(section, tables, settings))

    html = render_report(study.study_tables(), made_up_run.checks(), made_up_run.facts(), Settings(), draw)
    return {
        name: {"alt": own.alt, "on_page": own.source in html, "bytes": len(own.source)} for name, own in drawn.items()
    }


def outcome(folder: Path) -> Facts:
    """One household with a visit of $60 and one of $5."""
    tables = write_tables(folder, transactions=lines((1, SUNDAY, 60.0), (1, SUNDAY + 1, 5.0)))
    relations = {name: tables[name] for name in ("transactions", "products")}
    weights = weights_table({}, tables["products"])
    windows = one_window(SUNDAY, SUNDAY + 9)
    found = run(weighed_purchases(), {**relations, "windows": windows, "margin_weights": weights}, ENGINE)
    column = table("first_campaign_cohort").column("large_visits")
    return {
        "value": float(found.at[0, "large_visits"]),
        "chosen": TrialSettings(outcome="large_visits").outcome,
        "column": None if column is None else column.type,
        "label": terms.outcome("large_visits"),
    }


def asset(folder: Path) -> Facts:
    """The asset as dagster has it, and the table that its step makes."""
    defs = build_defs(home=Home(folder))
    key = asset_key("segment_decisions")
    graph = defs.resolve_asset_graph()
    [spec] = [spec for spec in defs.resolve_all_asset_specs() if spec.key == key]
    listed = pd.DataFrame({"segment": ["a", "a", "b"], "decision": ["target", "leave", "test"]})
    made = steps.segment_decisions(listed)
    return {
        "key": key.to_user_string(),
        "group": spec.group_name,
        "description": spec.description,
        "columns": [column.name for column in spec.metadata["dagster/column_schema"].columns],
        "code_version": spec.code_version,
        "upstream": sorted(dep.asset_key.to_user_string() for dep in spec.deps),
        "checks": sorted(f"{each.asset_key.to_user_string()}.{each.name}" for each in graph.asset_check_keys),
        "loads": dg.Definitions.validate_loadable(defs) is None,
        "rows": made.to_numpy().tolist(),
        "promised": list(made.columns) == list(table("segment_decisions").required),
    }


def main() -> None:
    with TemporaryDirectory() as name:
        folders = [Path(name) / kind for kind in ("feature", "outcome", "asset")]
        for folder in folders:
            folder.mkdir()
        makers: dict[str, Callable[[], Facts]] = {
            "asset": lambda: asset(folders[2]),
            "documents": documents,
            "feature": lambda: feature(folders[0]),
            "learner": learner,
            "policy": policy,
            "check": check,
            "picture": picture,
            "outcome": lambda: outcome(folders[1]),
        }
        facts = {kind: make() for kind, make in makers.items()}
    json.dump({"package": dunnhumby_pipeline.__file__, **facts}, sys.stdout)


if __name__ == "__main__":
    main()
