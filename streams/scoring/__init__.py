"""Files in, scores out, with no server: what `detect` and `backtest` read and write."""
