"""What an answer brought: which placement an order goes back to, and how the answer is named."""
