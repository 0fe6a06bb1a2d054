"""What people at the shop write on a customer: tags and notes, each with its author and time."""
