"""The review page's kernel side, on cages made by hand: what it is sent, and which pictures."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from scored_cage import write_scored
from test_explore import hear, write_run

from cagewatch import explore
from cagewatch.cages.cage import CageSettings, write_settings
from cagewatch.errors import InputError
from cagewatch.explore import review as page

ALARMS = [(8.0, 9.0, 3.0), (2.0, 2.4, 5.0)]


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory, write_video) -> Path:
    """250 frames, 25 a second; the number of each is its gray value."""
    gray = np.arange(250, dtype=np.uint8)[:, None, None]
    return write_video(tmp_path_factory.mktemp("v") / "n.mkv", gray.repeat(32, 1).repeat(32, 2), 25)


@pytest.fixture
def cage(tmp_path: Path, video: Path) -> Path:
    """A cage with two scored recordings of one video."""
    folder = tmp_path / "cage"
    scores = np.random.default_rng(0).normal(size=250)
    given = {"dataset": "folder", "data_dir": str(tmp_path), "target": "anomaly"}
    run = write_run(folder, scores, None, "frame_difference", 1, given)
    write_settings(folder, CageSettings(run=str(run.relative_to(folder))))
    shutil.copytree(run, folder / "run")
    times = np.arange(250) / 25
    write_scored(folder, {"n1": (video, times, ALARMS), "n2": (video, times, ALARMS[:1])})
    return folder


def test_a_recording_without_results_is_left_out_with_a_word(cage: Path) -> None:
    shutil.rmtree(cage / "scored" / "n2")
    shutil.copytree(cage / "scored" / "n1", cage / "scored" / "n0")
    (cage / "scored" / "n0" / "scored.json").unlink()  # its scoring did not end
    (content, _), (word, _) = hear(explore.Reviewer(cage), {"kind": "open"})
    assert content["about"]["names"] == ["n1"] and len(content["about"]["review"]) == 2
    assert word["kind"] == "say" and "alarms of n2: their results are gone" in word["text"]


def test_a_cage_with_no_alarms_to_believe_says_why(cage: Path) -> None:
    for name in ("n1", "n2"):
        shutil.rmtree(cage / "scored" / name)
    with pytest.raises(InputError, match="no scored recording"):
        explore.Reviewer(cage)


def sent(reviewer: explore.Reviewer) -> tuple[dict, dict[str, np.ndarray]]:
    """What the page is told, and its arrays."""
    content, buffers = hear(reviewer, {"kind": "open"})[0]
    kinds = {"frame": "<i4"}
    return content["about"], {
        name: np.frombuffer(buffer, kinds.get(name, "<f8"))
        for name, buffer in zip(content["names"], buffers, strict=True)
    }


def test_all_frames_of_a_small_cage_are_sent(cage: Path) -> None:
    about, arrays = sent(explore.Reviewer(cage))
    assert about["starts"] == [0, 250, 500]
    assert arrays["frame"].tolist() == [*range(250)] * 2
    assert [(one["from"], one["to"]) for one in about["review"]] == [
        (50, 60),
        (200, 225),
        (450, 475),
    ]


def test_of_many_frames_all_are_sent_around_alarms_and_the_highest_elsewhere(
    cage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "MOST_POINTS", 20)  # of 20 s: one a second
    monkeypatch.setattr(page, "AROUND_S", 0.2)
    path = cage / "scored" / "n1" / "scores.csv"
    rows = path.read_text().splitlines()
    rows[1 + 137] = "137,5.48,0,2"
    path.write_text("\n".join(rows))
    about, arrays = sent(explore.Reviewer(cage))
    own = slice(*about["starts"][:2])
    frames = arrays["frame"][own].tolist()
    assert set(frames) >= {*range(45, 65), *range(195, 230), 137} and len(frames) <= 55 + 11
    first, second, _ = about["review"]
    assert arrays["frame"][first["from"] : first["to"]].tolist() == [*range(50, 60)]
    assert arrays["frame"][second["from"] : second["to"]].tolist() == [*range(200, 225)]
    assert about["seconds"] == pytest.approx(20, abs=0.5)


def test_alarms_of_more_than_the_most_seconds_are_sent_thinned(
    cage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "MOST_POINTS", 20)
    monkeypatch.setattr(page, "MOST_S", 5)  # the highest alarm with its seconds around it, alone
    about, arrays = sent(explore.Reviewer(cage))
    assert len(arrays["frame"]) <= 25 * 5 + 25
    assert all(one["from"] < one["to"] for one in about["review"])


@pytest.mark.parametrize("first", [0, 100, 249])
def test_pictures_are_those_of_the_frames_sent(
    cage: Path, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    monkeypatch.setattr(page, "picture_motion", lambda frames, *_: (frames, ["seen"] * len(frames)))
    if first != 249:
        monkeypatch.setattr(page, "MOST_POINTS", 20)
        monkeypatch.setattr(page, "AROUND_S", 0.2)
    reviewer = explore.Reviewer(cage)
    about, arrays = sent(reviewer)
    first = min(first, about["starts"][1] - 1)
    ((content, pictures),) = hear(reviewer, {"kind": "frames", "first": first, "count": 60})
    wanted = arrays["frame"][
        first : min(first + 60, about["starts"][1 + (first >= about["starts"][1])])
    ]
    assert content["captions"] == ["seen"] * len(wanted) and content["text"] == ""
    gray = [cv2.imdecode(np.frombuffer(one, np.uint8), 0).mean() for one in pictures]
    np.testing.assert_allclose(gray, wanted, atol=4)
