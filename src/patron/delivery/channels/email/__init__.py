"""E-mail: the letter as bytes, its signature, and the SMTP server it is handed to."""
