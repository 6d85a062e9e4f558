"""What is computed of all cases at a position: the board and the reports show the same."""
