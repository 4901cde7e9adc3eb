"""The explorer's widgets and how they are laid out; what they do is in `widgets`."""

from __future__ import annotations

import ipywidgets as widgets

from cagewatch.runs.read import KEY
from cagewatch.runs.thresholds import COLUMN_OF

RULES = {
    "equal error rate": ("eer", None),
    "Youden": ("youden", None),
    "false alarms per hour, at most": ("false_alarms_per_hour<=", 6.0),
    "recall, at least": ("recall>=", 0.9),
    "share of bouts, at least": ("bouts>=", 0.9),
    "quantile of training scores": ("quantile=", 0.99),
}
STEPS = 1000  # of the threshold's slider


class Controls:
    """Every widget of the explorer, each with the CSS class ``cw-<its name>``."""

    def __init__(self, smoothing: int, score: str) -> None:
        narrow, wide = {"width": "16em"}, {"width": "100%"}
        self.key = {
            name: widgets.Dropdown(description=name, layout={"width": "17em"}) for name in KEY
        }
        self.score = widgets.ToggleButtons(
            description="score",
            options=list(COLUMN_OF),
            value=score,
            style={"button_width": "5em"},
            layout={"width": "26em"},
        )
        self.smoothing = widgets.BoundedIntText(
            description="smoothing", value=smoothing, min=1, max=9999, layout={"width": "12em"},
            tooltip="frames averaged around each frame",
        )  # fmt: skip
        # Whole steps: a browser rounds a float to its slider's grid and sends that back.
        self.slider = widgets.IntSlider(
            description="threshold", readout=False, max=STEPS, layout={"width": "min(46em, 95%)"}
        )
        self.typed = widgets.FloatText(description="or type", layout=narrow, step=None)
        self.rule_name = widgets.Dropdown(
            description="or a rule", options=list(RULES), layout={"width": "22em"}
        )
        self.rule_value = widgets.FloatText(layout={"width": "6em", "visibility": "hidden"})
        self.rule_button = widgets.Button(description="apply rule")
        self.save_button = widgets.Button(description="save threshold", icon="save")
        self.message, self.numbers, self.alarm_text = (widgets.HTML() for _ in range(3))
        self.images = [
            widgets.Image(format="jpeg", layout={"width": "330px", "max_width": "100%"})
            for _ in range(3)
        ]
        # In a narrow window the timeline is scrolled rather than made too small to read.
        self.images.append(
            widgets.Image(
                format="jpeg", layout={"width": "1100px", "max_width": "max(100%, 720px)"}
            )
        )
        self.part = widgets.Dropdown(description="show", layout={"width": "20em"})
        self.zoom = widgets.FloatRangeSlider(
            description="seconds", readout_format=".1f", continuous_update=False, layout=wide
        )
        self.before, self.after = (
            widgets.Button(description=text, layout={"width": "8em"})
            for text in ("◀ previous", "next ▶")
        )
        self.number = widgets.BoundedIntText(description="alarm", layout={"width": "12em"})
        self.look = widgets.Button(description="show frames", icon="film")
        self.near = widgets.Button(description="zoom to alarm", icon="search")
        self.play = widgets.Play(min=0, max=0, interval=80, repeat=True)
        self.frame = widgets.IntSlider(min=0, max=0, description="frame")
        self.picture = widgets.Image(
            format="jpeg", layout={"max_width": "100%", "align_self": "flex-start"}
        )
        self.player = widgets.VBox([widgets.HBox([self.play, self.frame]), self.picture])
        self.player.layout.display = "none"
        for name, widget in vars(self).items():
            if isinstance(widget, widgets.DOMWidget):
                widget.add_class(f"cw-{name.replace('_', '-')}")

    def lay_out(self) -> widgets.Widget:
        """All widgets in one box, rows breaking where the window is too narrow for them."""

        def row(*children: widgets.Widget) -> widgets.Box:
            return widgets.Box(list(children), layout={"flex_flow": "row wrap", "width": "100%"})

        box = widgets.VBox(
            [
                row(*self.key.values()),
                row(self.score, self.smoothing),
                row(self.slider, self.typed),
                row(self.rule_name, self.rule_value, self.rule_button, self.save_button),
                self.message,
                row(self.numbers, *self.images[:3]),
                row(self.part, self.near),
                widgets.Box([self.images[3]], layout={"overflow": "auto hidden", "width": "100%"}),
                self.zoom,
                row(self.before, self.number, self.after, self.look),
                self.alarm_text,
                self.player,
            ]
        )
        box.add_class("cw-box")
        return box
