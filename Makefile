# make demo    un mois complet d'une ville d'exemple, puis le service sur http://127.0.0.1:8000   (ARGS="--no-serve --seed 7")
# make test    tous les tests                                                     (ARGS="tests/unit -k money")
# make check   la barrière complète : format, règles, types, architecture, tests
# make torture la dose entière de pannes, de coupures et de mutants               (ARGS="-k power")
# make bench   les mesures    ·    make run   le service    ·    make clean   tout effacer
#
# Needs Python >= 3.11 and make, nothing else. What is installed is pinned by hash in requirements/*.txt.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
# Stamps live in the environment they speak of: without it, they are gone too.
STAMPS := $(VENV)/stamps
PYTHONS := python3.13 python3.12 python3.11 python3
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
INSTALL := $(PIP) install --quiet --require-hashes --only-binary :all:
LISTS := build runtime test dev bench torture front lock
CODE := monnaie_locale wallets merchants migrations tests scripts bench
WORKERS ?= 2
ARGS ?=

.PHONY: help demo test torture check lint format bench run scanner pictures lock clean

help:
	@sed -n 's/^# \{0,1\}//p;/^$$/q' Makefile

demo: $(STAMPS)/project scanner
	$(BIN)/monnaie-locale demo $(ARGS)

run: $(STAMPS)/project scanner
	$(BIN)/monnaie-locale serve $(ARGS)

test: $(STAMPS)/test $(STAMPS)/project scanner
	$(BIN)/pytest --numprocesses $(WORKERS) --dist worksteal $(ARGS)

# One process: the doses share two processors with what they kill.
torture: $(STAMPS)/torture $(STAMPS)/project
	$(BIN)/pytest tests/torture --dose full -s $(ARGS)

bench: $(STAMPS)/bench $(STAMPS)/project
	$(BIN)/python -W "ignore:XDG_RUNTIME_DIR is not set" -m bench.run $(ARGS)

lint: $(STAMPS)/dev $(STAMPS)/project
	$(BIN)/ruff format --check $(wildcard $(CODE))
	$(BIN)/ruff check $(wildcard $(CODE))
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint
	$(MAKE) test

format: $(STAMPS)/dev
	$(BIN)/ruff format $(wildcard $(CODE))
	$(BIN)/ruff check --fix $(wildcard $(CODE))

# Without the scanner the till still works (the code is typed), so a failure here is said and does not stop the demo.
scanner: $(STAMPS)/runtime
	@test -e $(STAMPS)/scanner-$(SCANNER_WANTED) || { \
	  echo "Installation du lecteur de QR codes…"; \
	  { $(INSTALL) --retries 1 -r requirements/front.txt || echo "ATTENTION : PyPI injoignable, pas de lecteur de QR codes."; } \
	  && $(BIN)/python scripts/vendor_js.py \
	  && touch $(STAMPS)/scanner-$(SCANNER_WANTED) || true; }

# Written again when the lock or the script changes: the stamp carries their checksum.
SCANNER_WANTED = $(shell cat package-lock.json scripts/vendor_js.py requirements/front.txt | cksum | tr -c '0-9\n' '-')

$(STAMPS)/venv:
	@found=; without_venv=; \
	for python in $(PYTHONS); do \
	  $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue; \
	  if $$python -c 'import ensurepip, venv' >/dev/null 2>&1; then found=$$python; break; fi; \
	  without_venv=$$python; \
	done; \
	if [ -z "$$found" ] && [ -n "$$without_venv" ]; then \
	  echo "Le module venv de $$without_venv manque. Debian, Ubuntu : sudo apt install python3-venv"; \
	  echo "The venv module of $$without_venv is missing. Debian, Ubuntu: sudo apt install python3-venv"; exit 1; \
	elif [ -z "$$found" ]; then \
	  echo "Il faut Python 3.11 ou plus récent (python3 --version)."; \
	  echo "Python 3.11 or newer is needed (python3 --version)."; exit 1; \
	fi; \
	echo "Création de l'environnement avec $$($$found --version)…"; \
	rm -rf $(VENV) && $$found -m venv $(VENV) && mkdir -p $(STAMPS) && touch $@

$(STAMPS)/runtime: requirements/build.txt requirements/runtime.txt | $(STAMPS)/venv
	@echo "Installation des bibliothèques (une minute environ)…"
	@$(INSTALL) -r requirements/build.txt -r requirements/runtime.txt
	@touch $@

$(STAMPS)/project: pyproject.toml $(STAMPS)/runtime
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(STAMPS)/test: requirements/test.txt $(STAMPS)/runtime
	@echo "Installation des outils de test…"
	@$(INSTALL) -r requirements/test.txt
	@touch $@

$(STAMPS)/bench: requirements/bench.txt $(STAMPS)/test
	@# django-hordak is published as source only; it is built by the setuptools that are pinned in build.txt.
	@$(INSTALL) --no-binary django-hordak --no-build-isolation -r requirements/bench.txt
	@touch $@

$(STAMPS)/torture: requirements/torture.txt $(STAMPS)/test
	@$(INSTALL) -r requirements/torture.txt
	@touch $@

$(STAMPS)/dev: requirements/dev.txt $(STAMPS)/test
	@$(INSTALL) -r requirements/dev.txt
	@touch $@

$(STAMPS)/lock: requirements/lock.txt | $(STAMPS)/venv
	@$(INSTALL) -r requirements/lock.txt
	@touch $@

# For the maintainers: take the pictures of docs/TILL.md again, when a screen has changed. Look at each of them.
pictures: $(STAMPS)/test $(STAMPS)/project scanner
	$(BIN)/python -m scripts.pictures

# For the maintainers: write the pinned lists again. Versions move only with ARGS=--upgrade.
lock: $(STAMPS)/lock
	@for list in $(LISTS); do \
	  (cd requirements && ../$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	    --no-emit-index-url --no-emit-find-links --annotation-style line $(ARGS) $$list.in -o $$list.txt) || exit 1; \
	done

clean:
	rm -rf $(VENV) demo-output build dist *.egg-info monnaie_locale/web/static/vendor
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .grimp_cache
	find $(wildcard $(CODE)) -name __pycache__ -prune -exec rm -rf {} +
