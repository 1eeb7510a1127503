"""Effects of any table: what is found, and what is refused, by name."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from dunnhumby_pipeline.causal.cate import EffectEstimator, Estimate, InputError, candidates, estimate
from dunnhumby_pipeline.causal.cate.inputs import read_inputs
from dunnhumby_pipeline.causal.cate.learners.constant import Constant
from dunnhumby_pipeline.causal.cate.learners.r_learner import RLearner
from dunnhumby_pipeline.causal.cate.learners.t_learner import TLearner
from dunnhumby_pipeline.settings import NuisanceSettings, Settings
from dunnhumby_pipeline_tests.fakes.known_truth import Array, Known, simulate_trials

# In one thread: on so few rows another is in the way of the first.
FAST = {"nuisance": {"n_folds": 3, "n_repeats": 1, "n_jobs": 1}, "cate": {"n_jobs": 1}}
NAMES = list("abcd")


def flat(x: Array) -> Array:
    return np.full(len(x), 2.0)


def sloped(x: Array) -> Array:
    return 2.0 + 3.0 * x[:, 2]


@pytest.fixture(scope="module", autouse=True)
def _few_learners() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidates, "LEARNERS", {kind.name: kind for kind in (Constant, TLearner, RLearner)})
        yield


@pytest.fixture(scope="module")
def varied() -> Known:
    return simulate_trials(400, seed=1, effect=sloped, n_campaigns=2, household_noise=1.0)


def _arguments(known: Known) -> dict[str, Any]:
    trials = known.trials
    return {
        "X": known.x,
        "treatment": trials["treated"],
        "outcome": trials["purchase_amount"],
        "groups": trials["household_key"],
        "campaigns": trials["campaign"],
    }


@pytest.fixture(scope="module")
def found(varied: Known) -> Estimate:
    return estimate(**_arguments(varied), settings=FAST)


def test_effects_that_differ_are_found_row_by_row_and_for_new_rows(varied: Known, found: Estimate) -> None:
    assert found.chosen == "stack" and found.interval_of is None
    assert np.sqrt(((found.effect - varied.effect) ** 2).mean()) < 0.5
    assert np.isnan(found.lower).all() and np.isnan(found.upper).all()
    new = simulate_trials(300, seed=2, effect=sloped)
    assert np.sqrt(((found.predict(new.x) - new.effect) ** 2).mean()) < 0.5
    assert np.isnan(found.interval(new.x)).all()
    assert {"constant", "t_learner", "r_learner", "stack"} == set(found.scoreboard["model"])
    assert found.notes == ()


def test_the_averages_hold_the_truth_in_their_intervals(varied: Known, found: Estimate) -> None:
    average = found.average.set_index("estimand")
    for estimand, truth in (("ATE", varied.effect.mean()), ("ATO", varied.ato)):
        row = average.loc[estimand]
        assert row["lower"] < truth < row["upper"]
        assert row["upper"] - row["lower"] == pytest.approx(2 * 1.959964 * row["se"], rel=1e-5)


def test_one_effect_for_all_has_the_interval_of_the_average() -> None:
    known = simulate_trials(300, seed=3, effect=flat)
    found = estimate(known.x, known.trials["treated"], known.trials["purchase_amount"], settings=FAST)
    assert (found.chosen, found.interval_of) == ("constant", "average")
    assert ((found.lower < found.effect) & (found.effect < found.upper)).all()
    assert found.lower.mean() < 2.0 < found.upper.mean()
    lower, upper = found.interval(known.x[:5])
    assert lower.shape == (5,) and lower[0] < found.predict(known.x[:1])[0] < upper[0]


def test_a_frame_an_array_and_lists_give_one_result(varied: Known, found: Estimate) -> None:
    frame = pd.DataFrame(varied.x, columns=NAMES, index=range(5000, 5800))
    named = {
        **_arguments(varied),
        "X": frame,
        "treatment": varied.trials["treated"].astype(bool).tolist(),
        "outcome": varied.trials[["purchase_amount"]].set_index(frame.index),
        "groups": "household " + varied.trials["household_key"].astype(str),
        "campaigns": varied.trials["campaign"].map({1: "spring", 2: "autumn"}).to_numpy(),
    }
    again = estimate(**named, settings=Settings(nuisance=NuisanceSettings(**FAST["nuisance"])))
    np.testing.assert_allclose(again.effect, found.effect)
    assert again.columns == ("a", "b", "c", "d")
    turned = frame[NAMES[::-1]].head(9)
    np.testing.assert_allclose(again.predict(turned), found.predict(varied.x[:9]))


@pytest.fixture(scope="module")
def named(varied: Known) -> Estimate:
    return estimate(**{**_arguments(varied), "X": pd.DataFrame(varied.x, columns=NAMES)}, settings=FAST)


@pytest.mark.parametrize(
    ("new", "words"),
    [
        (lambda x: pd.DataFrame(x, columns=[*"abc", "e"]), "X lacks d; the model was fitted to a, b, c, d"),
        (lambda x: pd.DataFrame(x, columns=NAMES).assign(e=1), "X has e, which the model does not know"),
        (lambda x: x[:, :3], "X has 3 columns; the model was fitted to 4: a, b, c, d"),
        (lambda x: x[0], "X has 1 dimension"),
        (lambda x: np.where(x == x[2, 1], np.nan, x), "column 'x1' of X has 2 missing values (first in row 2)"),
    ],
)
def test_other_columns_are_not_predicted(varied: Known, named: Estimate, new: Any, words: str) -> None:
    with pytest.raises(InputError, match=re.escape(words)):
        named.predict(new(varied.x))


def test_columns_that_do_not_vary_are_left_out_and_named(varied: Known, found: Estimate) -> None:
    frame = pd.DataFrame(varied.x, columns=NAMES)
    frame.insert(0, "shop", 7)
    again = estimate(**{**_arguments(varied), "X": frame}, settings=FAST)
    assert again.notes == ("columns left out, as they do not vary: shop",)
    np.testing.assert_allclose(again.effect, found.effect)
    np.testing.assert_allclose(again.predict(frame.assign(shop=8)), found.predict(varied.x))


def test_many_rows_are_fitted_to_some_and_estimated_for_all() -> None:
    known = simulate_trials(1300, seed=5, effect=sloped)
    few = {"nuisance": {**FAST["nuisance"], "max_trials": 1000}}
    found = estimate(known.x, known.trials["treated"], known.trials["purchase_amount"], settings=few)
    assert found.notes == ("each model is fitted to at most 1,000 of 1,300 rows (nuisance.max_trials), drawn by group",)
    assert np.isfinite(found.effect).all() and len(found.effect) == 1300
    assert np.corrcoef(found.effect, known.effect)[0, 1] > 0.9
    own = {**FAST, "cate": {**FAST["cate"], "max_trials": 1000}}
    found = estimate(known.x, known.trials["treated"], known.trials["purchase_amount"], settings=own)
    assert found.notes == (
        "each model of the effect is fitted to at most 1,000 of 1,300 rows (cate.max_trials), drawn by group",
    )
    assert np.isfinite(found.effect).all() and np.corrcoef(found.effect, known.effect)[0, 1] > 0.9


def test_an_outcome_that_does_not_vary_has_no_effect(varied: Known) -> None:
    found = estimate(**{**_arguments(varied), "outcome": np.full(800, 3.0)}, settings=FAST)
    assert found.chosen == "constant"
    np.testing.assert_allclose(found.effect, 0.0, atol=1e-9)


def _replaced(name: str, change: Any) -> Any:
    return lambda given: {**given, name: change(given[name])}


def _with_column(name: str, values: Any) -> Any:
    return lambda given: {**given, "X": pd.DataFrame(given["X"], columns=NAMES).assign(**{name: values})}


def _at(row: int, value: object) -> Any:
    def changed(values: Any) -> Any:
        own = np.array(values, dtype=object)
        own[row] = value
        return own

    return changed


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            _with_column("age", np.where(np.arange(800) > 796, np.nan, 1.0)),
            "column 'age' of X has 3 missing values (first in row 797)",
        ),
        (
            _with_column("age", np.where(np.arange(800) == 4, np.inf, 1.0)),
            "column 'age' of X has 1 value (first in row 4)",
        ),
        (_with_column("age", np.where(np.arange(800) == 4, -1e200, 1.0)), "infinite or beyond 1e100"),
        (_with_column("town", "Kent"), "column 'town' of X holds text or categories, such as 'Kent'; expected numbers"),
        (_with_column("town", pd.Categorical(["x"] * 800)), "column 'town' of X holds text or categories"),
        (_with_column("town", pd.Series(["1"] * 800, dtype=object)), "column 'town' of X holds "),
        (_with_column("day", pd.Timestamp("2024-01-01")), "column 'day' of X holds dates or times"),
        (_replaced("X", lambda x: pd.DataFrame(x, columns=[*"abc", "a"])), "more than one column called a"),
        (_replaced("X", lambda x: np.ones((800, 2))), "no column of X varies (x0, x1)"),
        (_replaced("X", lambda x: x[:0]), "X has 0 rows and 4 columns"),
        (_replaced("X", lambda x: x + 1j), "complex numbers"),
        (_replaced("X", lambda x: x[:700]), "treatment has 800 values and X has 700 rows"),
        (_replaced("treatment", lambda t: t + 1), "treatment is 2 in row"),
        (_replaced("treatment", _at(5, "yes")), "treatment is 'yes' in row 5; expected 0 (control) or 1 (treated)"),
        (_replaced("treatment", _at(6, None)), "in row 6; expected 0 (control)"),
        (_replaced("treatment", lambda t: 0 * t), "no row is treated: treatment is 0 in all 800 rows"),
        (_replaced("treatment", lambda t: 0 * t + 1), "no row is control: treatment is 1 in all 800 rows"),
        (_replaced("outcome", lambda y: y[:-1]), "outcome has 799 values and X has 800 rows"),
        (_replaced("outcome", _at(3, np.nan)), "outcome has 1 missing value (first in row 3)"),
        (_replaced("outcome", _at(3, "none")), "outcome holds 'none' in row 3; expected numbers"),
        (_replaced("groups", lambda g: g[:5]), "groups has 5 values and X has 800 rows"),
        (_replaced("groups", _at(2, None)), "groups has 1 missing value (first in row 2)"),
        (_replaced("groups", lambda g: g % 3), "groups in "),
        (_replaced("campaigns", _at(2, None)), "campaigns has 1 missing value (first in row 2)"),
        (lambda given: {name: values[:30] for name, values in given.items()}, "groups in 1"),
    ],
)
def test_what_cannot_be_used_is_named(varied: Known, change: Any, words: str) -> None:
    given = change(_arguments(varied))
    with pytest.raises(InputError, match=re.escape(words)):
        estimate(**given, settings=FAST)


def test_too_few_groups_are_told_what_is_needed(varied: Known) -> None:
    given = {name: values[:30] for name, values in _arguments(varied).items()}
    with pytest.raises(
        InputError, match=r"arm has \d+ groups in \d+ rows; at least 20 are needed .* nuisance\.n_folds = 5"
    ):
        read_inputs(*given.values(), NuisanceSettings())
    with pytest.raises(InputError, match="at least 24 are needed"):
        read_inputs(*given.values(), NuisanceSettings(n_folds=12))


def test_settings_that_are_none_are_named(varied: Known) -> None:
    with pytest.raises(InputError, match="settings is a int"):
        estimate(**_arguments(varied), settings=3)  # type: ignore[arg-type]


def test_the_estimator_is_one_of_scikit_learns(varied: Known, found: Estimate) -> None:
    made = EffectEstimator(settings=FAST)
    assert made.get_params() == {"settings": FAST}
    fitted = clone(made).fit(**_arguments(varied))
    np.testing.assert_array_equal(fitted.predict(varied.x), found.predict(varied.x))
    np.testing.assert_array_equal(fitted.result_.effect, found.effect)
    assert np.isnan(fitted.interval(varied.x)).all()
    assert not hasattr(clone(fitted), "result_")
    new = simulate_trials(300, seed=8, effect=sloped, household_noise=1.0)
    own = (new.trials["treated"], new.trials["purchase_amount"])
    assert fitted.score(new.x, *own) > 0.2
    unlike = simulate_trials(300, seed=8, effect=lambda x: -sloped(x), household_noise=1.0)
    assert fitted.score(unlike.x, unlike.trials["treated"], unlike.trials["purchase_amount"]) < 0
    # A score of rows of one arm is a score.
    rows = new.trials["treated"] == 1
    assert np.isfinite(fitted.score(new.x[rows], *(values[rows] for values in own)))


def test_nothing_heavy_loads_before_it_is_asked_for() -> None:
    heavy = "{'sklearn', 'xgboost', 'pandas', 'dagster'}"
    code = f"import sys, dunnhumby_pipeline.causal.cate; print({heavy} & set(sys.modules))\n"
    code += "from dunnhumby_pipeline.causal.cate import estimate; print('dagster' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["set()", "False"]


def test_the_example_of_the_documents_runs(capsys: pytest.CaptureFixture[str]) -> None:
    text = (Path(__file__).parents[3] / "docs" / "api.md").read_text()
    [code] = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    [said] = re.findall(r"```text\n(.*?)```", text, flags=re.DOTALL)
    exec(compile(code, "docs/api.md", "exec"), {})
    assert capsys.readouterr().out.split() == said.split()
