"""Tests of the disproportionality methods."""
