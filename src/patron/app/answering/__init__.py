"""What every answer has in common: health, failures as documents, the first answer to a repeat."""
