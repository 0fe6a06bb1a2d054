"""Forgetting a person for good, and telling her everything that is kept."""
