"""The text of documents from anybody, taken out of them by a process that can do nothing else."""
