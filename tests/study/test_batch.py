"""The batch: what reruns after which change, and what failures and kills leave behind.

See batch_checkout.py for the checkout these run in.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
import yaml
from batch_checkout import command, copy_checkout, edit, environment, planned, study, wait_for

from cagewatch.errors import InputError
from cagewatch.files import read_json, write_json
from cagewatch.runs import code
from cagewatch.runs.code import digest_run
from cagewatch.study import depends, plan
from cagewatch.study.__main__ import hold_lock, main, processes_in

RUNS = Path("results/ped2/anomaly")
TRAINING = "lib/cagewatch/detectors/training/train.py"
MODELS = {"rae", "cae", "density", "mean_image"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout, with a space in its path, whose study has run."""
    root = copy_checkout(tmp_path_factory.mktemp("a checkout"))
    done = study(root)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "anomaly rae 0: epoch 1/1 rae 1" in done.stderr  # progress is seen while it runs
    return root


@pytest.fixture
def checkout(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished checkout, time stamps included, to be changed at will."""
    return Path(shutil.copytree(finished, tmp_path / "copy"))


def made_with(root: Path, model: str) -> str:
    """Seed and epochs that a stand-in run of a model was made with."""
    return (root / RUNS / model / "seed-0" / "metrics.json").read_text()


# What reruns


def test_finished_study_is_whole_and_has_nothing_to_do(finished: Path) -> None:
    folder = finished / RUNS / "cae" / "seed-0"
    assert {"scores.csv.gz", "provenance.json", "experiment.ipynb"} <= set(os.listdir(folder))
    book = nbformat.read(folder / "experiment.ipynb", as_version=4)
    assert not [cell for cell in book.cells if "injected-parameters" in str(cell.metadata)]
    assert "epochs: int = 60" in book.cells[0].source and "cores: int = 1" in book.cells[0].source
    assert not list(finished.rglob("*.unfinished.ipynb"))
    assert planned(finished) == {}


def jobs_of(root: Path, **more: str) -> dict[str, object]:
    """What each job of a checkout depends on, as the Snakefile passes it to Snakemake."""
    cached = (code._digest, code.imported_files, code.meaning_of)
    for one in (*cached, depends.code_of_run, depends.code_of_room):
        one.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(code, "LIBRARY", root / "lib" / "cagewatch")
        patch.setattr(depends, "LIBRARY", code.LIBRARY)
        patch.chdir(root)
        given = {"dataset": "ped2", "data_dir": "data", "scale": "smoke", "models": list(MODELS)}
        found = plan.read_study(given | more)
        jobs = {run.model: [found.values(run), digest_run(run.model)] for run in found.runs()}
        jobs["preprocess"] = depends.of_step(found, "preprocess")
    for one in (depends.code_of_run, depends.code_of_room):
        one.cache_clear()
    return {**jobs, "data": jobs["preprocess"].pop("data")}


@pytest.mark.parametrize(
    ("path", "old", "new", "expected"),
    [
        ("params/model/rae.yaml", "epochs: 120", "epochs: 7", {"rae"}),
        ("params/family/network.yaml", "weights: last", "weights: best", {"rae", "cae"}),
        ("params/dataset/ped2.yaml", "gamma: 1.0", "gamma: 0.5", MODELS | {"preprocess"}),
        ("params/dataset/ped2.yaml", "image_fps: 10", "image_fps: 9", MODELS | {"preprocess"}),
        ("lib/cagewatch/detectors/networks/rae.py", "return ", "return 0 or ", {"rae"}),
        ("lib/cagewatch/detectors/networks/rae.py", '"""', '"""Edited. ', set()),
        ("lib/cagewatch/detectors/density.py", "return ", "return 0 or ", {"density"}),
        ("lib/cagewatch/store/build.py", "return ", "return 0 or ", MODELS | {"preprocess"}),
        ("lib/cagewatch/plots/style.py", "return ", "return 0 or ", set()),
        ("notebooks/experiment.py", "epoch 1/1", "epoch one", MODELS),
        ("data/UCSDped2/Test/UCSDped2.m", "2:3", "2:4", {"data"}),
    ],
)
def test_a_change_concerns_its_dependants_only(
    path: str, old: str, new: str, expected: set[str], bare: tuple[Path, dict]
) -> None:
    root, before = bare
    text, stat = (root / path).read_text(), (root / path).stat()
    edit(root / path, old, new)
    after = jobs_of(root)
    (root / path).write_text(text)
    os.utime(root / path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert {name for name in after if after[name] != before[name]} == expected


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """A checkout in which nothing was run, and what its jobs depend on."""
    root = copy_checkout(tmp_path_factory.mktemp("bare"))
    return root, jobs_of(root)


def test_a_docstring_trains_nothing_and_a_formula_what_uses_it(checkout: Path) -> None:
    edit(checkout / TRAINING, '"""', '"""Edited. ')
    assert planned(checkout) == {}
    edit(checkout / TRAINING, "return ", "return 0 or ")
    jobs = planned(checkout)
    assert set(jobs) == {"experiment rae", "experiment cae"}


def test_what_changed_or_was_damaged_is_made_again_and_settles(checkout: Path) -> None:
    edit(checkout / "params/model/rae.yaml", "epochs: 120", "epochs: 7")
    (checkout / RUNS / "cae/seed-0/metrics.json").write_text("cut")
    done = study(checkout)
    assert "rae/seed-0 is made again: epochs was 120 and is 7" in done.stderr
    assert re.search(r"cae/seed-0 is made again: .*metrics\.json", done.stderr)
    assert (made_with(checkout, "rae"), made_with(checkout, "cae")) == ("0 7", "0 60")
    assert planned(checkout) == {}


def test_runs_copied_in_are_taken_if_they_hold(checkout: Path) -> None:
    shutil.rmtree(checkout / ".snakemake")  # Snakemake has seen none of them
    for path in (checkout / RUNS).rglob("*"):
        os.utime(path, (1e9, 1e9))  # made long before the recordings are prepared here
    note = checkout / RUNS / "rae/seed-0/provenance.json"
    held = read_json(note)
    write_json(note, {name: value for name, value in held.items() if name != "code"})
    other = checkout / RUNS / "cae/seed-0/provenance.json"
    write_json(other, {**read_json(other), "code": "0" * 16})
    assert set(planned(checkout)) == {"experiment cae"}
    done = study(checkout, "--keep")
    assert "rae/seed-0 does not say which code made it: it is kept" in done.stderr
    assert "cae/seed-0 is kept, though its code means something else" in done.stderr
    assert read_json(other)["code"] == "0" * 16


def test_other_recordings_make_the_runs_again_at_once_and_the_same_ones_none(
    checkout: Path,
) -> None:
    frame, one = checkout / "data/UCSDped2/Test/Test001/001.tif", ("--models", "mean_image")
    frame.touch()
    (checkout / "results/ped2/recordings.json").unlink()
    done = study(checkout)
    assert done.returncode == 0 and "epoch" not in done.stderr, done.stderr
    frame.write_bytes((frame.parent / "002.tif").read_bytes())
    done = study(checkout, *one)
    assert done.returncode == 0 and done.stderr.count("epoch 1/1") == 1, done.stderr


def test_a_run_made_elsewhere_replaces_one_that_snakemake_made(checkout: Path) -> None:
    edit(checkout / TRAINING, "return ", "return 0 or ")
    for model in ("rae", "cae"):
        note = checkout / RUNS / model / "seed-0/provenance.json"
        write_json(note, {**read_json(note), "code": jobs_of(checkout)[model][1]})
    held = read_json(note)
    assert study(checkout).returncode == 0
    assert planned(checkout) == {} and read_json(note) == held


def test_one_file_can_be_asked_for(checkout: Path) -> None:
    wanted = f"{RUNS}/cae/seed-0/provenance.json"
    for model in ("rae", "cae"):
        shutil.rmtree(checkout / RUNS / model)
    done = study(checkout, "--", wanted)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (checkout / wanted).is_file() and not (checkout / RUNS / "rae").exists()


def test_a_run_is_made_though_the_recordings_are_read_again_first(checkout: Path) -> None:
    edit(checkout / "lib/cagewatch/store/build.py", "return ", "return 0 or ")
    shutil.rmtree(checkout / RUNS)
    wanted = f"{RUNS}/mean_image/seed-0/provenance.json"
    done = study(checkout, "--models", "mean_image", "--", wanted)
    assert done.returncode == 0 and (checkout / wanted).is_file(), done.stdout + done.stderr


def test_another_seed_and_kernel_add_runs_where_chance_has_a_part(checkout: Path) -> None:
    own = checkout / "jupyter" / "kernels" / "own"
    own.mkdir(parents=True)
    start = f"touch kernel-used; exec '{sys.executable}' -m ipykernel_launcher -f \"$0\""
    spec = {"argv": ["sh", "-c", start, "{connection_file}"], "display_name": "Own"}
    (own / "kernel.json").write_text(json.dumps(spec))
    given = ("--seeds", "0 1", "--models", "cae mean_image", "--kernel", "own")
    done = study(checkout, *given, JUPYTER_PATH=str(checkout / "jupyter"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert (checkout / RUNS / "cae/seed-1/metrics.json").read_text() == "1 60"
    assert not (checkout / RUNS / "mean_image/seed-1").exists()
    assert (checkout / "kernel-used").exists()


def test_own_values_win_where_they_apply(bare: tuple[Path, dict]) -> None:
    root, before = bare
    (root / "own.yaml").write_text("epochs: 3\n")
    after = jobs_of(root, params="own.yaml")
    assert {name for name in after if after[name] != before[name]} == {"rae", "cae"}


def test_report_is_written_offline(finished: Path) -> None:
    done = study(finished, "--", "--report", "report.html")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "experiment" in (finished / "report.html").read_text()


# Failures, kills and neighbours


def test_failed_run_keeps_what_was_there_and_others_go_on(checkout: Path) -> None:
    shutil.rmtree(checkout / RUNS / "cae")
    edit(checkout / "params/model/rae.yaml", "epochs: 120", "epochs: 7")
    (checkout / "break-rae").touch()
    done = study(checkout)
    assert done.returncode != 0
    folder = checkout / RUNS / "rae/seed-0"
    assert "broken on purpose" in (folder / "experiment.unfinished.ipynb").read_text()
    # The user is told where to look, and why without looking.
    assert re.search(
        r"experiment\.unfinished\.ipynb did not finish.*broken on purpose", done.stderr
    )
    assert (folder / "provenance.json").is_file() and made_with(checkout, "rae") == "0 120"
    assert made_with(checkout, "cae") == "0 60"
    (checkout / "break-rae").unlink()
    assert set(planned(checkout)) == {"experiment rae"}


def test_a_running_study_is_not_changed_by_others_and_goes_on_after_a_kill(checkout: Path) -> None:
    shutil.rmtree(checkout / RUNS / "rae")
    (checkout / "wait-rae").touch()
    (checkout / "own.yaml").write_text("epochs: 3\n")
    process = subprocess.Popen(
        command("--cores", "2"), cwd=checkout, env=environment(checkout), stderr=subprocess.DEVNULL
    )
    wait_for(checkout / "waiting-rae", process)
    held = contents(checkout)
    assert "experiment rae" in planned(checkout, "--params", "own.yaml")
    refused = study(checkout, "--params", "own.yaml")
    assert "A study is already running in" in refused.stderr and refused.returncode != 0
    assert contents(checkout) == held

    os.kill(process.pid, signal.SIGKILL)  # Snakemake dies; its notebook does not notice
    process.wait()
    assert list((checkout / ".snakemake" / "locks").iterdir())
    orphans = notebooks_in(checkout)
    assert orphans
    (checkout / "wait-rae").unlink()
    done = study(checkout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert made_with(checkout, "rae") == "0 120"
    assert not set(orphans) & set(notebooks_in(checkout))


def test_whoever_reads_snakemakes_log_is_not_taken_for_snakemake(tmp_path: Path) -> None:
    log = tmp_path / "x.snakemake.log"
    log.touch()
    reader = subprocess.Popen(["tail", "-f", str(log)], cwd=tmp_path)
    try:
        hold_lock(tmp_path).close()
        reader.kill()
        script = tmp_path / "snakemake"
        script.write_text("import time; time.sleep(60)")
        reader = subprocess.Popen([sys.executable, str(script)], cwd=tmp_path)
        for _ in range(100):  # until the system names its program
            if processes_in(tmp_path):
                break
            time.sleep(0.1)
        with pytest.raises(InputError, match="is already running in"):
            hold_lock(tmp_path)
    finally:
        reader.kill()
        reader.wait()


def contents(root: Path) -> dict[str, bytes]:
    """Every file of a checkout but Snakemake's own."""
    files = (path for path in root.rglob("*") if path.is_file())
    kept = (path for path in files if not {".snakemake", "__pycache__"} & set(path.parts))
    return {str(path): path.read_bytes() for path in kept}


def notebooks_in(root: Path) -> list[int]:
    """Process ids of papermill and kernels at work in `root`."""
    running = processes_in(root)
    return [process.pid for process in running if "ipykernel" in str(process.info["cmdline"])]


# Names from others' files


def test_a_target_named_by_someone_else_runs_nothing_and_stays_inside(tmp_path: Path) -> None:
    root = copy_checkout(tmp_path / "own")
    target = "../../x';touch $IFS$PWD-pwned;echo 'z"
    done = study(root, "--models", "cae", "--targets", "anomaly", "--params", "own.yaml")
    assert done.returncode == 1  # there is no own.yaml
    one = plan.Study("folder", [], root, "folder", [target], ["cae"], [0], [], root, "k", 1, 0, {})
    (run,) = one.runs()
    place = Path(one.folder_of(run))
    assert re.fullmatch(r"[A-Za-z0-9_.-]+", place.parts[-3]) and root in place.resolve().parents
    assert place.parts[-2:] == ("cae", "seed-0")


# Bad input


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--dataset", "ped3"], "Unknown dataset 'ped3': did you mean 'ped2'?"),
        (["--models", "rea"], "Unknown model 'rea': did you mean 'rae'?"),
        (["--targets", "hagn"], "Unknown target 'hagn': did you mean 'hang'?"),
        (["--scale", "papr"], "Unknown scale 'papr': did you mean 'paper'?"),
        (["--kernel", "gpu"], "There is no Jupyter kernel 'gpu': install it with"),
        (["--profile", "profiles/slurm"], "has a space in it, which Slurm's jobs cannot"),
        (["--seeds", "one"], "The seed 'one' is not a whole number"),
        (["--data", "nowhere"], "There is no data folder nowhere: put the dataset ped2 there"),
        (["--params", "typo.yaml"], "Unknown parameter 'epoch' in typo.yaml: did you mean 'epoch"),
        (["--params", "seed.yaml"], "seed.yaml sets 'seed', which the study chooses"),
        (["--params", "idle.yaml"], "idle.yaml sets 'components', which no model of the study"),
        (["--params", "none.yaml"], "Cannot read the parameter layer none.yaml"),
    ],
)
def test_bad_input_is_one_sentence_before_anything_runs(
    arguments: list[str], sentence: str, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers = {"typo": {"epoch": 3}, "seed": {"seed": 3}, "idle": {"components": 3}}
    for name, values in layers.items():
        (finished / f"{name}.yaml").write_text(yaml.safe_dump(values))
    monkeypatch.chdir(finished)
    held = contents(finished)
    with pytest.raises(SystemExit) as said:
        main([*command()[3:], *arguments])
    assert str(said.value).startswith("cagewatch: ") and sentence in str(said.value)
    assert "\n" not in str(said.value)
    assert contents(finished) == held


def test_unknown_config_name_is_refused() -> None:
    with pytest.raises(InputError, match=r"Unknown name 'datset' in .* did you mean 'dataset'\?"):
        plan.read_study({"datset": "ped2"})


def test_config_lists_may_be_strings_or_lists() -> None:
    assert plan.as_list("rae, cae") == plan.as_list(["rae", "cae"]) == ["rae", "cae"]
    assert plan.as_list(None) == [] and plan.as_list(3) == [3]


def test_planning_imports_no_backend() -> None:
    code = "import sys; from cagewatch.study import __main__, plan; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"tensorflow", "keras", "jax", "torch"} & set(done.stdout.split())
