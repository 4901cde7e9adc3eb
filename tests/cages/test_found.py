"""Which recordings are found at a path, and under which name."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from media import write_images

from cagewatch.cages.sources import gather_sources


@pytest.fixture
def top(tmp_path, write_video, moving_disc):
    """A folder with a video, and one more in a folder of it."""
    (tmp_path / "top" / "day1").mkdir(parents=True)
    for name in ("a.mp4", "day1/b.mp4"):
        write_video(tmp_path / "top" / name, moving_disc(20), 25)
    return tmp_path / "top"


def test_a_picture_beside_videos_hides_none_of_them(top, tmp_path):
    for folder in (top, top / "day1"):
        cv2.imwrite(str(folder / "setup.jpg"), np.full((12, 16), 100, np.uint8))
    assert list(gather_sources([top])) == ["a", "day1/b"]
    assert list(gather_sources([top / "day1"])) == ["b"]
    write_images(top / "day2", 3)
    write_images(tmp_path / "alone", 3)
    assert list(gather_sources([top])) == ["a", "day2", "day1/b"]
    assert list(gather_sources([tmp_path / "alone"])) == ["alone"]
