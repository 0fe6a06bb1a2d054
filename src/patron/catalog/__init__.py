"""What is sold. What the shop says about a product outranks what was seen on a page."""
