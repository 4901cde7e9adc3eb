"""The explorer as a widget of JupyterLab and Voila: the page asks, the kernel reads and decodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
from matplotlib.figure import Figure

from cagewatch import plots
from cagewatch.errors import InputError
from cagewatch.explore.bundle import bundle_run, describe_key, read_script
from cagewatch.explore.frames import MOST_FRAMES, picture_moments
from cagewatch.runs.read import KEY, find_run, list_runs, read_run
from cagewatch.runs.thresholds import save_threshold, select_scores

THRESHOLD_FILE = "threshold.json"


class Explorer(anywidget.AnyWidget):
    """A finished run at a threshold that is dragged; display it in a notebook.

    Parameters
    ----------
    results_dir : str
        Folder of the finished runs. Where there is none, the page says so.
    chosen : dict, optional
        Dataset, target, model and seed to begin with; what is missing or None is the first there
        is.
    rule : str, optional
        Of the threshold to begin with; by default the equal error rate, or without labels a
        quantile of the training scores.
    smoothing : int
        Frames averaged around each frame.
    score : {'both', 'image', 'flow'}
    """

    _esm = read_script()

    def __init__(
        self,
        results_dir: str = "results",
        chosen: dict[str, Any] | None = None,
        rule: str | None = None,
        smoothing: int = 1,
        score: str = "both",
    ) -> None:
        super().__init__()
        self.rule, self.score, self.smoothing = rule, score, smoothing
        self.problem: str | None = None
        try:
            self.runs = list_runs(results_dir)
            wanted = {name: value for name, value in (chosen or {}).items() if value is not None}
            folder = find_run(self.runs, **wanted)
            self.index = self.runs["folder"].tolist().index(folder)
        except InputError as error:
            self.problem = str(error)
        self.on_msg(lambda _, message, buffers: self.hear(message))

    def hear(self, message: dict[str, Any]) -> None:
        """Answer the page: ``open`` a run, give ``frames``, or ``save`` the threshold.

        What a user can mend is said on the page.
        """
        if self.problem:
            self.send({"kind": "none", "text": self.problem})
            return
        try:
            if message["kind"] == "open":
                self.open_run(message)
            elif message["kind"] == "frames":
                self.send_frames(int(message["first"]), int(message["count"]))
            elif message["kind"] == "save":
                self.save(float(message["threshold"]))
        except InputError as error:
            self.send({"kind": "say", "text": str(error)})

    def open_run(self, choice: dict[str, Any]) -> None:
        """Read the run, score and smoothing chosen and send them to the page."""
        self.index = int(choice.get("run", self.index))
        self.score = str(choice.get("score", self.score))
        self.smoothing = int(choice.get("smoothing", self.smoothing))
        keys = list(self.runs[list(KEY)].itertuples(index=False, name=None))
        labels = [describe_key(key) for key in keys]
        others = [k for k, key in enumerate(keys) if key[:2] == keys[self.index][:2]]
        others.remove(self.index)
        second = choice.get("second")
        second = second if second in others else None
        self.run = read_run(self.runs["folder"].iloc[self.index])
        compared = None if second is None else read_run(self.runs["folder"].iloc[second])
        self.bundle = bundle_run(self.run, self.rule, self.score, self.smoothing, compared)
        self.score = self.bundle.about["chosen"]
        about = self.bundle.about | {
            "runs": labels,
            "run": self.index,
            "others": [(k, labels[k].split(" · ", 2)[2]) for k in others],
            "second": second,
        }
        arrays = self.bundle.arrays
        self.send(
            {"kind": "run", "about": about, "names": list(arrays)},
            [array.tobytes() for array in arrays.values()],
        )

    def send_frames(self, first: int, count: int) -> None:
        """Send pictures of `count` successive frames of one recording, from position `first` on."""
        about, arrays = self.bundle
        number = sum(start <= first for start in about["starts"][1:])
        name = about["names"][number]
        last = min(first + min(count, MOST_FRAMES), about["starts"][number + 1])
        frames = self.run.frames[self.run.frames["recording"] == name]
        rows = frames[frames["frame"].isin(arrays["frame"][first:last])]
        pictures, captions, problems = picture_moments(self.run, name, rows)
        text = " ".join(problems)
        self.send({"kind": "frames", "captions": captions, "text": text}, pictures)

    def save(self, threshold: float) -> Path:
        """Write the threshold and its consequences into the run's folder."""
        path = self.run.folder / THRESHOLD_FILE
        scored = select_scores(self.run, self.score, self.smoothing)
        save_threshold(path, self.run, scored, threshold, self.score, self.smoothing)
        place = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
        self.send({"kind": "say", "text": f"saved: {place}; score_recording takes it as threshold"})
        return path

    def draw(self) -> Figure | None:
        """Draw the scores at the equal-error threshold, for a notebook that is only read."""
        if self.problem:
            print(self.problem)
            return None
        run = read_run(self.runs["folder"].iloc[self.index])
        return plots.show_timeline(run.frames, run.metrics, run.parameters)
