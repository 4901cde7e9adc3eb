"""Training: settings followed, a kill leaves no trace in the result, same seed same bits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cagewatch import runtime
from cagewatch.errors import InputError
from cagewatch.params import Parameters, resolve

runtime.configure(os.environ.get("KERAS_BACKEND", "tensorflow"), 1)
runtime.load_backend()

import keras  # noqa: E402

from cagewatch.clips import ClipIndex  # noqa: E402
from cagewatch.clips.batches import ClipBatches, as_keras_reads  # noqa: E402
from cagewatch.detectors.networks import MODELS, ModelEntry, build_model, compile_model  # noqa: E402
from cagewatch.detectors.training import train as training  # noqa: E402
from cagewatch.detectors.training.checkpoint import identify  # noqa: E402
from cagewatch.store import Store  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

CLIPS, LENGTH, ROWS, COLUMNS = 20, 4, 8, 8


def build_tiny(parameters: Parameters, shapes: dict[str, tuple]) -> keras.Model:
    """Two streams, norm and dropout in a few weights: every kind of state, and traced fast."""
    inputs = {stream: keras.Input(shape, name=stream) for stream, shape in shapes.items()}
    outputs = {}
    for stream, clips in inputs.items():
        x = keras.layers.Dense(4, activation="relu", name=f"{stream}_in")(clips)
        x = keras.layers.Dropout(0.2)(keras.layers.BatchNormalization()(x))
        outputs[stream] = keras.layers.Dense(1, activation="sigmoid", name=f"{stream}_out")(x)
    return keras.Model(inputs, outputs)


MODELS["tiny"] = ModelEntry(build_tiny, ("image", "flow"))


def settings(model: str = "tiny", **changes: object) -> Parameters:
    """A small and fast run: 8x8 pixels, 4 frames, three epochs; the CAE's Table 1 by default."""
    given = {
        **{"dataset": "ped2", "data_dir": "unused", "target": "anomaly"},
        **{"clip_length": LENGTH, "resize_height": ROWS, "resize_width": COLUMNS},
        **{"crop_top": 0, "crop_bottom": 0, "batch_size": 8, "epochs": 3, "scale": "paper"},
    }
    parameters = resolve({**given, "model": "cae" if model == "tiny" else model, **changes})
    return parameters.model_copy(update={"model": model})


def batches_of(parameters: Parameters, clips: slice, shuffle: bool) -> ClipBatches:
    """Noise in the shape of a store, cut into clips; half of them show the target."""
    random = np.random.default_rng(7)
    gray = random.integers(0, 256, (CLIPS * LENGTH, ROWS, COLUMNS), np.uint8)
    flow = random.normal(size=(*gray.shape, 2)).astype(np.float16)
    store = Store("a", Path("unused"), gray, flow, np.arange(len(gray)) / 25, "0" * 64)
    frames = np.arange(len(gray), dtype=np.int32).reshape(CLIPS, LENGTH)
    target = np.arange(CLIPS) % 4 == 0
    index = ClipIndex(np.zeros(CLIPS, np.int16), frames, target, target.astype(np.int16), ("a",))
    chosen = np.arange(CLIPS)[clips]
    return ClipBatches(
        index.take(chosen),
        {"a": store},
        parameters,
        3.0,
        ["image"] if parameters.model in ("cae_image", "supervised") else ["image", "flow"],
        shuffle=shuffle,
        supervised=parameters.model == "supervised",
    )


def build(parameters: Parameters) -> keras.Model:
    """A model for `train` that runs eagerly: tracing takes longer than the steps of these tests."""
    model = build_model(parameters, 1)
    compile_model(model, parameters)
    model.run_eagerly = True
    return model


def run(parameters: Parameters, run_dir: Path) -> tuple[keras.Model, pd.DataFrame]:
    """Build and train as the experiment notebook does."""
    model = build(parameters)
    train_batches = batches_of(parameters, slice(0, 16), shuffle=True)
    held_out = batches_of(parameters, slice(16, None), shuffle=False)
    return model, training.train(model, parameters, train_batches, held_out, run_dir)


def weights_of(model: keras.Model) -> list[np.ndarray]:
    """Every variable, dropout's random state among them."""
    return [keras.ops.convert_to_numpy(variable) for variable in model.variables]


def assert_same(first: list[np.ndarray], second: list[np.ndarray]) -> None:
    """Equal bit for bit."""
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def test_keras_reads_each_epochs_own_order_without_a_tuner_to_wait_for():
    if keras.backend.backend() != "tensorflow":
        pytest.skip("other backends read the batches themselves")
    batches = batches_of(settings(), slice(None), True)
    read = as_keras_reads(batches)
    for epoch in range(2):
        batches.set_epoch(epoch)
        images = [inputs["image"].numpy() for inputs, _ in read]
        np.testing.assert_array_equal(
            np.concatenate(images),
            np.concatenate([batches[number][0]["image"] for number in range(len(batches))]),
        )
    # Its thread sleeps for ever longer spells, and the end of an epoch waits until it wakes.
    assert read.options().autotune.enabled is False


def test_history_has_a_row_per_epoch_and_is_written(tmp_path, capsys):
    model, history = run(settings(max_epochs=2), tmp_path)
    losses = ["loss", "val_loss", "flow_loss", "image_loss", "val_flow_loss", "val_image_loss"]
    assert list(history) == ["epoch", *losses, "seconds"]
    assert list(history["epoch"]) == [1, 2]
    assert (history[losses] > 0).all(axis=None)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "history.csv"), history)
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_loss_is_the_weighted_sum_of_the_streams(tmp_path):
    _, history = run(settings(image_loss_weight=0.75, max_epochs=1), tmp_path)
    expected = 0.75 * history["val_image_loss"] + history["val_flow_loss"]
    np.testing.assert_allclose(history["val_loss"], expected, rtol=1e-5)


def test_training_lowers_the_loss(tmp_path):
    _, history = run(settings(epochs=6, learning_rate=3e-2), tmp_path)
    assert history["loss"].iloc[-1] < 0.95 * history["loss"].iloc[0]


def test_the_same_seed_gives_the_same_bits_and_another_does_not(tmp_path):
    results = [
        weights_of(run(settings(seed=seed, max_epochs=1), tmp_path / str(number))[0])
        for number, seed in enumerate([3, 3, 4])
    ]
    assert_same(results[0], results[1])
    assert any((one != other).any() for one, other in zip(results[0], results[2], strict=True))


@pytest.mark.parametrize("model", ["tiny", "supervised"])
def test_resumed_equals_uninterrupted(tmp_path, model):
    whole, history = run(settings(model=model, epochs=2), tmp_path / "whole")
    run(settings(model=model, epochs=2, max_epochs=1), tmp_path / "halted")
    resumed, resumed_history = run(settings(model=model, epochs=2), tmp_path / "halted")
    assert_same(weights_of(whole), weights_of(resumed))
    pd.testing.assert_frame_equal(
        history.drop(columns="seconds"), resumed_history.drop(columns="seconds")
    )


def test_dropout_state_is_in_the_checkpoint():
    model = build_model(settings(model="supervised"), 1)
    assert any("seed_generator" in variable.path for variable in model.variables)


KILLED = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import test_training as t

folder = Path(sys.argv[1])
read = t.ClipBatches.__getitem__

def slow(self, number):
    if self.shuffle and (folder / "history.csv").exists():
        (folder / "in-epoch-2").touch()
        time.sleep(60 if number else 0)  # stops in the middle of the second epoch
    return read(self, number)

t.ClipBatches.__getitem__ = slow
t.run(t.settings(), folder)
"""


def test_killed_in_the_middle_of_an_epoch_and_started_again(tmp_path, capsys):
    folder = tmp_path / "killed"
    killed = subprocess.Popen([sys.executable, "-c", KILLED, folder, Path(__file__).parent])
    deadline = time.time() + 120
    while not (folder / "in-epoch-2").exists() and time.time() < deadline:
        assert killed.poll() is None
        time.sleep(0.05)
    time.sleep(0.5)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    assert len(pd.read_csv(folder / "history.csv")) == 1

    # In this process, which is another than the killed one.
    capsys.readouterr()
    again, _ = run(settings(), folder)
    assert "going on after epoch 1" in capsys.readouterr().out
    whole, _ = run(settings(), tmp_path / "whole")
    assert_same(weights_of(again), weights_of(whole))


def test_interrupted_in_the_same_kernel_goes_on(tmp_path, monkeypatch):
    parameters = settings(epochs=2)
    whole, _ = run(parameters, tmp_path / "whole")
    model = build(parameters)
    train_batches = batches_of(parameters, slice(0, 16), shuffle=True)
    held_out = batches_of(parameters, slice(16, None), shuffle=False)
    arguments = (model, parameters, train_batches, held_out, tmp_path / "interrupted")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training, "check_loss", interrupt)  # after an epoch's steps, before its save
        with pytest.raises(KeyboardInterrupt):
            training.train(*arguments)
    training.train(*arguments)  # the half-trained model itself, as when a cell is run again
    assert_same(weights_of(model), weights_of(whole))


def test_finished_training_is_not_repeated(tmp_path, capsys):
    first, _ = run(settings(), tmp_path)
    capsys.readouterr()
    again, history = run(settings(), tmp_path)
    assert_same(weights_of(first), weights_of(again))
    assert len(history) == 3
    assert capsys.readouterr().out.splitlines() == ["going on after epoch 3"]


@pytest.mark.parametrize(
    ("before", "change"),
    [(1, {"learning_rate": 1e-3}), (1, {"seed": 1}), (2, {"max_epochs": 1})],
)
def test_checkpoint_of_another_run_is_not_used(tmp_path, capsys, before, change):
    run(settings(max_epochs=before), tmp_path / "shared")
    capsys.readouterr()
    other, _ = run(settings(**{"max_epochs": 1} | change), tmp_path / "shared")
    assert "starting anew" in capsys.readouterr().out
    fresh, _ = run(settings(**{"max_epochs": 1} | change), tmp_path / "fresh")
    assert_same(weights_of(other), weights_of(fresh))


@pytest.mark.parametrize("damage", ["cut", "garbage", "flipped"])
def test_damaged_checkpoint_is_not_used(tmp_path, capsys, damage):
    run(settings(max_epochs=1), tmp_path)
    state = tmp_path / "checkpoint" / "state.npz"
    content = bytearray(state.read_bytes())
    if damage == "flipped":
        content[len(content) // 2] ^= 0xFF
    cut = {"cut": content[: len(content) // 2], "garbage": b"no zip"}
    state.write_bytes(cut.get(damage, bytes(content)))
    capsys.readouterr()
    _, history = run(settings(max_epochs=1), tmp_path)
    assert "the checkpoint is damaged" in capsys.readouterr().out
    assert len(history) == 1


def test_best_weights_are_those_of_the_lowest_validation_loss(tmp_path):
    parameters = settings(weights="best", epochs=6, optimiser="sgd", learning_rate=30.0)
    model, history = run(parameters, tmp_path)
    best = history["val_loss"].idxmin()
    assert best < 5, "the test wants a run whose last epoch is not its best"
    until = settings(epochs=int(best) + 1, optimiser="sgd", learning_rate=30.0)
    same, _ = run(until, tmp_path / "until")
    assert_same(weights_of(model), weights_of(same))


def test_no_number_in_the_loss_names_epoch_and_learning_rate(tmp_path):
    parameters = settings(learning_rate=0.5)
    train_batches = batches_of(parameters, slice(0, 16), shuffle=True)
    train_batches.flow_scale = np.nan
    with pytest.raises(InputError, match=r"in epoch 1 at learning_rate 0\.5: lower"):
        training.train(build(parameters), parameters, train_batches, train_batches, tmp_path)
    assert not (tmp_path / "history.csv").exists()


def test_a_trained_model_is_not_trained_again_by_accident(tmp_path):
    parameters = settings(max_epochs=1)
    model, _ = run(parameters, tmp_path / "a")
    train_batches = batches_of(parameters, slice(0, 16), shuffle=True)
    with pytest.raises(InputError, match="trained before"):
        training.train(model, parameters, train_batches, train_batches, tmp_path / "b")


def test_nothing_to_train_on(tmp_path):
    parameters = settings()
    none, some = (batches_of(parameters, slice(0, n), shuffle=True) for n in (0, 8))
    model = build(parameters)
    with pytest.raises(InputError, match="No training clips"):
        training.train(model, parameters, none, some, tmp_path)
    with pytest.raises(InputError, match="validation_fraction"):
        training.train(model, settings(weights="best"), some, none, tmp_path)
    history = training.train(model, settings(max_epochs=1), some, none, tmp_path)
    assert history["val_loss"].isna().all()


def test_class_weights_balance_the_classes(tmp_path):
    parameters = settings(model="supervised")
    weights = training.weigh_classes(parameters, batches_of(parameters, slice(0, 16), True))
    np.testing.assert_allclose(weights, [16 / (2 * 12), 16 / (2 * 4)])
    one_class = batches_of(parameters, slice(1, 4), True)
    with pytest.raises(InputError, match="all of one class"):
        training.train(build_model(parameters, 1), parameters, one_class, one_class, tmp_path)


def test_a_class_that_only_the_validation_has_weighs_nothing_and_labels_are_needed():
    parameters = settings(model="supervised", supervised_loss="softmax")
    batches = batches_of(parameters, slice(0, 16), True)
    index = replace(batches.index, behaviours=("rest", "walk", "hang", "eat"))
    batches.index = index
    weights = training.weigh_classes(parameters, batches)
    assert len(weights) == 4 and weights[2:].tolist() == [0, 0]
    batches.index = replace(index, behaviour=np.where(np.arange(16) == 3, -1, index.behaviour))
    with pytest.raises(InputError, match="The training recording 'a' has no labels"):
        training.weigh_classes(parameters, batches)


def test_a_classifier_told_other_targets_starts_anew_and_no_other_network_does():
    for model, differ in (("supervised", True), ("cae", False)):
        parameters = settings(model=model)
        built = build_model(parameters, 1)
        compile_model(built, parameters)
        batches = batches_of(parameters, slice(0, 16), True)
        before = identify(built, parameters, batches)
        batches.index = replace(batches.index, target=~batches.index.target)
        assert (identify(built, parameters, batches) != before) == differ


def test_class_weights_reach_the_loss(tmp_path):
    parameters = settings(model="supervised", max_epochs=1)
    model, history = run(parameters, tmp_path)
    held_out = batches_of(parameters, slice(16, None), shuffle=False)
    inputs, targets = held_out[0]
    probability = model.predict(inputs, verbose=0)["target"][:, 0]
    target = targets["target"][:, 0]
    weight = np.where(target == 1, 2, 2 / 3)
    entropy = -np.log(np.where(target == 1, probability, 1 - probability))
    assert history["val_loss"].iloc[0] == pytest.approx((weight * entropy).mean(), rel=1e-4)


def test_softmax_head_learns_classes(tmp_path):
    _, history = run(settings(model="supervised", supervised_loss="softmax"), tmp_path)
    assert np.isfinite(history["val_loss"]).all()


def test_optimiser_follows_the_parameters():
    parameters = settings(model="cae")
    model = build_model(parameters, 1)
    compile_model(model, parameters)
    settings_used = model.optimizer.get_config()
    assert isinstance(model.optimizer, keras.optimizers.Adam)
    assert settings_used["learning_rate"] == pytest.approx(2e-4)
    assert settings_used["beta_1"] == 0.5
    supervised = build_model(settings(model="supervised"), 1)
    compile_model(supervised, settings(model="supervised"))
    assert isinstance(supervised.optimizer, keras.optimizers.SGD)
    assert float(supervised.optimizer.learning_rate) == pytest.approx(5e-4)
