"""Tests of the files that `detect` and `backtest` read and write."""
