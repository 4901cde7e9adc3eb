"""The report: known rates, groups by animal, a page that needs no network, and bad tables."""

from __future__ import annotations

import re
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scored_cage import detector_of, train_again, write_scored

from cagewatch import review
from cagewatch.cages import Cage
from cagewatch.errors import InputError
from cagewatch.files import read_json, write_json
from cagewatch.metrics import AlarmShape
from cagewatch.metrics.budgets import poisson_interval
from cagewatch.review import pictures
from cagewatch.review.animals import gamma_interval, split_at_midnight, tabulate_rates
from cagewatch.review.animals import gather_observed as gather
from cagewatch.review.report import read_dark

EVIL = "<script>alert(1)</script>"
ROWS = {
    "recording": ["a1", "a2", "b1", "b2", "simulated_c1"],
    "animal": ["a", "a", "b", "b", EVIL],
    "group": ["control", "control", "drug", "drug", "control"],
    "start_time": [
        "2024-05-01 23:59:58", "2024-05-02 09:00:00", "2024-05-01 09:00:00",
        "2024-05-01T21:00", "2024-05-01 09:00:00",
    ],
}  # fmt: skip
ALARMS = [[(1.0, 1.48, 3.0), (4.0, 5.0, 7.0)], [], [(2.0, 3.0, 5.0)], [(2.0, 3.0, 4.0)], []]


@pytest.fixture(scope="module")
def video(tmp_path_factory, write_video, moving_disc):
    return write_video(tmp_path_factory.mktemp("v") / "disc.mp4", moving_disc(150), 25)


@pytest.fixture
def cage(tmp_path, video) -> Cage:
    """Five recordings of six seconds, of three animals in two groups."""
    times = np.arange(150) / 25
    recordings = {
        name: (video, times, alarms) for name, alarms in zip(ROWS["recording"], ALARMS, strict=True)
    }
    return write_scored(tmp_path / "cage", recordings, ROWS)


def test_rates_are_alarms_over_hours_by_the_day_they_start_on(cage):
    days = tabulate_rates(gather(cage)).set_index(["animal", "day"])
    late, early = days.loc[("a", "2024-05-01")], days.loc[("a", "2024-05-02")]
    # The recording over midnight: two seconds and an alarm before it, four and one after.
    assert late["alarms"] == 1 and late["hours"] == pytest.approx(2 / 3600)
    assert late["share"] == pytest.approx(0.48 / 2)
    assert early["alarms"] == 1 and early["hours"] == pytest.approx(10 / 3600)
    assert early["rate"] == pytest.approx(360)
    assert days.loc[("b", "2024-05-01"), "alarms"] == 2
    nothing = days.loc[(EVIL, "2024-05-01")]
    assert nothing["rate"] == nothing["rate_low"] == 0 and nothing["rate_high"] > 0
    both = tabulate_rates(gather(cage), by_day=False).set_index("animal")
    assert both.loc["a", "rate"] == pytest.approx(2 * 3600 / 12)


@pytest.mark.parametrize("count", [0, 1, 7, 40])
def test_the_interval_of_a_rate_is_the_exact_one(count):
    value, *ends = gamma_interval(np.ones(count), 2.0, 1.0)
    assert value == count / 2 and ends == pytest.approx(poisson_interval(count, 2.0))


def test_the_interval_of_a_share_covers_it():
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(400):
        lengths = rng.exponential(1.0, rng.poisson(12))  # 12 alarms of mean length 1 in 100
        _, low, high = gamma_interval(lengths, 100.0, 1.0)
        covered += low <= 0.12 <= high
    assert covered / 400 >= 0.93


def test_a_stretch_is_split_at_every_midnight():
    parts = split_at_midnight(pd.Timestamp("2024-05-01 18:00"), 31.0)
    assert [hours for _, hours in parts] == [6, 24, 1]
    assert [f"{start:%d %H}" for start, _ in parts] == ["01 18", "02 00", "03 00"]


def test_groups_are_compared_by_animal_over_all_ways_to_deal_them_out():
    one, other = np.array([1.0, 2, 3, 4, 6]), np.array([5.0, 7, 8, 9, 6.5])
    animals = pd.DataFrame({"group": ["x"] * 5 + ["y"] * 5, "rate": [*one, *other]})
    (found,) = review.compare_groups(animals)
    values = animals["rate"].to_numpy()
    means = [values[list(some)].mean() for some in combinations(range(10), 5)]
    shift = np.abs(2 * np.array(means) - 2 * values.mean())
    difference = other.mean() - one.mean()
    assert found.p == pytest.approx(np.mean(shift >= difference - 1e-9))
    assert found.difference == pytest.approx(difference) and found.warning == ""
    welch = stats.ttest_ind(other, one, equal_var=False).confidence_interval()
    assert (found.low, found.high) == pytest.approx(tuple(welch))
    cohen = difference / np.sqrt((one.var(ddof=1) + other.var(ddof=1)) / 2)
    assert found.effect == pytest.approx(cohen * (1 - 3 / 31))


def test_few_animals_are_warned_of_and_many_groups_corrected():
    animals = pd.DataFrame({"group": list("xxyyz"), "rate": [1.0, 1, 2, 2, 9]})
    found = review.compare_groups(animals)
    assert [one.first + one.second for one in found] == ["xy", "xz", "yz"]
    assert "x has 2 and y has 2: fewer than 5" in found[0].warning
    assert np.isnan(found[0].low) and np.isnan(found[1].p) and np.isnan(found[1].p_holm)
    assert review.compare_groups(animals.assign(group="")) == []


def test_the_page_stands_alone_and_names_stay_text(cage, tmp_path):
    top = review.list_alarms(cage).iloc[0]
    review.decide(cage.folder, top, "accepted", name="=1+1<b>", note=EVIL)
    page = review.write_report(cage, dark="18:30-6:30")
    text = page.read_text("utf-8")
    assert len(text) < 5_000_000 and "(simulated)" in text
    assert "<script" not in text and "&lt;script&gt;" in text and "=1+1&lt;b&gt;" in text
    linked = re.findall(r"""(?:src|href|poster|url)\s*[=(]\s*["']?([^"'>)]{0,5})""", text)
    assert linked and set(linked) == {"data:"}
    assert text.count("<video") == 3 and "fewer than 5 animals" in text
    assert "18:30-6:30" in text and "Fay and Feuer" in text
    alarms = pd.read_csv(page.with_name("alarms.csv"))
    assert len(alarms) == 4 and alarms["name"][0] == "'=1+1<b>"
    assert len(pd.read_csv(page.with_name("groups.csv"))) == 2
    review.undo(cage.folder)
    review.decide(cage.folder, top, "rejected")
    review.write_report(cage, without_rejected=True)
    assert len(pd.read_csv(page.with_name("alarms.csv"))) == 3


def test_the_report_tells_the_reason_of_an_alarm_where_there_is_one(cage):
    assert "reason" not in review.write_report(cage).read_text("utf-8")
    path = cage.folder / "alarms.csv"
    alarms = pd.read_csv(path)
    alarms.assign(reason=[None, "change of posture", None, None]).to_csv(path, index=False)
    page = review.write_report(cage)
    assert page.read_text("utf-8").count("reason: ") == 1
    assert "change of posture" in pd.read_csv(page.with_name("alarms.csv"))["reason"].tolist()


def test_a_picture_every_two_seconds_is_a_moment_too(cage, tmp_path, write_video, monkeypatch):
    video = write_video(tmp_path / "slow.mkv", np.zeros((10, 32, 32), np.uint8), 0.5)
    times = pd.DataFrame({"frame": np.arange(10), "time_s": 2.0 * np.arange(10)})
    monkeypatch.setattr(pictures, "read_times", lambda *given: times)
    still, clip = pictures.cut_moment(cage, pd.Series({"recording": "slow", "peak_s": 8.0}), video)
    assert still.startswith("data:image/jpeg") and clip.startswith("data:video/mp4")


def test_a_video_that_is_gone_leaves_a_report(cage):
    table = pd.read_csv(cage.folder / "recordings.csv").assign(file="gone.mp4")
    table.to_csv(cage.folder / "recordings.csv", index=False)
    assert "video not found" in review.write_report(cage).read_text("utf-8")


@pytest.mark.parametrize(
    ("recording", "column", "value", "said"),
    [
        ("a2", "group", "drug", "the animal 'a' in the groups 'control' and 'drug'"),
        ("a2", "start_time", "", "no start_time for the recording 'a2'"),
        ("a2", "start_time", "soon", "start_time 'soon' of 'a2' is none"),
        ("a2", "animal", " ", "no animal for the recording 'a2'"),
        ("a2", "start_time", "2024-05-02 00:00:00", "'a2' starts before 'a1'.*summer time"),
        ("a2", "recording", "a3", "has no row for the recording 'a2'"),
    ],
)
def test_a_wrong_table_is_one_sentence(cage, recording, column, value, said):
    path = cage.folder / "recordings.csv"
    table = pd.read_csv(path, dtype=str)
    table.loc[table["recording"] == recording, column] = value
    table.to_csv(path, index=False)
    with pytest.raises(InputError, match=said):
        review.write_report(cage)
    assert not (cage.folder / "report").exists()


def hold_back(cage: Cage, name: str, **changes) -> None:
    """Change what scored.json says of a recording."""
    path = cage.folder / "scored" / name / "scored.json"
    write_json(path, read_json(path) | changes)


def test_what_another_detector_scored_is_left_out_of_the_report(cage):
    review.write_report(cage)
    train_again(cage.folder, 1)
    with pytest.raises(InputError, match="no alarms to show. .* a1, .* a detector that"):
        review.write_report(cage)
    of = {"threshold": 2.5, "detector": detector_of(cage.folder)}
    hold_back(cage, "b2", of=of | {"shape": AlarmShape(smoothing_s=0.125).model_dump()})
    page = review.write_report(cage)
    alarms = pd.read_csv(page.with_name("alarms.csv"))
    assert alarms["recording"].tolist() == ["b2"]
    text = page.read_text("utf-8")
    assert "averaged over 0.125 s" in text and "averaged over 1 s" not in text
    assert "a1, a2, b1, simulated_c1: they are of a detector" in text and "score again" in text


def test_recordings_scored_with_other_settings_of_alarms_are_warned_of(cage):
    of = read_json(cage.folder / "scored" / "b2" / "scored.json")["of"]
    hold_back(cage, "b2", of=of | {"shape": AlarmShape(min_length_s=9).model_dump()})
    text = review.write_report(cage).read_text("utf-8")
    assert "other settings of alarms; score all of them again" in text
    assert "lasts 0.5 s or longer, or scores" in text and "lasts 9 s or longer" in text


def test_a_report_without_any_alarm_to_believe_says_why(cage):
    for name in ROWS["recording"]:
        hold_back(cage, name, held_back="nothing happens in it.")
    with pytest.raises(InputError, match="alarms of a1, .*: nothing happens in it"):
        review.write_report(cage)


@pytest.mark.parametrize("start", ["23:50:00.02", "23:50:00"])
def test_a_recording_that_ends_at_midnight_adds_no_day(start):
    seconds = 18_000 / 30
    parts = split_at_midnight(pd.Timestamp(f"2024-05-01 {start}"), (seconds + 1e-9) / 3600)
    assert [(f"{day:%d}", hours) for day, hours in parts] == [("01", pytest.approx(1 / 6))]
    parts = split_at_midnight(pd.Timestamp("2024-05-01 23:50:03"), seconds / 3600)
    assert [f"{day:%d}" for day, _ in parts] == ["01", "02"]


def test_an_alarm_just_after_midnight_counts_on_the_day_that_was_watched(cage):
    path = cage.folder / "recordings.csv"
    late = "2024-05-01 23:59:55.500"  # to 1.5 s after midnight
    path.write_text(path.read_text().replace("2024-05-01 23:59:58", late))
    alarms = cage.folder / "alarms.csv"
    table = pd.read_csv(alarms).astype({"start_s": float})
    table.loc[table["start_s"] == 4.0, "start_s"] = 4.6
    table.to_csv(alarms, index=False)
    days = tabulate_rates(gather(cage)).set_index(["animal", "day"])
    own = days.loc[("a", "2024-05-01")]
    assert own["alarms"] == 2 and own["hours"] == pytest.approx(6 / 3600)
    assert days.loc[("a", "2024-05-02"), "alarms"] == 0


def test_start_times_with_and_without_an_offset_are_those_on_the_wall(cage):
    path = cage.folder / "recordings.csv"
    table = pd.read_csv(path, dtype=str)
    plain = gather(cage).recordings
    table.loc[0, "start_time"] += "+02:00"
    table.loc[1, "start_time"] += "+01:00"
    table.to_csv(path, index=False)
    pd.testing.assert_frame_equal(gather(cage).recordings, plain)
    assert review.write_report(cage).is_file()


@pytest.mark.parametrize("text", ["night", "25-3", "19:75-7", "19"])
def test_a_dark_phase_that_is_none_is_refused(text):
    assert read_dark("18:30-6") == (18.5, 6)
    with pytest.raises(InputError, match="is no dark phase"):
        read_dark(text)
