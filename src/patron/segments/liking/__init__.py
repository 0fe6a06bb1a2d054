"""What people like: interest in categories, brands and price bands, out of what they did."""
