# Every job of the project; `make` alone lists them. Nothing but Python (3.11 to 3.13) and make has to be there.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV ?= .venv
UV_VERSION := 0.13.9
BIN := $(VENV)/bin
# Heavy imports take two to five times as long without .pyc files, and a PYTHONPATH brings in other versions.
export PYTHONDONTWRITEBYTECODE :=
unexport PYTHONPATH
DATA ?=
FORMAT ?=
# Images and clusters: by the kit where it is there, else by docker and kind. Any of these can be given by hand.
CLUSTER_KIT ?= ../shared/cluster
KIT := $(wildcard $(CLUSTER_KIT)/cluster)
BUILDER ?= $(if $(KIT),$(KIT) build,docker build)
LOADER ?= $(if $(KIT),$(KIT) load,kind load docker-image --name propensity)
IN_CLUSTER := $(if $(KIT),eval "$$($(KIT) env)" &&)
TAG ?= dev
IMAGES := scorer training dashboard mlflow loadtests
DOCKERFILE_scorer := bentos/scorer/Dockerfile
DOCKERFILE_training := training/Dockerfile
DOCKERFILE_dashboard := dashboard/Dockerfile
DOCKERFILE_mlflow := training/mlflow/Dockerfile
DOCKERFILE_loadtests := loadtests/Dockerfile
HAS_CHROMIUM := command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null
COMMIT = $(shell git rev-parse HEAD 2>/dev/null || echo unknown)

.PHONY: help setup demo test journeys verify-full two-versions check format lock docs clean images load-images image-sizes cluster e2e bench bench-dask bench-test next-image model-image load-model-image load browser screenshots tools-for-cluster

help: ## List what can be made
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(VENV)/.ready ## Make the virtual environment from the lock

# uv where it is there; else into the new environment by pip, from the hashes in the lock either way.
$(VENV)/.ready: uv.lock pyproject.toml
	@echo "Setting up $(VENV) from uv.lock (once; about 1.2 GB) …"
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v < (3, 14) else f"Python {v[0]}.{v[1]} is not supported: install 3.11, 3.12 or 3.13, or name one, as in `make demo PYTHON=python3.12`.")'
	@if command -v uv >/dev/null; then \
	  UV_PROJECT_ENVIRONMENT=$(VENV) uv sync --frozen --quiet --python $(PYTHON); \
	else \
	  test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "This Python can't make a virtual environment: install its venv package (Debian: apt install python3-venv), or uv."; exit 1; }; \
	  $(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip --quiet; \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION) && \
	  UV_PROJECT_ENVIRONMENT=$(VENV) $(BIN)/uv sync --frozen --quiet --inexact; \
	fi
	@touch $@
	@echo "Set up."

demo: setup ## Run the whole loop once: log, model, HTTP answer  (DATA=file FORMAT=taobao for a real log)
	@$(BIN)/propensity demo $(if $(DATA),--data '$(DATA)') $(if $(FORMAT),--format $(FORMAT))

OF_OTHER_STAGES = --ignore=tests/chart --ignore=tests/e2e --ignore=tests/verify --ignore=tests/dashboard/browser

test: setup ## Run the tests
	@echo "Running the tests (some four minutes on two cores) …"
	$(BIN)/pytest -n 2 --dist loadscope -m "not journey" $(OF_OTHER_STAGES) $(ARGS)
	@echo "All passed. Try next: make demo; make check; $(BIN)/propensity --help"

journeys: setup ## Run the tests of whole processes that live for a while, or are killed (some three minutes)
	$(BIN)/pytest -n 2 --dist loadscope -m journey $(OF_OTHER_STAGES) $(ARGS)

# The soak wants a MongoDB too: the one of PROPENSITY_TEST_MONGO_URI, or a stand-in of the kit.
SOAK_PORT := 27418

verify-full: setup ## Measure what takes long: the drift verdict, a large store, ten minutes of load  (two hours; ARGS="-k soak")
	@uri="$$PROPENSITY_TEST_MONGO_URI"; $(if $(KIT),test -n "$$uri" || { uri=$$($(KIT) mongo $(SOAK_PORT)) && trap '$(KIT) mongo-stop $(SOAK_PORT)' EXIT; } || exit 1;) \
	  PROPENSITY_TEST_MONGO_URI="$$uri" $(BIN)/pytest tests/verify $(ARGS)

check: setup ## Lint, types, imports, freshness of the lock
	$(BIN)/ruff format --check --quiet
	$(BIN)/ruff check --quiet
	$(BIN)/mypy
	$(BIN)/lint-imports
	@$(BIN)/uv lock --check --quiet 2>/dev/null || uv lock --check --quiet

format: setup ## Put the code into its form
	$(BIN)/ruff format --quiet
	$(BIN)/ruff check --fix --quiet

lock: setup ## Renew the lock from pyproject.toml
	$(BIN)/uv lock || uv lock

tools-for-cluster:
	@test -n '$(KIT)$(filter-out default undefined file,$(origin BUILDER) $(origin LOADER))' || { docker version >/dev/null 2>&1 && command -v kind >/dev/null; } || \
	  { echo 'Nothing here builds images and runs a cluster: install docker and kind (https://kind.sigs.k8s.io), or set BUILDER and LOADER, or CLUSTER_KIT.'; exit 1; }

images: tools-for-cluster $(IMAGES:%=image-%) ## Build all images  (TAG=dev; BUILDER='docker build')

image-%:
	@mkdir -p build/images; echo "Building propensity/$*:$(TAG) (log: build/images/$*.log) …"
	@$(BUILDER) --tag propensity/$*:$(TAG) --build-arg PROPENSITY_GIT_COMMIT=$(COMMIT) --file $(DOCKERFILE_$*) . \
	  >build/images/$*.log 2>&1 || { tail -n 20 build/images/$*.log; exit 1; }

model-image: tools-for-cluster ## Build the scorer with a model inside  (MODEL=folder of a bundle; the tag is TAG-with-model)
	@test -f '$(MODEL)/model.onnx' || { echo 'MODEL=$(MODEL) is no folder of a bundle. docs/images.md says where a package keeps it.'; exit 1; }
	@$(BUILDER) --target with-model --build-context model='$(MODEL)' --tag propensity/scorer:$(TAG)-with-model --file $(DOCKERFILE_scorer) .

load-model-image: tools-for-cluster
	@$(LOADER) propensity/scorer:$(TAG)-with-model

load-images: tools-for-cluster ## Put the built images into the cluster  (LOADER='kind load docker-image --name NAME')
	@$(LOADER) $(IMAGES:%=propensity/%:$(TAG))

image-sizes: tools-for-cluster ## Print what each image weighs and holds, as in docs/images.md
	@$(IN_CLUSTER) k8s/image-sizes $(IMAGES:%=propensity/%:$(TAG))

cluster: tools-for-cluster ## Start a cluster for development: the kit's, or kind with an ingress controller
	@$(if $(KIT),$(KIT) up && $(KIT) mongo-image,k8s/kind-up)

ON_A_CLUSTER = tests/chart tests/e2e tests/loadtests

e2e: setup $(VENV)/.cluster $(VENV)/.browser $(VENV)-loadtests/.ready next-image ## Hold the chart to its promises, on the cluster  (after: make browser cluster images load-images)
	@$(IN_CLUSTER) PROPENSITY_E2E=1 PROPENSITY_IMAGE_TAG=$(TAG) $(BIN)/pytest $(or $(ARGS),$(ON_A_CLUSTER)) --durations=15

two-versions: export PROPENSITY_E2E_PAIRS = 11
two-versions: export PROPENSITY_E2E_PAGE = docs/experiments.md
two-versions: ## Judge what a challenger costs the champion's users, into docs/experiments.md  (half an hour, on a quiet cluster, after what make e2e needs)
	@$(MAKE) --no-print-directory e2e ARGS=tests/e2e/test_two_versions.py

# Another image of the scorer, so that an upgrade has something to roll out.
next-image: tools-for-cluster
	@$(BUILDER) --tag propensity/scorer:$(TAG)-next --build-arg PROPENSITY_VERSION=next --file $(DOCKERFILE_scorer) . >/dev/null 2>&1
	@$(LOADER) propensity/scorer:$(TAG)-next

# What the tests of chart and cluster need on top.
$(VENV)/.cluster: $(VENV)/.ready
	@uv=$$(command -v uv || echo $(BIN)/uv); UV_PROJECT_ENVIRONMENT=$(VENV) $$uv sync --frozen --quiet --inexact --group cluster
	@touch $@

# Locust's own: its patches and other libraries do not go into one environment.
$(VENV)-loadtests/.ready: uv.lock
	@uv=$$(command -v uv || echo $(BIN)/uv); UV_PROJECT_ENVIRONMENT=$(VENV)-loadtests $$uv sync --frozen --quiet --only-group loadtests
	@touch $@

screenshots: setup $(VENV)/.browser ## Try the dashboard in a real browser; pictures of every page go to build/screenshots
	$(BIN)/pytest tests/dashboard/browser $(ARGS)
	@ls build/screenshots

browser: setup ## Install what tests in a browser need: playwright, and Debian's chromium (as root)
	@$(HAS_CHROMIUM) || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends chromium; } >/dev/null
	@$(MAKE) --no-print-directory $(VENV)/.browser

# Playwright drives the chromium of the machine and brings none of its own.
$(VENV)/.browser: $(VENV)/.ready
	@$(HAS_CHROMIUM) || { echo 'There is no chromium here: run `make browser` as root, or install it (Debian: apt install chromium).'; exit 1; }
	@uv=$$(command -v uv || echo $(BIN)/uv); UV_PROJECT_ENVIRONMENT=$(VENV) $$uv sync --frozen --quiet --inexact --group browser
	@touch $@

LOAD_REPORT := build/load/$(or $(SHAPE),load).html

load: setup $(VENV)-loadtests/.ready ## Put load on a service  (URL=http://127.0.0.1:8080 SHAPE=steady|ramp|spike|soak, or USERS=20 DURATION=30; PROPENSITY_API_KEY from the environment)
	@mkdir -p $(dir $(LOAD_REPORT))
	@$(VENV)-loadtests/bin/locust --locustfile loadtests/locustfile.py --headless --host $(or $(URL),$(HOST),http://127.0.0.1:8080) \
	  $(if $(SHAPE),--shape $(SHAPE),--users $(or $(USERS),20) --spawn-rate 20 --run-time $(or $(DURATION),30)s) \
	  --stop-timeout 10 --only-summary --html $(LOAD_REPORT) $(ARGS); code=$$?; echo "Report: $(CURDIR)/$(LOAD_REPORT)"; exit $$code

bench: setup $(VENV)-bench/.ready $(if $(filter all,$(PEERS)),$(VENV)-bench-mlserver/.ready) ## Compare side by side, into docs/benchmarks.md  (PEERS=all ROUNDS=5 SECONDS=5 EVENTS=5000000; 0 leaves a part out)
	@command -v h2load >/dev/null || { command -v apt-get >/dev/null && [ $$(id -u) = 0 ] && apt-get install -y -qq nghttp2-client >/dev/null; } || true
	$(BIN)/python -m loadtests.bench $(if $(PEERS),--peers $(PEERS)) $(if $(ROUNDS),--rounds $(ROUNDS)) $(BENCH_SECONDS) $(if $(EVENTS),--events $(EVENTS)) $(ARGS)

bench-dask: setup ## Measure how the time falls with Dask's workers, into docs/dask.md  (USERS=4000 ROUNDS=3)
	$(BIN)/python -m loadtests.bench.ours.more_machines --page docs/dask.md $(if $(USERS),--users $(USERS)) $(if $(ROUNDS),--rounds $(ROUNDS)) $(ARGS)

bench-test: setup $(VENV)-bench/.ready ## Run every peer and engine of the benchmark for a moment (some minutes)
	PROPENSITY_TEST_BENCH=1 $(BIN)/pytest tests/bench $(ARGS)

# The shell counts in a variable of this name, so only what was given to make is taken.
BENCH_SECONDS = $(if $(filter command line,$(origin SECONDS)),--seconds $(SECONDS))

# The peers' own: FastAPI and DuckDB are no part of the product, and MLServer wants an older FastAPI than the others.
$(VENV)-bench/.ready: uv.lock
	@uv=$$(command -v uv || echo $(BIN)/uv); UV_PROJECT_ENVIRONMENT=$(VENV)-bench $$uv sync --frozen --quiet --only-group bench --python $(BIN)/python
	@touch $@

$(VENV)-bench-mlserver/.ready: loadtests/bench/mlserver.txt
	@uv=$$(command -v uv || echo $(BIN)/uv); $$uv venv --quiet --clear --python $(BIN)/python $(VENV)-bench-mlserver && \
	  $$uv pip install --quiet --python $(VENV)-bench-mlserver/bin/python --requirements $<
	@touch $@

clean: ## Remove what was made: environment, caches, the demo's folder
	rm -rf $(VENV) $(VENV)-loadtests $(VENV)-bench $(VENV)-bench-mlserver .propensity .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist
