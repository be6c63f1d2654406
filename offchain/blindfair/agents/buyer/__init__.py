"""The buyer's agent."""
