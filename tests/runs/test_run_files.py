"""A run's folder: written whole by one process, inside results_dir, and read only as written."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from study_runs import make_run

from cagewatch import params, runs
from cagewatch.errors import InputError
from cagewatch.runs import read, write


@pytest.fixture
def folder(tmp_path) -> Path:
    """A finished run of a density."""
    return make_run(tmp_path / "results", "simulated", "groom", "density", 2.0)


def forge(folder: Path, name: str, data: bytes) -> None:
    """Put other bytes in a run's file, and into its provenance what they look like."""
    (folder / name).write_bytes(data)
    path = folder / runs.PROVENANCE
    about = json.loads(path.read_text())
    about["files"][name] = {"bytes": len(data), "crc32": zlib.crc32(data)}
    path.write_text(json.dumps(about))


# Whole


def test_what_was_written_is_what_is_read(folder):
    run = runs.read_run(folder)
    assert (run.parameters.model, run.parameters.target) == ("density", "groom")
    assert len(run.frames) == 240 and run.frames["anomalous"].sum() == 80
    assert run.metrics["reference_scores"]["score"]["mean"] == 4.5
    assert runs.open_detector(folder).state["reference_score"].tolist() == list(range(10))
    assert runs.check_run(folder) is None
    assert {path.name for path in folder.iterdir()} == {
        *("params.yaml", "detector.npz", "scores.csv.gz", "metrics.json", "provenance.json")
    }
    found = runs.list_runs(folder.parents[3])
    assert found[list(runs.KEY)].values.tolist() == [["simulated", "groom", "density", 0]]


FILES = ("params.yaml", "detector.npz", "scores.csv.gz", "metrics.json", "provenance.json")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("how", ["cut", "emptied", "deleted"])
def test_a_file_cut_short_makes_the_run_one_to_make_again(folder, name, how):
    path = folder / name
    whole = path.read_bytes()
    path.write_bytes(b"" if how == "emptied" else whole[:-5])
    if how == "deleted":
        path.unlink()
    assert runs.check_run(folder)


def test_values_changed_by_hand_are_not_used(folder):
    layer = folder / "params.yaml"
    layer.write_text(layer.read_text().replace("gamma: ", "gamma: 1"))
    for reader in (runs.read_run, runs.open_detector):
        with pytest.raises(InputError, match="not as its run wrote it"):
            reader(folder)
    assert "params.yaml" in runs.check_run(folder)


def test_a_run_that_fails_leaves_the_finished_one(folder, monkeypatch):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    monkeypatch.setattr(write, "describe_reference", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        make_run(folder.parents[3], "simulated", "groom", "density", 1.0)
    assert runs.check_run(folder) is None
    assert {n: (folder / n).read_bytes() for n in before} == before


@pytest.mark.parametrize(
    "provenance", [{"format": 99, "files": {}}, {}, [], {"format": write.FORMAT, "files": None}]
)
def test_a_run_of_another_version_is_one_sentence(folder, provenance):
    (folder / runs.PROVENANCE).write_text(json.dumps(provenance))
    with pytest.raises(InputError, match="another version"):
        runs.read_run(folder)


def test_a_run_from_before_a_parameter_is_one_sentence(folder):
    values = yaml.safe_load((folder / "params.yaml").read_text())
    del values["frame_stride"]
    forge(folder, "params.yaml", yaml.safe_dump(values).encode())
    with pytest.raises(InputError, match="frame_stride"):
        runs.read_run(folder)


def test_a_run_from_before_a_parameter_is_read_where_one_knows_what_it_was(tmp_path):
    folder = make_run(tmp_path, "simulated", "groom", "cae", 1.0)
    values = yaml.safe_load((folder / "params.yaml").read_text())
    assert (values.pop("score_stride"), values.pop("flow_resolution")) == (1, "input")
    forge(folder, "params.yaml", yaml.safe_dump(values).encode())
    assert runs.read_run(folder).parameters.score_stride == 1


# One writer


START = """
import sys
from cagewatch import params, runs
from cagewatch.errors import InputError
try:
    runs.start_run(params.resolve({"model": "density", "results_dir": sys.argv[1]}))
except InputError as error:
    print(error)
"""


def test_two_processes_do_not_write_one_run(tmp_path):
    def start_elsewhere() -> str:
        command = [sys.executable, "-c", START, str(tmp_path)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    given = {"model": "density", "results_dir": str(tmp_path)}
    run = runs.start_run(params.resolve(given))
    assert "Another process is writing" in start_elsewhere()
    other = runs.start_run(params.resolve(given | {"seed": 1}))
    assert other.folder != run.folder
    run.lock.close()  # what the system does when a process ends, however it ends
    assert start_elsewhere() == ""


# Where it is


def test_no_name_leads_out_of_the_results_folder(tmp_path):
    values = params.resolve({"dataset": "folder", "results_dir": str(tmp_path / "results")})
    for name in ("../../../v", "/etc/v", "a/b", "..", "x\\y", ""):
        for field in ("target", "dataset"):
            folder = runs.run_folder(values.model_copy(update={field: name}))
            assert folder.parents[3] == tmp_path / "results", name


def test_a_copied_run_with_other_folders_in_its_parameters_leads_nowhere(folder, tmp_path):
    """Both are made a path again only where names are made safe and `results_dir` is given anew."""
    values = yaml.safe_load((folder / "params.yaml").read_text())
    text = yaml.safe_dump(values | {"results_dir": str(tmp_path / "v"), "dataset": "../../x"})
    forge(folder, "params.yaml", text.encode())
    try:
        run = runs.read_run(folder)
    except InputError:
        return
    assert run.folder == folder
    made = runs.run_folder(run.parameters)
    assert made.is_relative_to(tmp_path / "v") and ".." not in made.parts
    assert not (tmp_path / "v").exists()


@pytest.mark.parametrize("place", ["", "simulated", "simulated/groom/density"])
def test_results_follow_no_link(tmp_path, place):
    results, elsewhere = tmp_path / "results", tmp_path / "elsewhere"
    elsewhere.mkdir()
    link = results / place / ("seed-0" if place else "simulated")
    link.parent.mkdir(parents=True)
    link.symlink_to(elsewhere)
    given = {"model": "density", "target": "groom", "results_dir": str(results)}
    if place == "simulated":  # a link that this run does not pass through is no matter
        runs.start_run(params.resolve(given))
    else:
        with pytest.raises(InputError, match="is a link"):
            runs.start_run(params.resolve(given))
    assert not list(elsewhere.iterdir())


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="choose another folder"):
        runs.start_run(params.resolve({"results_dir": str(tmp_path / "file")}))


# Small files that fill the memory


HEAD = "recording,frame,time_s,label,anomalous,score_image,score_flow,score\n"


def test_a_score_table_that_swells_is_refused_before_it_fills_the_memory(folder, monkeypatch):
    monkeypatch.setattr(read, "MAX_SCORES_BYTES", 1 << 20)
    forge(folder, "scores.csv.gz", gzip.compress(HEAD.encode() + bytes(1 << 24)))
    with pytest.raises(InputError, match="more than"):
        runs.read_run(folder)


def test_a_score_table_of_too_many_short_rows_is_refused(folder, monkeypatch):
    """130 kB of line ends were 7.8 GB of table."""
    monkeypatch.setattr(read, "MAX_FRAMES", 1000)
    monkeypatch.setattr(pd, "read_csv", lambda *_, **__: pytest.fail("it was read"))
    forge(folder, "scores.csv.gz", gzip.compress(HEAD.encode() + b"a\n" * 1001))
    with pytest.raises(InputError, match="more than 1000 frames"):
        runs.read_run(folder)


@pytest.mark.parametrize(
    "data",
    [b"", b"no gzip", gzip.compress(b"a,b\n1,2\n"), gzip.compress(HEAD.encode())],
    ids=["empty", "no gzip", "other columns", "no frames"],
)
def test_a_forged_score_table_is_one_sentence(folder, data):
    forge(folder, "scores.csv.gz", data)
    with pytest.raises(InputError, match="scores.csv.gz"):
        runs.read_run(folder)


def test_large_metrics_are_refused_before_they_are_read(folder, monkeypatch):
    monkeypatch.setattr("cagewatch.files.MAX_JSON_BYTES", 10_000)
    forge(folder, "metrics.json", b'{"a": ' + b" " * 20_000 + b"1}")
    with pytest.raises(InputError, match="larger than"):
        runs.read_run(folder)


def test_a_small_state_that_unpacks_to_much_is_refused_before_it_is_unpacked(folder, monkeypatch):
    monkeypatch.setattr("cagewatch.detectors.detector.MAX_STATE_BYTES", 1 << 20)
    np.savez_compressed(folder / "large.npz", a=np.zeros(1 << 20))
    data = (folder / "large.npz").read_bytes()
    assert len(data) < 1 << 15
    forge(folder, "detector.npz", data)
    with pytest.raises(InputError, match="claims"):
        runs.open_detector(folder)


# The same bytes


def test_the_same_scores_are_the_same_bytes_whenever_they_are_written(tmp_path, monkeypatch):
    written = []
    for name, second in (("a", 1.0), ("b", 2.0e9)):
        monkeypatch.setattr("time.time", lambda second=second: second)
        made = make_run(tmp_path / name, "simulated", "groom", "density", 2.0)
        written.append(
            {file: (made / file).read_bytes() for file in ("scores.csv.gz", "metrics.json")}
        )
    assert written[0] == written[1]
