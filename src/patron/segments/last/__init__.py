"""What people's events said last: where they are, and which variants they were shown."""
