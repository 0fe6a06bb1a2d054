"""Commands about whom the shop may not write to, and what people ask about their data."""
