"""What people write about: topics found in reviews and in what they ask the service."""
