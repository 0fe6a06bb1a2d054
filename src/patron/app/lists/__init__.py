"""Lists, where other rooms have a say: files that fill them, and rules that need them."""
