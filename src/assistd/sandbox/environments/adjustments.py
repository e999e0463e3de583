"""Files of packages that an environment has otherwise than their makers wrote them."""

from pathlib import Path

from assistd.errors import StartupError

_ADJUSTED = {
    # As it comes, reading a page takes more memory than a session has: 1.4 GiB for a picture of one line,
    # which is enlarged until it is 736 pixels high. So it takes 0.4 GiB, and reads as much.
    "rapidocr/config.yaml": (
        ("limit_type: min\n", "limit_type: max\n"),
        ("limit_side_len: 736\n", "limit_side_len: 1280\n"),
        ("rec_batch_num: 6\n", "rec_batch_num: 1\n"),
        ('log_level: "info"', 'log_level: "warning"'),
    ),
}


def adjust(site: Path) -> None:
    """Write the files of a folder of packages anew; those of packages that are not there are left out.

    Raises:
        StartupError: a package has changed so that the adjustment means nothing any more.
    """
    for name, replacements in _ADJUSTED.items():
        path = site / name
        if not path.exists():
            continue
        text = path.read_text("utf-8")
        for old, new in replacements:
            if text.count(old) != 1:
                raise StartupError(f"{name} is not as it was: look for {old.strip()!r}.")
            text = text.replace(old, new)
        path.unlink()  # it is a link to the installer's cache
        path.write_text(text, "utf-8")
