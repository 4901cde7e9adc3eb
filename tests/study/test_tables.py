"""Tables: rows from finished runs, published values, and files that read well and reproduce."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import study_runs

from cagewatch.errors import InputError
from cagewatch.files import write_json
from cagewatch.metrics import judge_pair
from cagewatch.params import resolve
from cagewatch.runs import read_run
from cagewatch.study import tables
from cagewatch.study.tables.collect import describe_training
from cagewatch.study.tables.gallery import write_gallery


def make_run(results_dir: Path, model: str, seed: int, strength: float, **given: object) -> Path:
    """A finished run on Ped2."""
    return study_runs.make_run(results_dir, "ped2", "anomaly", model, strength, seed, **given)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    for seed in range(3):
        make_run(tmp_path, "rae", seed, 1.5)
        make_run(tmp_path, "cae", seed, 0.2)
    make_run(tmp_path, "frame_index", 0, 0.0)
    return tmp_path


def test_seeds_become_one_row_and_published_ones_stand_beside(results: Path) -> None:
    rows = tables.collect_results(results, "ped2")
    assert rows["source"].tolist()[:3] == ["ours"] * 3
    assert rows["kind"].tolist()[:3] == ["network", "network", "trivial"]
    assert set(rows["source"][3:]) == {"published"} and len(rows) == 3 + 11
    rae = rows[rows["model"] == "rae"].iloc[0]
    assert rae["seeds"] == 3 and rae["input"] == "24x32"
    each = [
        read_run(folder).metrics["auc"]
        for folder in tables.find_runs(results, model="rae")["folder"]
    ]
    assert rae["pooled"] == pytest.approx(np.mean(each))
    assert (rae["pooled_min"], rae["pooled_max"]) == pytest.approx((min(each), max(each)))
    assert rae["pooled_low"] < rae["pooled"] < rae["pooled_high"]
    assert rows["published"].dropna().str.startswith("0.9").any()


def test_presented_table_has_protocols_apart_from_published_values(results: Path) -> None:
    rows = tables.collect_results(results, "ped2", models=["cae", "rae"])
    table = tables.present_results(rows)
    assert table["Method"][:2].tolist() == ["two-stream CAE", "two-stream RAE"]
    ours, theirs = table.iloc[0], table[table["Method"].str.startswith("MemAE")].iloc[0]
    assert "[" in ours["AUC, pooled"] and ours["Seeds"] == "3" and ours["Published"] == ""
    assert ours["Trained"] == "stopped at step 20, epoch 2 of 60" and theirs["Trained"] == ""
    assert theirs["AUC, pooled"] == "" and theirs["Published"] == "0.941"
    events = tables.present_events(rows)
    assert len(events) == 2
    assert events["Bouts caught at 6 false alarms an hour"].str.fullmatch(r"\d+% \(\d+\.\d\)").all()
    text = tables.describe_protocols(rows)
    assert "12 recordings" in text and "jackknife over 12 recordings" in text and "smoke" in text
    assert ", for " not in text
    two = pd.concat([rows, rows.assign(target="eat", interval="95% intervals, of 7 bouts")])
    assert ", for anomaly]" in tables.describe_protocols(two)


def test_published_rows_of_another_dataset_can_stand_beside(results: Path) -> None:
    rows = tables.collect_results(results, "ped2", models=["cae"], published=["avenue"])
    assert (rows["published_auc"] == 0.832).sum() == 1
    assert not (rows["published_auc"] == 0.826).any()  # the RAE was not asked for
    assert not len(tables.collect_results(results, "avenue", published=[]))


def test_the_shortest_seed_speaks_for_the_training() -> None:
    lengths = [{"epochs": 60, "steps": 900}, {"epochs": 60, "steps": 900}]
    cae = resolve({"model": "cae"})
    assert describe_training(lengths, cae)["trained"] == "60 epochs, 900 steps"
    lengths.append({"epochs": 4, "steps": 60})
    assert describe_training(lengths, cae)["trained"] == "stopped at step 60, epoch 4 of 60"
    narrow = resolve({"model": "rae", "width": 0.25})
    words = describe_training([{"epochs": 120, "steps": 900}], narrow)["trained"]
    assert words == "120 epochs, 900 steps, width 0.25"
    assert describe_training([None], cae) == {"epochs": 0, "steps": 0, "trained": ""}


def test_all_are_compared_with_all_and_corrected_for_it(results: Path) -> None:
    rows = tables.collect_results(results, "ped2")
    pairs = tables.compare_detectors(results, "ped2", rows)
    assert set(pairs["n_comparisons"]) == {3} and len(pairs) == 6  # two protocols
    assert (pairs["p_holm"] >= pairs["p"]).all()
    assert judge_pair(pairs, "rae", "cae") == "better"
    chosen = tables.choose_pairs(rows, [("cae", "rae"), ("cae", "density")])
    assert chosen == {"anomaly": [("cae", "rae"), ("rae", "cae"), ("rae", "frame_index")]}
    shown = tables.present_pairs(pairs, chosen)
    assert shown["Verdict"].tolist() == ["worse", "better", "better"]
    first, second = (text.split(" ")[0] for text in shown["Difference of AUCs, pooled"][:2])
    assert float(first) == -float(second) < 0  # turned round
    words = tables.describe_pairs(pairs, [("cae", "rae")])
    assert "two-stream RAE is ahead of every other row" in words
    assert "two-stream CAE is not shown to be ahead of two-stream RAE" in words


def test_a_network_trained_once_is_better_of_one_seed_only(tmp_path: Path) -> None:
    make_run(tmp_path, "rae", 0, 1.5)
    make_run(tmp_path, "frame_index", 0, 0.0)
    make_run(tmp_path, "mean_image", 0, 3.0)
    rows = tables.collect_results(tmp_path, "ped2")
    pairs = tables.compare_detectors(tmp_path, "ped2", rows)
    shown = tables.present_pairs(pairs, {"anomaly": [("rae", "frame_index")]})
    assert shown["Verdict"].tolist() == ["better, of one seed"]
    # What is fitted without chance has one seed and no other.
    fitted = tables.present_pairs(pairs, {"anomaly": [("mean_image", "frame_index")]})
    assert fitted["Verdict"].tolist() == ["better"]


def test_nobody_is_ahead_where_the_rows_are_level(tmp_path: Path) -> None:
    for model in ("rae", "cae", "mean_image"):
        make_run(tmp_path, model, 0, 1.0)
    pairs = tables.compare_detectors(tmp_path, "ped2", tables.collect_results(tmp_path, "ped2"))
    assert "no row is ahead of all others" in tables.describe_pairs(pairs)
    one = tables.collect_results(tmp_path, "ped2", models=["cae"])
    assert "nothing can be compared" in tables.describe_pairs(
        tables.compare_detectors(tmp_path, "ped2", one)
    )


def test_seeds_of_different_experiments_are_not_averaged(results: Path) -> None:
    make_run(results, "cae", 3, 0.2, gamma=0.5)
    with pytest.raises(InputError, match="no seeds of one experiment .gamma was 0.5"):
        tables.collect_results(results, "ped2")


def test_of_seeds_of_several_scales_those_of_the_study_are_shown(results: Path, capsys) -> None:
    make_run(results, "cae", 3, 0.9, scale="quick")
    values = {"dataset": "ped2", "scale": "quick"}
    given = {"models": ["cae"], "published": []}
    held = [
        read_run(one).parameters for one in tables.find_runs(results, values, model="cae")["folder"]
    ]
    assert [(one.seed, one.scale) for one in held] == [(3, "quick")]
    assert tables.collect_results(results, "ped2", values=values, **given)["seeds"].tolist() == [1]
    assert "seed-0 is left out: it was made with other values" in capsys.readouterr().out
    values["scale"] = "smoke"  # what the others are of
    assert tables.collect_results(results, "ped2", values=values, **given)["seeds"].tolist() == [3]


def test_frames_at_the_edges_of_bouts_are_left_out_of_tables_too(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "cae", 0, 0.2, edge_margin=2)
    row = tables.collect_results(tmp_path, "ped2", models=["cae"]).iloc[0]
    metrics = read_run(folder).metrics
    assert metrics["edge_frames"] > 0 and row["pooled"] == pytest.approx(metrics["auc"])
    assert "within 2 of an edge of a bout left out" in tables.describe_protocols(row.to_frame().T)


def test_seeds_on_different_frames_are_not_averaged(results: Path) -> None:
    make_run(results, "cae", 3, 0.2, recordings=6)
    with pytest.raises(InputError, match="different frames"):
        tables.collect_results(results, "ped2")


@pytest.mark.parametrize("damage", ["format", "json", "scores", "parameter"])
def test_a_results_folder_of_another_version_or_damaged_is_named(results, damage: str) -> None:
    folder = tables.find_runs(results, model="cae")["folder"][0]
    if damage == "format":
        write_json(folder / "provenance.json", {"format": 0})
    elif damage == "json":
        (folder / "metrics.json").write_text("{")
    elif damage == "scores":
        (folder / "scores.csv.gz").write_bytes(b"\x1f\x8b not gzip")
    else:
        with open(folder / "params.yaml", "a") as file:
            file.write("brightness: 2\n")
    with pytest.raises(InputError, match="seed-0") as error:
        tables.collect_results(results, "ped2")
    assert "\n" not in str(error.value)


def test_published_values_are_those_of_the_paper() -> None:
    mouse = tables.read_published("mit").set_index(["target", "method"])["text"]
    assert mouse["hang", "single-stream CAE"] == "0.959"
    assert mouse["groom", "supervised"] == "0.660"
    assert mouse["hang", "two-stream RAE"] == "> 0.9 and < 0.959"
    assert mouse["groom", "two-stream CAE"] == "> 0.5 and < 0.644"
    table_2 = tables.read_published("avenue")
    table_2 = table_2[table_2["source"].str.startswith("paper")]
    expected = [0.702, 0.771, 0.784, 0.809, 0.809, 0.826, 0.832, 0.866, 0.879]
    assert sorted(table_2["auc"]) == expected
    everything = tables.read_published()
    assert everything[["source", "protocol"]].notna().all(axis=None)
    assert everything["model"].dropna().isin(["rae", "cae", "cae_image", "supervised"]).all()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("{dataset: x, target: y, method: z, source: s, protocol: p}", "neither auc"),
        ("{dataset: x, target: y, method: z, source: s, protocol: p, auc: 95}", "auc=95"),
        ("{dataset: x, target: y, method: z, source: s, auc: 0.5}", "protocol is missing"),
        ("{datset: x}", "did you mean 'dataset'"),
        ("just text", "no names and values"),
        ("{unclosed", "not valid YAML"),
    ],
)
def test_wrong_published_rows_are_refused(tmp_path: Path, row: str, message: str) -> None:
    path = tmp_path / "published.yaml"
    path.write_text(f"- {row}\n")
    with pytest.raises(InputError, match=message) as error:
        tables.read_published(path=path)
    assert "\n" not in str(error.value)


TABLE = pd.DataFrame(
    {
        "Method": ["RAE | two_streams", "CAE 100 % & more", "none"],
        "AUC": [0.91234567891, np.nan, 0.5],
        "Bouts": [3, 0, 12],
        "Better": [True, False, False],
    }
)


def test_table_files_hold_the_values_and_the_protocol(tmp_path: Path) -> None:
    paths = tables.write_table(TABLE, tmp_path, "table_2", "Benchmark", "pooled, raw", True)
    assert [path.name for path in paths] == ["table_2.csv", "table_2.md", "table_2.tex"]
    read = pd.read_csv(paths[0])
    np.testing.assert_allclose(read["AUC"], TABLE["AUC"], rtol=1e-8)
    markdown = paths[1].read_text("utf-8").splitlines()
    assert markdown[0] == "### Benchmark. Simulated data."
    assert markdown[2:5] == [
        "| Method | AUC | Bouts | Better |",
        "| --- | ---: | ---: | --- |",
        "| RAE \\| two_streams | 0.912 | 3 | yes |",
    ]
    assert (
        "| CAE 100 % & more | – | 0 | no |" in markdown and markdown[-1] == "Protocol: pooled, raw."
    )
    latex = paths[2].read_text("utf-8")
    assert r"CAE 100 \% \& more & -- & 0 & no \\" in latex and r"RAE | two\_streams" in latex
    assert latex.count("{") == latex.count("}") and "pooled, raw" in latex


def test_names_of_others_do_nothing_in_a_table(tmp_path: Path) -> None:
    names = ["<img onerror=x>", "a\\|b", "=SUM(A1)", "-0.02 [-0.1, 0.06]", "&lt;"]
    csv_path, md_path, _ = tables.write_table(
        pd.DataFrame({"<b>": names, "n": range(5)}), tmp_path, "t", "<i>Caption", "<p>"
    )
    read = pd.read_csv(csv_path)["<b>"].tolist()
    assert read[2] == "'=SUM(A1)" and [*read[:2], *read[3:]] == [*names[:2], *names[3:]]
    text = md_path.read_text("utf-8")
    assert "<" not in text and "| &lt;img onerror=x> | 0 |" in text
    assert "| a\\\\\\|b | 1 |" in text and "| &amp;lt; | 4 |" in text


@pytest.mark.parametrize(
    ("caption", "shown"),
    [("Which", "Which."), ("Which.", "Which."), ("Which?", "Which?")],
)
def test_a_caption_ends_with_one_mark(tmp_path: Path, caption: str, shown: str) -> None:
    tables.write_table(pd.DataFrame({"a": [1]}), tmp_path, "one", caption)
    assert (tmp_path / "one.md").read_text().startswith(f"### {shown}\n")


def test_the_same_table_gives_the_same_bytes(tmp_path: Path) -> None:
    first = tables.write_table(TABLE, tmp_path / "a", "t", "Caption", "p")
    second = tables.write_table(TABLE, tmp_path / "b", "t", "Caption", "p")
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
    rows = list(csv.reader(open(first[0], encoding="utf-8")))
    assert len(rows) == 4 and all(len(row) == 4 for row in rows)


def test_nothing_is_left_behind_when_writing_fails(tmp_path: Path) -> None:
    (tmp_path / "t.csv").mkdir()  # a folder where the file should go
    with pytest.raises(InputError, match=r"Cannot write .*t\.csv"):
        tables.write_table(TABLE, tmp_path, "t", "Caption")
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_gallery_shows_every_figure_and_table_once_in_order(tmp_path: Path) -> None:
    for name in ("figure_10_last", "figure_2_first"):
        (tmp_path / f"{name}.png").write_bytes(b"png")
        (tmp_path / f"{name}.svg").write_bytes(b"svg")
    write_json(tmp_path / "figure_2_first.json", {"caption": "The networks [RAE]."})
    tables.write_table(TABLE, tmp_path, "table_1", "Settings", "none")
    path = write_gallery(tmp_path, "simulated cage")
    text = path.read_text("utf-8")
    headings = [line for line in text.splitlines() if line.startswith("#")]
    assert headings == [
        "# simulated cage: figures and tables",
        "## The networks [RAE]",
        "## figure 10 last",
        "## Settings",
    ]
    assert "![The networks (RAE).](figure_2_first.png)" in text
    assert "| CAE 100 % & more | – | 0 | no |" in text and "[tex](table_1.tex)" in text
    assert write_gallery(tmp_path, "simulated cage").read_text("utf-8") == text
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no figure or table"):
        write_gallery(tmp_path / "empty", "x")
