"""The schema, from one version to the next."""
