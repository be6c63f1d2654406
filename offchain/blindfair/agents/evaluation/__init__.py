"""What both parties compute of a blind evaluation."""
