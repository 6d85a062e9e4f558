"""What a score is worth: calibration on negative controls, chance, fragility, power."""
