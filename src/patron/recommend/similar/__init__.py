"""What could be taken instead: looked at by the same visitors, or much the same by description."""
