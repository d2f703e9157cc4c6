# make demo: a first picture.  make test: the tests, in about two minutes.  make test-all: all tests, in a quarter of an hour.
# make video: a first film.  make gallery: the pictures of README.  Each creates the virtual environment .venv.
PYTHON ?= python3
VENV = .venv
RUN = $(VENV)/bin/python
PYTEST = $(RUN) -m pytest -q -n 2 --dist loadgroup

.PHONY: demo video gallery test test-all test-more lint format clean

demo: $(VENV)/installed
	$(VENV)/bin/neural-style --preset painterly --content examples/chelsea.jpg --styles examples/brush-strokes.jpg \
		--width 512 --output demo.jpg --overwrite

video: $(VENV)/installed-video
	$(VENV)/bin/neural-style --preset painterly --content examples/chelsea.mp4 --styles examples/brush-strokes.jpg \
		--output video.mp4 --overwrite

gallery: $(VENV)/installed
	$(RUN) -m tools.gallery

test: $(VENV)/installed-tests
	$(PYTEST)

test-all: test test-more

# What `make test` leaves out: sweeps, the browser, fuzzing, whole tools, the real network; and the tests of losses,
# gradients and layers once more, with the kernels of TensorFlow that are not the default on x86.
test-more: $(VENV)/installed-tests
	$(PYTEST) -m "exhaustive or network"
	TF_ENABLE_ONEDNN_OPTS=0 $(PYTEST) -m "numerical or network" --ignore tests/studio

lint: $(VENV)/installed-tests
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

format: $(VENV)/installed-tests
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

$(VENV)/installed: requirements.txt pyproject.toml
	@echo "installing the packages into $(VENV): a download of 700 MB"
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/installed-video: $(VENV)/installed
	$(RUN) -m pip install --quiet --disable-pip-version-check --editable ".[video]"
	touch $@

$(VENV)/installed-tests: $(VENV)/installed
	$(RUN) -m pip install --quiet --disable-pip-version-check --editable ".[test]"
	touch $@

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache __pycache__ *.egg-info build
