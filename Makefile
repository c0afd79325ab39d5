# make demo    from a bare checkout to a trained, tested, explained property valuation
# make test    every test
# make check   types and style
# make bench   the quick benchmarks (benchmarks/README.md lists all)
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Where torch comes from. On Linux its default build brings several GB for GPUs; for a small CPU build:
#   make demo TORCH="--index-url https://download.pytorch.org/whl/cpu"
TORCH ?=
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: demo test check bench clean

demo: $(VENV)/installed
	$(BIN)/aprende demo

test: $(VENV)/installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

check: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/installed-dev
	$(BIN)/python benchmarks/run.py

clean:
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -c constraints.txt torch $(TORCH)
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[train,serve]"
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[train,serve,dev]"
	$(BIN)/python -m pip install -q -c constraints.txt --no-deps -e tests/example_system
	touch $@
