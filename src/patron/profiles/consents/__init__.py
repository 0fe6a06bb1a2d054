"""What somebody wishes, confirms, refuses and asks for, beyond a plain yes or no."""
