"""The tests of assistd; run them with `make test`."""
