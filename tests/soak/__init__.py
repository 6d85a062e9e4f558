"""Long runs under a steady load: memory, lag, freshness."""
