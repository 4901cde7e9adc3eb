"""Which finished runs hold: by values, recordings, and what another machine may have changed."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from cagewatch import params
from cagewatch.files import write_json
from cagewatch.runs.write import FORMAT, PROVENANCE, describe_file
from cagewatch.study.__main__ import main
from cagewatch.study.fresh import why_stale

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


def test_what_is_trained_is_begun_first(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[str] = []
    monkeypatch.chdir(params.project_root())  # as `main` does for good
    for name in ("CAGEWATCH_STUDY", "JUPYTER_PREFER_ENV_PATH"):
        monkeypatch.setenv(name, "")  # set for good too
    monkeypatch.setattr("snakemake.cli.main", given.extend)
    monkeypatch.setattr("cagewatch.study.fresh.check_runs", lambda study, keep: ({}, []))
    main(["--models", "cae mean_image", "--", "--dry-run"])
    first = given[given.index("--prioritize") + 1 : given.index("--config")]
    assert first[0].endswith("prepare.ipynb")
    assert [Path(path).parts[-3] for path in first[1:]] == ["cae", "cae"]  # of hang and groom
