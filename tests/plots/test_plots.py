"""Plots: what is drawn is what was given, figures reproduce, and nothing is lost on the way."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from cagewatch import metrics, plots
from cagewatch.errors import InputError
from cagewatch.names import escape_math
from cagewatch.params import resolve
from cagewatch.simulate import name_recordings


@pytest.fixture(autouse=True)
def clean_figures():
    with plt.style.context(plots.STYLE):
        yield
    plt.close("all")


def legend_texts(ax: plt.Axes) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


def make_scores(n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    anomalous = np.repeat(generator.random(n // 10) < 0.3, 10)
    return generator.normal(size=n) + anomalous, anomalous


def test_plots_import_no_backend() -> None:
    code = (
        "import sys, cagewatch.plots, cagewatch.study.tables; "
        "sys.exit(bool({'keras', 'tensorflow', 'jax', 'torch'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_the_look_tells_lines_apart_in_grey() -> None:
    styles = [plots.cycle_style(index) for index in range(7)]
    assert len({str(style["linestyle"]) for style in styles}) == 7
    assert len({style["color"] for style in styles}) == 7
    rgb = np.array([matplotlib.colors.to_rgb(style["color"]) for style in styles])
    lightness = rgb @ [0.299, 0.587, 0.114]
    assert np.all(np.abs(np.diff(lightness[:4])) > 0.05)  # those most often side by side
    again = [plots.cycle_style(index) for index in range(7, 14)]
    assert [one["color"] for one in again] == [one["color"] for one in styles]
    assert all(one not in styles for one in again)  # other dashes


def test_roc_draws_the_curve_its_auc_and_one_diagonal() -> None:
    score, anomalous = make_scores()
    roc = metrics.compute_roc(score, anomalous)
    interval = metrics.auc_interval(score, anomalous)
    ax = plots.plot_roc(roc, "RAE", interval, points={"equal error": (0.3, 0.7)})
    again = plots.plot_roc(roc, "CAE", 0.5, metrics.roc_band(score, anomalous), index=1, ax=ax)
    assert again is ax
    curve = next(line for line in ax.lines if str(line.get_label()).startswith("RAE"))
    np.testing.assert_array_equal(curve.get_xdata(), roc.false_positive_rate)
    np.testing.assert_array_equal(curve.get_ydata(), roc.true_positive_rate)
    assert sum(line.get_gid() == "chance" for line in ax.lines) == 1
    texts = legend_texts(ax)
    expected = metrics.format_auc(interval.value, interval.low, interval.high)
    assert f"RAE\n{expected}" in texts and "CAE\n0.500" in texts and "equal error" in texts


def test_roc_of_one_class_says_so() -> None:
    ax = plots.plot_roc(metrics.compute_roc(np.arange(3.0), np.zeros(3, bool)), "RAE")
    assert legend_texts(ax) == ["chance", "RAE (undefined: one class only)"]


def test_timeline_shades_bouts_and_marks_true_and_false_alarms() -> None:
    times = np.arange(100) / 10
    anomalous = (times >= 2) & (times < 3)
    score = np.where((times >= 2.5) & (times < 3.5) | (times == 7.0), 5.0, 0.0)
    ax = plots.plot_score_timeline(times, score, anomalous, threshold=1)
    bouts = [patch for patch in ax.patches if patch.get_width() > 0]
    assert [(patch.get_x(), patch.get_width()) for patch in bouts] == [(2.0, pytest.approx(1.0))]
    hit, false = (
        [(path.vertices[:, 0].min(), path.vertices[:, 0].max()) for path in bars.get_paths()]
        for bars in ax.collections
    )
    assert hit == [pytest.approx((2.5, 3.5))] and false == [pytest.approx((7.0, 7.1))]
    assert "s)" in ax.get_xlabel()
    assert max(ax.get_ylim()) > 5  # the alarms have room above the highest score


def test_thinning_keeps_every_peak_and_the_order() -> None:
    generator = np.random.default_rng(0)
    values = generator.normal(size=56_000)
    values[[7, 30_000, 55_999]] = 50
    times, thin = plots.thin_series(np.arange(56_000.0), values)
    assert len(thin) <= 2000 and np.all(np.diff(times) > 0)
    assert {7.0, 30_000.0, 55_999.0} <= set(times) and thin.min() == values.min()
    np.testing.assert_array_equal(thin, values[times.astype(int)])


def test_histograms_are_shares_of_their_class() -> None:
    score, anomalous = make_scores()
    ax = plots.plot_score_histograms(score, anomalous, 0.5)
    heights = [patch.get_data().values for patch in ax.patches]
    assert [value.sum() for value in heights] == [pytest.approx(1), pytest.approx(1)]
    assert legend_texts(ax)[:2] == [
        f"normal ({(~anomalous).sum()})",
        f"anomalous ({anomalous.sum()})",
    ]
    assert legend_texts(plots.plot_score_histograms(score)) == ["all frames (400)"]


def test_a_heatmap_writes_its_numbers() -> None:
    table = pd.DataFrame([[0.9, np.nan]], index=["hang"], columns=["RAE", "CAE"])
    assert [text.get_text() for text in plots.plot_heatmap(table).texts] == ["0.90", "–"]


def test_frames_keep_their_pixels() -> None:
    frames = np.random.default_rng(0).integers(0, 255, (5, 24, 32)).astype(np.uint8)
    ax = plots.plot_frames(frames)
    sheet = np.asarray(ax.images[0].get_array())
    windows = np.lib.stride_tricks.sliding_window_view(sheet, (24, 32))
    for frame in frames:
        assert np.any(np.all(windows == frame, axis=(2, 3)))


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_reconstructions_show_every_stream_and_the_error(channels: int) -> None:
    generator = np.random.default_rng(0)
    clip = {
        "image": generator.random((4, 24, 32, 1)),
        "flow": generator.random((4, 24, 32, channels)),
    }
    figure = plots.plot_reconstructions(clip, {name: value / 2 for name, value in clip.items()})
    panels = [ax for ax in figure.axes if ax.images]
    assert len(panels) == 2 * 3 * 4
    error = np.asarray(panels[8].images[0].get_array())
    np.testing.assert_allclose(error, clip["image"][0, ..., 0] / 2)
    one = plots.plot_reconstructions(clip, {"flow": clip["flow"]})
    assert len([ax for ax in one.axes if ax.images]) == 3 * 4


def test_saved_figures_reproduce_and_say_simulated_once(tmp_path: Path) -> None:
    written = []
    for name in ("a", "b"):
        score, anomalous = make_scores()
        ax = plots.plot_roc(metrics.compute_roc(score, anomalous), "RAE")
        plots.mark_simulated(ax.figure)
        paths = plots.save_figure(ax.figure, tmp_path / name, "roc", True, caption="A ROC.")
        written.append([path.read_bytes() for path in paths])
        assert [path.name for path in paths] == ["roc.svg", "roc.png"]
        assert [text.get_text() for text in ax.figure.texts].count("simulated data") == 1
    assert written[0] == written[1]
    assert b"<dc:date>" not in written[0][0]
    assert '"A ROC."' in (tmp_path / "a" / "roc.json").read_text()
    plain = plots.plot_roc(metrics.compute_roc(score, anomalous), "RAE")
    assert plots.save_figure(plain.figure, tmp_path, "plain")[1].read_bytes() != written[0][1]


def test_unwritable_folder_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="Cannot write"):
        plots.save_figure(plt.figure(), tmp_path / "file", "roc")


class Halving:
    """Stands for a detector: gives back half of the clip it gets."""

    parameters = resolve({"dataset": "folder", "model": "cae", "scale": "smoke"})

    def rebuild_clip(self, gray, flow):
        return {"image": gray[..., None] / 255}, {"image": gray[..., None] / 510}


class Stored:
    """Stands for a store of 50 frames."""

    gray = np.full((50, 24, 32), 100, np.uint8)
    flow = np.zeros((50, 24, 32, 2), np.float16)

    def __len__(self):
        return 50


@pytest.mark.parametrize(
    ("flags", "names"),
    [
        ("mixed", name_recordings(8)),
        ("none", [f"Test{n:03d}" for n in range(1, 9)]),
        ("unlabelled", name_recordings(8)),
        ("mixed", [f"rat$5%_${n}" for n in range(8)]),  # no formula
    ],
)
def test_figures_of_a_run(flags: str, names: list[str]) -> None:
    # A copy of a simulated recording in a folder of videos is still simulated.
    parameters = Halving.parameters
    score, anomalous = make_scores()
    given = {"mixed": anomalous, "none": np.zeros(400, bool), "unlabelled": [None] * 400}[flags]
    frames = pd.DataFrame(
        {
            "recording": np.repeat(names, 50),
            "frame": np.tile(np.arange(50), 8),
            "time_s": np.tile(np.arange(50) / 10, 8),
            "label": "",
            "score_image": score,
            "anomalous": pd.array(given, dtype="boolean"),
            "score_flow": np.nan,
            "score": score,
        }
    )
    results = metrics.compute_metrics(frames, parameters)
    top = frames.loc[frames["score"].idxmax()]
    figures = [
        plots.show_result(frames, results, parameters),
        plots.show_timeline(frames, results, parameters),
        *plots.show_reconstructions(Halving(), frames, dict.fromkeys(names, Stored())),
    ]
    for figure in figures:
        figure.canvas.draw()
        marks = [text.get_text() for text in figure.texts].count("simulated data")
        assert marks == (names == name_recordings(8))
    assert "6 of 8 recordings" in figures[1].get_suptitle()
    first = min(max(top["frame"] - 4, 0), 42)  # the clip around that frame, inside the recording
    title = f"{top['score']:.3f}, {top['recording']}, from frame {first}"
    assert figures[2].get_suptitle() == escape_math(f"highest score: {title}")
