"""The explorer as one file: a page that opens without Python, with its slider alive."""

from __future__ import annotations

import base64
import json
from html import escape
from pathlib import Path

import numpy as np

from cagewatch.explore.bundle import bundle_run, describe_run, pack_arrays, read_script
from cagewatch.explore.frames import picture_moments
from cagewatch.files import whole_file
from cagewatch.runs import FinishedRun, read_run

# Nothing is loaded from anywhere.
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"
APART_S = 2.0  # between two moments whose pictures are kept


def save_page(
    run: FinishedRun | str | Path,
    path: str | Path,
    *,
    rule: str | None = None,
    score: str = "both",
    smoothing: int = 1,
    pictures: int = 24,
    second: FinishedRun | str | Path | None = None,
) -> Path:
    """Write a run's explorer as a self-contained page of HTML.

    Parameters
    ----------
    run : FinishedRun or path of its folder
    path : str or Path
        Of the page.
    rule, score, smoothing
        As for `cagewatch.explore.Explorer`.
    pictures : int
        Moments whose pictures the page keeps, those of the highest scores; 0 for a page that shows
        no video.
    second : FinishedRun or path of its folder, optional
        Another detector's run on the same frames, shown on the same timeline.

    Returns
    -------
    path : Path

    Raises
    ------
    InputError
        If the run is damaged, or the page cannot be written.
    """
    run = run if isinstance(run, FinishedRun) else read_run(run)
    if second is not None and not isinstance(second, FinishedRun):
        second = read_run(second)
    about, arrays = bundle_run(run, rule, score, smoothing, second)
    moments = find_peaks(arrays["score"], arrays["elapsed"], pictures)
    kept = [
        [position, caption, base64.b64encode(picture).decode()]
        for position in moments
        for picture, caption in _picture(run, about["names"], about["starts"], arrays, position)
    ]
    saved = {"about": about, "arrays": pack_arrays(arrays), "pictures": kept}
    text = json.dumps(saved, allow_nan=False).replace("<", "\\u003c")
    page = f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width">
<title>{escape(describe_run(run))}</title>
<style>body{{margin:8px}}</style></head><body><div id="explorer"></div>
<script type="application/json" id="saved">{text}</script>
<script type="module">
{read_script()}
const saved = JSON.parse(document.getElementById("saved").textContent);
window.explorer = await openSaved(document.getElementById("explorer"), saved);
</script></body></html>
"""
    path = Path(path).expanduser()
    with whole_file(path) as partial:
        partial.write_text(page, encoding="utf-8")
    return path


def find_peaks(score: np.ndarray, elapsed: np.ndarray, most: int) -> list[int]:
    """Positions of the highest scores, `APART_S` apart at least, in order of time."""
    found: list[int] = []
    for position in np.argsort(score, kind="stable")[::-1]:
        if len(found) == most:
            break
        if all(abs(elapsed[position] - elapsed[one]) >= APART_S for one in found):
            found.append(int(position))
    return sorted(found)


def _picture(
    run: FinishedRun,
    names: list[str],
    starts: list[int],
    arrays: dict[str, np.ndarray],
    position: int,
) -> list[tuple[bytes, str]]:
    """The picture of one moment and its caption; none where the video is not there."""
    number = int(np.searchsorted(starts, position, side="right")) - 1
    first = max(starts[number], position - 1)  # motion is told from the frame before
    frames = run.frames[run.frames["recording"] == names[number]]
    wanted = arrays["frame"][first : min(position + 2, starts[number + 1])]
    moments = picture_moments(run, names[number], frames[frames["frame"].isin(wanted)])
    if not moments.pictures:
        return []
    index = min(position - first, len(moments.pictures) - 1)
    return [(moments.pictures[index], moments.captions[index])]
