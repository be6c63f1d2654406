"""Tests of the protocol room. A package, so that its test files may share their names with those of other rooms."""
