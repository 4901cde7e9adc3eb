"""The part of the picture that is used, drawn with the mouse in a notebook."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import anywidget
import cv2
import traitlets

from cagewatch.cages import Plan
from cagewatch.store import preprocessing_of
from cagewatch.video import read_frames

PAGE = Path(__file__).parent / "page"


class RegionDrawer(anywidget.AnyWidget):
    """The first frame of a recording to draw a rectangle on; display it in a notebook.

    Attributes
    ----------
    region : list of int
        [left, top, width, height] in pixels of the source; empty: all of it.
    """

    _esm = (PAGE / "region.js").read_text(encoding="utf-8")
    picture = traitlets.Unicode().tag(sync=True)
    region = traitlets.List(traitlets.Int()).tag(sync=True)


def draw_region(plan: Plan) -> RegionDrawer:
    """Show the first recording's first frame, on which a region can be drawn.

    Parameters
    ----------
    plan : Plan
        Of `cagewatch.cages.plan_training`; its region is the one to begin with.
    """
    settings = preprocessing_of(plan.parameters)
    _, frame = next(read_frames(plan.train[0].source, fps=settings.image_fps))
    _, coded = cv2.imencode(".png", frame)
    picture = f"data:image/png;base64,{b64encode(coded.tobytes()).decode()}"
    return RegionDrawer(picture=picture, region=list(settings.region or []))
