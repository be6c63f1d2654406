"""Tests of the protocol package. A package, so that its test files may share their names with those of other
packages."""
