"""The last to say no, and the only room whose words leave the house."""
