# Every command of the project. The first one that is run creates .venv and installs what it needs.
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help demo test test-models check bench serve docs lock clean

help:
	@echo "make demo    a voice app answers a real SIP call, and what happened is shown"
	@echo "make serve   run the server (settings: RINGLINE_*, see docs/configuration.md)"
	@echo "make test    all tests"
	@echo "make test-models   the tests that need model weights, which it fetches (300 MB)"
	@echo "make check   format, lint, types, import contracts, spelling of public names"
	@echo "make bench   benchmarks; NAME=calls|setup|commands|webhooks|embeddings|chat|recognition for one"
	@echo "make docs    the pages that are written from the code"
	@echo "make lock    pin dependencies anew"

$(READY): requirements/dev.txt pyproject.toml setup.py scripts/bootstrap.sh
	@sh scripts/bootstrap.sh

demo: $(READY)
	@$(BIN)/ringline demo

serve: $(READY)
	@$(BIN)/ringline serve

test: $(READY)
	@sh scripts/test-tools.sh
	@sh scripts/run-tests.sh -n 2 -m "unit or conformance"
	@RINGLINE_PURE=1 sh scripts/run-tests.sh -n 2 -m unit tests/media
	@sh scripts/run-tests.sh -n 3 --dist loadfile -m "not unit and not conformance"

test-models: $(READY)
	@$(BIN)/ringline models pull smollm2-135m-instruct all-minilm-l6-v2 piper-joe \
		moonshine-tiny-en moonshine-base-en silero-vad
	@sh scripts/run-tests.sh -m models

check: $(READY)
	$(BIN)/ruff format --check src tests benchmarks scripts
	$(BIN)/ruff check src tests benchmarks scripts
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/check_names.py

bench: $(READY)
	@$(BIN)/python -m benchmarks $(NAME)

docs: $(READY)
	$(BIN)/python scripts/write_docs.py

lock: $(READY)
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header -q \
		--extra postgres --extra speech --extra llm --extra embed --extra train pyproject.toml -o requirements/run.txt
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header -q \
		--extra postgres --extra speech --extra llm --extra embed --extra train pyproject.toml requirements/dev.in -o requirements/dev.txt

clean:
	rm -rf $(VENV) build dist src/*.egg-info
	find src -name '*.so' -delete -o -path '*/media/*' -name '*.c' -delete
