"""The visit an event belongs to: where she came from, with what, and when it began."""
