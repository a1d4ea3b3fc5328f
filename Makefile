# The commands that people and CI use. Nothing is installed outside this directory.

PYTHON ?= python3
LOGS ?=
BENCHES := $(filter-out bench/compare_commits.py bench/errors.py bench/profile_analyze.py,$(wildcard bench/*.py))
AGENTS ?= amp claude_code cline codex droid gemini_cli goose inspect_ai kimi_cli kimi_code opencode openhands pi qwen_code mini_swe_agent

PIP := -m pip --quiet --disable-pip-version-check
TEST := .venv-test/bin
PACKAGE := pyproject.toml $(shell find src -name __pycache__ -prune -o -print)

.DELETE_ON_ERROR:
.PHONY: help run test coverage lint bench profile record compare docs lock lowest sbom clean

help: ## list these commands
	@sed -En 's/^([a-z]+):[^#]*## /make \1\t/p' Makefile | expand -t 14

run: .venv/installed ## analyse the agent logs on this machine, or LOGS=path; without any, the examples
	@.venv/bin/tachlog analyze --or-demo $(LOGS)

test: lint .venv-test/wheel .venv-test/servers ## run the tests against the built wheel, with every extra
	@$(TEST)/pytest -n 2 --wheel

coverage: .venv-test/wheel .venv-test/servers ## run the tests and see which lines and branches they leave out
	@$(TEST)/pytest -n 2 --wheel --cov --cov-report=term --cov-fail-under=95

lint: .venv-test/tools ## check style and types
	@$(TEST)/ruff check --quiet .
	@$(TEST)/ruff format --check --quiet .
	@$(TEST)/mypy --strict src

bench: .venv-test/wheel ## run the benchmarks; each prints its figures as JSON
	@for bench in $(BENCHES); do $(TEST)/python $$bench || exit 1; done

profile: .venv-test/wheel ## where the time of reading LOGS (else the examples) goes; the profile is kept in run.prof
	@$(TEST)/python bench/profile_analyze.py run.prof analyze --no-store --jobs 1 $(or $(LOGS),--or-demo)

record: .venv-test/tools ## run real agents against a scripted model and keep their logs as cases (Linux)
	@for agent in $(AGENTS); do $(TEST)/python tests/record/$$agent.py || exit 1; done

compare: .venv-test/wheel ## run tachlog and its peers on the conformance set, write docs/comparison.md (Linux)
	@$(TEST)/python tests/compare.py

lock: .venv-test/tools ## pin what users may install by version and digest in requirements.lock
	@$(TEST)/uv pip compile pyproject.toml --extra all --universal --python-version 3.11 --upgrade \
		--generate-hashes --no-emit-index-url --no-emit-find-links --no-header --quiet -o requirements.lock

lowest: .venv-test/wheel .venv-test/servers ## run the tests with the lowest versions that pyproject.toml allows
	@rm -rf .venv-lowest && $(PYTHON) -m venv .venv-lowest
	@$(TEST)/python tests/lowest.py > .venv-lowest/pins
	@$(TEST)/uv pip install --quiet --python .venv-lowest/bin/python -c .venv-lowest/pins \
		--group dev "$$(ls dist/*.whl)[all]"
	@.venv-lowest/bin/pytest -n 2 --wheel

sbom: .venv-test/wheel ## write the bill of materials of a plain install to dist/tachlog.cdx.json
	@rm -rf .venv-sbom && $(PYTHON) -m venv --without-pip .venv-sbom
	@$(TEST)/uv pip install --quiet --python .venv-sbom/bin/python dist/*.whl
	@$(TEST)/cyclonedx-py environment --output-reproducible -o dist/tachlog.cdx.json .venv-sbom/bin/python
	@rm -rf .venv-sbom

docs: .venv-test/wheel ## write the reference pages in docs/ anew
	@$(TEST)/python docs/generate.py
	@$(TEST)/python docs/picture.py
	@$(TEST)/python docs/pages.py

clean: ## remove everything that these commands made
	rm -rf .venv .venv-test .compare dist .coverage .coverage.* .hypothesis .*_cache

.venv/installed: pyproject.toml
	@echo "tachlog is being installed in .venv: a minute, the first time" >&2
	@$(PYTHON) -m venv .venv
	@.venv/bin/python $(PIP) install --editable .
	@touch $@

.venv-test/tools: pyproject.toml
	@echo "the test tools and every extra are being installed in .venv-test: a few minutes" >&2
	@$(PYTHON) -m venv .venv-test
	@$(TEST)/python $(PIP) install --upgrade pip
	@$(TEST)/python $(PIP) install --group dev '.[all]'
	@touch $@

# The servers that mirrors are tested against, the Prometheus that asks, the browser that pages are
# looked at with, the shells that complete; a Debian machine gets them where they are missing.
SERVERS := influxdb victoria-metrics prometheus chromium zsh fish groff
.venv-test/servers: .venv-test/tools
	@if ! { command -v influxd && command -v victoria-metrics && command -v chromium && \
		command -v promtool && command -v zsh && command -v fish && command -v groff; } >/dev/null; \
	then echo "InfluxDB, VictoriaMetrics, Prometheus, Chromium, shells: being installed" >&2; \
		apt-get -qq update && apt-get -qq install --no-install-recommends --yes $(SERVERS) >&2 || \
		{ echo "make test needs, as root: apt-get install $(SERVERS)" >&2; exit 1; }; fi
	@touch $@

.venv-test/wheel: .venv-test/tools $(PACKAGE)
	@rm -rf dist
	@$(TEST)/python -m build --no-isolation >/dev/null
	@$(TEST)/python $(PIP) install --force-reinstall --no-deps dist/*.whl
	@touch $@
