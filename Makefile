# The whole interface of the project: `make help` lists the targets.
.DEFAULT_GOAL := help
.PHONY: help book test test-classroom other-rounding assignments grade lab binder linkcheck \
	studies benchmark serve lint lock clean

# The stamp's name says whether R and its packages were there, so installing them later runs the
# set-up again.
READY := .venv/.ready$(shell tools/setup have-r || echo -without-r)
PY := .venv/bin/python
# The assignments have an environment of their own, which needs neither R nor the book's packages.
CLASSROOM := .venv-classroom/.ready
CLASSROOM_PY := .venv-classroom/bin/python

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

book: $(READY) ## Execute every chapter and build the site
	@$(PY) tools/build_book.py

test: $(READY) ## Run the linter, the type checker and every test
	@tools/setup tests
	@$(PY) -m pytest --numprocesses auto --dist worksteal

# lme4's last digits depend on the processor; what the book says of it must not.
other-rounding: $(READY) ## Run chapters and R tests as another processor rounds (ORDER=1, 2, ...)
	@$(PY) tools/other_rounding.py $(or $(ORDER),1) $(PART)

studies: $(READY) ## Compute the stored studies (STUDY=name; REPLICATIONS=100 for a try)
	@PYTHONPATH=book $(PY) tools/run_studies.py $(STUDY) \
		$(if $(REPLICATIONS),--replications $(REPLICATIONS))

# Not in the lock: only this target needs them, and what it measured is kept in book/data.
benchmark: $(READY) ## Measure the batch engine against other programs (five minutes)
	@$(PY) -m uv pip install --quiet --requirement pyproject.toml --extra benchmark
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 RAYON_NUM_THREADS=1 \
		$(PY) benchmarks/benchmark.py

lint: $(READY) ## Run the linter and the type checker alone
	@$(PY) -m ruff check --quiet .
	@$(PY) -m ruff format --check --quiet .
	@$(PY) -m mypy --no-error-summary

serve: $(READY) ## Open the built book on localhost (PORT=8000)
	@$(PY) tools/serve.py $(PORT)

lab: $(READY) ## Open the chapters as notebooks in JupyterLab (PORT=8888)
	@$(PY) tools/lab.py $(PORT)

binder: $(READY) ## Run the chapters as Binder does (ten minutes; CHAPTER=intro for one)
	@$(PY) tools/try_binder.py $(CHAPTER)

linkcheck: $(READY) ## Ask every external link whether it still answers
	@$(PY) tools/check_links.py

assignments: $(CLASSROOM) ## Make students' notebooks, solutions and autograders
	@$(CLASSROOM_PY) tools/make_assignments.py --hand-out assignments/student

grade: assignments ## Grade a folder or a zip (SUBMISSIONS=it, NAMES=a class list, ASSIGNMENT=name)
	@$(CLASSROOM_PY) tools/grade.py "$(SUBMISSIONS)" $(if $(ASSIGNMENT),--assignment "$(ASSIGNMENT)") \
		$(if $(NAMES),--names "$(NAMES)") $(OPTIONS)

test-classroom: $(CLASSROOM) ## Test the assignments and the grading
	@$(CLASSROOM_PY) -m pytest assignments/tests

lock: $(READY) ## Remake the two requirements.txt from pyproject.toml
	@$(PY) -m uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
		--upgrade --no-emit-index-url --no-emit-find-links --quiet \
		--custom-compile-command "make lock" --output-file requirements.txt
# The constraint lets both be installed together, as Binder does.
	@$(PY) -m uv pip compile pyproject.toml --extra classroom --universal --python-version 3.11 \
		--constraint requirements.txt --upgrade --no-emit-index-url --no-emit-find-links --quiet \
		--custom-compile-command "make lock" --output-file assignments/requirements.txt

clean: ## Remove the built site and the virtual environments
	rm -rf _build .venv .venv-classroom

# pyproject.toml too: the editable install takes its commands from it.
$(READY): requirements.txt pyproject.toml binder/apt.txt tools/setup
	@tools/setup

$(CLASSROOM): assignments/requirements.txt assignments/apt.txt pyproject.toml tools/setup
	@tools/setup classroom
