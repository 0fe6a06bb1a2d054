"""A customer's own page: what she gets, how often, what is held about her; her word is kept."""
