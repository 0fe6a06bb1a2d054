"""What was not accepted: kept with its reason, shown to the owner, run again after a fix."""
