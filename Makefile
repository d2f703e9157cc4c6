# make demo: a first picture.  make test: the tests.  make gallery: README's pictures.  Each target makes its own virtual environment in .venv.
PYTHON ?= python3
VENV = .venv
RUN = $(VENV)/bin/python

.PHONY: demo gallery test lint format clean

demo: $(VENV)/installed
	$(RUN) neural_style.py --preset fast --content examples/chelsea.jpg --styles examples/brush-strokes.jpg \
		--width 512 --output demo.jpg --overwrite

gallery: $(VENV)/installed
	$(RUN) tools/gallery.py

test: $(VENV)/installed-tests
	$(RUN) -m pytest -q -n 2 --dist loadgroup

lint: $(VENV)/installed-tests
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

format: $(VENV)/installed-tests
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

$(VENV)/installed: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

$(VENV)/installed-tests: requirements.txt requirements-tests.txt $(VENV)/installed
	$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements-tests.txt
	touch $@

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache __pycache__
