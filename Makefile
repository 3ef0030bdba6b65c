# make demo              the street that the package renders itself
# make demo DRIVE=path   a KITTI drive, a folder of images, or a rosbag2 directory
# make live              the same, in a loop, on a page of this machine: look, and tune
# make test              linters and every test
# make test TESTS=path   those of one folder or file
# make test PY=python3.12 ROS=kilted  with another Python, or another ROS 2
# make test-busy RUNS=3  the tests that talk over DDS, on cores that are busy with something else
# make test PAUSE=1.2    kept waiting after everything that tests wait for, as on such cores
#
# make live LIVE='--port 9000 --driver-profile city'   further arguments of the tuner
#
# All make .venv (or .venv-kilted) by themselves, with ROS 2 from PyPI, Jazzy unless ROS says otherwise.
# A ROS 2 installation that is sourced in the shell is left out, so that the two do not mix.

PYTHON ?= $(if $(PY),$(PY),$(firstword $(foreach p,python3.12 python3.11 python3,$(shell $(p) -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null && echo $(p)))))
ROS ?= jazzy
VENV := $(CURDIR)/.venv$(if $(filter-out jazzy,$(ROS)),-$(ROS))
STAMP := $(VENV)/.complete
DRIVE ?= street
OUT ?= demo_out
TESTS ?= test
RUNS ?= 20
PAUSE ?= 0
LIVE ?=

RUN := env -u PYTHONPATH -u LD_LIBRARY_PATH ROS_DISTRO=$(ROS) AMENT_PREFIX_PATH=$(VENV) PATH=$(VENV)/bin:$(PATH)

.PHONY: demo live test test-busy lint clean

demo: $(STAMP)
	$(RUN) python -m aim_ros.nodes.demo --source '$(DRIVE)' --out '$(OUT)'

live: $(STAMP)
	$(RUN) python -m aim_ros.nodes.tuner --play '$(DRIVE)' $(LIVE)

test: lint
	$(RUN) python tools/run_tests.py --pause $(PAUSE) $(TESTS)

# The tests of nodes, replay and processes, RUNS times, with every core kept busy by something else.
test-busy: $(STAMP)
	$(RUN) python tools/run_tests.py --busy $(RUNS)

lint: $(STAMP)
	$(RUN) ruff check .

$(STAMP): $(wildcard requirements*.txt) constraints.txt setup.py setup.cfg
	@test -n '$(PYTHON)' || { echo 'aim_ros needs Python 3.11 or 3.12: the ROS 2 packages on PyPI exist for these only. Set PYTHON=<path to one>.' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	sed -e 's/^ros-jazzy-/ros-$(ROS)-/' -e 's/^ros-kilted-fastrtps$$/ros-kilted-fastdds/' requirements-ros.txt > $(VENV)/requirements-ros.txt
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -r requirements.txt -r $(VENV)/requirements-ros.txt -r requirements-dev.txt
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

clean:
	rm -rf $(VENV) demo_out live_out
