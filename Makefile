# Two commands: `make run` does the study, `make test` passes the tests. `make help` lists the others.
VENV ?= .venv
PYTHON ?= python3
STUDY_HOME ?= $(CURDIR)/data
RAW ?=
CAMPAIGN_TYPE ?= TypeA

BIN := $(VENV)/bin
READY := $(VENV)/.ready

# Where no bytecode is kept, as some images say, each of the processes of a study and of its tests compiles all anew.
export PYTHONDONTWRITEBYTECODE =

.DEFAULT_GOAL := help
.PHONY: help install run test ui docs pictures lint audit wheel lock clean

help:  ## show this help
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 12

install: $(READY)  ## make the virtual environment from the lock

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 14) else "Python 3.11 to 3.13 is needed, this is %d.%d; try: make PYTHON=python3.12 ..." % sys.version_info[:2])'
	@echo "Installing into $(VENV) (a few minutes, once)"
	$(PYTHON) -m venv --upgrade-deps $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

run: $(READY)  ## run the whole study: make run [RAW=folder] [STUDY_HOME=folder] [CAMPAIGN_TYPE=TypeA]
	$(BIN)/dunnhumby run --home $(STUDY_HOME) --campaign-type $(CAMPAIGN_TYPE) $(if $(RAW),--raw $(RAW))

test: $(READY)  ## run the tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

ui: $(READY)  ## open the Dagster UI on the same tables and history
	$(BIN)/dunnhumby ui --home $(STUDY_HOME) $(if $(RAW),--raw $(RAW))

docs: $(READY)  ## rebuild the documents that come from code, and the numbers in them from the study in STUDY_HOME
	$(BIN)/python -m dunnhumby_pipeline.features.dictionary docs/features.md
	$(BIN)/python -m dunnhumby_pipeline.words.dictionary docs/data_dictionary.md
	$(BIN)/python -m dunnhumby_pipeline.words.dictionary README.md
	$(BIN)/python -W ignore -m dunnhumby_pipeline.orchestration.checks.document docs/checks.md
	$(BIN)/python -W ignore -m dunnhumby_pipeline.published --home $(STUDY_HOME)

pictures: $(READY)  ## take the pictures of the documents from a copy of STUDY_HOME (needs chromium or chrome)
	$(BIN)/python -W ignore docs/pictures/take.py --home $(STUDY_HOME) --campaign-type $(CAMPAIGN_TYPE) $(if $(RAW),--raw $(RAW))

lint: $(READY)  ## format and lint, check types and definitions
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy dunnhumby_pipeline
	$(BIN)/dg check defs
	$(BIN)/python -m dunnhumby_pipeline.features.dictionary --check docs/features.md
	$(BIN)/python -m dunnhumby_pipeline.words.dictionary --check docs/data_dictionary.md
	$(BIN)/python -m dunnhumby_pipeline.words.dictionary --check README.md
	$(BIN)/python -W ignore -m dunnhumby_pipeline.orchestration.checks.document --check docs/checks.md
	$(BIN)/python -W ignore -m dunnhumby_pipeline.published --check

audit: $(READY)  ## known vulnerabilities of the locked versions, where the index tells them
	$(BIN)/python .ci/audit.py

wheel: $(READY)  ## build the wheel, install it with its dependencies elsewhere, and run a small study with it
	.ci/wheel $(BIN)/python

lock: $(READY)  ## resolve the dependencies of pyproject.toml again (needs uv)
	uv pip compile pyproject.toml --extra sample --extra postgres --extra spark --extra tune --extra browser --extra dev --universal --python-version 3.11 \
		--generate-hashes --no-annotate --no-header --quiet -o requirements.lock

clean:  ## remove the virtual environment
	rm -rf $(VENV)
