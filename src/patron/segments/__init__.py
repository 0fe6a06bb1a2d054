"""Which people, now: one language of conditions, asked the same way wherever a person is judged."""
