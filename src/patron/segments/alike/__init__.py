"""Who is like whom, by what people do; what those like her turn to, and people like some others."""
