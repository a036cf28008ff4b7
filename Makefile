# Two commands on a fresh machine: `make solve` and `make test`. Each sets up what it needs.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
RESULTS ?= results/paris-summer

.PHONY: solve test compatibility lint format lock clean

solve: $(VENV)/.ready
	$(BIN)/mfgamm solve paris-summer --out $(RESULTS)

test: $(VENV)/.ready
	$(BIN)/pytest -n auto --maxprocesses 4 --dist loadfile

# The tests under another JAX: make compatibility JAX=0.12 PYTHON=python3.13
OTHER := $(VENV)-jax-$(JAX)
compatibility:
	$(PYTHON) -m venv $(OTHER)
	$(OTHER)/bin/pip install --quiet --disable-pip-version-check "jax==$(JAX).*" -e ".[dev]"
	$(OTHER)/bin/pytest -n auto --maxprocesses 4 --dist loadfile $(TESTS)

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

format: $(VENV)/.ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Hash-checked versions of everything, then the package itself without touching them.
$(VENV)/.ready: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

lock:
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
	  --fork-strategy fewest --generate-hashes --no-emit-index-url --no-annotate \
	  --custom-compile-command "make lock" --upgrade -o requirements.lock

clean:
	rm -rf $(VENV) $(VENV)-jax-* results
