"""Tests of the sequential methods."""
