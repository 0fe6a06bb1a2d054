"""What happens next for a customer: triggers, waits, conditions, and what is to be said."""
