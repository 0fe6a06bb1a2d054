"""What we say, and the outbox: one row a message, with its whole story."""
