"""HTTP in: checks every record, appends all of them to the log, and only then answers."""
