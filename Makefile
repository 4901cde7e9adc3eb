# Every target sets up .venv by itself (bootstrap.py, from requirements.lock).
# Needed beforehand: git, make and Python 3.11, 3.12 or 3.13. `make` alone lists what there is to do.

# What a user may give on the command line. A name like DATA in the environment is another program's
# and counts for nothing. Values are taken as they are: make would run a $(shell ...) in them.
GIVEN := DATASET DATA SCALE MODELS TARGETS SEEDS PARAMS KERNEL CORES PROFILE KEEP BATCH ARGS PYTHON
$(foreach name,$(GIVEN),$(if $(filter command,$(firstword $(origin $(name)))),,$(eval override $(name) :=)))
unexport $(GIVEN)

# The first usable interpreter; PYTHON=/path/to/python chooses another for a new .venv.
ifeq ($(origin PYTHON),override)
override PYTHON := $(shell for name in python3 python3.13 python3.12 python3.11 python; do \
             $$name -c "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))" \
             2>/dev/null && echo $$name && break; done)
endif

BIN     := .venv/bin
quote    = '$(subst ','\'',$(value $1))'
option   = $(if $(value $1),--$2 $(call quote,$1))
OPTIONS  = $(call option,DATASET,dataset) $(call option,DATA,data) $(call option,SCALE,scale) \
           $(call option,MODELS,models) $(call option,TARGETS,targets) $(call option,SEEDS,seeds) \
           $(call option,PARAMS,params) $(call option,CORES,cores) $(call option,KERNEL,kernel) \
           $(call option,PROFILE,profile) $(if $(value KEEP),--keep)

.PHONY: help setup study ablations test lab explore bench bench-gpu \
        bench-curve docs publish screenshots test-slurm test-browser faults fuzz audit clean
.DEFAULT_GOAL := help

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' Makefile | awk -F'|' '{printf "  make %-13s %s\n", $$1, $$2}'
	@echo
	@echo "  study takes  DATASET=ped2 DATA=<folder> SCALE=smoke|quick|medium|paper CORES=2"
	@echo "               MODELS=\"rae cae\" TARGETS=\"hang groom\" SEEDS=\"1 2 3\" PARAMS=<own values>.yaml"
	@echo "               KERNEL=<a Jupyter kernel, for instance one with a GPU>"
	@echo "               PROFILE=profiles/slurm for a cluster; BATCH=--dry-run or any of Snakemake's options"
	@echo "               KEEP=yes keeps finished runs whose code has changed since, or that another machine made"
	@echo "  test takes   ARGS=\"-k store\" for pytest; CAGEWATCH_DATA=<folder> adds the real-data tests"
	@echo "  any takes    PYTHON=<interpreter> for a new .venv (3.11, 3.12 or 3.13)"

setup:  ## build .venv only
	@if [ -z $(call quote,PYTHON) ]; then \
	  echo "cagewatch: no Python 3.11, 3.12 or 3.13 found: install one (for instance" \
	       "'apt install python3 python3-venv'), or name it with make PYTHON=/path/to/python." >&2; \
	  exit 1; fi
	@if ! command -v $(call quote,PYTHON) >/dev/null; then \
	  echo "cagewatch: there is no Python at" $(call quote,PYTHON)": correct PYTHON=." >&2; exit 1; fi
	@$(call quote,PYTHON) bootstrap.py

study: setup  ## the study: simulate or read data, train, score, draw every figure and table
	@$(BIN)/python -m cagewatch.study $(OPTIONS) $(if $(value BATCH),-- $(value BATCH))

ablations: override MODELS := $(or $(value MODELS),cae)
ablations: override SEEDS := $(or $(value SEEDS),0 1)
ablations: setup  ## choices of the study varied one at a time, beside another seed; MODELS=rae: its width
	@$(BIN)/python -m cagewatch.study $(OPTIONS) -- ablations $(or $(value BATCH),--quiet host rules)

test: setup  ## ruff, mypy and the tests
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -n $(if $(value CORES),$(call quote,CORES),2) --dist loadfile --no-loadscope-reorder -m "not slurm and not browser" $(value ARGS)

lab: setup  ## JupyterLab on the notebooks
	@$(BIN)/python -m jupyterlab notebooks --ServerApp.ip=127.0.0.1 $(value ARGS)

explore: setup  ## the threshold explorer, full page
	@$(BIN)/python -m cagewatch.explore.serve notebooks/explore_thresholds.ipynb $(value ARGS)

docs: setup  ## the documentation site, in build/docs
	@$(BIN)/python -m sphinx -W --keep-going -q -j 2 -d build/doctrees docs build/docs
	@echo "cagewatch: the site is at build/docs/index.html"

screenshots: setup  ## README's moving picture and the site's of explorer and review (needs chromium)
	@$(BIN)/python docs/contact_sheet.py
	@$(BIN)/python docs/moving_picture.py
	@$(BIN)/python docs/screenshots.py

bench: setup  ## measure speed against references: one table, and build/bench.json
	@$(BIN)/python -m benchmarks $(value ARGS)

bench-gpu: setup  ## the paper's whole training grid on a GPU (ARGS=--tiny: does it run, anywhere)
	@$(BIN)/python -m benchmarks.gpu_grid $(value ARGS)

bench-curve: setup  ## seconds and memory from 10 minutes to 10 hours of video, as a figure
	@$(BIN)/python -m benchmarks.cost_curve $(value ARGS)

test-slurm: setup  ## the batch under a real Slurm on this machine (installed if root on Debian)
	@$(BIN)/python -m pytest -m slurm $(value ARGS)

test-browser: setup  ## the explorer in a real browser
	@$(BIN)/python -m pytest -m browser $(value ARGS)

faults: setup  ## kill -9 at 200 and more random moments, and the other faults (an hour)
	@PYTHONPATH=tests:tests/study $(BIN)/python -m pytest -k "test_faults or test_sources"
	@PYTHONPATH=tests:tests/study $(BIN)/python -m faults stores 150
	@PYTHONPATH=tests:tests/study $(BIN)/python -m faults figures 60
	@PYTHONPATH=tests:tests/study $(BIN)/python -m faults review 200
	@PYTHONPATH=tests:tests/study $(BIN)/python -m faults experiments 60

fuzz: setup  ## 12,000 mutated videos and 135,000 other files through the readers (an hour)
	@PYTHONPATH=tests:tests/study $(BIN)/python -m fuzz video 12000 --seed 1
	@PYTHONPATH=tests:tests/study $(BIN)/python -m fuzz text 105000 --seed 1
	@PYTHONPATH=tests:tests/study $(BIN)/python -m fuzz cage 30000 --seed 1

audit: setup  ## known vulnerabilities in the locked packages (pip-audit, in a folder of its own)
	@test -x build/audit/bin/pip-audit || { $(BIN)/python -m venv build/audit && \
	  build/audit/bin/python -m pip install --quiet --require-hashes --no-deps -r .ci/audit.lock; }
	@build/audit/bin/pip-audit --strict --disable-pip --require-hashes -r requirements.lock $(value ARGS)

publish: setup  ## figures and executed notebooks of finished studies, to where the repository shows them
	@$(BIN)/python -m cagewatch.study.publish $(value ARGS)

clean:  ## remove .venv and caches; results, data and figures stay
	rm -rf .venv .venv.lock .pytest_cache .ruff_cache .mypy_cache .hypothesis build dist
