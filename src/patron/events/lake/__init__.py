"""From the log to the lake: copied once, cut back after a restore, erased for good."""
