"""Many people at once: what conditions ask, in queries whose number does not grow with theirs."""
