"""The seller's agent."""
