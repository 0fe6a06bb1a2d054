"""Looking after an installation: is it well, what if it is lost, who must not come back."""
