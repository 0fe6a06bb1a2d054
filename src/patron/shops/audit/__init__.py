"""Who read or changed what of the shop, and when: added to by users, taken from by age alone."""
