# Short names for course.py; arguments: make test ARGS="-k mask"
PYTHON ?= python3
ARGS ?=

.PHONY: run test lab setup
run test lab setup:
	@$(PYTHON) course.py $@ $(ARGS)
