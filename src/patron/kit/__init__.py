"""Tools that know no customer: database, clock, ids, settings, crypto, http, lake, progress."""
