"""Permission before effect: opt-outs and the ways their file can be wrong, rest between contacts, the cap."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.contracts.names import CONTACT_CAP, LEAVE, OPT_OUT, RECENT_CONTACT, TARGET, TEST
from dunnhumby_pipeline.settings import ContactSettings, SettingsError, load_settings
from dunnhumby_pipeline.targeting.contact_rules import (
    contacts_so_far,
    decide_with_permission,
    permitted,
    suppressed_households,
)
from dunnhumby_pipeline.targeting.opt_outs import (
    NONE,
    ContactError,
    OptOuts,
    opt_out_path,
    read_opt_outs,
    require_known,
)

HOUSEHOLDS = pd.Series([1, 2, 3, 4, 5, 6])
CAMPAIGNS = pd.DataFrame({"campaign": [7, 8, 9, 10], "start_day": [500, 690, 705, 720], "end_day": 730})
# Household 1 twice by campaign 8 (it counts once), 2 by three, 3 by an old one, 4 by one that is yet to begin.
TARGETS = pd.DataFrame(
    [(1, 8), (1, 8), (2, 7), (2, 8), (2, 9), (3, 7), (4, 10)], columns=["household_key", "campaign"]
).assign(description="TypeB")


def written(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "opt_outs.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_opt_outs_are_read_whatever_stands_beside_the_key(tmp_path: Path) -> None:
    found = read_opt_outs(written(tmp_path, "since,household_key\r\n2020,3\r\n2021, 4 \r\n2022,3\r\n2023,5.0\r\n"))
    assert found == OptOuts(frozenset({3, 4, 5}), 4, 1)
    assert read_opt_outs(written(tmp_path, "household_key\n12\n", "utf-8-sig")).households == {12}
    assert read_opt_outs(None) == NONE


def test_a_file_in_which_nobody_has_opted_out_is_one(tmp_path: Path) -> None:
    assert read_opt_outs(written(tmp_path, "household_key\n")) == OptOuts(frozenset(), 0, 0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "found: an empty file"),
        ("household;since\n1;2020\n", "expected one column household_key, separated by commas, found the columns"),
        ("household_key,household_key\n1,2\n", "expected one column household_key"),
        ("household_key\n1\nanna\n", "found 1 rows without one, such as row 3: 'anna'"),
        ("household_key\n1\n2.5\n", "row 3: '2.5'"),
        ("household_key,since\n1,2020\n,2021\n", "row 3: ''"),
        ("household_key\n99999999999999999999999\n", "row 2"),
        ('household_key\n"1\n', "can be read"),
    ],
)
def test_every_way_the_file_is_wrong_is_told(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ContactError) as caught:
        read_opt_outs(written(tmp_path, text))
    assert said in str(caught.value) and "contact.opt_out_file is" in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ContactError, match="found: No such file or directory"):
        read_opt_outs(tmp_path / "gone.csv")
    with pytest.raises(ContactError, match="found: Is a directory"):
        read_opt_outs(tmp_path)
    with pytest.raises(ContactError, match="expected UTF-8"):
        read_opt_outs(written(tmp_path, "household_key,name\n1,Zoë\n", "latin-1"))


def test_unknown_opt_outs_are_counted_and_only_all_of_them_are_refused() -> None:
    known = frozenset({1, 2, 3})
    assert require_known(OptOuts(frozenset({1, 8, 9}), 3, 0), known, Path("o.csv")) == 2
    assert require_known(NONE, known, None) == 0
    with pytest.raises(ContactError, match=r"found 2 of which it knows none, such as 8, 9: are these other keys\?"):
        require_known(OptOuts(frozenset({8, 9}), 2, 0), known, Path("o.csv"))


def test_a_relative_file_lies_in_the_home() -> None:
    assert opt_out_path(Path("o.csv"), Path("/home/x")) == Path("/home/x/o.csv")
    assert opt_out_path(Path("/other/o.csv"), Path("/home/x")) == Path("/other/o.csv")
    assert opt_out_path(None, Path("/home/x")) is None


def test_contacts_of_all_types_count_once_each_and_from_their_first_day() -> None:
    found = contacts_so_far(HOUSEHOLDS, TARGETS, CAMPAIGNS, 711, 30).set_index("household_key")
    assert found["days_since_contact"].dropna().to_dict() == {1: 21, 2: 6, 3: 211, 4: 0}
    assert found["contacts_within"].to_dict() == {1: 1, 2: 2, 3: 0, 4: 1, 5: 0, 6: 0}


def suppressed(**settings: object) -> pd.DataFrame:
    rules = ContactSettings.model_validate(settings)
    contacts = contacts_so_far(HOUSEHOLDS, TARGETS, CAMPAIGNS, 711, rules.contact_days)
    opt_outs = OptOuts(frozenset({1, 2, 99}), 4, 1) if rules.opt_out_file else NONE
    return suppressed_households(contacts, opt_outs, int(bool(rules.opt_out_file)), rules).households


def test_the_first_rule_that_is_broken_is_named_with_the_number_that_decides() -> None:
    found = suppressed(opt_out_file="o.csv", least_days=22, most_contacts=2, contact_days=211).set_index(
        "household_key"
    )
    assert found["suppression"].to_dict() == {1: OPT_OUT, 2: OPT_OUT, 4: RECENT_CONTACT}
    assert found.at[4, "why"] == "its last contact was 0 days ago, and 22 must lie between"
    without = suppressed(least_days=6, most_contacts=2).set_index("household_key")
    assert without["suppression"].to_dict() == {2: CONTACT_CAP, 4: RECENT_CONTACT}, "day 6 of 6 is enough"
    assert without.at[2, "why"] == "it had 2 contacts in 182 days, and 2 are the most"
    assert suppressed().empty


def test_what_each_rule_does_is_counted() -> None:
    rules = ContactSettings(opt_out_file=Path("o.csv"), least_days=22)
    contacts = contacts_so_far(HOUSEHOLDS, TARGETS, CAMPAIGNS, 711, rules.contact_days)
    found = suppressed_households(contacts, OptOuts(frozenset({1, 2, 99}), 4, 1), 1, rules).rules.set_index("rule")
    assert found.loc[OPT_OUT, ["applied", "n_broken", "n_households", "n_rows", "n_double", "n_unknown"]].tolist() == [
        *(True, 2, 2, 4, 1, 1)
    ]
    # Households 1, 2 and 4 have had a contact lately; two of them have opted out before that counts.
    assert found.loc[RECENT_CONTACT, ["n_broken", "n_households"]].tolist() == [3, 1]
    assert not found.at[CONTACT_CAP, "applied"] and pd.isna(found.at[CONTACT_CAP, "limit"])


def scored(n: int = 6) -> pd.DataFrame:
    return pd.DataFrame({"household_key": np.arange(1, n + 1), "profit": np.arange(n)[::-1]})


def best_two(rows: pd.DataFrame) -> pd.DataFrame:
    """A policy with room for two."""
    place = rows["profit"].rank(ascending=False)
    decision = np.where(place <= 2, TARGET, TEST)
    return rows.assign(decision=decision, reason="as ranked").sort_values("profit", ascending=False)


def test_the_room_of_the_suppressed_goes_to_others_and_they_are_left_with_the_reason() -> None:
    stopped = suppressed(opt_out_file="o.csv")
    rows = decide_with_permission(scored(), stopped, best_two).set_index("household_key")
    assert rows["decision"].to_dict() == {1: LEAVE, 2: LEAVE, 3: TARGET, 4: TARGET, 5: TEST, 6: TEST}
    assert rows.index.tolist() == [1, 2, 3, 4, 5, 6], "in the order of the list of everybody"
    assert rows.at[1, "reason"] == "it has opted out of contact; else the decision would be: target"
    assert rows["without_suppression"].dropna().to_dict() == {1: TARGET, 2: TARGET}
    assert rows["suppression"].dropna().to_dict() == {1: OPT_OUT, 2: OPT_OUT}
    assert permitted(scored(), stopped)["household_key"].tolist() == [3, 4, 5, 6]


def test_without_suppression_the_list_is_as_it_was() -> None:
    rows = decide_with_permission(scored(), suppressed(), best_two)
    pd.testing.assert_frame_equal(rows[["household_key", "profit", "decision", "reason"]], best_two(scored()))
    assert rows["suppression"].isna().all() and rows["without_suppression"].isna().all()


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        ("contact", "holdout_share", -0.1),
        ("contact", "holdout_share", 0.9),
        ("contact", "least_days", 0),
        ("contact", "most_contacts", 0),
        ("contact", "contact_days", 0),
        ("policy", "risk_aversion", (1.2,)),
        ("policy", "risk_aversion", (-0.1,)),
        ("policy", "capacity", 0),
        ("policy", "budget", 0.5),
    ],
)
def test_settings_out_of_bounds_are_refused_by_name(section: str, name: str, value: object) -> None:
    with pytest.raises(SettingsError, match=rf"{section}\.{name}"):
        load_settings(None, **{section: {name: value}})
