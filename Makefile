# Everything runs from .venv, built once from the lock file; only Python 3.11+ and make are needed.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo test faults infra image bench lint lab pictures tools lock clean
.DEFAULT_GOAL := demo

demo: $(READY)  ## Publish the sample events into ./var and say where to look
	@$(BIN)/gridletter demo

test: $(READY)  ## Run all tests
	@$(BIN)/pytest

faults: $(READY)  ## Kill, stop and starve all of it (half an hour; prints its figures)
	@$(BIN)/pytest tests/faults -n0 -s

infra: tools infra/.venv/.ready  ## Make the Pulumi program's resources on moto's server (large download)
	@AWS_DEFAULT_REGION=eu-central-1 PYTHONPATH=. infra/.venv/bin/python -m pytest -c /dev/null \
		--rootdir tests/infra -W ignore::DeprecationWarning tests/infra

image: $(READY)  ## Build the flow's image without a Docker engine (root; Debian's buildah, mmdebstrap)
	@$(BIN)/python scripts/build_image.py

bench: $(READY)  ## Measure against the alternatives in the same run
	@$(BIN)/python -m benchmarks

lint: $(READY)  ## Check style, types and the direction of imports
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

lab: $(READY)  ## Open the notebooks in JupyterLab
	@$(BIN)/python scripts/set_up_git.py
	@GRIDLETTER_HOME="$${GRIDLETTER_HOME:-$(CURDIR)/var}" $(BIN)/jupyter lab notebooks

pictures: $(READY)  ## Make images/ anew from the running project (needs Chromium)
	@$(BIN)/python scripts/make_pictures.py

tools: tools/node_modules/.package-lock.json  ## Install the judges written for Node.js (workflows, IAM policies)

lock:  ## Resolve the lock files anew (needs uv)
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
		--no-header --no-annotate --quiet --output-file requirements.lock
	uv pip compile pyproject.toml --extra dev --constraints requirements.lock --universal \
		--python-version 3.11 --generate-hashes --no-header --no-annotate --quiet \
		--output-file requirements-dev.lock
	uv pip compile infra/requirements.txt --universal --python-version 3.11 --generate-hashes \
		--no-header --no-annotate --quiet --output-file infra/requirements.lock
	uv pip compile infra/requirements-dev.txt --constraints infra/requirements.lock --universal \
		--python-version 3.11 --generate-hashes --no-header --no-annotate --quiet \
		--output-file infra/requirements-dev.lock

clean:  ## Remove .venv, infra/.venv and ./var
	rm -rf .venv infra/.venv var

# A stamp that is older than the lock file, or missing after an interrupted install, installs again.
$(READY): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Gridletter needs Python 3.11 or newer, this is " + sys.version.split()[0] + ": name one with make PYTHON=…")'
	@echo "Building .venv from requirements-dev.lock (a minute or two, once) …"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--require-hashes --requirement requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--no-deps --no-build-isolation --editable .
	@touch $(READY)

# Pulumi's provider is large and no flow needs it, so it has an environment of its own.
infra/.venv/.ready: infra/requirements-dev.lock
	@$(PYTHON) -m venv infra/.venv
	@infra/.venv/bin/python -m pip install --quiet --disable-pip-version-check \
		--require-hashes --requirement infra/requirements-dev.lock
	@touch $@

tools/node_modules/.package-lock.json: tools/package-lock.json
	@npm ci --prefix tools --silent
	@touch $@
