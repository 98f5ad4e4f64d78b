"""What failed once is recognised by its image, or by image and config hash together, and by nothing else."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import MORNING
from watchdog.deploy.changes import Parts
from watchdog.rollback.ledger import Mark, Standing
from watchdog.rollback.quarantine import recognised

WEB = ("web", "sha256:w1", "hw")
OLD, BAD, FIXED = (("backend", f"sha256:b{number}", "hb") for number in (1, 2, 3))
RECONFIGURED = ("backend", "sha256:b1", "other")
GOOD, FAILED, CLEARED = Standing.GOOD, Standing.FAILED, Standing.CLEARED


def mark(standing: Standing, *parts: tuple[str, str, str], hours: int = 0) -> Mark:
    at = MORNING + timedelta(hours=hours)
    return Mark("shop", f"{standing} {hours} {parts}", standing, at, "api: HTTP 500", tuple(sorted(parts)))


@pytest.mark.parametrize(
    ("marks", "running", "met"),
    [
        ([], (BAD, WEB), {}),
        ([mark(GOOD, OLD, WEB), mark(FAILED, BAD, WEB)], (BAD, WEB), {"backend": "sha256:b2"}),
        ([mark(GOOD, OLD, WEB), mark(FAILED, BAD, WEB)], (OLD, WEB), {}),
        ([mark(GOOD, OLD, WEB), mark(FAILED, BAD, WEB)], (FIXED, WEB), {}),
        # the image under another configuration, in another company, or in another service is still that image
        ([mark(GOOD, OLD), mark(FAILED, BAD)], (("backend", BAD[1], "x"),), {"backend": BAD[1]}),
        ([mark(GOOD, OLD), mark(FAILED, BAD)], (BAD, ("web", "sha256:w9", "h")), {"backend": BAD[1]}),
        ([mark(GOOD, OLD), mark(FAILED, BAD)], (("worker", BAD[1], "x"),), {"worker": BAD[1]}),
        # a good image failed by its configuration: that image with another one says nothing
        ([mark(GOOD, OLD, WEB), mark(FAILED, RECONFIGURED, WEB)], (RECONFIGURED, WEB), {"backend": None}),
        ([mark(GOOD, OLD), mark(FAILED, RECONFIGURED)], (("backend", OLD[1], "third"),), {}),
        ([mark(GOOD, OLD), mark(FAILED, RECONFIGURED)], (("backend", "sha256:b7", "other"),), {}),
        # good since, or brought back by a person
        ([mark(FAILED, BAD, WEB), mark(GOOD, BAD, ("web", "sha256:w2", "hw"), hours=1)], (BAD,), {}),
        ([mark(FAILED, BAD, WEB), mark(CLEARED, BAD, WEB, hours=1)], (BAD, WEB), {}),
        # of an older version's state nothing but the fingerprint is known
        ([Mark("shop", "f", FAILED, MORNING, "x")], (BAD,), {}),
    ],
)
def test_what_failed_is_known_again(marks: list[Mark], running: Parts, met: dict[str, str | None]) -> None:
    assert {one.service: one.image for one in recognised(marks, running)} == met


def test_what_is_known_to_be_good_otherwise_is_not_what_failed() -> None:
    assert recognised([mark(FAILED, OLD, BAD)], (OLD,), good=(OLD,)) == ()


def test_it_is_told_with_the_newest_failure_and_its_reason() -> None:
    first, last = mark(FAILED, BAD), mark(FAILED, BAD, WEB, hours=24)
    (met,) = recognised([first, last], (BAD,))
    assert met.mark == last
    assert str(met) == (
        f"backend runs the image b2 of the release that failed on "
        f"{last.at.astimezone():%Y-%m-%d %H:%M} (api: HTTP 500)"
    )


PARTS = st.tuples(
    st.sampled_from(["backend", "web"]), st.sampled_from(["i1", "i2", "i3"]), st.sampled_from(["h1", "h2"])
)
RELEASES = st.lists(PARTS, min_size=1, max_size=2, unique_by=lambda part: part[0]).map(tuple)
MARKS = st.lists(st.tuples(st.sampled_from(list(Standing)), RELEASES), max_size=5)


@given(MARKS, RELEASES)
def test_what_was_good_is_never_quarantined_and_what_only_failed_always_is(
    history: list[tuple[Standing, Parts]], running: Parts
) -> None:
    marks = [mark(standing, *made, hours=hour) for hour, (standing, made) in enumerate(history)]
    met = {one.service for one in recognised(marks, running)}
    good = {part for one in marks if one.standing is not FAILED for part in one.parts}
    failed = {part for one in marks if one.standing is FAILED for part in one.parts}
    for part in running:
        if part in good:
            assert part[0] not in met
        elif part in failed and part[1:] not in {one[1:] for one in good}:
            assert part[0] in met
