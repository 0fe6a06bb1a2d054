"""`patron recommend …`: what is offered to whom, by which rules, and what it sold."""
