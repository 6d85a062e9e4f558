"""Mutated inputs over all readers and both endpoints: none crashes, hangs, is lost or miscounted.

`python -m tests.fuzz --inputs 1000000 --seed 1` prints a line a target, and fails where an input
breaks a law; such inputs are kept in a folder. The same seed gives the same inputs.
"""
