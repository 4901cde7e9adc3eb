"""Which finished runs hold: by values, recordings, and what another machine may have changed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from cagewatch import params
from cagewatch.files import read_json, write_json
from cagewatch.recordings import Recording
from cagewatch.runs.write import FORMAT, PROVENANCE, describe_file
from cagewatch.study import plan, steps
from cagewatch.study.__main__ import main
from cagewatch.study.fresh import check_runs, why_stale

VALUES = {"seed": 0, "epochs": 60, "curve_epochs": None}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a finished run, made from one recording."""
    for name in ("metrics.json", "scores.csv.gz", "params.yaml"):
        (tmp_path / name).write_text("{}")
    hold(tmp_path, VALUES)
    write_json(tmp_path / "recordings.json", {"cage": {"source_sha256": "other"}})
    return tmp_path


def hold(folder: Path, values: dict[str, Any]) -> None:
    (folder / "params.yaml").write_text(yaml.safe_dump(values))
    files = {p.name: describe_file(p) for p in folder.iterdir() if p.suffix != ".json"}
    files["metrics.json"] = describe_file(folder / "metrics.json")
    write_json(
        folder / PROVENANCE, {"format": FORMAT, "files": files, "data": {"cage": "rendered there"}}
    )


def test_other_bytes_of_a_recording_count_unless_they_are_not_compared(run: Path) -> None:
    assert why_stale(run, VALUES, run / "recordings.json") == "the recording cage has changed"
    assert why_stale(run, VALUES, None) is None


def test_corrected_labels_and_other_recordings_make_a_run_again(run: Path) -> None:
    prepared = run / "recordings.json"
    told = read_json(run / PROVENANCE) | {"labels": {"cage": "before"}}
    write_json(run / PROVENANCE, told)
    known = {"source_sha256": "rendered there", "labels_sha256": "before"}
    write_json(prepared, {"cage": known})
    assert why_stale(run, VALUES, prepared) is None
    write_json(prepared, {"cage": known | {"labels_sha256": "corrected"}})
    assert why_stale(run, VALUES, prepared) == "the labels of cage have changed"
    write_json(run / PROVENANCE, {**told, "labels": {}})  # of a run that does not say
    assert why_stale(run, VALUES, prepared) is None
    write_json(prepared, {"cage": known, "new": known})
    assert why_stale(run, VALUES, prepared) == "it was made without the recording new"
    write_json(prepared, {"new": known})
    assert why_stale(run, VALUES, prepared) == "it was made with the recording cage"


def test_the_digest_of_labels_changes_with_them_alone() -> None:
    labels = np.array([0, 1, 1], np.int16)
    one = Recording("a", Path("a.mpg"), "train", labels, ("rest", "hang"))
    assert one.labels_digest == replace(one, name="b", split="test").labels_digest
    others = [replace(one, labels=labels[::-1]), replace(one, behaviours=("rest", "walk"))]
    assert len({one.labels_digest, *(other.labels_digest for other in others)}) == 3
    assert replace(one, labels=None).labels_digest is None


def test_recordings_of_an_earlier_simulator_are_replaced_within_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(params, "project_root", lambda: tmp_path)
    folder = tmp_path / "data"
    given = {"data_dir": str(folder), "simulate_recordings": 1, "simulate_frames": 8}
    steps.simulate(params.resolve(given), 1)
    marker = folder / "simulated.json"
    write_json(marker, read_json(marker) | {"version": 1})
    steps.simulate(params.resolve(given), 1)
    assert read_json(marker)["version"] > 1


def test_on_a_cluster_ablations_train_where_runs_do() -> None:
    profile = params.project_root() / "profiles" / "slurm" / "config.yaml"
    wanted = yaml.safe_load(profile.read_text())["set-resources"]
    assert wanted["ablation"] == wanted["experiment"] and wanted["experiment"]["gpu"] == 1


def test_a_learning_curve_more_is_no_reason_and_one_less_is(run: Path) -> None:
    hold(run, {**VALUES, "curve_epochs": [1, 5]})
    assert why_stale(run, VALUES, None) is None
    hold(run, VALUES)
    assert "curve_epochs was None" in (why_stale(run, {**VALUES, "curve_epochs": [1]}, None) or "")
    assert "epochs was 60" in (why_stale(run, {**VALUES, "epochs": 9}, None) or "")


def test_a_run_older_than_a_parameter_holds_while_the_parameter_is_as_before(run: Path) -> None:
    now = {**VALUES, "flow_resolution": "input", "score_stride": 1}
    assert why_stale(run, now, None) is None
    assert "flow_resolution was 'input'" in (
        why_stale(run, {**now, "flow_resolution": "half"}, None) or ""
    )
    assert "flips was None" in (why_stale(run, {**now, "flips": True}, None) or "")


def test_a_study_leaves_ablations_alone_that_it_was_not_asked_for(tmp_path: Path) -> None:
    given = {"dataset": "ped2", "data_dir": str(tmp_path), "scale": "smoke"}
    study = plan.read_study({**given, "models": "cae", "seeds": "0", "results_dir": str(tmp_path)})
    varied = Path(study.folder_of(study.varied_runs("flow")[0]))
    varied.mkdir(parents=True)
    (varied / "provenance.json").write_text("{}")  # a damaged run: to be made again if wanted
    assert check_runs(study)[0].keys() == {f"{varied}/provenance.json"}
    assert check_runs(study, ablations=False)[0] == {}


def test_ablations_make_no_run_of_another_target_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(params.project_root())
    for name in ("CAGEWATCH_STUDY", "JUPYTER_PREFER_ENV_PATH"):
        monkeypatch.setenv(name, "")
    monkeypatch.setattr("snakemake.cli.main", lambda words: None)
    seen: list[list[str]] = []
    monkeypatch.setattr(
        "cagewatch.study.fresh.check_runs", lambda study, *_: seen.append(study.targets) or ({}, [])
    )
    for words in (["ablations", "-n"], ["-n"]):
        main(["--models", "cae", "--targets", "hang groom", "--", *words])
    assert seen == [["hang"], ["hang", "groom"]]


@pytest.mark.parametrize(
    ("words", "first"),
    [([], True), *((["--", flag], False) for flag in ("--dry-run", "-np", "--summary", "--dag"))],
)
def test_what_is_trained_is_begun_first_in_a_whole_study(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: list[str], first: bool
) -> None:
    given: list[str] = []
    monkeypatch.chdir(params.project_root())  # as `main` does for good
    for name in ("CAGEWATCH_STUDY", "JUPYTER_PREFER_ENV_PATH"):
        monkeypatch.setenv(name, "")  # set for good too
    monkeypatch.setattr("snakemake.cli.main", given.extend)
    monkeypatch.setattr("cagewatch.study.fresh.check_runs", lambda *given: ({}, []))
    for name in ("end_orphans", "cancel_orphaned_jobs", "remove_stale_locks"):
        monkeypatch.setattr(f"cagewatch.study.__main__.{name}", lambda *given: None)
    lock = (tmp_path / "lock").open("w")
    held: list[Path] = []
    monkeypatch.setattr(
        "cagewatch.study.__main__.hold_lock", lambda root: held.append(root) or lock
    )
    monkeypatch.setattr("cagewatch.study.fresh.is_prepared", lambda *given: True)
    monkeypatch.setattr("cagewatch.study.fresh.forget_other_records", lambda *given: None)
    main(["--models", "cae mean_image", *words])
    assert ("--prioritize" in given) == first
    assert bool(held) == first  # a dry run stops nobody and waits for nobody
    if first:
        begun = given[given.index("--prioritize") + 1 : given.index("--config")]
        assert begun[0].endswith("prepare.ipynb")
        assert [Path(path).parts[-3] for path in begun[1:]] == ["cae", "cae"]  # hang and groom
