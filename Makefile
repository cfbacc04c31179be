# All development tasks; the same on a laptop and in CI. `make help` lists them.
#   ENGINE=docker|native|kubernetes   the engine that runs the stack (default: Docker where available, else native)
#   WITHOUT="grafana"      components to leave out
#   SIZE=standard|ha       with Kubernetes: two replicas of each service; ha: distributed stores, too (default: small, one)
#   PROFILE=minimal        a smaller stack: minimal, alerts or stores (docs/reference/profiles.md)
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
REPORTS ?= .run/reports
export ENGINE WITHOUT PROFILE SIZE
# Ignore variables that a shell exports for other Python programs and for psql: PYTHONOPTIMIZE would disable the
# doctor's assertions, PYTHONSAFEPATH remove its folder from the path, PGHOSTADDR redirect its database connection.
unexport $(filter PYTHON% PG%,$(.VARIABLES))

# The tools' virtual environment, installed from the lock file; rebuilt when the lock file changes.
$(VENV)/.complete: requirements-dev.lock
	@command -v $(PYTHON) >/dev/null || { echo "make: no $(PYTHON) found. Install Python 3.11 or newer, or say PYTHON=/path/to/python3."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: $(PYTHON) is $$($(PYTHON) -V 2>&1); 3.11 or newer is needed. Say PYTHON=python3.12, for example."; exit 1; }
	@echo "Preparing the tools' Python environment in $(VENV) (once; about a minute)"
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV) || { echo "make: could not make a virtual environment. On Debian: apt-get install python3-venv"; exit 1; }
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-compile --no-deps --require-hashes -r requirements-dev.lock
	@touch $@

.PHONY: ack unack
.PHONY: gameday runbook tour versions sbom audit
.PHONY: setup up build down clean status logs test unit config e2e lint format lock generate gate load release rollback doctor bench figures snapshot help

setup: $(VENV)/.complete  ## prepare the tools' Python environment (other targets do this automatically)

up: setup  ## start the stack and wait until it is healthy
	@$(BIN)/python -m sandbox up

build: setup  ## build the programs of the native engine without starting them (`make up` does this automatically)
	@$(BIN)/python -m sandbox build

down: setup  ## stop the stack and keep its data
	@$(BIN)/python -m sandbox down

clean: setup  ## stop the stack and delete its data
	@$(BIN)/python -m sandbox clean

status: setup  ## show the running components, their health and memory use
	@$(BIN)/python -m sandbox status

logs: setup  ## show the last log lines; SERVICE=payments for one component, FOLLOW=1 to follow
	@$(BIN)/python -m sandbox logs $(SERVICE) $(if $(FOLLOW),--follow)

test: setup $(if $(EXAMPLES),examples-made)  ## start the stack, run the end-to-end suite, stop (EXAMPLES=1: also the examples; FULL=1: with Docker, all tests instead of only those that depend on the engine)
	@$(BIN)/python -m sandbox test --reports $(REPORTS) $(if $(EXAMPLES),--also tests/examples)

unit: setup  ## run the unit tests: they start no server and need no compiled program
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m "not config" tests/unit services --junitxml=$(REPORTS)/unit.xml

config: setup  ## test configuration and code with the real programs: rules, routes, the collector, PostgreSQL, the supervisor
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m config tests/config services --junitxml=$(REPORTS)/config.xml

e2e: setup  ## run the end-to-end suite against the running stack
	@$(BIN)/python -m pytest tests/e2e tests/browser tests/grafana --junitxml=$(REPORTS)/e2e.xml

.PHONY: new-service examples examples-made
new-service: setup  ## generate a new, complete service: NAME=orders, TEAM=payments for its owner
	@[ -n "$(NAME)" ] || { echo "make: say which: make new-service NAME=orders"; exit 1; }
	@$(BIN)/python -m sandbox new-service $(NAME) $(if $(TEAM),--team $(TEAM))

examples: setup examples-made  ## test third-party services (FastAPI, Node.js, Go) with the running stack
	@$(BIN)/python -m pytest tests/examples --junitxml=$(REPORTS)/examples.xml

examples-made: setup
	@$(BIN)/python -m tests.support.examples

lint: setup  ## check style, types, configuration and dashboards, and that generated files are up to date
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

format: setup  ## format the Python code and fix lint errors
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header
lock:  ## regenerate the lock files from the .in files (needs uv; OPTIONS=--upgrade for newer versions)
	@for name in services/requirements sandbox/engines/native/python/bugsink sandbox/engines/native/python/go sandbox/engines/native/python/postgres loadtest/requirements examples/fastapi/requirements requirements-dev; do
		$(LOCK) $(OPTIONS) $$name.in -o $$name.lock
	done

generate: setup  ## regenerate alert rules and routes, dashboards, and the native collector's sources
	@$(BIN)/python -m sandbox generate
	@go run go.opentelemetry.io/collector/cmd/builder@v0.160.0 --skip-compilation --config=sandbox/engines/native/go/otelcol/builder.yaml

gate: setup  ## run every check of Gate 4 against the running stack and collect the evidence
	@$(BIN)/python -m sandbox gate

load: setup  ## run a load test on the gateway (USERS=20 DURATION=60s PROCESSES=1) and compare it with the telemetry; PAGE=1 for Locust's page
	@$(BIN)/python -m sandbox load $(if $(USERS),--users $(USERS)) $(if $(DURATION),--duration $(DURATION)) $(if $(PROCESSES),--processes $(PROCESSES)) $(if $(PAGE),--page)

release: setup  ## deploy another version of a service or frontend part under load: SERVICE=payments VERSION=0.1.1
	@$(BIN)/python -m sandbox release "$(SERVICE)" "$(VERSION)"

rollback: setup  ## roll back to the previous version: SERVICE=payments; SCHEMA=0001 rolls back its database first
	@$(BIN)/python -m sandbox rollback "$(SERVICE)" $(if $(SCHEMA),--schema "$(SCHEMA)")

gameday: setup  ## practise an incident: SCENARIO=bad-release (or all); MODE=drill runs an unknown one for you to diagnose (SEED=7)
	@if [ "$(MODE)" = drill ]; then $(BIN)/python -m sandbox gameday drill $(if $(SEED),--seed $(SEED)); exit; fi
	[ -n "$(SCENARIO)" ] || { echo 'make: say SCENARIO=<one of these, or all>, or MODE=drill'; $(BIN)/python -m sandbox gameday list; exit 1; }
	$(BIN)/python -m sandbox gameday run $(SCENARIO)

runbook: setup  ## show the runbook of an alert with the current results of its queries: ALERT=DatabaseDown
	@$(BIN)/python -m sandbox runbook "$(ALERT)"

tour: setup  ## make one payment and show its telemetry in every store (docs/tour.md)
	@$(BIN)/python -m sandbox tour

ack: setup  ## list firing pages and acknowledgements; ALERT=TargetDown SERVICE=auth (FOR=30m BY=ada): acknowledge one
	@$(BIN)/python -m sandbox ack $(if $(ALERT),"$(ALERT)") $(if $(SERVICE),--service "$(SERVICE)") $(if $(FOR),--for "$(FOR)") $(if $(BY),--by "$(BY)")

unack: setup  ## remove an acknowledgement: ALERT=TargetDown (SERVICE=auth)
	@[ -n "$(ALERT)" ] || { echo 'make: say which alert: make unack ALERT=TargetDown'; exit 1; }
	@$(BIN)/python -m sandbox unack "$(ALERT)" $(if $(SERVICE),--service "$(SERVICE)")

doctor: setup  ## send a probe along the path of every signal; report the first broken hop, its likely cause and the next step
	@$(BIN)/python -m sandbox doctor

versions: setup  ## list every component: pinned version, running version, licence
	@$(BIN)/python -m sandbox versions

sbom: setup  ## write the bill of materials, .run/sbom/sandbox.cdx.json: every component, Python and npm package and Go module
	@$(BIN)/python -m sandbox sbom

audit: setup  ## list known vulnerabilities of every Python and npm lock file; "not checked" where the data is unreachable
	@$(BIN)/python -m sandbox audit

bench: setup  ## measure the cost of telemetry per request: a null endpoint, and a payment on the running stack
	@$(BIN)/python -m sandbox bench null
	@$(BIN)/python -m sandbox bench payment

snapshot: setup  ## draw the dashboards of the running stack as pictures (MINUTES=15, DASHBOARD=overview for one of them)
	@$(BIN)/python -m sandbox snapshot $(DASHBOARD) $(if $(MINUTES),--minutes $(MINUTES))

figures: setup  ## measure the figures of docs/figures.md on this machine (COLD=1: also the cold build; ONLY=losses: one section)
	@$(BIN)/python -m sandbox figures $(if $(COLD),--cold) $(if $(ONLY),--only $(ONLY))

help:  ## show this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | awk 'BEGIN {FS = ":.*## "} {split($$1, target, ":"); printf "  make %-12s %s\n", target[1], $$2}'
