"""Artefacts: the figures and tables of the paper from finished runs, and their notebooks."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from pathlib import Path
from types import SimpleNamespace

import jupytext
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from study_runs import given_for, make_run, texts

from cagewatch import metrics, params, runtime
from cagewatch.errors import InputError
from cagewatch.params import project_root
from cagewatch.study import contents
from cagewatch.study.artefacts import (
    alternates,
    benchmark,
    parameters,
    protocols,
    roc,
    summary,
)
from cagewatch.study.publish import tags_of
from cagewatch.study.tables.gallery import write_gallery

NOTEBOOKS = project_root() / "notebooks"
QUESTIONS = [f"ablation_{name}" for name in ("clips", "flow", "training", "width")]
OWN = [*(artefact.notebook for artefact in contents.ARTEFACTS), "summary"]


@pytest.fixture(scope="module")
def cage(tmp_path_factory: pytest.TempPathFactory) -> parameters.Given:
    """Runs on the simulated cage: all of groom, and of hang the RAE alone."""
    folder = tmp_path_factory.mktemp("cage")
    for model, strength in [("rae", 0.5), ("cae", 0.6), ("cae_image", 3.0), ("supervised", 4.0)]:
        make_run(folder / "results", "simulated", "groom", model, strength)
    make_run(folder / "results", "simulated", "groom", "cae", 0.6, seed=1)
    make_run(folder / "results", "simulated", "groom", "frame_difference", 0.1)
    make_run(folder / "results", "simulated", "groom", "pca_frames", 1.0)
    make_run(folder / "results", "simulated", "hang", "rae", 2.0)
    return given_for(folder, "simulated")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


# The notebooks


def every_notebook() -> list[str]:
    return sorted({path.stem for path in NOTEBOOKS.glob("*.py")} | set(OWN))


@pytest.mark.parametrize("name", every_notebook())
def test_notebook_is_in_step_with_its_source(name: str) -> None:
    source = jupytext.read(NOTEBOOKS / f"{name}.py")
    paired = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    # What papermill injects would silently win over what a user edits.
    assert not [cell for cell in paired.cells if "injected-parameters" in tags_of(cell)]
    shown = [(cell.cell_type, cell.source) for cell in paired.cells]
    assert shown == [(cell.cell_type, cell.source) for cell in source.cells], (
        f"notebooks/{name}.py was edited: run 'make study' and 'make publish'"
    )
    tagged = [tags_of(cell) for cell in paired.cells if tags_of(cell)]
    assert tagged == [cell.metadata["tags"] for cell in source.cells if cell.metadata.get("tags")]


@pytest.mark.parametrize("name", every_notebook())
def test_what_a_notebook_calls_is_there(name: str) -> None:
    """Every ``module.function`` of the library that a cell names exists."""
    cells = [c for c in jupytext.read(NOTEBOOKS / f"{name}.py").cells if c.cell_type == "code"]
    tree = ast.parse("\n".join(cell.source for cell in cells))
    modules = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("cagewatch"):
            for alias in node.names:
                found = getattr(importlib.import_module(node.module), alias.name, None)
                found = found or importlib.import_module(f"{node.module}.{alias.name}")
                if inspect.ismodule(found):
                    modules[alias.asname or alias.name] = found
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if module := modules.get(node.value.id):
                assert hasattr(module, node.attr), f"{node.value.id}.{node.attr}"


@pytest.mark.parametrize("name", OWN)
def test_parameters_cell_is_the_schema(name: str) -> None:
    cells = jupytext.read(NOTEBOOKS / f"{name}.py").cells
    [cell] = [cell for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    assert cell.source.startswith("# Parameters:")
    fields = parameters.Given.model_fields
    lines = dict(re.findall(r"^(\w+): \w+ = \S+  # (.*)$", cell.source, re.MULTILINE))
    assert lines == {field: schema.description for field, schema in fields.items()}
    space: dict[str, object] = {"In": [cell.source]}
    exec(cell.source, space)
    assert params.read_cell(space, parameters.Given) == parameters.Given(dataset=space["dataset"])


@pytest.mark.parametrize("name", OWN)
def test_notebook_is_thin(name: str) -> None:
    for cell in jupytext.read(NOTEBOOKS / f"{name}.py").cells:
        if cell.cell_type == "code":
            assert len(cell.source.splitlines()) <= 15
            assert not re.search(r"^\s*(def|class|for|while|if) ", cell.source, re.MULTILINE)


def test_unknown_dataset_names_the_nearest() -> None:
    cell = "# Parameters: x\ndataset = 'simulatd'"
    with pytest.raises(InputError, match="did you mean 'simulated'"):
        parameters.start({"In": [cell], "dataset": "simulatd"})


# Figures 3 and 4


def test_roc_figure_has_both_models_and_says_simulated(cage: parameters.Given) -> None:
    curves = roc.read_target(cage, "groom")
    figure = roc.show_target(cage, "groom", "figure_3_roc_groom", curves)
    written = texts(figure)
    for wanted in ("two-stream RAE, groom", "two-stream CAE, groom", "simulated data"):
        assert wanted in written
    assert "(2 seeds)" in written and "equal error" in written
    assert "frame difference" in written and "PCA of frames" in written
    svg = (cage.figures / "figure_3_roc_groom.svg").read_text()
    assert svg.startswith("<?xml")
    caption = (cage.figures / "figure_3_roc_groom.json").read_text()
    assert "> 0.5 and < 0.644" in caption
    assert "two-stream RAE: frame AUC" in caption and "and 2 seeds" in caption
    assert "and one seed" in caption  # of the other network


def test_roc_figure_says_which_model_was_not_run(cage: parameters.Given) -> None:
    curves = roc.read_target(cage, "hang")
    assert "two-stream CAE: not run" in texts(
        roc.show_target(cage, "hang", "figure_4_roc_hang", curves)
    )
    text = roc.describe_target(cage, "hang", curves)
    assert "two-stream CAE: not run" in text and "lies above 0.5" in text
    with pytest.raises(InputError, match="make study DATASET=simulated"):
        roc.read_target(cage, "walk")


def test_average_of_curves_has_the_mean_area() -> None:
    generator = np.random.default_rng(0)
    flags = generator.random(2000) < 0.3
    curves = [metrics.compute_roc(generator.normal(size=2000) + s * flags, flags) for s in (1, 2)]
    areas = [np.trapezoid(one.true_positive_rate, one.false_positive_rate) for one in curves]
    mean = roc.average_roc(curves)
    area = np.trapezoid(mean.true_positive_rate, mean.false_positive_rate)
    assert area == pytest.approx(np.mean(areas), abs=1e-3)


# Table 2


def test_benchmark_shows_both_sizes_and_published_rows(tmp_path: Path) -> None:
    given = given_for(tmp_path, "ped2")
    for dataset, strength in (("ped2", 1.0), ("ped2_large", 2.0)):
        make_run(tmp_path / "results", dataset, "anomaly", "cae", strength)
        make_run(tmp_path / "results", dataset, "anomaly", "frame_index", 0.1)
    rows = benchmark.collect_benchmark(given)
    table, _, _ = benchmark.write_benchmark(given, rows)
    assert {"24x32", "64x96"} <= set(table["Input"])
    assert table["Method"].str.contains("MemAE").any()
    assert (table["Method"] == "frame index").sum() == 1  # the same at every input size
    assert "stopped at step 20, epoch 2 of 60" in set(table["Trained"])
    assert benchmark.partial_warning(rows) == ""
    assert "ped2_large" in texts(benchmark.show_benchmark(given, rows))
    make_run(tmp_path / "results", "ped2", "anomaly", "density", 4.0)
    _, pairs, words = benchmark.write_benchmark(given, benchmark.collect_benchmark(given))
    said = pairs.set_index("Than")["Verdict"]
    assert set(pairs["Is better"]) == {"density of objects"}
    assert set(said) == {"better", "better, of one seed"}  # the networks were trained once
    assert "density of objects is ahead of every other row" in words
    protocols.write_protocols(given, rows)
    written = {path.name for path in given.figures.iterdir()}
    artefact = next(one for one in contents.ARTEFACTS if one.notebook == "table_2_benchmark")
    assert set(artefact.files()) <= written


def test_table_2_lists_every_detector_that_was_run(tmp_path: Path) -> None:
    given = given_for(tmp_path, "ped2_large")
    for dataset in ("ped2", "ped2_large"):
        make_run(tmp_path / "results", dataset, "anomaly", "hasan", 1.0)
        make_run(tmp_path / "results", dataset, "anomaly", "sparse", 4.0)
    rows = benchmark.collect_benchmark(given)
    table, pairs, _ = benchmark.write_benchmark(given, rows)
    assert (table["Method"] == "2D CAE (Hasan et al.)").sum() == 2
    # What reads the source frames is the same at every input size, and still compared at each.
    assert table.loc[table["Method"].str.contains("150 FPS"), "Input"].tolist() == ["source"]
    assert pairs[["Than", "Verdict"]].values.tolist() == [
        ["2D CAE (Hasan et al.)", "better, of one seed"]
    ]
    told = benchmark.describe_benchmark(rows.assign(pooled=np.nan))
    assert "nan" not in told and "Protocol" in told


def test_part_of_avenue_is_not_compared(tmp_path: Path) -> None:
    given = given_for(tmp_path, "avenue")
    make_run(tmp_path / "results", "avenue", "anomaly", "cae", 1.0)
    make_run(tmp_path / "results", "avenue", "anomaly", "rae", 2.0)
    rows = benchmark.collect_benchmark(given)
    benchmark.write_benchmark(given, rows)
    protocols.write_protocols(given, rows)
    assert "Only 12 of the 21 test videos" in benchmark.describe_benchmark(rows)
    tables = sorted(given.figures.glob("*.md"))
    assert len(tables) == 4
    assert all("not comparable" in table.read_text("utf-8") for table in tables)


def test_home_cage_is_no_benchmark(cage: parameters.Given) -> None:
    with pytest.raises(InputError, match="make study DATASET=ped2"):
        benchmark.collect_benchmark(cage)


# Section 3.4


def test_alternates_are_compared_on_the_same_frames(cage: parameters.Given) -> None:
    rows = alternates.collect_alternates(cage)
    table, pairs, words = alternates.write_alternates(cage, rows)
    # Of groom there are 6 detectors; of hang one, which nothing can be compared with.
    assert "(Holm, 15 comparisons)" in words and "**hang**" not in words
    assert {"0.644", "0.660", "0.959", "0.990"} <= set(table["Published"])
    assert {"PCA of frames", "frame difference"} <= set(table["Method"])
    said = pairs.set_index(["Is better", "Than"])["Verdict"]
    assert said["supervised", "two-stream RAE"] == "better, of one seed"
    figure = alternates.show_alternates(cage, rows)
    assert "groom, published" in texts(figure) and "simulated data" in texts(figure)
    for name in ("section_3_4.md", "section_3_4_pairs.md"):
        assert "Simulated data." in (cage.figures / name).read_text()


# Figure 2 and Table 1


def test_figure_2_and_table_1_are_the_models(tmp_path: Path, monkeypatch) -> None:
    runtime.load_backend()
    from cagewatch.study.artefacts import architectures, hyperparameters

    given = given_for(tmp_path, "simulated")
    models = architectures.build_models(given)
    counts = {name: model.count_params() for name, model in models.items()}
    assert counts["rae"] == 3156994 and counts["cae"] == 442162 and counts["cae_image"] == 221121
    for figure, names in zip(
        architectures.show_architectures(given, models),
        (["rae"], ["cae"], ["cae_image", "supervised"]),
        strict=True,
    ):
        for name in names:
            assert f"{counts[name]:,} parameters" in texts(figure)
            boxes = architectures.lay_out(models[name])
            shown = [int(n.replace(",", "")) for box in boxes for n in COUNT.findall(box.text)]
            assert sum(shown) == counts[name]

    monkeypatch.setattr(hyperparameters, "build_models", lambda given: models)
    checked = hyperparameters.check_models(given)
    table = hyperparameters.write_hyperparameters(given, checked)
    assert list(table["two-stream RAE"]) == ["MSE", "0.75", "1.0", "Adam", "0.0002", "0.5", *ENDS]
    # A model compiled with another value than the parameters say stops the notebook.
    wrong = dict(checked["cae"], learning_rate=0.01)
    with pytest.raises(InputError, match="'cae' has learning_rate 0.0002"):
        hyperparameters.compare("cae", wrong, hyperparameters.compiled_values(models["cae"]))
    with pytest.raises(InputError, match="'rae' has dilation_rate 1"):
        hyperparameters.compare(
            "rae",
            checked["rae"] | {"dilation_rate": 2},
            hyperparameters.compiled_values(models["rae"]),
        )


COUNT = re.compile(r"([\d,]+) parameters")
ENDS = ["8", "64", "1"]  # quick scale caps the epochs at 8


# Summary, contents and gallery


def test_summary_has_a_line_for_each_claim(cage: parameters.Given) -> None:
    table = summary.write_summary(cage).set_index("Claim")
    words = {"agrees", "does not", "too wide to say", "no difference shown", "not run"}
    assert {verdict.removesuffix(", of one seed") for verdict in table["Verdict"]} <= words
    order = table.loc["single-stream CAE (image) above two-stream CAE on groom"]
    assert order["Seeds"] == "1, 2"  # in the order of the claim
    assert order["Protocol"].endswith("Holm over 6")
    if order["Verdict"] != "no difference shown":
        assert order["Verdict"].endswith(", of one seed")
    avenue = table.loc["AUC of the two-stream CAE on anomaly"]
    assert avenue["Verdict"] == "not run" and "DATASET=avenue" in avenue["To run it"]
    row = table.loc["AUC of the supervised on groom"]
    assert row["Paper"] == "0.660" and "real mice" in row["Data"] and row["Seeds"] == "1"
    assert row["Trained"] == "stopped at step 20, epoch 2 of 120"
    order = table.loc["supervised above single-stream CAE (image) on groom"]
    assert order["Verdict"] in ("agrees", "no difference shown") and "[" in order["Ours"]
    lacking = table.loc["AUC of the single-stream CAE (image) on hang"]
    assert 'TARGETS=hang MODELS="cae_image"' in lacking["To run it"]


def test_summary_of_nothing_needs_no_run(tmp_path: Path) -> None:
    table = summary.write_summary(given_for(tmp_path, "simulated"))
    assert set(table["Verdict"]) == {"not run"} and table["To run it"].str.startswith("make").all()


@pytest.mark.parametrize(("strength", "verdict"), [(0.3, "too wide to say"), (4.0, "does not")])
def test_a_published_number_is_held_against_ours(
    strength: float, verdict: str, tmp_path: Path
) -> None:
    given = given_for(tmp_path, "mit")
    make_run(tmp_path / "results", "mit", "groom", "rae", strength)
    row = summary.write_summary(given).set_index("Claim").loc["AUC of the two-stream RAE on groom"]
    assert row["Verdict"] == verdict and row["Data"] == "mit"


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        ((0.938, 0.90, 0.97), "agrees"),
        ((0.985, 0.97, 0.99), "does not"),
        ((0.938, 0.034, 1.0), "too wide to say"),  # two seeds: holds the claim, and chance too
        ((0.45, 0.36, 0.55), "does not"),
    ],
)
def test_an_interval_that_holds_chance_too_decides_nothing(
    interval: tuple[float, float, float], verdict: str
) -> None:
    claim = SimpleNamespace(auc=0.959, above=np.nan, below=np.nan)
    assert summary.judge_auc(claim, *interval) == verdict


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        ((0.938, 0.91, 0.95), "agrees"),
        ((0.938, 0.91, 0.97), "too wide to say"),  # in the bounds and above them
        ((0.972, 0.95, 0.99), "too wide to say"),
        ((0.985, 0.96, 0.99), "does not"),
        ((0.88, 0.85, 0.89), "does not"),
        ((0.938, np.nan, np.nan), "agrees"),
        ((0.972, np.nan, np.nan), "does not"),
    ],
)
def test_bounds_are_met_by_the_whole_interval(
    interval: tuple[float, float, float], verdict: str
) -> None:
    claim = SimpleNamespace(auc=np.nan, above=0.9, below=0.959)
    assert summary.judge_auc(claim, *interval) == verdict


def test_no_figure_of_real_data_says_simulated(tmp_path: Path) -> None:
    given = given_for(tmp_path, "mit")
    make_run(tmp_path / "results", "mit", "groom", "cae", 1.0)
    figure = roc.show_target(given, "groom", "figure_3", roc.read_target(given, "groom"))
    assert "simulated" not in texts(figure)


def test_contents_are_what_a_study_can_make() -> None:
    def names(*study: object) -> list[str]:
        return [artefact.notebook for artefact in contents.artefacts_for(*study)]

    every = names("mit", ["hang", "groom"], ["rae", "cae"])
    elsewhere = ("table_2_benchmark", "real_mice", "summary")
    assert every == [name for name in OWN if name not in elsewhere]
    assert "learning_curves" not in names("mit", ["hang"], ["density"])
    assert names("ped2", ["anomaly"], ["cae"]) == [
        "figure_2_architectures",
        "table_1_hyperparameters",
        "table_2_benchmark",
        "learning_curves",
        "ablation_scores",
    ]
    assert "figure_3_roc_groom" not in names("simulated", ["hang"], ["cae"])
    assert names("folder", ["anomaly"], ["cae"]) == []


def test_gallery_shows_figures_and_tables(cage: parameters.Given) -> None:
    roc.show_target(cage, "groom", "figure_3_roc_groom", roc.read_target(cage, "groom"))
    page = write_gallery(cage.figures, "cage").read_text()
    assert "figure_3_roc_groom.png" in page and "Figure 3: two-stream models on groom" in page
