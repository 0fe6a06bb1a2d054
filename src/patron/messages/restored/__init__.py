"""A shop put back from a backup: what may have left since is not said again."""
