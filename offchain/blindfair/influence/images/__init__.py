"""Images with a label: reading them, and how scoring models take their numbers."""
