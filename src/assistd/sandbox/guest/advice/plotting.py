"""Advice on what cannot be drawn or shown here: windows, LaTeX, films, formats of pictures."""

from assistd.sandbox.guest.advice.failure import Failure, has
from assistd.sandbox.guest.advice.rule import Match, rule

_NO_SCREEN = (
    "There is no screen here: show a picture with matplotlib (plt.imshow(image); plt.show()), "
    "or save it in /mnt/data."
)
_NO_LATEX = (
    "LaTeX is not here: set plt.rcParams['text.usetex'] = False; "
    "matplotlib draws $...$ by itself, without it."
)
_GIF = "anim.save('/mnt/data/name.gif', writer='pillow') makes a GIF"


def _advise_on_film(failure: Failure, _: Match) -> str:
    films = [_GIF] if "anim" in failure.cell.lower() else []
    films += ["imageio.mimsave('/mnt/data/name.gif', frames) makes a GIF"] if not films else []
    if has("cv2"):
        films.append(
            "cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*'mp4v'), fps, (width, height)) an .mp4"
        )
    return f"There is no ffmpeg for this: {'; '.join(films)}."


def _advise_on_imageio(failure: Failure, match: Match) -> str | None:
    return _advise_on_film(failure, match) if failure.runs_in("imageio") else None


RULES = (
    rule("TclError TurtleGraphicsError", r"no display name|\$DISPLAY", f"{_NO_SCREEN} A turtle or a window cannot be shown."),
    rule("error Exception", r"[Rr]ebuild the library with Windows, GTK|cvShowImage|cvNamedWindow|'showImageImpl'", _NO_SCREEN),
    rule("error Exception", r"No available video device|Can't connect to display|Cannot connect to .*display|DISPLAY", _NO_SCREEN),
    rule("Exception", r"tex\.cache|[Ff]ailed to process string with tex|latex could not be found|usetex", _NO_LATEX),
    rule("ValueError RuntimeError", r"unknown file extension: \.(?:mp4|avi|mov|mkv|webm|m4v)|Requested MovieWriter \(\w+\) not available", _advise_on_film),
    rule("TypeError", r"unexpected keyword argument '(?:fps|codec|quality|macro_block_size)'", _advise_on_imageio),
    rule("Exception", r"[Cc]ould not find a backend|based on the extension|No .* plugin.*ffmpeg", _advise_on_imageio),
    rule(
        "ValueError",
        r"Format '(?:xlsx?|ods|csv|tsv|docx?|pptx?)' is not supported \(supported formats:",
        "A figure is saved as a picture, such as name.png. A table is saved by its own method: "
        "table.to_excel('/mnt/data/name.xlsx', index=False).",
    ),
    rule(
        "TypeError",
        r"^the dtypes of parameters x \(object\) and width",
        "matplotlib draws no pandas periods: make texts of them with .astype(str).",
    ),
    rule(
        "ValueError",
        r"^x and y must (?:be the same size|have same first dimension)|^shape mismatch: objects cannot be broadcast",
        "x and y have different lengths: print(len(x), len(y)), and take both from the same table.",
    ),
    rule(
        "error",
        r"!_src\.empty\(\)|!.*empty\(\) in function",
        "The picture was not read: cv2.imread returns None where the path is wrong or the format is unknown; try PIL.Image.open.",
    ),
)  # fmt: skip
