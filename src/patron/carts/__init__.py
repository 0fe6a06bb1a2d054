"""What she is about to buy: open, changed, closed by an order, whichever comes first."""
