"""Language models: how one is asked and how its answer streams back."""
