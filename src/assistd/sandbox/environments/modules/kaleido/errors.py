"""The errors that plotly expects of Kaleido."""


class ChromeNotFoundError(Exception):
    """Never raised here: no browser is looked for."""
