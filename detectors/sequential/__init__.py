"""Sequential tests: valid at every look, for evidence that confirms."""
