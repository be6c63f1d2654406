"""What scores are worth: trust in records, prices, a selection under a budget, and what the choice gains."""
