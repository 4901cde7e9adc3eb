"""Every detector of the registry: fitted, saved, loaded in another process, scoring video."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import yaml

from cagewatch import params, runtime

runtime.configure("tensorflow", 1)

from cagewatch import detectors  # noqa: E402
from cagewatch.detectors.network import average_streams  # noqa: E402
from cagewatch.errors import InputError  # noqa: E402
from cagewatch.scoring import score_recordings, score_source  # noqa: E402
from cagewatch.store import preprocessing_of  # noqa: E402

NAMES = params.choices("model")
AGAIN = """
import sys, json
from pathlib import Path
from cagewatch import runtime
runtime.configure("tensorflow", 1)
runtime.load_backend()
import tensorflow as tf
tf.config.run_functions_eagerly(True)
from cagewatch.detectors import load_detector
from cagewatch.scoring import score_source
sys.path.insert(0, sys.argv[3])
from test_detectors import computing
for folder in map(Path, json.loads(sys.argv[2])):
    detector = load_detector(folder, computing(folder.name))
    frames = score_source(detector, Path(sys.argv[1]), progress=False)
    frames["score"].to_numpy().tofile(folder / "again.bin")
"""


def computing(name: str) -> detectors.Computing:
    """Keras; of one network what a user gets, since preparing OpenVINO takes seconds for each."""
    return detectors.Computing("auto" if name == "cae" else "keras")


@pytest.fixture(scope="module")
def fitted(small_cage, eagerly, tmp_path_factory):
    """Each detector fitted on the small cage and saved in a folder of its own."""
    found = {}
    train = [one for one in small_cage.recordings if one.split == "train"]
    for name in NAMES:
        given = small_cage.given | {"model": name}
        if detectors.is_network(name):
            given |= {"max_train_clips": 6, "max_epochs": 1, "validation_fraction": 0.4}
            given |= {"width": 0.25} if "width" in params.read_model(name) else {}
        elif name.startswith("pca"):
            given |= {"components": 3}
        parameters = params.resolve(given)
        folder = tmp_path_factory.mktemp("fitted") / name
        folder.mkdir()
        training = detectors.TrainingSet(train, small_cage.stores, parameters, folder)
        detector = detectors.fit_detector(training, computing(name))
        detector.save(folder)
        found[name] = (detector, folder)
    return found


@pytest.fixture(scope="module")
def again(fitted, small_cage):
    """Scores of the test video by each detector, loaded in a process that fitted none."""
    source = next(one.source for one in small_cage.recordings if one.split == "test")
    folders = json.dumps([str(folder) for _, folder in fitted.values()])
    done = subprocess.run(
        [sys.executable, "-c", AGAIN, str(source), folders, str(Path(__file__).parent)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return source


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_detector_scores_a_video_as_the_fitted_one_did(name, fitted, again, small_cage):
    detector, folder = fitted[name]
    frames = score_source(detector, again, progress=False)
    np.testing.assert_array_equal(frames["score"], np.fromfile(folder / "again.bin"))
    assert frames["frame"].tolist() == list(range(300)) and np.isfinite(frames["score"]).all()
    # The recording's store says the same as its video.
    test = [one for one in small_cage.recordings if one.split == "test"]
    stored = score_recordings(detector, test, small_cage.stores)
    np.testing.assert_allclose(stored["score"], frames["score"], rtol=1e-5, atol=1e-7)
    assert stored["anomalous"].any() and set(detector.reference) >= {"score"}


@pytest.mark.parametrize("name", ["cae", "rae", "pca_frames", "pca_clips", "mean_image"])
def test_what_a_detector_gives_back_is_what_its_score_is_made_of(name, fitted, small_cage):
    detector, _ = fitted[name]
    store = next(iter(small_cage.stores.values()))
    inputs, outputs = detector.rebuild_clip(store.gray[8:16], store.flow[8:16])
    assert inputs.keys() == outputs.keys()
    kept = np.zeros(len(store), bool)
    kept[8:16] = True
    footage = detectors.footage_of(
        small_cage.recordings[0],
        preprocessing_of(detector.parameters),
        store,
        kept,
    )
    errors = [np.linalg.norm(inputs[s] - outputs[s]) for s in inputs]
    assert detector.score(footage)["score"] == pytest.approx(np.mean(errors), rel=1e-3)


def test_every_detector_has_a_layer_and_the_two_functions():
    assert set(detectors.DETECTORS) == set(NAMES)
    for name in NAMES:
        module = detectors.registry.find_module(name)
        assert callable(module.fit) and callable(module.score)
    with pytest.raises(InputError, match="choose one of rae"):
        detectors.registry.find_module("caee")


def test_damaged_forged_and_foreign_states_are_refused(tmp_path, fitted):
    detector, _ = fitted["pca_frames"]
    detector.save(tmp_path)
    path = tmp_path / "detector.npz"
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    with pytest.raises(InputError, match="damaged"):
        detectors.load_detector(tmp_path)
    np.savez(path, weights=np.array([{}], object))  # a pickle
    with pytest.raises(InputError, match="damaged"):
        detectors.load_detector(tmp_path)
    # A small file whose header claims a large array is refused before it is unpacked.
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999,), }"
    header += b" " * (63 - (len(header) + 10) % 64) + b"\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    with pytest.raises(InputError, match="claims"):
        detectors.load_detector(tmp_path)
    path.unlink()
    with pytest.raises(InputError, match="missing"):
        detectors.load_detector(tmp_path)


def test_weights_of_another_network_are_refused(tmp_path, fitted):
    detector, _ = fitted["cae"]
    detector.save(tmp_path)
    layer = tmp_path / "params.yaml"
    values = yaml.safe_load(layer.read_text()) | {"resize_height": 48, "resize_width": 48}
    layer.write_text(yaml.safe_dump(values | {"fusion": "late"}))
    with pytest.raises(InputError, match="do not fit"):
        _ = detectors.load_detector(tmp_path).ready


def test_state_holds_no_objects(tmp_path, fitted):
    detector, _ = fitted["pca_frames"]
    forged = detectors.Detector(detector.parameters, {"weights": np.array([None])})
    with pytest.raises(TypeError, match="weights"):
        forged.save(tmp_path)


def test_constant_video_and_too_little_of_it_give_a_sentence(small_cage, tmp_path):
    train = [one for one in small_cage.recordings if one.split == "train"]
    parameters = params.resolve(small_cage.given | {"model": "pca_clips", "components": 1024})
    training = detectors.TrainingSet(train, small_cage.stores, parameters, tmp_path)
    with pytest.raises(InputError, match="fewer components"):
        detectors.fit_detector(training)


def test_raw_average_is_led_by_the_larger_stream_and_standardised_is_not():
    generator = np.random.default_rng(0)
    names = ("reference_image", "reference_flow")
    loud = dict(
        zip(names, (generator.normal(5, 0.1, 500), generator.normal(50, 10, 500)), strict=True)
    )
    quiet = {"image": np.array([5.0, 6.0]), "flow": np.array([70.0, 50.0])}
    raw = average_streams(quiet, loud, "raw")
    standardised = average_streams(quiet, loud, "standardised")
    assert raw[0] > raw[1]  # a 2 sigma flow outweighs a 10 sigma image
    assert standardised[1] > standardised[0]
