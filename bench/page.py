"""How soon the playground is painted, and can be used, by Debian's chromium on the same machine."""

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, sync_playwright

from bench.client import KEY
from bench.figures import Figure
from bench.options import Options
from bench.servers import server, upstream

_LOADS = 10
_PAINT = """() => new Promise(tell => {
    const look = () => {
        const [paint] = performance.getEntriesByName("first-paint");
        const isThere = document.querySelector(".composer textarea") !== null;
        if (paint && isThere) tell([paint.startTime, performance.now()]);
        else requestAnimationFrame(look);
    };
    look();
})"""


def measure(_: Options) -> list[Figure]:
    """Load the page by a browser with an empty cache, and by one that has seen it, ten times each."""
    chromium = shutil.which("chromium")
    if chromium is None:
        print("page: chromium is not installed (Debian: apt-get install chromium)")
        return []
    with (
        tempfile.TemporaryDirectory() as folder,
        upstream() as url,
        server(Path(folder), url) as serving,
        sync_playwright() as playwright,
    ):
        arguments = ["--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        address = f"{serving.url.removesuffix('/v1')}/playground/#key={KEY}"
        cold = [_load_anew(browser, address) for _ in range(_LOADS + 1)][1:]
        seen = browser.new_context()
        warm = [_load(seen, address) for _ in range(_LOADS + 1)][1:]
        browser.close()
    return [
        Figure(f"playground, {cache} cache: {what}", "ms", tuple(samples), goal=goal)
        for cache, loads in (("empty", cold), ("filled", warm))
        for what, samples, goal in zip(
            ("first paint", "ready to be typed into"),
            zip(*loads, strict=True),
            (300, None),
            strict=True,
        )
    ]


def _load_anew(browser: Browser, address: str) -> tuple[float, float]:
    context = browser.new_context()
    try:
        return _load(context, address)
    finally:
        context.close()


def _load(context: BrowserContext, address: str) -> tuple[float, float]:
    """Return the milliseconds from the navigation to the first paint, and until one can type."""
    page = context.new_page()
    page.goto(address)
    paint, ready = page.evaluate(_PAINT)
    page.close()
    return paint, ready
