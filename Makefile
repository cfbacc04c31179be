# One chore, one word. Everything here is the same on a laptop and in CI; `make help` lists it.
#   ENGINE=docker|native   which engine runs the stack (default: Docker where it answers, else native)
#   WITHOUT="grafana"      components to leave out
#   PROFILE=minimal        a smaller stack: minimal, alerts or stores (docs/reference/profiles.md)
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:

PYTHON ?= python3
VENV := .venv
LOAD_VENV := .venv-load
BIN := $(VENV)/bin
REPORTS ?= .run/reports
export ENGINE WITHOUT PROFILE
# What a shell exports for other Python programs and for psql: PYTHONOPTIMIZE would take the doctor's assertions away,
# PYTHONSAFEPATH its own folder, PGHOSTADDR its database.
unexport $(filter PYTHON% PG%,$(.VARIABLES))

# The tools' environment, from the lock alone: made once, made again when the lock changes.
$(VENV)/.complete: requirements-dev.lock
	@command -v $(PYTHON) >/dev/null || { echo "make: no $(PYTHON) found. Install Python 3.11 or newer, or say PYTHON=/path/to/python3."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: $(PYTHON) is $$($(PYTHON) -V 2>&1); 3.11 or newer is needed. Say PYTHON=python3.12, for example."; exit 1; }
	@echo "Preparing the tools' Python environment in $(VENV) (once; about half a minute)"
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV) || { echo "make: could not make a virtual environment. On Debian: apt-get install python3-venv"; exit 1; }
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.lock
	@touch $@

# Locust's own environment: it replaces sockets and threads, and what it brings changes how other libraries send.
$(LOAD_VENV)/.complete: loadtest/requirements.lock $(VENV)/.complete
	@echo "Preparing Locust's Python environment in $(LOAD_VENV) (once)"
	@rm -rf $(LOAD_VENV)
	@$(PYTHON) -m venv $(LOAD_VENV)
	@$(LOAD_VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r loadtest/requirements.lock
	@touch $@

.PHONY: load-made
load-made: $(LOAD_VENV)/.complete

.PHONY: ack unack
.PHONY: gameday runbook tour versions sbom audit
.PHONY: setup up build down clean status logs test unit config e2e lint format lock generate gate load release rollback doctor bench figures snapshot help

setup: $(VENV)/.complete  ## prepare the tools' Python environment (every other target does it by itself)

up: setup  ## start the whole stack and wait until it is healthy
	@$(BIN)/python -m sandbox up

build: setup  ## build what the native engine runs, without starting it (`make up` does it by itself)
	@$(BIN)/python -m sandbox build

down: setup  ## stop the stack; its data stays
	@$(BIN)/python -m sandbox down

clean: setup  ## stop the stack and delete its data
	@$(BIN)/python -m sandbox clean

status: setup  ## what runs, how it is, how much memory it takes
	@$(BIN)/python -m sandbox status

logs: setup  ## the last log lines; SERVICE=payments for one component, FOLLOW=1 to keep reading
	@$(BIN)/python -m sandbox logs $(SERVICE) $(if $(FOLLOW),--follow)

test: setup $(if $(EXAMPLES),examples-made)  ## up, the end-to-end suite, down: the proof that everything works (EXAMPLES=1: the examples, too; FULL=1: with Docker all tests, not only what depends on the engine)
	@$(BIN)/python -m sandbox test --reports $(REPORTS) $(if $(EXAMPLES),--also tests/examples)

unit: setup  ## the tests of the code alone: they start no server and need nothing that is compiled
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m "not config" tests/unit services --junitxml=$(REPORTS)/unit.xml

config: setup  ## configuration and code against the real programs: rules, routes, the collector, PostgreSQL, the supervisor
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m config tests/config services --junitxml=$(REPORTS)/config.xml

e2e: setup  ## the end-to-end suite against the stack that runs
	@$(BIN)/python -m pytest tests/e2e tests/browser tests/grafana --junitxml=$(REPORTS)/e2e.xml

.PHONY: new-service examples examples-made
new-service: setup  ## a new service, complete as it is: NAME=orders, TEAM=payments if it is theirs
	@[ -n "$(NAME)" ] || { echo "make: say which: make new-service NAME=orders"; exit 1; }
	@$(BIN)/python -m sandbox new-service $(NAME) $(if $(TEAM),--team $(TEAM))

examples: setup examples-made  ## services that are not ours (FastAPI, Node.js, Go), observed by the stack that runs
	@$(BIN)/python -m pytest tests/examples --junitxml=$(REPORTS)/examples.xml

examples-made: setup
	@$(BIN)/python -m tests.support.examples

lint: setup  ## style, configuration and dashboards against their own tools and types, freshness of generated files
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-logo >/dev/null || $(BIN)/lint-imports --no-logo
	@$(BIN)/mypy --strict --ignore-missing-imports --no-error-summary sandbox_testing
	@$(BIN)/mypy --strict --no-error-summary sandbox
	@MYPYPATH=services $(BIN)/mypy --strict --ignore-missing-imports --no-error-summary --explicit-package-bases \
		--allow-untyped-calls --exclude /tests/ services/sandbox_telemetry
	@$(BIN)/python -m sandbox generate --check
	@$(BIN)/python -m tests.ci.workflows
	@command -v npm >/dev/null || { echo "make: no npm found; it checks the dashboards against Grafana's types. On Debian: apt-get install npm"; exit 1; }
	@cd sandbox/dashboards/typecheck
	@[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --silent --no-audit --no-fund
	@npm run --silent check
	@echo "Dashboards and data sources: correct by Grafana's types"
	@cd ../../../services/frontend
	@[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --silent --ignore-scripts --no-audit --no-fund
	@npm run --silent check
	@echo "Frontend: types, rules and format are right"

format: setup  ## let the formatter have its way
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header
lock:  ## write the lock files from the .in files (needs uv; OPTIONS=--upgrade for newer versions)
	@for name in services/requirements sandbox/engines/native/python/bugsink sandbox/engines/native/python/go sandbox/engines/native/python/postgres loadtest/requirements examples/fastapi/requirements requirements-dev; do
		$(LOCK) $(OPTIONS) $$name.in -o $$name.lock
	done

generate: setup  ## write generated files again: alert rules and routes, dashboards, and the native collector's sources
	@$(BIN)/python -m sandbox generate
	@go run go.opentelemetry.io/collector/cmd/builder@v0.160.0 --skip-compilation --config=sandbox/engines/native/go/otelcol/builder.yaml

gate: setup  ## every check of Gate 4 against the stack that runs, with its evidence
	@$(BIN)/python -m sandbox gate

load: setup $(LOAD_VENV)/.complete  ## customers at the gateway (USERS=20 DURATION=60s PROCESSES=1), and what the telemetry saw; PAGE=1 for Locust's page
	@$(BIN)/python -m sandbox load $(if $(USERS),--users $(USERS)) $(if $(DURATION),--duration $(DURATION)) $(if $(PROCESSES),--processes $(PROCESSES)) $(if $(PAGE),--page)

release: setup  ## run another version of a service, or of a part of the frontend, under load: SERVICE=payments VERSION=0.1.1
	@$(BIN)/python -m sandbox release "$(SERVICE)" "$(VERSION)"

rollback: setup  ## back to the version before: SERVICE=payments; SCHEMA=0001 takes its database back first
	@$(BIN)/python -m sandbox rollback "$(SERVICE)" $(if $(SCHEMA),--schema "$(SCHEMA)")

gameday: setup  ## practise an incident: SCENARIO=bad-release (or all); MODE=drill hides one and lets you find out (SEED=7)
	@if [ "$(MODE)" = drill ]; then $(BIN)/python -m sandbox gameday drill $(if $(SEED),--seed $(SEED)); exit; fi
	[ -n "$(SCENARIO)" ] || { echo 'make: say SCENARIO=<one of these, or all>, or MODE=drill'; $(BIN)/python -m sandbox gameday list; exit 1; }
	$(BIN)/python -m sandbox gameday run $(SCENARIO)

runbook: setup  ## the runbook of an alert with what the stores answer now: ALERT=DatabaseDown
	@$(BIN)/python -m sandbox runbook "$(ALERT)"

tour: setup  ## one payment, made now, and what every store knows of it (docs/tour.md)
	@$(BIN)/python -m sandbox tour

ack: setup  ## which pages fire and who has them; ALERT=TargetDown SERVICE=auth (FOR=30m BY=ada): you do, nobody else is told
	@$(BIN)/python -m sandbox ack $(if $(ALERT),"$(ALERT)") $(if $(SERVICE),--service "$(SERVICE)") $(if $(FOR),--for "$(FOR)") $(if $(BY),--by "$(BY)")

unack: setup  ## give a page back: ALERT=TargetDown (SERVICE=auth)
	@[ -n "$(ALERT)" ] || { echo 'make: say which alert: make unack ALERT=TargetDown'; exit 1; }
	@$(BIN)/python -m sandbox unack "$(ALERT)" $(if $(SERVICE),--service "$(SERVICE)")

doctor: setup  ## walk every signal's way with a probe; names the first broken hop, its likely cause and the next step
	@$(BIN)/python -m sandbox doctor

versions: setup  ## every component: what is pinned, what runs, under which licence
	@$(BIN)/python -m sandbox versions

sbom: setup  ## the bill of materials, .run/sbom/sandbox.cdx.json: every component, Python and npm package and Go module
	@$(BIN)/python -m sandbox sbom

audit: setup  ## known vulnerabilities of every Python and npm lock; "not checked" where their data is not reached
	@$(BIN)/python -m sandbox audit

bench: setup  ## what telemetry costs a request: a null endpoint, and a payment on the stack that runs
	@$(BIN)/python -m sandbox bench null
	@$(BIN)/python -m sandbox bench payment

snapshot: setup  ## pictures of the dashboards from the stack that runs (MINUTES=15, DASHBOARD=overview for one of them)
	@$(BIN)/python -m sandbox snapshot $(DASHBOARD) $(if $(MINUTES),--minutes $(MINUTES))

figures: setup $(LOAD_VENV)/.complete  ## measure what docs/figures.md states, on this machine (COLD=1: the cold build, too; ONLY=losses: one section)
	@$(BIN)/python -m sandbox figures $(if $(COLD),--cold) $(if $(ONLY),--only $(ONLY))

help:  ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | awk 'BEGIN {FS = ":.*## "} {split($$1, target, ":"); printf "  make %-12s %s\n", target[1], $$2}'
