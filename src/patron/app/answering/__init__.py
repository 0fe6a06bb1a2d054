"""What every answer has in common: failures as documents, and the first answer to a repeat."""
