"""Who is and was in which segment, and how others hear of it."""
