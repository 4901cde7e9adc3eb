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

from cagewatch.study import execute, plan

os.environ["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]


configfile: "config/study.yaml"


study = plan.read_study(config)
PREPARED = study.folder / "recordings.json"
SIMULATED = [study.data_dir / "recordings.json"] if study.layout == "simulated" else []
RUN = str(study.results / "{dataset}" / "{target}" / "{model}" / "seed-{seed}")
VARIED = study.folder_of(plan.Run(study.targets[0], plan.MODEL, "{seed}", "{variation}"))
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


localrules:
    all,
    ablations,
    gallery,


rule all:
    input:
        study.folder / "prepare.ipynb",
        study.markers(study.runs()),
        [study.figures / "README.md"] if PAGES else [],


if SIMULATED:

    rule simulate:  # the embedded default: a home cage rendered into data_dir
        output:
            SIMULATED,
        params:
            step="simulate",
            values=plan.as_json(study.values_of(plan.SIMULATION)),
            code=plan.digest_data(study),
        threads: 8
        shell:
            STEP


rule preprocess:  # decode, gray, flow: the store that every run reads
    input:
        SIMULATED,
    output:
        PREPARED,
    params:
        step="preprocess",
        values=plan.as_json(study.values_of(plan.PREPARATION)),
        code=plan.code_of_step("store", "__init__.py"),
        data=plan.digest_data(study),
    threads: 8
    shell:
        STEP


rule prepare:  # an overview of the recordings, to be read before anything is believed
    input:
        PREPARED,
    output:
        notebook=study.folder / "prepare.ipynb",
    params:
        notebook="prepare",
        values=plan.as_json(study.values_of(plan.PREPARATION)),
        code=plan.code_of_artefact("prepare"),
        name="prepare",
    threads: study.threads
    shell:
        NOTEBOOK


rule experiment:  # fit one detector on one target with one seed, score the test recordings
    input:
        ancient(PREPARED),
    output:
        update(RUN + "/provenance.json"),  # a run that fails leaves the one before it
        notebook=RUN + "/experiment.ipynb",
    params:
        notebook="experiment",
        values=lambda run: plan.as_json(study.values(study.find(run))),
        code=lambda run: plan.code_of(run.model),
        data=plan.digest_data(study),
        name=lambda run: study.name(study.find(run)),
    threads: study.threads
    resources:
        mem_mb=lambda run, attempt: 4000 * attempt,
        runtime=lambda run, attempt: 240 * attempt,
        gpu=lambda run: 0 if run.model in study.one_seed else study.gpu,
    shell:
        NOTEBOOK


use rule experiment as ablation with:  # the CAE once more, one open point of the paper changed
    input:
        [ancient(file) for file in SIMULATED],
    output:
        update(VARIED + "/provenance.json"),
        notebook=VARIED + "/experiment.ipynb",
    params:
        notebook="experiment",
        values=lambda run: plan.as_json(study.values(study.find(run))),
        code=plan.code_of(plan.MODEL),
        data=plan.digest_data(study),
        name="{variation} {seed}",


for page in [*PAGES, *ABLATIONS]:

    rule:  # a figure, table or section of the paper, from finished runs; and the summary
        name:
            page.notebook
        input:
            page.reads,
        output:
            page.files,
            notebook=study.folder / "artefacts" / f"{page.notebook}.ipynb",
        params:
            notebook=page.notebook,
            values=plan.as_json(study.artefact_values()),
            code=plan.code_of_artefact(page.notebook),
            name=page.notebook,
        threads: study.threads
        shell:
            NOTEBOOK


rule ablations:  # make ablations: the open points of the paper, one at a time
    input:
        [page.files for page in ABLATIONS],


rule gallery:  # the page that shows them all
    input:
        [page.files for page in PAGES],
    output:
        study.figures / "README.md",
    shell:
        "python -m cagewatch.study.tables.gallery {study.dataset:q} {output:q}"


onerror:
    for folder in (study.folder, study.results / plan.FOLDER):
        for notebook in sorted(folder.rglob("*.unfinished.ipynb")):
            print(f"cagewatch: {execute.why_unfinished(notebook)}", file=sys.stderr)
