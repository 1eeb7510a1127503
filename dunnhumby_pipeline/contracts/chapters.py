"""The chapters of the study: the groups of tables, a few to a chapter, in the order in which they are read.

A group holds at most a dozen tables of one subject and is the first part of their keys. Chapters are above that: the
UI folds the groups of a chapter into one, and no key and no file has a chapter in its name, so that a group can move to
another chapter while its history stays.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Chapter:
    """A chapter: its name, what it is about, and its groups."""

    name: str
    about: str
    groups: tuple[str, ...]


CHAPTERS = (
    Chapter("data", "the raw files, found, validated and cleaned", ("raw", "journey")),
    Chapter("customers", "who the customers are", ("features", "segments", "profiles", "reference")),
    Chapter("needs", "what they buy, and what to offer", ("needs", "actions")),
    Chapter(
        "value", "what they will spend, who leaves, and who moves between segments", ("lifetime", "risk", "movement")
    ),
    Chapter("design", "who is compared with whom, and whether the arms are alike", ("design", "overlap")),
    Chapter("effects", "what a campaign does, and how far to believe it", ("effects", "doubts", "repeats")),
    Chapter("households", "for whom it does more", ("cate", "scoring", "scrutiny")),
    Chapter("decision", "what it is worth, and whom to target", ("contact", "targeting", "policies")),
    Chapter("experiments", "the test that would settle it, and what tests found", ("experiments",)),
    Chapter("delivery", "the list as it is sent, and what is read", ("lists", "report")),
)
_OF_GROUP = {group: chapter for chapter in CHAPTERS for group in chapter.groups}


def chapter_of(group: str) -> Chapter:
    """The chapter of a group; KeyError, listing the groups there are, when it is in none."""
    if group not in _OF_GROUP:
        raise KeyError(
            f"the group {group!r} is in no chapter; there are {', '.join(_OF_GROUP)} (contracts/chapters.py)"
        )
    return _OF_GROUP[group]


def place_of(group: str) -> str:
    """Where the UI shows a group: CHAPTER/GROUP, or the name of a chapter that has no other."""
    chapter = chapter_of(group)
    return group if chapter.groups == (group,) else f"{chapter.name}/{group}"
