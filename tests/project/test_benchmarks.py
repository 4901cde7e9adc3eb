"""The benchmarks' own arithmetic: medians of pairs, counted operations, lengthened videos."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from benchmarks import gpu_study, recommended
from benchmarks.__main__ import BENCHMARKS, read_arguments
from benchmarks.material import lengthen
from benchmarks.measure import compare, interleave, rates, to_markdown

from cagewatch.errors import InputError
from cagewatch.runs.write import save_scores
from cagewatch.video import count_frames, read_frames


def test_a_row_has_the_median_of_the_ratios_run_by_run():
    # The machine was three times slower in the second run; the ratio does not see it.
    row = compare("a", [2.0, 6.0, 2.0], [1.0, 3.0, 1.0], "s", ">= 1")
    assert (row["ours"], row["reference"], row["ratio"]) == (2.0, 1.0, 2.0)
    assert list(row) == ["name", "ours", "reference", "ratio", "goal", "unit"]
    assert (
        to_markdown([row | {"reference": None}]).splitlines()[-1] == "| a | 2 |  | 2 | >= 1 | s |"
    )


def test_the_mouse_sample_is_trained_on_a_gpu_as_its_study_trains_it():
    planned = gpu_study.plan({"mit_sample": "data", "mit_sample_reversed": "data", "ped2": "data"})
    scales = {(run["dataset"], run["scale"]) for runs in planned.values() for run in runs}
    assert {("mit_sample", "medium"), ("mit_sample_reversed", "medium")} <= scales
    assert ("ped2", "paper") in scales and ("mit_sample", "paper") not in scales


def test_all_benchmarks_are_run_unless_some_are_named(capsys):
    assert read_arguments([]).names == BENCHMARKS
    assert read_arguments(["start", "train"]).names == ["start", "train"]
    with pytest.raises(SystemExit):
        read_arguments(["stat"])
    assert "no benchmark 'stat'" in capsys.readouterr().err


def test_works_are_run_in_turn_and_the_first_does_not_count():
    order = []
    seconds = interleave({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 2)
    assert order == ["a", "b"] * 3 and len(seconds["a"]) == len(seconds["b"]) == 2
    assert rates([2.0, 4.0], 8) == [4.0, 2.0]


def test_a_lengthened_video_is_whole_and_repeats_its_frames(tmp_path, write_video, moving_disc):
    source = write_video(tmp_path / "a.mpg", moving_disc(30), 25, codec="mpeg1video")
    video = lengthen(source, tmp_path / "b.mpg", 3)
    assert count_frames(video) == 90
    times, frames = zip(*read_frames(video), strict=True)
    assert np.allclose(np.diff(times), 0.04, atol=1e-3)
    assert all(np.array_equal(frames[i], frames[i + 60]) for i in range(30))


def test_operations_of_a_known_network():
    import keras
    from benchmarks.references import count_operations

    image = keras.Input((8, 4, 6, 1), name="image")
    from cagewatch.detectors.networks.layers import FoldTime, UnfoldTime

    x = keras.layers.Conv2D(5, 3, padding="same")(FoldTime()(image))
    x = keras.layers.Conv2DTranspose(1, 3, padding="same")(x)
    model = keras.Model({"image": image}, {"image": UnfoldTime(8)(x)})
    first = second = 2 * 8 * 4 * 6 * 9 * 5
    assert count_operations(model, training=False) == first + second
    assert count_operations(model) == 2 * first + 3 * second


@pytest.mark.parametrize("model", ["cae", "cae_image"])
def test_the_wrapped_reference_has_the_networks_weights(model):
    from benchmarks.references import build_wrapped

    from cagewatch.detectors.networks import build_model
    from cagewatch.detectors.networks.build import input_shapes
    from cagewatch.params import resolve

    parameters = resolve({"dataset": "simulated", "model": model})
    wrapped = build_wrapped(input_shapes(parameters, 1))
    assert wrapped.count_params() == build_model(parameters).count_params()


def test_a_finished_run_stands_in_the_table_of_recommended(tmp_path):
    table = {"recording": ["a"] * 40 + ["b"] * 40, "frame": [*range(40)] * 2, "label": "rest"}
    frames = pd.DataFrame(table | {"time_s": np.arange(80) / 10, "score_image": 0.0})
    flags = (frames["frame"] >= 30).to_numpy()
    frames = frames.assign(anomalous=flags, score_flow=0.0, score=flags + 0.0)
    parts = {"score_place": np.where(flags, 3.0, 0.0), "score_speed": 2.0}
    for model, own in {"recommended": parts, "pca_frames": {}, "cae": {"score": 1.0}}.items():
        save_scores(frames.assign(**own), tmp_path / "d" / "rest" / model / "seed-0")
    told, scores = recommended.read_target(
        "d", "rest", ["recommended", "pca_frames", "cae"], None, tmp_path
    )
    assert [*scores] == ["recommended", "place", "speed", "pca_frames", "cae"]
    assert told["reason"].tolist() == ["place" if flag else "speed" for flag in flags]
    rows = {row["detector"]: row for row in recommended.tabulate_target("rest", told, scores)}
    assert rows["place"]["pooled"] == 1.0 and rows["cae"]["pooled"] == 0.5
    assert rows["recommended"]["reasons"] == "place 100%"
    save_scores(frames.iloc[1:], tmp_path / "d" / "rest" / "cae" / "seed-0")
    with pytest.raises(InputError, match="cae scored other frames of rest"):
        recommended.read_target("d", "rest", ["recommended", "cae"], None, tmp_path)
