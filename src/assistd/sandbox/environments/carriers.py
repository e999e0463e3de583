"""Data that comes inside packages whose code nobody needs: fetched with them, and taken out of them."""

import shutil
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

LIST = "data.cfg"  # beside the lists of packages
_SITE = "lib/python3.{minor}/site-packages"
# Where in such a package it lies, and where below an environment it goes.
_TAKEN = {
    "geopandas/datasets": f"{_SITE}/geopandas/datasets",  # outlines of countries, which 1.0 left out
    "llama_index/core/_static/nltk_cache/corpora/stopwords": "share/nltk_data/corpora/stopwords",
    "llama_index/core/_static/nltk_cache/tokenizers/punkt_tab": "share/nltk_data/tokenizers/punkt_tab",
    "vaderSentiment/vader_lexicon.txt": "share/nltk_data/sentiment/vader_lexicon.zip",
}


def take(listed: Path, venv: Path, install: Callable[[Path, Path], None]) -> None:
    """Put the data of the packages in a list into an environment, in the place of what is there.

    Args:
        listed: the requirements, with hashes.
        venv: the folder in which the environment is made.
        install: unpacks the packages of a requirements file into a folder, without their dependencies.
    """
    carriers = venv / "carriers"
    install(listed, carriers)
    for source, target in _TAKEN.items():
        destination = venv / target.format(minor=sys.version_info.minor)
        shutil.rmtree(destination, ignore_errors=True)
        destination.parent.mkdir(parents=True, exist_ok=True)
        if destination.suffix == ".zip":  # where NLTK takes it in no other form
            with zipfile.ZipFile(destination, "w") as archive:
                archive.write(carriers / source, f"{destination.stem}/{Path(source).name}")
        else:
            (carriers / source).rename(destination)
    shutil.rmtree(carriers)
