"""Reports that a regulator can check: of one signal, and of all signals of an interval."""
