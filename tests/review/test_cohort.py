"""The simulated cohort: who is filmed when, and a difference that is there."""

from __future__ import annotations

import numpy as np
import pytest

from cagewatch import review
from cagewatch.review.cohort import (
    GROUPS,
    LONGEST,
    draw_cohort,
    hang_more,
    list_cohort,
    tabulate_hangs,
)


def test_every_animal_is_in_one_group_and_filmed_twice_a_day_after_a_day_without_hanging():
    listed = list_cohort()
    assert len({one.name for one in listed}) == len(listed) == 12 * (1 + 3 * 2)
    groups = {(one.animal, one.group) for one in listed if one.group}
    assert len(groups) == 12 and sum(group == GROUPS[0] for _, group in groups) == 6
    drawn = list(draw_cohort(1, animals=2, days=1, n_frames=3000))
    for filmed, bouts in drawn:
        assert bouts[-1].stop == 3000
        assert max(bout.stop - bout.start for bout in bouts) <= LONGEST
        if not filmed.group:
            assert all(bout.behaviour != "hang" for bout in bouts)
    assert hang_more(0.0).transitions.sum() < hang_more(1.0).transitions.sum()


def test_the_group_that_hangs_more_is_found_with_an_interval():
    animals = tabulate_hangs(draw_cohort(0))
    assert animals["hours"].to_numpy() == pytest.approx(np.full(12, 0.4), rel=1e-3)
    (found,) = review.compare_groups(animals, "hangs")
    assert (found.first, found.second) == GROUPS and found.warning == ""
    assert found.p < 0.05 and 0 < found.low < found.difference < found.high
