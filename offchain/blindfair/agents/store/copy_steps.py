"""Steps by which a journal tells that it may be an old copy of a newer one (`agents.old_copy`)."""

from blindfair.agents.store.steps import StepKind

RESTORED = StepKind[str]("restored")
"""That the directory was made of a backup, and what was known of the account then; by the time of the restoring."""

SEARCHED = StepKind[str]("searched")
"""That the chain was searched up to this block for orders that the journal does not know."""
