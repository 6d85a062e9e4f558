"""Simulated clinics and registries, for the demo, tests and benchmarks; nothing in it is real."""
