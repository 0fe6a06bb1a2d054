"""Lists of people that change only when somebody changes them."""
