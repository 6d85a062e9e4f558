"""Benchmarks: each figure beside something measured in the same run."""
