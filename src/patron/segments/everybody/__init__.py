"""All people at once: what is known of them as columns, and rules answered from these."""
