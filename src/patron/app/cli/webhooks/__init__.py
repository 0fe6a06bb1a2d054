"""What the command line does with webhooks."""
