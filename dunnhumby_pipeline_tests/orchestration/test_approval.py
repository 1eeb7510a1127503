"""`dunnhumby approve` on a small study: what is frozen, what is refused, and what is shown."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import Result

from dunnhumby_pipeline.orchestration.platform.storage import mark_stale, stale_mark
from dunnhumby_pipeline.targeting.list_ledger import approvals, file_hash
from dunnhumby_pipeline_tests.fakes.studies import (
    Laboratory,
    SmallStudy,
    as_variables,
    command,
    no_pictures,
    quick_settings,
)


@pytest.fixture(scope="module")
def laboratory(small: SmallStudy, tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    return small.copy(tmp_path_factory.mktemp("approval"))


def run(laboratory: Laboratory, *arguments: str, do: str = "approve", **environment: str) -> Result:
    quick = as_variables(quick_settings())
    given = ("--home", str(laboratory.home.root), "--raw", str(laboratory.raw))
    with no_pictures():
        return command(do, *given, *arguments, **{**quick, **environment})


def said(result: Result) -> str:
    return " ".join(result.output.split())


def page(laboratory: Laboratory) -> str:
    return (laboratory.home.warehouse / "TypeA" / "campaign_report.html").read_text("utf-8")


def test_a_list_is_written_approved_and_frozen_once(laboratory: Laboratory, tmp_path: Path) -> None:
    home = laboratory.home
    csv = home.warehouse / "TypeA" / "targeting_list.csv"
    listed = pd.read_parquet(laboratory.table("targeting_list"))
    as_text = pd.read_csv(csv)
    assert as_text["household_key"].tolist() == listed["household_key"].tolist()
    assert as_text["decision"].tolist() == listed["decision"].tolist()
    version = pd.read_parquet(laboratory.table("list_version")).iloc[0]
    assert (version["version"], version["list_hash"], version["approved"]) == (1, file_hash(csv), False)
    assert "does not count as sent" in page(laboratory)

    nothing = run(laboratory)
    assert nothing.exit_code == 0 and "is not approved" in said(nothing)
    for name in ("", "   ", "x" * 81):
        refused = run(laboratory, "--by", name)
        assert refused.exit_code == 2 and "--by is" in said(refused)
    other = run(laboratory, "--by", "A. Analyst", "--campaign-type", "TypeC")
    assert other.exit_code == 2 and "there is no study of TypeC" in said(other)

    approved = run(laboratory, "--by", "A. Analyst")
    assert approved.exit_code == 0, approved.output
    [found] = approvals(home.approvals, "TypeA")
    frozen = home.lists / f"{found.file}.csv"
    assert frozen.read_bytes() == csv.read_bytes() and found.list_hash == file_hash(frozen)
    assert pd.read_parquet(frozen.with_suffix(".parquet")).equals(listed)
    assert pd.read_parquet(laboratory.table("list_version")).at[0, "approved_by"] == "A. Analyst"
    assert "This list is approved" in page(laboratory)
    nothing_left = run(laboratory, do="run")
    assert "Nothing is stale" in nothing_left.output, nothing_left.output
    assert "approved by A. Analyst" in said(nothing_left)

    twice = run(laboratory, "--by", "B. Manager")
    assert twice.exit_code == 1 and "was approved by A. Analyst" in said(twice) and "not approved twice" in said(twice)
    assert len(approvals(home.approvals, "TypeA")) == 1
    shown = run(laboratory)
    assert shown.exit_code == 0 and "approved by A. Analyst" in said(shown) and "is approved." in said(shown)


def test_what_is_stale_or_behind_a_closed_gate_is_not_approved(laboratory: Laboratory) -> None:
    listed = laboratory.table("targeting_list")
    mark_stale(listed, "not rebuilt: a gate was closed")
    marked = run(laboratory, "--by", "A")
    assert marked.exit_code == 1 and "is stale (not rebuilt: a gate was closed)" in said(marked)
    stale_mark(listed).unlink()
    dearer = run(laboratory, "--by", "A", DUNNHUMBY_ECONOMICS__CONTACT_COST="9")
    assert dearer.exit_code == 1 and "is stale" in said(dearer) and "targeting_list" in said(dearer)
    csv = listed.with_suffix(".csv")
    good = csv.read_bytes()
    csv.write_bytes(good.replace(b"test", b"tset", 1))
    edited = run(laboratory, "--by", "A")
    assert edited.exit_code == 1 and "targeting_list_csv" in said(edited)
    csv.write_bytes(good)
    blocked, _ = laboratory.run("key:segment_stability", quick_settings(warm_ari_floor=1.0))
    assert not blocked.success
    closed = run(laboratory, "--by", "A")
    assert closed.exit_code == 1 and "stale" in said(closed)
    stale_mark(listed).unlink(missing_ok=True)
    closed = run(laboratory, "--by", "A")
    assert closed.exit_code == 1 and ("closed gates" in said(closed) or "is stale" in said(closed))


def test_an_altered_copy_is_told(laboratory: Laboratory) -> None:
    [found] = approvals(laboratory.home.approvals, "TypeA")
    frozen = laboratory.home.lists / f"{found.file}.csv"
    frozen.chmod(0o644)
    frozen.write_text("household_key\n1\n")
    shown = run(laboratory)
    assert shown.exit_code == 1 and "no longer what was approved" in said(shown)


def test_opt_outs_make_the_list_stale_and_bad_ones_are_refused(small: SmallStudy, tmp_path: Path) -> None:
    # The home of the other tests is blocked: a run there would begin at its segments.
    laboratory = small.copy(tmp_path)
    file = laboratory.home.root / "opt_outs.csv"
    listed = pd.read_parquet(laboratory.table("targeting_list"))
    some = listed["household_key"].head(5).tolist()
    file.write_text("household_key\n" + "\n".join(map(str, [*some, some[0], 999_999_999])) + "\n")
    out = {"DUNNHUMBY_CONTACT__OPT_OUT_FILE": "opt_outs.csv"}
    done = run(laboratory, do="run", **out)
    assert done.exit_code == 0, done.output
    after = pd.read_parquet(laboratory.table("targeting_list")).set_index("household_key")
    assert set(after.loc[some, "decision"]) == {"leave"} and set(after.loc[some, "suppression"]) == {"opt-out"}
    suppressed = {*listed.loc[listed["suppression"].notna(), "household_key"], *some}
    assert set(after.index[after["suppression"].notna()]) == suppressed
    rules = pd.read_parquet(laboratory.home.warehouse / "contact_rules.parquet").set_index("rule").loc["opt-out"]
    assert rules[["n_rows", "n_double", "n_unknown", "n_households"]].tolist() == [7, 1, 1, 5]
    assert f"{len(suppressed)} may not be contacted" in said(done)
    churn = pd.read_parquet(laboratory.table("decision_churn")).set_index("against")
    assert churn.at["last list", "n_changed"] == (listed.head(5)["decision"] != "leave").sum()
    assert pd.read_parquet(laboratory.table("list_version")).at[0, "version"] == 2
    assert "Nothing is stale" in run(laboratory, do="run", **out).output
    file.write_text(file.read_text() + f"{listed['household_key'].iloc[7]}\n")
    stale = run(laboratory, "--by", "A", **out)
    assert stale.exit_code == 1 and "is stale" in said(stale)
    file.write_text("household_key\n999999999\n")
    unknown = run(laboratory, do="run", **out)
    assert unknown.exit_code != 0 and "are these other keys?" in said(unknown)
    file.write_text("key\n1\n")
    wrong = run(laboratory, do="run", **out)
    assert wrong.exit_code == 2 and "expected one column household_key" in said(wrong)
    file.unlink()
    gone = run(laboratory, do="run", **out)
    assert gone.exit_code == 2 and "No such file or directory" in said(gone)
