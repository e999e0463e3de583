"""Builds every room from the settings. With `cli`, the only code that reads them."""
