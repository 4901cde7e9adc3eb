# The study, from recordings to figures.
#
#   make study                                the default: a simulated cage, quick scale
#   make study DATASET=ped2 DATA=<folder>     a benchmark
#   .venv/bin/snakemake -n                    what would run, and why
#
# A job runs again when a value it is given, its data or the meaning of its code changes: all of
# them are its params. A run that fails or is killed leaves its notebook, error included, in its
# folder as <name>.unfinished.ipynb; the other runs go on, and the next `make study` does the rest.

import os
import sys

from cagewatch.study import depends, execute, plan

os.environ["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]

configfile: "config/study.yaml"

study = plan.read_study(config)
PREPARED = study.prepared
SIMULATED = [study.data_dir / "recordings.json"] if study.layout == "simulated" else []
RUN = str(study.results / "{dataset}" / "{target}" / "{model}" / "seed-{seed}")
VARIED = study.folder_of(plan.Run(study.targets[0], "{model}", "{seed}", "{variation}"))
PAGES, ABLATIONS = study.pages(), study.ablations()  # see cagewatch.study.contents
GIVEN = "--values {params.values:q} --cores {threads}"
STEP = f"python -m cagewatch.study.steps {{params.step}} {{output:q}} {GIVEN}"
NOTEBOOK = (
    f"python -m cagewatch.study.execute {{params.notebook}} --output {{output.notebook:q}} {GIVEN}"
    " --kernel {study.kernel:q} --name {params.name:q}"
)

wildcard_constraints:
    dataset="|".join([study.dataset, *study.also]),
    target="[A-Za-z0-9_.-]+",
    model="[a-z0-9_]+",
    seed="[0-9]+",
    variation="[A-Za-z0-9_.]+",

localrules: all, ablations, gallery

rule all:
    input:
        study.folder / "prepare.ipynb",
        study.markers(study.runs()),
        [study.figures / "README.md"] if PAGES else [],

if SIMULATED:
    rule simulate:  # the embedded default: a home cage rendered into data_dir
        output: SIMULATED
        params: **depends.of_step(study, "simulate")
        threads: 8
        shell: STEP

rule preprocess:  # decode, gray, flow: the store that every run reads
    input: SIMULATED
    output: PREPARED
    params: **depends.of_step(study, "preprocess")
    threads: 8
    shell: STEP

rule prepare:  # an overview of the recordings, to be read before anything is believed
    input: PREPARED
    output: notebook=study.folder / "prepare.ipynb"
    params: **depends.of_page(study, "prepare")
    threads: study.threads
    shell: NOTEBOOK

rule experiment:  # fit one detector on one target with one seed, score the test recordings
    input: ancient(PREPARED)  # by content, not by time: cagewatch.study.fresh
    output:
        update(RUN + "/provenance.json"),  # a run that fails leaves the one before it
        notebook=RUN + "/experiment.ipynb",
    params: **depends.of_runs(study)
    threads: study.threads
    resources:
        mem_mb=lambda run, attempt: 4000 * attempt,
        runtime=lambda run, attempt: 240 * attempt,
        gpu=lambda run: 0 if run.model in study.one_seed else study.gpu,
    shell: NOTEBOOK

use rule experiment as ablation with:  # a network once more, one open point of the paper changed
    input: [ancient(file) for file in SIMULATED]
    output:
        update(VARIED + "/provenance.json"),
        notebook=VARIED + "/experiment.ipynb",

for page in [*PAGES, *ABLATIONS]:
    rule:  # a figure, table or section of the paper, from finished runs; and the summary
        name: page.notebook
        input: page.reads
        output: page.files, notebook=study.folder / "artefacts" / f"{page.notebook}.ipynb"
        params: **depends.of_page(study, page.notebook)
        threads: study.threads
        shell: NOTEBOOK

rule ablations:  # make ablations: the open points of the paper, one at a time
    input: [page.files for page in ABLATIONS]

rule gallery:  # the page that shows them all
    input: [page.files for page in PAGES]
    output: study.figures / "README.md"
    shell: "python -m cagewatch.study.tables.gallery {study.dataset:q} {output:q}"

onerror:
    for folder in (study.folder, study.results / plan.FOLDER):
        for notebook in sorted(folder.rglob("*.unfinished.ipynb")):
            print(f"cagewatch: {execute.why_unfinished(notebook)}", file=sys.stderr)
