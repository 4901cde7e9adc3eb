"""A cage's report: one page that needs no network, and the tables in it as csv beside it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader

from cagewatch import plots, runtime
from cagewatch.cages.alarms import decide_level
from cagewatch.cages.cage import Cage
from cagewatch.cages.results import write_table
from cagewatch.errors import InputError
from cagewatch.files import whole_file
from cagewatch.metrics.alarms import describe_shape
from cagewatch.review.animals import Observed, gather_observed, tabulate_rates
from cagewatch.review.believed import say_left_out
from cagewatch.review.decisions import measure_precision
from cagewatch.review.groups import MEASURES, RESAMPLES, Comparison, compare_groups
from cagewatch.review.pictures import draw_animals, draw_clock, show_moments

MOMENTS = 8  # alarms shown with a clip
PACKAGES = (
    "numpy",
    "scipy",
    "pandas",
    "scikit-learn",
    "statsmodels",
    "av",
    "opencv-python-headless",
)


def write_report(
    cage: Cage,
    into: Path | None = None,
    dark: str = "19-7",
    without_rejected: bool = False,
) -> Path:
    """Write the report of a cage: ``report.html`` and days, animals, groups and alarms as csv.

    Parameters
    ----------
    cage : Cage
    into : Path, optional
        A folder; by default ``report`` in the cage's.
    dark : str
        Hours at which the light goes off and on, as ``19-7`` or ``18:30-6:30``; 'none'.
    without_rejected : bool
        Leave out alarms that were rejected in review.

    Returns
    -------
    Path
        Of the page.

    Raises
    ------
    InputError
        If no alarms are left to report, ``recordings.csv`` is wrong (see `gather_observed`), or
        `dark` is no stretch of the day.
    """
    hours = read_dark(dark)
    observed = gather_observed(cage, without_rejected)
    days, animals = tabulate_rates(observed), tabulate_rates(observed, by_day=False)
    comparisons = [one for measure in MEASURES for one in compare_groups(animals, measure)]
    plots.use_style()
    into = into or cage.folder / "report"
    simulated = observed.recordings["recording"].str.startswith("simulated_").any()
    values = {
        "title": f"Cage {cage.folder.name}" + (" (simulated)" if simulated else ""),
        "summary": summarise(observed, without_rejected),
        "warnings": find_warnings(observed, animals, comparisons),
        "comparisons": comparisons,
        "many": len(comparisons) > len(MEASURES),
        "measures": MEASURES,
        "animals_picture": draw_animals(animals[animals["group"] != ""]) if comparisons else "",
        "clock": draw_clock(observed, hours),
        "dark_words": "none" if hours[0] == hours[1] else f"{dark} o'clock",
        "moments": show_moments(cage, observed, MOMENTS),
        "days": list(days.sort_values(["group", "animal", "day"]).itertuples()),
        "methods": describe_methods(cage, observed, comparisons, without_rejected),
    }
    tables = {"days": days, "animals": animals, "alarms": observed.alarms}
    for name, table in (tables | {"groups": pd.DataFrame(comparisons)}).items():
        write_table(table, into / f"{name}.csv")
    page = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True
    )
    page.filters["number"] = show_number
    text = page.get_template("report.html.j2").render(values)
    with whole_file(into / "report.html") as partial:
        partial.write_text(text, encoding="utf-8")
    return into / "report.html"


def read_dark(text: str) -> tuple[float, float]:
    """Hours of the day at which it gets dark and light; InputError if the text is none."""
    if text == "none":
        return 0.0, 0.0
    match = re.fullmatch(r"(\d{1,2})(?::(\d{2}))?-(\d{1,2})(?::(\d{2}))?", text)
    parts = [int(part or 0) for part in match.groups()] if match else [99]
    if max(parts[::2]) > 24 or max(parts[1::2], default=0) > 59:
        raise InputError(f"{text!r} is no dark phase: give two times of day, 19-7, or none.")
    return parts[0] + parts[1] / 60, parts[2] + parts[3] / 60


def show_number(value: float) -> str:
    """A number with three digits; a dash where it is not known."""
    return "–" if np.isnan(value) else f"{value:.3g}".replace("-", "−")


def summarise(observed: Observed, without_rejected: bool) -> str:
    """What was watched, how many alarms there were, and what of them was reviewed."""
    table, found = observed.recordings, measure_precision(observed.alarms)
    first, last = (f"{one:%Y-%m-%d}" for one in (table["start"].min(), table["start"].max()))
    when = f"on {first}" if first == last else f"from {first} to {last}"
    text = (
        f"{len(observed.alarms)} alarms in {table['hours'].sum():.3g} hours of {len(table)}"
        f" recordings of {table['animal'].nunique()} animals, {when}."
    )
    if without_rejected:
        return text + " Alarms rejected in review are left out."
    if found.reviewed:
        text += (
            f" Of {found.reviewed} alarms reviewed, {found.accepted} were accepted (precision"
            f" {found.value:.2f}, 95 % interval {found.low:.2f} to {found.high:.2f})."
        )
    return text


def find_warnings(
    observed: Observed, animals: pd.DataFrame, comparisons: list[Comparison]
) -> list[str]:
    """What speaks against the report, a sentence each."""
    found = list(dict.fromkeys(one.warning for one in comparisons if one.warning))
    if len({threshold for threshold, _ in observed.levels}) > 1:
        found.append("Recordings were scored at different thresholds; score all of them again.")
    if len({shape for _, shape in observed.levels}) > 1:
        found.append(
            "Recordings were scored with other settings of alarms; score all of them again."
        )
    found += say_left_out(observed.left_out)
    without = animals.loc[animals["group"] == "", "animal"].tolist()
    if comparisons and without:
        found.append(f"In no group, so not compared: {', '.join(without[:6])}.")
    return found


def describe_methods(
    cage: Cage, observed: Observed, comparisons: list[Comparison], without_rejected: bool
) -> str:
    """A paragraph ready for a paper: detector, calibration, alarms, statistics and versions."""
    settings = cage.run.parameters
    level = decide_level(cage)
    versions = ", ".join(f"{name} {runtime.version(name)}" for name in PACKAGES)
    thresholds = sorted({threshold for threshold, _ in observed.levels})
    # Another budget or threshold may have been given when the recordings were scored.
    usual = np.allclose(thresholds, level.threshold, rtol=1e-9, atol=0)
    chosen = f"{level.words} " if usual else ""
    began = " or ".join(f"{one:.4g}" for one in thresholds)
    shapes = ", or ".join(dict.fromkeys(describe_shape(shape) for _, shape in observed.levels))
    rejected = " Alarms rejected by a reviewer were left out." if without_rejected else ""
    tested = (
        " Groups were compared by animal: a two-sided permutation test of the difference of means"
        f" over animals (exact where there are at most {RESAMPLES} ways, else that many), Welch's"
        " 95 % interval, Hedges' g, and Holm's correction over pairs of groups for each measure."
    )
    return (
        f"Recordings were scored with cagewatch {runtime.version('cagewatch')}, detector"
        f" {plots.name_model(settings.model)} ({settings.model}, seed {settings.seed}), fitted on"
        f" one frame in {settings.frame_stride} of normal recordings, shrunk to"
        f" {settings.resize_width}x{settings.resize_height} pixels. {chosen}Alarms began at a"
        f" smoothed score of {began}; {shapes}.{rejected} Intervals of rates and of shares of"
        " time are gamma intervals for (weighted) Poisson counts (Fay and Feuer 1997)."
        f"{tested if comparisons else ''} Versions: Python {runtime.describe()['python']},"
        f" {versions}."
    )
