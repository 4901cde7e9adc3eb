# Every target sets up .venv by itself (bootstrap.py, from requirements.lock).
# Needed beforehand: git, make and Python 3.11, 3.12 or 3.13. `make` alone lists what there is to do.

DATASET ?=
DATA    ?=
SCALE   ?=
MODELS  ?=
TARGETS ?=
SEEDS   ?=
PARAMS  ?=
KERNEL  ?=
CORES   ?=
PROFILE ?=
BATCH   ?=
ARGS    ?=

# The first usable interpreter; PYTHON=/path/to/python chooses another for a new .venv.
ifndef PYTHON
PYTHON  := $(shell for name in python3 python3.13 python3.12 python3.11 python; do \
             $$name -c "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))" \
             2>/dev/null && echo $$name && break; done)
endif

BIN     := .venv/bin
OPTIONS  = $(if $(DATASET),--dataset "$(DATASET)") $(if $(DATA),--data "$(DATA)") \
           $(if $(SCALE),--scale "$(SCALE)") $(if $(MODELS),--models "$(MODELS)") \
           $(if $(TARGETS),--targets "$(TARGETS)") $(if $(SEEDS),--seeds "$(SEEDS)") \
           $(if $(PARAMS),--params "$(PARAMS)") $(if $(CORES),--cores "$(CORES)") \
           $(if $(KERNEL),--kernel "$(KERNEL)") $(if $(PROFILE),--profile "$(PROFILE)")

.PHONY: help setup study ablations test lab explore bench notebooks test-slurm test-browser faults fuzz audit clean
.DEFAULT_GOAL := help

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' Makefile | awk -F'|' '{printf "  make %-13s %s\n", $$1, $$2}'
	@echo
	@echo "  study takes  DATASET=ped2 DATA=<folder> SCALE=smoke|quick|medium|paper CORES=2"
	@echo "               MODELS=\"rae cae\" TARGETS=\"hang groom\" SEEDS=\"1 2 3\" PARAMS=<own values>.yaml"
	@echo "               KERNEL=<a Jupyter kernel, for instance one with a GPU>"
	@echo "               PROFILE=profiles/slurm for a cluster; BATCH=--dry-run or any of Snakemake's options"
	@echo "  test takes   ARGS=\"-k store\" for pytest; CAGEWATCH_DATA=<folder> adds the real-data tests"
	@echo "  any takes    PYTHON=<interpreter> for a new .venv (3.11, 3.12 or 3.13)"

setup:  ## build .venv only
	@if [ -z "$(PYTHON)" ]; then \
	  echo "cagewatch: no Python 3.11, 3.12 or 3.13 found: install one (for instance" \
	       "'apt install python3 python3-venv'), or name it with make PYTHON=/path/to/python." >&2; \
	  exit 1; fi
	@if ! command -v "$(PYTHON)" >/dev/null; then \
	  echo "cagewatch: there is no Python at $(PYTHON): correct PYTHON=." >&2; exit 1; fi
	@"$(PYTHON)" bootstrap.py

study: setup  ## the study: simulate or read data, train, score, draw every figure and table
	@$(BIN)/python -m cagewatch.study $(OPTIONS) $(if $(BATCH),-- $(BATCH))

ablations: MODELS := cae
ablations: SEEDS := 0 1
ablations: setup  ## the open points of the paper varied one at a time, beside another seed
	@$(BIN)/python -m cagewatch.study $(OPTIONS) -- ablations $(or $(BATCH),--quiet host rules)

test: setup  ## ruff and the tests
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/python -m pytest -n $(or $(CORES),2) --dist loadfile -m "not slurm and not browser" $(ARGS)

lab: setup  ## JupyterLab on the notebooks
	@$(BIN)/python -m jupyterlab notebooks --ServerApp.ip=127.0.0.1 $(ARGS)

explore: setup  ## the threshold explorer, full page
	@$(BIN)/python -m voila notebooks/explore_thresholds.ipynb --Voila.ip=127.0.0.1 --token $(ARGS)

bench: setup  ## measure speed against references: one table, and build/bench.json
	@$(BIN)/python -m benchmarks $(ARGS)

bench-gpu: setup  ## the paper's whole training grid on a GPU (ARGS=--tiny: does it run, anywhere)
	@$(BIN)/python -m benchmarks.gpu_grid $(ARGS)

bench-curve: setup  ## seconds and memory from 10 minutes to 10 hours of video, as a figure
	@$(BIN)/python -m benchmarks.cost_curve $(ARGS)

test-slurm: setup  ## the batch under a real Slurm on this machine (installed if root on Debian)
	@$(BIN)/python -m pytest -m slurm tests/test_slurm.py $(ARGS)

test-browser: setup  ## the explorer in a real browser
	@$(BIN)/python -m pytest -m browser $(ARGS)

faults: setup  ## kill -9 at 200 and more random moments, and the other faults (an hour)
	@PYTHONPATH=tests $(BIN)/python -m pytest tests/test_faults.py tests/test_sources.py
	@PYTHONPATH=tests $(BIN)/python -m faults stores 150
	@PYTHONPATH=tests $(BIN)/python -m faults figures 60
	@PYTHONPATH=tests $(BIN)/python -m faults experiments 60

fuzz: setup  ## 12,000 mutated videos and 105,000 other files through the readers (an hour)
	@PYTHONPATH=tests $(BIN)/python -m fuzz video 12000 --seed 1
	@PYTHONPATH=tests $(BIN)/python -m fuzz text 105000 --seed 1

audit: setup  ## known vulnerabilities in the locked packages (pip-audit, in a folder of its own)
	@test -x build/audit/bin/pip-audit || { $(BIN)/python -m venv build/audit && \
	  build/audit/bin/python -m pip install --quiet pip-audit; }
	@build/audit/bin/pip-audit --strict --disable-pip --require-hashes -r requirements.lock $(ARGS)

notebooks: setup  ## after the default study: the executed notebooks, as the repository shows them
	@$(BIN)/python -m cagewatch.study.publish

clean:  ## remove .venv and caches; results, data and figures stay
	rm -rf .venv .venv.lock .pytest_cache .ruff_cache .hypothesis build dist
