"""Tables of bouts in seconds."""

from __future__ import annotations

import numpy as np
import pytest

from cagewatch.errors import InputError
from cagewatch.recordings import folder


def read(tmp_path, text):
    (tmp_path / "a.csv").write_text(text)
    return folder.read_label_file(tmp_path / "a.csv", tmp_path / "a.mp4")[0]


@pytest.fixture()
def video(tmp_path, write_video, moving_disc):
    """A video of 25 frames a second that loses 5 s after its first second."""
    stamps = [frame + (125 if frame >= 25 else 0) for frame in range(50)]
    return write_video(tmp_path / "a.mp4", moving_disc(50), 25, times=stamps)


@pytest.mark.parametrize(
    "text",
    [
        "start_time,stop_time,label\n6.4,6.8,jump\n0.4,0.8,'=rear\n",
        "label,start_time,stop_time,note\njump,6.4,6.8,x\n\n'=rear,0.4,0.8,\n",
        "start_time;stop_time;label\n6,4;6,8;jump\n0,4;0,8;'=rear\n",
        "start_time\tstop_time\tlabel\n6.4\t6.8\tjump\n0.4\t0.8\t'=rear\n",
    ],
)
def test_a_table_in_seconds_becomes_frames_by_the_time_stamps(tmp_path, video, text):
    bouts = read(tmp_path, text)
    assert [bout[:3] for bout in bouts] == [(10, 20, "=rear"), (35, 45, "jump")]
    (recording,) = folder.read_recordings(tmp_path)
    assert np.flatnonzero(recording.is_target("jump")).tolist() == list(range(35, 45))


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("0,1,a\n0.5,2,b\n", "line 3: overlaps line 2"),
        ("1,0.5,a\n", "line 2: 'a' runs from 1 to 0.5"),
        ("0,1,\n", "line 2: no label"),
        ("0:30,1,a\n", "line 2: start_time is '0:30'; give times in seconds"),
        ("", "holds no label"),
    ],
)
def test_wrong_tables_are_refused(tmp_path, video, rows, says):
    with pytest.raises(InputError, match=says):
        read(tmp_path, "start_time,stop_time,label\n" + rows)
    with pytest.raises(InputError, match="label not found"):
        read(tmp_path, "start_time,stop_time\n0,1\n")
