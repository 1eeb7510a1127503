"""Code versions: what changes them and what does not."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import CodeType

import dagster as dg
import pytest

from dunnhumby_pipeline.contracts.registry import made_by
from dunnhumby_pipeline.definitions import build_defs
from dunnhumby_pipeline.orchestration.assets.report import RUNS_BY_ITSELF
from dunnhumby_pipeline.orchestration.platform import versions
from dunnhumby_pipeline.orchestration.platform.bytecode import compiled, compiled_file
from dunnhumby_pipeline.orchestration.platform.keys import table_of
from dunnhumby_pipeline.orchestration.platform.step import STEPS
from dunnhumby_pipeline.settings import Home, Settings, load_settings

CODE = '''"""What it is for."""

def add(a: int, b: int) -> int:
    """A sum."""
    return a + b if a in {"x", "y", "z"} else b
'''


def instructions(source: str) -> list[str]:
    return list(versions._instructions(compiled(source)))


@pytest.mark.parametrize(
    "edit",
    [
        lambda code: code.replace("A sum.", "Another word for it."),
        lambda code: code.replace("What it is for.", "Else."),
        lambda code: code.replace("    return", "    # why\n\n    return"),
        lambda code: code.replace('    """A sum."""\n', ""),
        lambda code: code.replace("return a + b if", "return (\n        a + b) if"),
    ],
)
def test_words_and_layout_change_nothing(edit: Callable[[str], str]) -> None:
    assert edit(CODE) != CODE
    assert instructions(edit(CODE)) == instructions(CODE)


@pytest.mark.parametrize(
    ("old", "new"),
    [("a + b", "a - b"), ("b: int)", "b: int = 1)"), ('"z"', '"w"'), ("add", "plus"), ("else b", "else 1.0")],
)
def test_code_changes_it(old: str, new: str) -> None:
    assert instructions(CODE.replace(old, new)) != instructions(CODE)


def step_versions(settings: Settings | None = None, home: Home | None = None) -> dict[str, str]:
    """The version of every table, by its step: that of the definitions, says a test below."""
    given = settings or load_settings(), home or Home(Path(os.environ["DUNNHUMBY_HOME"]))
    found = {name: versions.step_version(_step(name), *given) for name in STEPS}
    return {table.name: version for name, version in found.items() for table in made_by(name)}


def made(*steps: str) -> set[str]:
    """The tables that steps make."""
    return {table.name for step in steps for table in made_by(step)}


@pytest.fixture(scope="module")
def before() -> dict[str, str]:
    """The version of every table under the defaults."""
    return step_versions()


def test_every_asset_has_the_version_of_its_step_under_its_settings_and_in_its_home(
    before: dict[str, str], tmp_path: Path
) -> None:
    settings, home = load_settings(economics={"contact_cost": 1.0}), Home(tmp_path)
    (tmp_path / "needs.toml").write_text("[[needs]]\n")
    graph = build_defs(home=home, settings=settings).resolve_asset_graph()
    found = {table_of(key): graph.get(key).code_version or "" for key in graph.materializable_asset_keys}
    assert found == step_versions(settings, home)
    assert {name for name in found if found[name] != before[name]} == made(
        *("brief_segments", "economics", "campaign_report"), *("find_needs", "resolve_actions")
    )
    assert all(len(version) == 16 for version in found.values())


@pytest.mark.parametrize(
    ("changed", "assets"),
    [
        # What a contact costs stands in the table of the economics, which the steps behind it read.
        ({"economics": {"contact_cost": 1.0}}, made("brief_segments", "economics", "campaign_report")),
        ({"economics": {"dial_steps": 20}}, made("economics", "turn_cost_dial", "campaign_report")),
        # Gross profit is measured by the margin.
        (
            {"economics": {"margin": 0.25}},
            made(
                "value_lifetimes",
                "brief_segments",
                "enrol_trials",
                "compare_types",
                "economics",
                "campaign_report",
            ),
        ),
        ({"sensitivity": {"weeks_later": 6}}, made("question_effects", "weigh_plausibility", "campaign_report")),
        ({"contact": {"least_days": 30}}, made("apply_contact_rules", "campaign_report")),
        ({"contact": {"holdout_share": 0.2}}, made("targeting_list", "campaign_report")),
        ({"policy": {"curve_steps": 10}}, made("value_policies", "targeting_list", "campaign_report")),
        ({"policy": {"budget": 900.0}}, made("economics", "value_policies", "targeting_list", "campaign_report")),
        (
            {"overlap": {"lower": 0.2}},
            made(
                "propensity",
                "diagnose_overlap",
                "compare_arms",
                "design_comparison",
                "fit_cate",
                "study_repeats",
                "validate_cate",
                "turn_cost_dial",
                "value_policies",
                "certify_policies",
                "targeting_list",
                "refit_decisions",
                "campaign_report",
            ),
        ),
        ({"effects": {"caliper": 0.1}}, made("estimate_effects", "question_effects", "campaign_report")),
        ({"sensitivity": {"weeks_after": 8}}, made("question_effects", "campaign_report")),
        (
            {"nuisance": {"n_repeats": 5}},
            made(
                "trial_protocol",
                "fit_nuisances",
                "compare_types",
                "design_comparison",
                "estimate_effects",
                "question_effects",
                "fit_cate",
                "study_repeats",
                "certify_learners",
                "campaign_report",
            ),
        ),
        ({"nuisance": {"n_jobs": 1}}, set()),
        ({"migration": {"step_days": 14}}, made("follow_segments", "campaign_report")),
        ({"risk": {"fall": 0.5}}, made("foresee_falls", "campaign_report")),
        ({"migration": {"smoothing_weight": 0.5}}, made("follow_segments", "campaign_report")),
        ({"lifetime_value": {"n_bins": 5}}, made("value_lifetimes", "campaign_report")),
        (
            {"profile": {"min_department_share": 0.1}},
            made("describe_segments", "value_lifetimes", "campaign_report"),
        ),
        (
            {"profile": {"tier_shares": (0.1, 0.2)}},
            made("describe_segments", "value_lifetimes", "follow_segments", "campaign_report"),
        ),
        ({"actions": {"test_days": 28}}, made("brief_segments", "campaign_report")),
        ({"status": {"new_days": 60}}, made("rate_households", "campaign_report")),
        ({"needs": {"n_needs": 2}}, made("find_needs", "campaign_report")),
        ({"segmentation": {"n_segments": 6}}, made("fit_segments", "campaign_report")),
        ({"engine": {"threads": 1}}, set()),
        ({"cate": {"n_jobs": 1}}, set()),
        ({"schedules": {"types": ("TypeB",), "time_zone": "Europe/Paris"}}, set()),
        ({"runs": {"max_retries": 0}, "retention": {"lists": 3}, "alerts": {"give_up_hours": 2}}, set()),
        ({"warehouse": "memory://elsewhere"}, set()),
        ({"file_mode": "0640"}, set()),
        ({"journey": {"max_reject_share": 0.2}}, made("load_journey", "campaign_report")),
        ({"mapping": {"discounts": "positive"}}, made("load_journey", "campaign_report")),
    ],
)
def test_a_setting_changes_the_assets_that_read_it(
    before: dict[str, str], changed: dict[str, object], assets: set[str]
) -> None:
    after = step_versions(load_settings(**changed))
    assert {name for name in before if before[name] != after[name]} == assets


def test_the_users_names_of_needs_change_the_steps_that_follow_them(tmp_path: Path) -> None:
    home = Home(tmp_path)
    packaged = step_versions(load_settings(), home)
    (tmp_path / "needs.toml").write_text("[[needs]]\n")
    own = step_versions(load_settings(), home)
    assert {name for name in packaged if packaged[name] != own[name]} == made("find_needs", "resolve_actions")


def test_the_users_playbook_changes_the_steps_that_follow_it(tmp_path: Path) -> None:
    home = Home(tmp_path)
    before = step_versions(home=home)
    (tmp_path / "playbook.toml").write_text("[segments.default]\n")
    after = step_versions(home=home)
    following = made("resolve_actions")
    assert {name for name in before if before[name] != after[name]} == following
    (tmp_path / "playbook.toml").write_text("[offers.default]\n")
    assert step_versions(home=home)["value_need"] != after["value_need"]


def test_the_content_of_the_opt_out_file_changes_the_step_that_follows_it(tmp_path: Path) -> None:
    home, settings = Home(tmp_path), load_settings(contact={"opt_out_file": "opt_outs.csv"})
    found = [step_versions(settings, home)]
    for text in ("household_key\n1\n", "household_key\n1\n2\n"):
        (tmp_path / "opt_outs.csv").write_text(text)
        found.append(step_versions(settings, home))
    for before, after in pairwise(found):
        assert {name for name in before if before[name] != after[name]} == made("apply_contact_rules")
    (tmp_path / "opt_outs.csv").rename(tmp_path / "elsewhere.csv")
    (tmp_path / "elsewhere.csv").rename(tmp_path / "opt_outs.csv")
    assert step_versions(settings, home) == found[-1]


def test_an_approval_changes_the_step_that_follows_approvals(tmp_path: Path) -> None:
    home = Home(tmp_path)
    before = step_versions(home=home)
    home.lists.mkdir()
    home.approvals.write_text("{}\n")
    after = step_versions(home=home)
    assert {name for name in before if before[name] != after[name]} == made("follow_list")


def test_every_step_is_listed_and_every_setting_is_read() -> None:
    steps = {
        definition.op.name for definition in build_defs().assets or [] if isinstance(definition, dg.AssetsDefinition)
    }
    assert steps - {"observe_raw"} == set(STEPS)
    read = {
        name.partition(".")[0] for step in STEPS.values() if step.name != "campaign_report" for name in step.settings
    }
    # What lies beside the report is the report's alone.
    assert set(Settings.model_fields) - read == {"engine", "file_mode", "warehouse", "deliverables", *RUNS_BY_ITSELF}


def test_a_change_of_a_module_changes_the_steps_that_rest_on_it(
    before: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = versions.module_hash

    def altered(module: str) -> str:
        return "altered" if module.endswith((".causal.overlap.calibration", ".journey.cleaning")) else real(module)

    monkeypatch.setattr(versions, "module_hash", altered)
    after = step_versions()
    changed = {name for name in before if before[name] != after[name]}
    assert {"overlap_diagnostics", "propensity_calibration", "transactions", "rejects"} <= changed
    assert changed.isdisjoint({"customer_features", "segments", "nuisances", "average_effects", "policy_value"})


def test_lifetime_values_follow_the_margins_of_departments_and_no_other_setting_of_trials(
    before: dict[str, str],
) -> None:
    lifetimes = made("value_lifetimes")
    weighed = step_versions(load_settings(trial={"margin_weights": {"GROCERY": 0.9}}))
    assert all(weighed[name] != before[name] for name in lifetimes)
    shorter = step_versions(load_settings(trial={"look_back_days": 90}))
    assert all(shorter[name] == before[name] for name in lifetimes)


def test_the_report_rests_on_its_template() -> None:
    behind = versions.modules_behind(versions._function(_step("campaign_report")))
    assert {"dunnhumby_pipeline.report.templates", "dunnhumby_pipeline.figures.campaign.overlap"} <= set(behind)
    beside = versions._file("dunnhumby_pipeline.report.templates").parent
    assert any(path.suffix == ".j2" for path in beside.iterdir())


@pytest.mark.parametrize(
    ("step", "module"),
    [
        ("refit_decisions", "targeting.contact_rules"),
        ("refit_decisions", "orchestration.past"),
        ("certify_policies", "targeting.evidence"),
        ("fit_cate", "segmentation.needs.look_back"),
    ],
)
def test_what_assets_share_counts_in_each_that_names_it(step: str, module: str) -> None:
    assert f"dunnhumby_pipeline.{module}" in versions.modules_behind(versions._function(_step(step)))


def test_an_edit_of_matching_leaves_the_models_of_the_effect_and_the_list_alone() -> None:
    for name in ("fit_cate", "value_policies", "targeting_list"):
        behind = versions.modules_behind(versions._function(_step(name)))
        assert "dunnhumby_pipeline.causal.estimators.clustered" in behind
        others = (".estimators.matching", ".effects.average", ".design.graph")
        assert [module for module in behind if module.endswith(others)] == []
    fitted = set(versions.modules_behind(versions._function(_step("fit_cate"))))
    assert {f"dunnhumby_pipeline.causal.cate.learners.{name}" for name in ("constant", "causal_forest")} <= fitted


@cache
def _steps() -> dict[str, dg.OpDefinition]:
    return {made.op.name: made.op for made in build_defs().assets or [] if isinstance(made, dg.AssetsDefinition)}


def _step(name: str) -> dg.OpDefinition:
    return _steps()[name]


def test_every_module_is_read_once_for_all_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    files: list[Path] = []

    def counted(file: Path) -> CodeType:
        files.append(file)
        return compiled_file(file)

    steps = [_step(name) for name in STEPS]
    monkeypatch.setattr(versions, "compiled_file", counted)
    for cached in (versions.modules, versions.imports_of, versions.module_hash, versions._compiled):
        cached.cache_clear()
    for step in steps:
        versions.step_version(step, load_settings(), Home(Path("nowhere")))
    assert 0 < len(files) == len(set(files)) <= len(versions.modules())
