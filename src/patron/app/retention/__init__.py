"""What age takes, kind by kind: how long each is kept, and what is gone."""
