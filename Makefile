# `make help` lists what can be made. PYTHON chooses the interpreter: make demo PYTHON=python3.12

PYTHON ?= python3
VENV := .venv
CONTENT ?= $(VENV)/lib/python3.*/site-packages/skimage/data/astronaut.png
STYLE ?= out/whirl.png
SIZES ?= 512,256,1024,2048
DEVICE ?= auto
COMMA := ,
PIP_INSTALL := $(VENV)/bin/python -m pip install --disable-pip-version-check -c constraints.txt

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo studio test lint format types bench lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s  %s\n", $$1, $$2 }' Makefile

install: $(VENV)/.installed ## Install Impasto into .venv, ready to use as .venv/bin/impasto

demo: $(VENV)/.installed-demo ## Paint a photograph; the last line is the picture's path
	@$(VENV)/bin/python examples/demo.py

studio: $(VENV)/.installed-studio ## Open the page on which pictures are painted
	@$(VENV)/bin/impasto studio --open

test: lint types ## Check style and types, then run the tests
	$(VENV)/bin/python -m pytest -n 2 -m "not slow"

lint: $(VENV)/.installed-dev ## Check style and formatting
	$(VENV)/bin/python -m ruff check
	$(VENV)/bin/python -m ruff format --check

format: $(VENV)/.installed-dev ## Put imports and formatting in order
	$(VENV)/bin/python -m ruff check --select I --fix
	$(VENV)/bin/python -m ruff format

types: $(VENV)/.installed-dev ## Check the types
	$(VENV)/bin/python -m mypy

bench: $(VENV)/.installed-dev $(STYLE) ## Measure speed and quality on this machine, of CONTENT=FILE STYLE=FILE if given
	$(VENV)/bin/python benchmarks/speed.py --content $(CONTENT) --style $(STYLE) --sizes $(SIZES) --device $(DEVICE) -o out/speed.json
	$(VENV)/bin/impasto measure out/speed-$(firstword $(subst $(COMMA), ,$(SIZES))).png --content $(CONTENT) --style $(STYLE)

lock: $(VENV)/bin/python ## Write constraints.txt anew from pyproject.toml and pins.txt
	$(VENV)/bin/python -m pip install --disable-pip-version-check --quiet uv
	$(VENV)/bin/python -m uv pip compile --quiet --upgrade --universal --python-version 3.11 --all-extras \
		--no-header --no-annotate -c pins.txt pyproject.toml -o constraints.txt

clean: ## Remove the virtual environment, caches and builds; pictures in out/ stay
	rm -rf $(VENV) build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find src tests examples benchmarks -name __pycache__ -prune -exec rm -rf {} +

out/whirl.png: | $(VENV)/.installed-dev
	@mkdir -p $(@D)
	$(VENV)/bin/impasto styles whirl --size 768x600 -o $@

# A stamp is older than the files that it depends on only when the installation is out of date.
$(VENV)/.installed: EXTRAS =
$(VENV)/.installed-demo: EXTRAS = [demo]
$(VENV)/.installed-studio: EXTRAS = [studio,demo,huge]
$(VENV)/.installed-dev: EXTRAS = [dev]
$(VENV)/.installed $(VENV)/.installed-demo $(VENV)/.installed-studio $(VENV)/.installed-dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP_INSTALL) -e '.$(EXTRAS)'
	@touch $@

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Impasto needs Python 3.11 or newer, which $(PYTHON) is not: name one, as in make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) cannot make virtual environments: on Debian and Ubuntu, apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
