"""What an agent keeps on disk: its journal, its secrets, its lock."""
