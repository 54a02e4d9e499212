# The whole interface of the project: `make help` lists the targets.
.DEFAULT_GOAL := help
.PHONY: help book test serve lint lock clean

# The stamp's name says whether R was there, so installing R later runs the set-up again.
READY := .venv/.ready$(if $(shell command -v R 2>/dev/null),,-without-r)
PY := .venv/bin/python

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

book: $(READY) ## Execute every chapter and build the site
	@$(PY) tools/build_book.py

test: $(READY) ## Run the linter, the type checker and every test
	@$(PY) -m ruff check --quiet .
	@$(PY) -m ruff format --check --quiet .
	@$(PY) -m mypy --no-error-summary
	@$(PY) -m pytest

serve: $(READY) ## Open the built book on localhost (PORT=8000)
	@$(PY) tools/serve.py $(PORT)

lock: $(READY) ## Remake requirements.txt from pyproject.toml
	@$(PY) -m uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
		--upgrade --no-emit-index-url --no-emit-find-links --quiet \
		--custom-compile-command "make lock" --output-file requirements.txt

clean: ## Remove the built site and the virtual environment
	rm -rf _build .venv

$(READY): requirements.txt binder/apt.txt tools/setup
	@tools/setup
