"""The threshold explorer: widgets around the numbers and figures of a finished run.

`Explorer` holds what is chosen (run, score, smoothing, threshold, alarm) and redraws what depends
on it. Everything it shows at a threshold comes from `cagewatch.metrics`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cagewatch.errors import InputError
from cagewatch.explore import figures
from cagewatch.explore.controls import RULES, STEPS, Controls
from cagewatch.explore.frames import picture_moments
from cagewatch.explore.tables import describe_alarm, describe_consequences
from cagewatch.metrics import Alarm, alarm_at, apply_rule, default_rule, weigh_threshold
from cagewatch.runs.read import KEY, find_run, list_runs, read_run
from cagewatch.runs.thresholds import available_scores, save_threshold, select_scores

ALL = "all recordings"
THRESHOLD_FILE = "threshold.json"
MARGIN = 12  # frames shown before and after an alarm
MAX_FRAMES = 160  # frames of one alarm shown; a longer alarm is shown around its peak


class Explorer(Controls):
    """The explorer's widgets; `box` is what a notebook displays.

    Parameters
    ----------
    results_dir : folder of the runs.
    chosen : dataset, target, model and seed to begin with; what is missing or None is the first.
    rule, smoothing, score : likewise; `rule` None is EER, or a training quantile without labels.
    """

    def __init__(
        self,
        results_dir: str = "results",
        chosen: dict[str, Any] | None = None,
        rule: str | None = None,
        smoothing: int = 1,
        score: str = "both",
    ) -> None:
        self.problem: str | None = None
        try:
            self.runs = list_runs(results_dir)
        except InputError as error:
            self.problem = str(error)
            self.box = widgets.HTML(f'<p class="cw-message">{escape(self.problem)}</p>')
            return
        self.rule = rule
        self.quiet = False
        self.pictures: list[bytes] = []
        super().__init__(smoothing, score)
        self._offer_runs(
            {name: value for name, value in (chosen or {}).items() if value is not None}
        )
        self._watch()
        self.open_run()
        self.box = self.lay_out()

    def draw(self) -> Figure | None:
        """All figures at the threshold, for a notebook that is only read; None without a run."""
        if self.problem:
            return None
        title = " · ".join(str(self.key[name].value) for name in KEY)
        return figures.plot_explorer(self.scored, self.threshold, title)

    # What is chosen

    def open_run(self, *_: Any) -> None:
        """Read the chosen run and show it at its default threshold."""
        with self._telling():
            self.run = read_run(find_run(self.runs, **{key: self.key[key].value for key in KEY}))
            scores = available_scores(self.run)
            with self._quietly():
                keep = self.score.value if self.score.value in scores else scores[0]
                self.score.options, self.score.value = scores, keep
            self.choose_scores()

    def choose_scores(self, *_: Any) -> None:
        """Take the chosen score and smoothing; the threshold goes to the default rule's."""
        with self._telling():
            self.scored = select_scores(self.run, self.score.value, self.smoothing.value)
            low, high = float(self.scored.score.min()), float(self.scored.score.max())
            # Up to one step above the highest score, where nothing is flagged.
            self.lowest, self.step = low, ((high - low) or 1.0) / (STEPS - 1)
            with self._quietly():
                self.part.options, self.part.value = [ALL, *self.scored.names], ALL
            self.panels = [
                figures.Panel(lambda ax, draw=draw: draw(self.scored, ax), figures.SMALL)
                for draw in (
                    figures.draw_roc,
                    figures.draw_precision_recall,
                    figures.draw_histograms,
                )
            ]
            self.choose_part()
            self.set_threshold(apply_rule(self.scored, self.rule or default_rule(self.scored)))

    def choose_part(self, *_: Any) -> None:
        """Show the chosen recording, or all of them, on the timeline."""
        codes, names = self.scored.codes, self.scored.names
        mine = np.ones(len(codes), bool)
        if self.part.value != ALL:
            mine = codes == names.index(self.part.value)
        positions = np.flatnonzero(mine)
        elapsed = self.scored.elapsed_s
        with self._quietly():
            low, high = float(elapsed[positions[0]]), float(elapsed[positions[-1]])
            self.zoom.max = max(self.zoom.max, high)
            self.zoom.min, self.zoom.max = low, max(high, low + 1e-3)
            self.zoom.step = max((high - low) / STEPS, 1e-3)
            self.zoom.value = (low, high)
        self.draw_timeline()

    def set_threshold(self, threshold: float) -> None:
        """Move everything that depends on the threshold to `threshold`."""
        self.threshold = float(threshold)
        with self._quietly():
            position = np.clip((self.threshold - self.lowest) / self.step, 0, STEPS)
            self.slider.value = int(round(float(position)))
            self.typed.value = self.threshold
        self.show_threshold()

    # What is shown

    def show_threshold(self) -> None:
        """Redraw numbers and figures at the threshold; this is all that a slider step costs."""
        self.consequences = weigh_threshold(self.scored, self.threshold)
        self.numbers.value = describe_consequences(self.scored, self.consequences)
        for image, panel in zip(self.images, [*self.panels, self.timeline], strict=True):
            image.value = panel.render(self.consequences)
        n_alarms = self.consequences.n_alarms
        with self._quietly():
            self.number.min, self.number.max = 0, n_alarms
            self.number.min = self.number.value = min(1, n_alarms)
        self.describe_chosen_alarm()
        self.clear_pictures()

    def draw_timeline(self, *_: Any) -> None:
        """Draw the timeline anew for the chosen stretch of time."""
        start, stop = np.searchsorted(self.scored.elapsed_s, self.zoom.value)
        start = min(int(start), len(self.scored.score) - 2)
        part = slice(max(start, 0), max(int(stop) + 1, start + 2))
        self.timeline = figures.Panel(
            lambda ax: figures.draw_timeline(self.scored, part, ax), figures.WIDE
        )
        if hasattr(self, "threshold"):
            self.images[3].value = self.timeline.render(
                weigh_threshold(self.scored, self.threshold)
            )

    def chosen_alarm(self) -> Alarm | None:
        """The alarm whose number is chosen; None if nothing is flagged."""
        if not self.consequences.n_alarms:
            return None
        return alarm_at(self.scored, self.consequences.spans[self.number.value - 1])

    def describe_chosen_alarm(self) -> None:
        """Say where the chosen alarm is; nothing is decoded yet."""
        text = "nothing is flagged at this threshold: there is no alarm to show"
        if alarm := self.chosen_alarm():
            n_alarms = self.consequences.n_alarms
            text = describe_alarm(self.scored, alarm, self.number.value, n_alarms)
        self.alarm_text.value = f'<span class="cw-alarm">{text}</span>'

    def show_alarm(self, *_: Any) -> None:
        """Show the chosen alarm's frames, reconstructions and error maps, ready to play."""
        self.describe_chosen_alarm()
        self.clear_pictures()
        if not (alarm := self.chosen_alarm()):
            return
        scored = self.scored
        mine = np.flatnonzero(scored.codes == scored.codes[alarm.start])
        first, last = choose_window(alarm.start, alarm.stop, alarm.peak, int(mine[-1]) + 1)
        first = max(first, int(mine[0]))
        with self._telling("decoding the alarm ..."):
            name = scored.names[scored.codes[alarm.start]]
            frames = self.run.frames
            mine = frames[frames["recording"] == name]
            rows = mine[mine["frame"].between(scored.frame[first], scored.frame[last - 1])]
            self.pictures, _, problems = picture_moments(self.run, name, rows)
            self.say(" ".join(problems))
        if self.pictures:
            with self._quietly():
                self.play.max = self.frame.max = len(self.pictures) - 1
                self.frame.value = min(alarm.peak - first, len(self.pictures) - 1)
            self.show_frame()
            self.player.layout.display = ""

    def show_frame(self, *_: Any) -> None:
        """Show the chosen frame of the alarm's pictures."""
        if self.pictures:
            self.picture.value = self.pictures[min(self.frame.value, len(self.pictures) - 1)]

    def clear_pictures(self) -> None:
        """Hide the pictures of the alarm shown before."""
        self.pictures = []
        self.player.layout.display = "none"

    def say(self, text: str) -> None:
        """Show a message to the user; '' clears it."""
        self.message.value = f'<span class="cw-message">{escape(text)}</span>'

    # What the controls do

    def drag(self) -> None:
        """Move the threshold to where the slider is."""
        self.set_threshold(self.lowest + self.slider.value * self.step)

    def step_alarm(self, by: int) -> None:
        """Go to the next alarm, or the one before, and show it."""
        with self._quietly():
            target = self.number.value + by if self.pictures else self.number.value
            self.number.value = min(max(target, self.number.min), self.number.max)
        self.show_alarm()

    def zoom_to_alarm(self, *_: Any) -> None:
        """Show the chosen alarm and ten times its margin on the timeline."""
        if not (alarm := self.chosen_alarm()):
            return
        elapsed = self.scored.elapsed_s
        first = max(alarm.start - 10 * MARGIN, 0)
        last = min(alarm.stop + 10 * MARGIN, len(elapsed) - 1)
        self.part.value = ALL
        self.zoom.value = (float(elapsed[first]), float(elapsed[last]))

    def apply_rule(self, *_: Any) -> None:
        """Move the threshold to where the chosen rule puts it."""
        form, value = RULES[self.rule_name.value]
        with self._telling():
            rule = form if value is None else f"{form}{self.rule_value.value:g}"
            self.set_threshold(apply_rule(self.scored, rule))

    def save(self, *_: Any) -> None:
        """Write the threshold and its consequences into the run's folder."""
        with self._telling():
            path = self.run.folder / THRESHOLD_FILE
            save_threshold(
                path, self.run, self.scored, self.threshold, self.score.value, self.smoothing.value
            )
            self.say(f"saved: {_short(path)}; the notebook score_recording takes it as threshold")

    # How it works inside

    def _offer_runs(self, wanted: dict[str, Any]) -> None:
        """Fill the four run choices so that each offers only what the ones before it leave."""
        first = self.runs[self.runs["folder"] == find_run(self.runs, **wanted)].iloc[0]
        with self._quietly():
            left: pd.DataFrame = self.runs
            for name in KEY:
                there = list(dict.fromkeys(left[name].tolist()))
                value = first[name] if first[name] in there else there[0]
                self.key[name].options, self.key[name].value = there, value
                left = left[left[name] == value]

    def _choose_run(self, *_: Any) -> None:
        """Open the run chosen; what no longer fits the first choices falls back to what does."""
        left, wanted = self.runs, {}
        for name in KEY:
            value = self.key[name].value
            if value in set(left[name]):
                wanted[name] = value
                left = left[left[name] == value]
        self._offer_runs(wanted)
        self.open_run()

    def _watch(self) -> None:
        def on(widget: widgets.Widget, act: Callable[..., None]) -> None:
            widget.observe(lambda change: None if self.quiet else act(), "value")

        for choice in self.key.values():
            on(choice, self._choose_run)
        on(self.score, self.choose_scores)
        on(self.smoothing, self.choose_scores)
        on(self.slider, self.drag)
        on(self.typed, lambda: self.set_threshold(self.typed.value))
        on(self.rule_name, self._offer_rule_value)
        on(self.part, self.choose_part)
        on(self.zoom, self.draw_timeline)
        on(self.number, self.show_alarm)
        on(self.frame, self.show_frame)
        widgets.jslink((self.play, "value"), (self.frame, "value"))
        self.rule_button.on_click(self.apply_rule)
        self.save_button.on_click(self.save)
        self.look.on_click(self.show_alarm)
        self.near.on_click(self.zoom_to_alarm)
        self.before.on_click(lambda _: self.step_alarm(-1))
        self.after.on_click(lambda _: self.step_alarm(1))

    def _offer_rule_value(self) -> None:
        value = RULES[self.rule_name.value][1]
        self.rule_value.layout.visibility = "hidden" if value is None else "visible"
        if value is not None:
            self.rule_value.value = value

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        """Set widgets without their handlers acting on it."""
        before, self.quiet = self.quiet, True
        try:
            yield
        finally:
            self.quiet = before

    @contextmanager
    def _telling(self, meanwhile: str = "") -> Iterator[None]:
        """Show an InputError to the user instead of a traceback; other errors are defects."""
        self.say(meanwhile)
        try:
            yield
        except InputError as error:
            self.say(str(error))


def choose_window(start: int, stop: int, peak: int, n_frames: int) -> tuple[int, int]:
    """First frame and the one after the last to show of an alarm, with a margin around it."""
    first, last = max(0, start - MARGIN), min(n_frames, stop + MARGIN)
    if last - first > MAX_FRAMES:
        first = int(np.clip(peak - MAX_FRAMES // 2, first, last - MAX_FRAMES))
        last = first + MAX_FRAMES
    return first, last


def _short(path: Path) -> str:
    """A path from the current folder where that is shorter."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
