# `make demo` and `make test` work on a fresh machine with Python 3.11 or newer; everything is installed into .venv.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
export OMP_WAIT_POLICY := PASSIVE
# Tests run side by side, and tiny models gain nothing from threads: with one each they take half the processor time.
test coverage test-slow: export OMP_NUM_THREADS := 1

.PHONY: demo test coverage test-slow servers lint types docs studies benchmarks clean

demo: $(INSTALLED)
	$(BIN)/provcheck audit demo --out provcheck-report
	@echo "Open provcheck-report/report.html in a browser."

test: $(INSTALLED)
	$(BIN)/python -m pytest -n 2 -q -m "not slow"

coverage: $(INSTALLED)
	$(BIN)/python -m pytest -n 2 -q -m "not slow" --cov --cov-report=term:skip-covered

test-slow: $(INSTALLED)
	$(BIN)/python -m pytest -q -m slow

# Real servers that `make test-slow` audits; without them it skips that. A build for any processor, in about five minutes.
servers: $(INSTALLED)
	CMAKE_ARGS="-DGGML_NATIVE=OFF -DLLAVA_BUILD=OFF" CMAKE_BUILD_PARALLEL_LEVEL=2 \
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --group servers

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(INSTALLED)
	$(BIN)/mypy

docs: $(INSTALLED)
	$(BIN)/python -m provcheck.guide.site.gather .site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --config-file .site/mkdocs.yml
	@echo "Open .site/html/index.html in a browser."

studies: $(INSTALLED)
	$(BIN)/provcheck study all zoo-v2 --out reports/studies

benchmarks: $(INSTALLED)
	$(BIN)/python -m tests.benchmarks --history benchmarks.jsonl

$(INSTALLED): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable . --group dev
	touch $(INSTALLED)

clean:
	rm -rf .venv .site dist provcheck-report
