"""What the inbox holds, read. Nothing a caller sent raises here."""
