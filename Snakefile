# The study, from recordings to figures.
#
#   make study                                the default: a simulated cage, quick scale
#   make study DATASET=ped2 DATA=<folder>     a benchmark
#   .venv/bin/snakemake -n                    what would run, and why
#
# Every step is a notebook that papermill runs with a file of resolved parameters. A step runs again
# when its notebook, a value in its file or a library module it imports changes. The .py of a notebook
# is its source. A run that fails or is killed leaves its notebook, error included, in its folder as
# <name>.unfinished.ipynb; the other runs go on, and the next `make study` does the rest.

import os
import sys

from cagewatch import batch
from cagewatch.study.artefacts.variations import FOLDER, MODEL as VARIED, TRAINED
from cagewatch.detectors import DETECTORS

os.environ["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]


configfile: "config/study.yaml"


study = batch.read_study(config)
GRID = batch.write_grid(study)
RESULTS = study.results / study.dataset
RUN = str(RESULTS / "{target}" / "{model}" / "seed-{seed}")
DETECTOR_RUN = RUN.replace("{model}", "{detector}")
VARIED_RUN = str(
    study.results / FOLDER / "{variation}" / study.dataset / study.targets[0] / VARIED / "seed-{seed}"
)
RUN_FILES = ["scores.csv.gz", "metrics.json", "params.yaml", "provenance.json"]
BASELINES = ["frame_index", "frame_difference", "flow_magnitude"]
ARTEFACTS = study.artefacts()  # listed in lib/cagewatch/artefacts/contents.py
QUESTIONS = [name for name in TRAINED if os.path.isfile(f"notebooks/ablation_{name}.py")]
FIGURES = [study.figures / file for artefact in ARTEFACTS for file in artefact.files()]
SUMMARY = [study.figures / f"summary.{kind}" for kind in ("csv", "md", "tex")]
# A notebook is executed under the name <name>.unfinished.ipynb, cell by cell, so that it can be read
# while it runs and after an error; it takes its final name when it is complete. What it prints goes
# to the terminal with the run's name in front.
NOTEBOOK = (
    "done={output.notebook:q}; unfinished=${{done%.ipynb}}.unfinished.ipynb;"
    ' jupytext --quiet --to ipynb --output "$unfinished" {input.notebook:q}'
    f' && papermill "$unfinished" "$unfinished" -k {study.kernel} --cwd . --no-progress-bar'
    " --log-level WARNING --stdout-file >(sed -u 's/^/{params.name}: /' >&2)"
    " -f {input.values:q} -p cores {threads} {params.more} 2> >(grep -v IPKernelApp >&2)"
    ' && mv "$unfinished" "$done"'
)


wildcard_constraints:
    # The baselines are made together, by rule baselines, and detectors by rule detector.
    model=f"(?!({'|'.join([*BASELINES, *DETECTORS])})/)[a-z0-9_]+",
    detector="|".join(DETECTORS),
    seed="[0-9]+",
    variation="[A-Za-z0-9_.]+",


localrules:
    all,
    ablations,
    gallery,


rule all:
    input:
        RESULTS / "prepare.ipynb",
        [
            f"{RUN}/{file}".format(target=target, model=model, seed=seed)
            for target, model, seed in study.runs()
            for file in [f"{batch.notebook_of(model)}.ipynb", *RUN_FILES]
        ],
        [RESULTS / target / "baselines.ipynb" for target in study.targets],
        [study.figures / "README.md", FIGURES, SUMMARY] if ARTEFACTS else [],


if study.layout == "simulated":

    rule simulate:  # the embedded default: a home cage rendered into data_dir
        input:
            values=GRID / "simulate.yaml",
            library=batch.library("lib/cagewatch/simulate/__init__.py"),
        output:
            study.data_dir / "recordings.json",
        threads: 8
        resources:
            mem_mb=4000,
            runtime=240,
        shell:
            "python -m cagewatch.study.steps simulate {input.values:q} {output:q} --cores {threads}"


rule preprocess:  # decode, gray, flow: the store that every run reads
    input:
        study.data_dir / "recordings.json" if study.layout == "simulated" else GRID / "data.txt",
        values=GRID / "prepare.yaml",
        library=batch.library("lib/cagewatch/store.py"),
    output:
        RESULTS / "recordings.json",
    threads: 8
    resources:
        mem_mb=4000,
        runtime=240,
    shell:
        "python -m cagewatch.study.steps preprocess {input.values:q} {output:q} --cores {threads}"


rule prepare:  # an audit of the recordings, to be read before anything is believed
    input:
        RESULTS / "recordings.json",
        notebook="notebooks/prepare.py",
        values=GRID / "prepare.yaml",
        library=batch.library("notebooks/prepare.py"),
    output:
        notebook=RESULTS / "prepare.ipynb",
    params:
        name="prepare",
        more="",
    threads: study.threads
    resources:
        mem_mb=4000,
        runtime=60,
    shell:
        NOTEBOOK


rule experiment:  # train one model on one target with one seed, score the test recordings
    input:
        RESULTS / "recordings.json",
        notebook="notebooks/experiment.py",
        values=GRID / "{target}" / "{model}.yaml",
        library=lambda run: batch.library(
            "notebooks/experiment.py", [*batch.LOOKS, *batch.other_models(run.model)]
        ),
    output:
        expand(RUN + "/{file}", file=[*RUN_FILES, "model.keras", "history.csv"], allow_missing=True),
        notebook=RUN + "/experiment.ipynb",
    params:
        name="{target} {model} {seed}",
        more="-p seed {seed}",
    threads: study.threads
    resources:
        mem_mb=lambda run, attempt: 4000 * attempt,
        runtime=lambda run, attempt: 240 * attempt,
        gpu=study.gpu,
    shell:
        NOTEBOOK


rule detector:  # fit a detector that is no network on one target, score the test recordings
    input:
        RESULTS / "recordings.json",
        notebook="notebooks/detector.py",
        values=GRID / "{target}" / "{detector}.yaml",
        library=lambda run: batch.detector_library(run.detector),
    output:
        expand(DETECTOR_RUN + "/{file}", file=[*RUN_FILES, "detector.npz"], allow_missing=True),
        notebook=DETECTOR_RUN + "/detector.ipynb",
    params:
        name="{target} {detector} {seed}",
        more="-p seed {seed}",
    threads: study.threads
    resources:
        mem_mb=lambda run, attempt: 3000 * attempt,
        runtime=lambda run, attempt: 240 * attempt,
    shell:
        NOTEBOOK


rule ablation:  # the two-stream CAE once more, one open point of the paper changed
    input:
        study.data_dir / "recordings.json" if study.layout == "simulated" else GRID / "data.txt",
        notebook="notebooks/experiment.py",
        values=GRID / "ablations" / "{variation}.yaml",
        library=batch.library("notebooks/experiment.py", [*batch.LOOKS, *batch.other_models(VARIED)]),
    output:
        expand(
            VARIED_RUN + "/{file}", file=[*RUN_FILES, "model.keras", "history.csv"], allow_missing=True
        ),
        notebook=VARIED_RUN + "/experiment.ipynb",
    params:
        name="{variation} {seed}",
        more="-p seed {seed}",
    threads: study.threads
    resources:
        mem_mb=lambda run, attempt: 4000 * attempt,
        runtime=lambda run, attempt: 240 * attempt,
        gpu=study.gpu,
    shell:
        NOTEBOOK


rule baselines:  # what a model has to beat
    input:
        RESULTS / "recordings.json",
        notebook="notebooks/baselines.py",
        values=GRID / "{target}" / "baselines.yaml",
        library=batch.library("notebooks/baselines.py"),
    output:
        expand(
            RESULTS / "{target}" / "{model}" / f"seed-{study.seeds[0]}" / "{file}",
            model=BASELINES,
            file=RUN_FILES,
            allow_missing=True,
        ),
        notebook=RESULTS / "{target}" / "baselines.ipynb",
    params:
        name="{target} baselines",
        more=f"-p seed {study.seeds[0]}",
    threads: study.threads
    priority: 1
    resources:
        mem_mb=2000,
        runtime=120,
    shell:
        NOTEBOOK


def read_by(artefact):
    """The files that an artefact's notebook reads: of runs, of their baselines, of recordings."""
    runs = [*study.runs(artefact.models, artefact.targets)]
    runs += [(target, name, study.seeds[0]) for target in artefact.targets for name in BASELINES]
    files = [
        f"{RUN}/{file}".format(target=target, model=model, seed=seed)
        for target, model, seed in runs
        for file in RUN_FILES
    ]
    # What shows recordings shows them as the CAE sees them; what shows networks shows all of them.
    shown = [name for name in study.models if name == VARIED or not artefact.recordings]
    values = [GRID / target / f"{model}.yaml" for target in study.targets for model in shown]
    files += [] if artefact.targets else values
    return files + [RESULTS / "recordings.json"] * artefact.recordings


for artefact in ARTEFACTS:

    rule:  # a figure, table or section of the paper, from finished runs
        name:
            artefact.notebook
        input:
            read_by(artefact),
            notebook=f"notebooks/{artefact.notebook}.py",
            values=GRID / "artefacts.yaml",
            library=batch.library(f"notebooks/{artefact.notebook}.py", ()),
        output:
            [study.figures / file for file in artefact.files()],
            notebook=RESULTS / "artefacts" / f"{artefact.notebook}.ipynb",
        params:
            name=artefact.notebook,
            more="",
        threads: study.threads
        resources:
            mem_mb=4000,
            runtime=60,
        shell:
            NOTEBOOK


for question in QUESTIONS:

    rule:  # which choice moves the AUC by more than another seed does
        name:
            f"ablation_{question}"
        input:
            expand(
                VARIED_RUN + "/metrics.json", variation=study.variations(question), seed=study.seeds
            ),
            expand(RUN + "/metrics.json", target=study.targets[0], model=VARIED, seed=study.seeds),
            notebook=f"notebooks/ablation_{question}.py",
            values=GRID / "artefacts.yaml",
            library=batch.library(f"notebooks/ablation_{question}.py", ()),
        output:
            [
                study.figures / f"ablation_{question}.{kind}"
                for kind in ("svg", "png", "csv", "md", "tex")
            ],
            notebook=RESULTS / "artefacts" / f"ablation_{question}.ipynb",
        params:
            name=f"ablation {question}",
            more="",
        threads: study.threads
        resources:
            mem_mb=2000,
            runtime=30,
        shell:
            NOTEBOOK


rule ablations:  # make ablations: the open points of the paper, one at a time
    input:
        [study.figures / f"ablation_{question}.md" for question in (*QUESTIONS, "scores")],


rule summary:  # everything on one page: reproduced, not reproduced, not run, and why
    input:
        FIGURES,
        notebook="notebooks/summary.py",
        values=GRID / "artefacts.yaml",
        library=batch.library("notebooks/summary.py", ()) if ARTEFACTS else [],
    output:
        SUMMARY,
        notebook=RESULTS / "artefacts" / "summary.ipynb",
    params:
        name="summary",
        more="",
    threads: study.threads
    resources:
        mem_mb=2000,
        runtime=30,
    shell:
        NOTEBOOK


rule gallery:  # the page a forge shows for the folder of figures
    input:
        FIGURES,
        SUMMARY,
        library=batch.library("lib/cagewatch/artefacts/gallery.py", ()),
    output:
        study.figures / "README.md",
    resources:
        mem_mb=500,
        runtime=5,
    shell:
        "python -m cagewatch.study.artefacts.gallery {study.dataset:q} {output:q}"


onerror:
    folders = (RESULTS, study.results / FOLDER)
    for notebook in sorted(path for one in folders for path in one.rglob("*.unfinished.ipynb")):
        print(f"cagewatch: {batch.why_unfinished(notebook)}", file=sys.stderr)
