# Everything runs from here: `make` lists what there is. The first target used sets up .venv by itself.
PYTHON ?= python3
JOBS ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu)
SEEDS ?=
PROTOCOLS ?=
DATA ?=
OUT ?= results
BIN := .venv/bin
export CLSUNBIAS_DATA := $(or $(DATA),$(CLSUNBIAS_DATA))
ifeq ($(CLSUNBIAS_DATA),)
unexport CLSUNBIAS_DATA
endif

.DEFAULT_GOAL := help
.PHONY: help setup test test-slow lint notebooks bench tour reproduce-table1 reproduce-table2 reproduce-table3 reproduce-table4

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  settings: PYTHON=python3.12  DATA=folder of the data sets  JOBS=processes  SEEDS=10"
	@echo "            PROTOCOLS=paper,steps,tuned  OUT=results"

setup: ## make the virtual environment .venv, with pinned packages: minutes, once
	@bash setup.sh "$(PYTHON)"

test: setup ## run the tests, but for the slow ones: a few minutes
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile -m 'not slow'

test-slow: setup ## run the slow tests: kills, clusters, several processes, Table 1 in full
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile -m slow

fuzz: setup ## try 2000 inputs that nobody thought of and 200 faults: about 20 minutes
	$(BIN)/python -m tests.fuzz --jobs $(JOBS)

lint: setup ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

notebooks: setup ## run the notebooks and store what they show
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --overwrite --nbmake-timeout=600 notebooks/0*.ipynb
	$(BIN)/nbstripout --keep-output --keep-count --keep-id notebooks/0*.ipynb

bench: setup ## measure what the suite costs beside a plain loop
	$(BIN)/python -m benchmarks

REPRODUCE = $(BIN)/clsunbias reproduce $(1) --out "$(OUT)" --jobs $(JOBS) $(if $(SEEDS),--seeds $(SEEDS))

TABLE = from sklearn.datasets import load_breast_cancer as load; table = load(as_frame=True).frame; \
  table = table.drop(table.query('target == 0').index[60:]).replace({'target': {0: 'malignant', 1: 'benign'}}); \
  table.to_csv('$(OUT)/tour/data/breast_cancer.csv', index=False)
RUNS = $(OUT)/tour/runs/tour/tuned/breast_cancer

tour: setup ## all of it in minutes: remedies on a table, a claim under many choices, an audit, a comparison
	@mkdir -p "$(OUT)/tour/data"
	$(BIN)/python -c "$(TABLE)"
	CLSUNBIAS_DATA="$(OUT)/tour/data" $(BIN)/clsunbias reproduce tour --out "$(OUT)/tour" --jobs $(JOBS)
	$(BIN)/clsunbias reproduce toy_specifications --out "$(OUT)/tour" --jobs $(JOBS)
	CLSUNBIAS_DATA="$(OUT)/tour/data" $(BIN)/clsunbias audit "$(RUNS)"/erm/*/200 "$(RUNS)"/cls_unbias/*/200 \
	  --out "$(OUT)/tour/audit"
	$(BIN)/clsunbias compare "$(RUNS)"/erm/*/200/predictions.csv "$(RUNS)"/cls_unbias/*/200/predictions.csv \
	  --out "$(OUT)/tour/compare"
	CLSUNBIAS_DATA="$(OUT)/tour/data" $(BIN)/clsunbias report "$(OUT)/tour/runs/tour" --html "$(OUT)/tour/tour.html"

reproduce-table1: setup ## Table 1 and Figures 1 and 2 of the paper: the toy, a few minutes
	$(call REPRODUCE,table1)

reproduce-table2: setup ## Table 2, as printed, by its settings and tuned: hours; PROTOCOLS=paper SEEDS=2 for a first look
	$(call REPRODUCE,table2) $(if $(PROTOCOLS),--protocols $(PROTOCOLS))

reproduce-table3: setup ## Table 3: the ablation on DAIC-WOZ
	$(call REPRODUCE,table3)

reproduce-table4: setup ## Table 4 and Figures 3 and 4: RetinaMNIST with 100 training images
	$(call REPRODUCE,table4)
