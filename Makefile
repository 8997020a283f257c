# Two commands do everything on a fresh Debian or Ubuntu machine: `make demo` and `make test`.
SUITED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))
PYTHON ?= $(or $(shell for p in python3.12 python3.11 python3; do \
  $$p -c '$(SUITED)' 2>/dev/null && echo $$p && break; done),python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# Debian names of the system libraries that OpenCV and mediapipe link against.
LIBRARIES := libgl1 libglib2.0-0

.PHONY: help demo test faults lint docs setup setup-dev system clean

help:
	@echo "make demo   set up, dub the demo person, sign, verify, scan; results in out/"
	@echo "make test   set up, lint, run every test"
	@echo "make faults kill, starve and damage everything for hours; tables in out/faults"
	@echo "make lint   ruff, mypy, import layers"
	@echo "make docs   the documentation as a site, strictly; in out/docs"
	@echo "make clean  remove the environment and out/"

demo: setup
	$(BIN)/avsynth demo --out out

# As many tests at a time as there are processors, four at most: each takes up to 2 GB. Threads
# that wait give their processor to the other tests.
test: setup-dev lint
	OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal

# Alone on the machine; `make faults ONLY=tests/faults/test_kills.py` for a part of it.
ONLY := tests/faults tests/pipelines/test_interrupted.py
faults: setup-dev
	AVSYNTH_FAULTS=full OMP_NUM_THREADS=1 $(BIN)/python -m pytest -v $(ONLY)

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: setup-dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

setup: $(VENV)/.ready
setup-dev: $(VENV)/.ready-dev

# Missing system libraries: installed by apt when root, else named in one line.
system:
	@missing=""; \
	for library in $(LIBRARIES); do \
	  dpkg -s $$library >/dev/null 2>&1 || dpkg -s $${library}t64 >/dev/null 2>&1 || missing="$$missing $$library"; \
	done; \
	$(PYTHON) -c 'import ensurepip' 2>/dev/null || missing="$$missing python3-venv"; \
	if [ -n "$$missing" ]; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && apt-get install -y -qq $$missing >/dev/null; \
	  else echo "please install:$$missing"; exit 1; fi; \
	fi

$(BIN)/python: | system
	@$(PYTHON) -c '$(SUITED)' 2>/dev/null \
	  || { echo "Python 3.11 or 3.12 is needed: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)

# torch first and alone, so that a processor build that is at hand is kept.
$(VENV)/.ready: pyproject.toml | $(BIN)/python
	$(PIP) --upgrade pip
	$(PIP) torch==2.13.0
	$(PIP) -e ".[fast,speech]"
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready
	$(PIP) -e ".[fast,speech,train,metrics,research,onnx,cluster,studio,faults,docs,dev]"
	@touch $@

clean:
	rm -rf $(VENV) out
