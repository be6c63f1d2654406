"""Our scores beside those of other libraries: the same models, the same rows, the same run."""
