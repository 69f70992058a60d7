# Seatbus: every task a person or CI runs. `make help` lists them.
SHELL := /bin/bash
VENV  := .venv
BIN   := $(VENV)/bin
STAMP := $(VENV)/.installed
ARGS  ?=
NAME  ?=
TESTS ?=
SECONDS ?= 3600
EXAMPLES ?= 50

.DEFAULT_GOAL := help
.PHONY: help setup run demo test lint proto bench fuzz properties load soak chaos web chart clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(STAMP): requirements.lock pyproject.toml scripts/setup
	@scripts/setup python

setup: $(STAMP) ## install everything (virtual environment, web pages, test peers)
	@scripts/setup peers
	@scripts/setup web

run: $(STAMP) ## start the whole platform with a demo tenant (ARGS="--no-sim --port-base 9000")
	@scripts/setup web
	@$(BIN)/seatbus up --demo $(ARGS)

demo: run ## the same as run

test: $(STAMP) ## set up and pass all tests (TESTS=path narrows them)
	@scripts/setup peers
	@scripts/setup web
	$(BIN)/$(if $(TESTS),pytest $(TESTS),python scripts/test) $(ARGS)

lint: $(STAMP) ## format, style, types, import rules, contract drift
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy libs services
	$(BIN)/lint-imports
	@scripts/proto check

proto: $(STAMP) ## regenerate the stubs of proto/
	@scripts/proto write

bench: $(STAMP) ## run one benchmark (NAME=relay_ratio); last line: name value unit
	@test -n "$(NAME)" || { echo "say which: make bench NAME=<one of>"; ls tests/load/bench_*.py | sed 's/.*bench_//;s/\.py//'; exit 2; }
	$(BIN)/python tests/load/bench_$(NAME).py $(ARGS)

fuzz: $(STAMP) ## coverage-guided fuzzing of the SIP stack (ARGS="--seconds 120 sdp"; installs atheris)
	@$(BIN)/python scripts/fuzz $(ARGS)

properties: $(STAMP) ## property-based tests with EXAMPLES (50) times the examples, new ones each time
	SEATBUS_EXAMPLES=$(EXAMPLES) $(BIN)/pytest --timeout 0 -m hypothesis $(or $(TESTS),libs services) $(ARGS)

load: $(STAMP) ## load tests (minutes)
	$(BIN)/pytest tests/load $(ARGS)

soak: $(STAMP) ## recorded calls for SECONDS (default an hour): memory, ports, loss
	$(BIN)/python tests/load/soak.py --seconds $(SECONDS) $(ARGS)

chaos: $(STAMP) ## kill, pause and partition tests (minutes)
	SEATBUS_EDGE_KILLED=50,10 SEATBUS_BUS_STOPPED_S=20 $(BIN)/pytest tests/chaos \
		tests/integration/test_edge_killed.py tests/integration/test_bus_stopped.py \
		tests/integration/test_two_edges.py $(ARGS)

web: $(STAMP) ## build the web pages
	@scripts/setup web

chart: $(STAMP) ## render deploy/k8s from helm/seatbus
	@scripts/chart write

clean: ## remove what the build made (not .data)
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .cache web/dist web/node_modules $(VENV)
