"""Answers: opens the models, knows the catalog and the visitor as they are now, asks, ranks."""
