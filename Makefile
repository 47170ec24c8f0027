# Each target sets up what it needs; with Python >= 3.11 and PyPI alone, `make plan` and `make test` work on a fresh clone.
STACK ?= $(if $(filter up verify status upgrade down recover drift,$(MAKECMDGOALS)),local,$(if $(filter scan policy evidence,$(MAKECMDGOALS)),prod,dev))
# STACK is text: neither Make nor the shell runs what is in it
ifneq ($(filter command environment,$(firstword $(origin STACK))),)
override STACK := $(value STACK)
endif
export STACK
# and so is this one
ifneq ($(filter command environment,$(firstword $(origin KILL_AT))),)
override KILL_AT := $(value KILL_AT)
endif
export KILL_AT
# and this one
ifneq ($(filter command environment,$(firstword $(origin EGRESS_URL))),)
override EGRESS_URL := $(value EGRESS_URL)
endif
export EGRESS_URL
# and this one
ifneq ($(filter command environment,$(firstword $(origin FORMAT))),)
override FORMAT := $(value FORMAT)
endif
export FORMAT
# the interpreter of .venv, such as python3.13; uv chooses where it is not set
PYTHON ?=
BIN := .venv/bin

export PATH := $(CURDIR)/$(BIN):$(PATH)
# byte code is kept: without it every command would compile the SDKs again
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help

.PHONY: help
help: ## show the targets
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# uv comes from PATH where it is there, from PyPI into .tools/ where it is not.
UV := $(shell command -v uv 2>/dev/null || echo .tools/bin/uv)

# wheels only: building uv from source would download a build backend without checking a hash
.tools/bin/uv: requirements-uv.txt
	@echo "setting up uv in .tools/ ..."
	@$(or $(PYTHON),python3) -m venv .tools
	@.tools/bin/pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements-uv.txt
	@touch $@

# First the locked wheels, each checked against its hash; then this package, built by the backend among them.
SYNC = UV_PROJECT_ENVIRONMENT=.venv $(UV) sync --quiet --frozen $(addprefix --python ,$(PYTHON))

.venv/.synced: pyproject.toml uv.lock $(if $(PYTHON),always) | $(filter .tools/%,$(UV))
	@echo "setting up .venv from uv.lock ..."
	@$(SYNC) --no-build --no-install-project --inexact
	@$(SYNC)
	@touch $@

.PHONY: always
always:

.PHONY: setup
setup: .venv/.synced ## create .venv with the locked dependencies

.PHONY: plan
plan: setup ## show what `pulumi up` would build: no cloud, no credentials, no Pulumi CLI (STACK=dev|prod|local)
	@$(BIN)/bootstrap plan --stack "$$STACK" $(if $(VALUES),--values)

.PHONY: doctor
doctor: setup ## run preflight checks against Azure; read-only (STACK=dev|prod, WHAT_IF=1)
	@$(BIN)/bootstrap doctor --stack "$$STACK" $(if $(WHAT_IF),--what-if)

.PHONY: up
up: setup ## deploy a stack (STACK=local by default; YES=1, SKIP_PREVIEW=1, SKIP_DOCTOR=1, NO_VERIFY=1)
	@$(BIN)/bootstrap up --stack "$$STACK" $(if $(YES),--yes) $(if $(SKIP_PREVIEW),--skip-preview) $(if $(SKIP_DOCTOR),--skip-doctor) $(if $(NO_VERIFY),--no-verify)

.PHONY: verify
verify: setup ## check a running stack end to end (STACK=..., EGRESS_URL=...)
	@$(BIN)/bootstrap verify --stack "$$STACK" $(if $(EGRESS_URL),--egress-url "$$EGRESS_URL")

.PHONY: status
status: setup ## show a running stack on one page; read-only (STACK=..., DRIFT=1)
	@$(BIN)/bootstrap status --stack "$$STACK" $(if $(DRIFT),--drift)

.PHONY: upgrade
upgrade: setup ## compare the pinned versions with a running stack, then run `make up` (STACK=..., CHECK=1: compare only)
	@$(BIN)/bootstrap upgrade --stack "$$STACK" $(if $(CHECK),--check) $(if $(YES),--yes)

.PHONY: down
down: setup ## undo `make up`
	@$(BIN)/bootstrap down --stack "$$STACK" $(if $(YES),--yes)

.PHONY: recover
recover: setup ## after a run that died: make the stack ready for the next `make up`
	@$(BIN)/bootstrap recover --stack "$$STACK"

.PHONY: drift
drift: setup ## what differs from Azure and the cluster; changes nothing (fails on drift)
	@$(BIN)/bootstrap drift --stack "$$STACK"

.PHONY: rehearse
rehearse: setup ## bring your stack up against a stand-in for Azure (STACK=..., REBUILD=1, KILL_AT=n)
	@$(BIN)/bootstrap rehearse --stack "$$STACK" $(if $(REBUILD),--rebuild) $(if $(KILL_AT),--kill-at "$$KILL_AT")

.PHONY: check
check: setup pack ## ruff, mypy (strict), and zizmor on the workflows
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy .
	@$(BIN)/zizmor --offline --quiet --persona auditor .github
	@$(BIN)/mypy --python-executable .tools/pack/bin/python policy/pack/__main__.py

.PHONY: scan
scan: setup ## checkov on the requests that Azure would get (STACK=prod), held to policy/exceptions.yaml (FORMAT=json)
	@UV_PROJECT_ENVIRONMENT=$(CURDIR)/.tools/policy $(UV) sync --quiet --frozen --no-build --project policy
	@$(BIN)/python -m policy.scan --stack "$$STACK" $(if $(FORMAT),--format "$$FORMAT")

.PHONY: policy
policy: setup ## check the plan against policy/rules and policy/exceptions.yaml (STACK=prod)
	@$(BIN)/bootstrap policy --stack "$$STACK"

.PHONY: evidence
evidence: setup ## what answers each control of the CIS AKS Benchmark and of Microsoft's (STACK=prod)
	@$(BIN)/bootstrap evidence --stack "$$STACK"

.PHONY: pack
pack: setup ## the environment of the policy pack: then `pulumi preview --policy-pack policy/pack`
	@UV_PROJECT_ENVIRONMENT=$(CURDIR)/.tools/pack $(UV) sync --quiet --frozen --no-build --project policy/pack

.PHONY: sbom
sbom: $(filter .tools/%,$(UV)) ## write sbom.cdx.json, a CycloneDX list of the Python packages in uv.lock
	@$(UV) export --quiet --frozen --no-dev --format cyclonedx1.5 --output-file sbom.cdx.json
	@echo "wrote sbom.cdx.json"

.PHONY: schema
schema: setup ## write stack.schema.json and tenant.schema.json from the models
	@$(BIN)/bootstrap schema
	@$(BIN)/bootstrap app schema

.PHONY: e2e
e2e: setup ## every end-to-end test: real engine, real API server (needs them on PATH)
	@$(BIN)/pytest tests/e2e --e2e full -v

.PHONY: bench
bench: setup ## measure previews, updates, plans, memory, promotions and rendering, as one table
	@$(BIN)/python -m bench

.PHONY: fidelity
fidelity: setup ## how closely the rehearsal's Azure answers as recorded (ARM=folder with recordings.jsonl.gz)
	@$(BIN)/python -m tests.fidelity "$${ARM:?names no folder with recordings.jsonl.gz, as in: make fidelity ARM=../arm}"

.PHONY: pictures
pictures: setup ## draw docs/pictures: how the workflows' comments and issues look (needs Chromium)
	@$(BIN)/python -m tests.pictures

.PHONY: fuzz
fuzz: setup ## thousands of fresh broken stack files and gitops/ folders, and every pair of known mistakes
	@AKS_BOOTSTRAP_FUZZ=10000 AKS_BOOTSTRAP_PAIRS_EVERY=1 $(BIN)/pytest tests/unit/test_stack_fuzz.py tests/unit/test_stack_mistakes.py
	@$(BIN)/pytest tests/gitops/test_fuzz.py --hypothesis-profile=fuzz

.PHONY: test
test: setup ## unit and component tests, and the end-to-end smoke tests where the Pulumi CLI is on PATH
	@$(BIN)/pytest

.PHONY: mutate
mutate: setup ## mutation testing: what share of small faults the tests catch, for hours or until Ctrl-C (SEED=..., COMPONENTS=300, ONLY=a/module.py, SKIP_PURE=1)
	@nice $(BIN)/python -m tests.mutation $(if $(SEED),--seed "$$SEED") $(if $(COMPONENTS),--components "$$COMPONENTS") $(if $(ONLY),--only "$$ONLY") $(if $(SKIP_PURE),--skip-pure)
