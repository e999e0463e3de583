"""Texts that want to be more than text: no script, no dialog, no other server, no report of the policy.

The fixture `open_page` fails a test at each of these; here is what the texts become in the page.
"""

from openai import OpenAI
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage, ask
from tests.browser.test_chat import end_of
from tests.upstream import Upstream

_ELSEWHERE = "http://192.0.2.1"
_HOSTILE = [
    "<script>alert(1)</script>",
    "<SCRIPT SRC=http://192.0.2.1/x.js></SCRIPT>",
    "<img src=x onerror=alert(1)>",
    "<img src='http://192.0.2.1/pixel.png'>",
    "![pixel](http://192.0.2.1/pixel.png)",
    "![pixel][1]\n\n[1]: http://192.0.2.1/pixel.png",
    "<svg onload=alert(1)><circle r=9></svg>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<a id=x href=javascript:alert(1)>click</a>",
    "[click](javascript:alert(1))",
    "[click](JaVaScRiPt:alert(1))",
    "[click](java&#115;cript:alert(1))",
    "[click](&#x6A;avascript:alert(1))",
    "[click](\x01javascript:alert(1))",
    "[click](vbscript:msgbox(1))",
    "[click](data:text/html,<script>alert(1)</script>)",
    "[click](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "<data:text/html,%3Cscript%3Ealert(1)%3C/script%3E>",
    "[click](blob:http://192.0.2.1/1234)",
    "[click](file:///etc/passwd)",
    "[click](//192.0.2.1/x)",
    "[click](\\\\192.0.2.1\\x)",
    "[click](#/thread_stolen/run_stolen)",
    "[click](sandbox:/mnt/data/../../etc/passwd)",
    "<iframe src=javascript:alert(1)></iframe>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data=http://192.0.2.1/x.swf></object><embed src=http://192.0.2.1/x>",
    "<base href=http://192.0.2.1/><link rel=stylesheet href=http://192.0.2.1/x.css>",
    "<meta http-equiv=refresh content='0;url=http://192.0.2.1/'>",
    "<style>@import 'http://192.0.2.1/x.css'; body { display: none }</style>",
    "<div style='background:url(http://192.0.2.1/x)'>styled</div>",
    "<video autoplay onloadstart=alert(1)><source src=http://192.0.2.1/x onerror=alert(1)></video>",
    "<body onload=alert(1) onpageshow=alert(2)>",
    "<form action=http://192.0.2.1/ id=f><input name=q></form><button form=f>send</button>",
    "<input autofocus onfocus=alert(1)><details open ontoggle=alert(1)>",
    "<marquee onstart=alert(1)>moves</marquee>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?php echo 1 ?><!DOCTYPE html><html><head>",
    '"><script>alert(1)</script><x y="',
    "{{constructor.constructor('alert(1)')()}} ${alert(1)} #{alert(1)}",
    "```html\n<script>alert(1)</script>\n```",
    "```__proto__\nfirst\n```\n```constructor\nsecond\n```",
    "`<img src=x onerror=alert(1)>`",
    "| <script>alert(1)</script> | <img src=x onerror=alert(1)> |\n|---|---|\n| [a](javascript:alert(1)) | b |",
    "\x1b]8;;http://192.0.2.1/\x07link\x1b]8;;\x07 \x1b[31mred\x1b[0m \x1b[2J",
    "\u202egnp.exe\u202c \u2066hidden\u2069 \u200b\u200d\ufeff a\u0000b",
    "Z̸̡̢͔̹̞̪a" + "\u0301" * 500 + "l",
]
_HUGE = {
    "nested lists": "- " * 100_000,
    "nested quotes": "> " * 100_000,
    "nested numbers": "1. " * 60_000,
    "indented lists": "\n".join(" " * at * 2 + "- a" for at in range(1_000)),
    "brackets": "[" * 90_000,
    "stars": "a**b" * 25_000,
    "one word": "a" * 90_000 + "@",
    "headings": "a\n-\n" * 24_000,
    "wide table": "|" + "a|" * 300 + "\n|" + "-|" * 300 + ("\n|" + "b|" * 300) * 150,
    "one line": "x" * 1_000_000,
}
_DANGEROUS = "script, img, svg, math, iframe, object, embed, link, style, meta, base, video, form, input, marquee"


def test_hostile_texts_stay_texts(open_page: OpenPage, upstream: Upstream, client: OpenAI) -> None:
    assert len(_HOSTILE) >= 40
    thread = client.beta.threads.create(
        messages=[{"role": "assistant", "content": text} for text in _HOSTILE]
    )
    upstream.say(*(f"Text {at}:\n\n{text}\n\n" for at, text in enumerate(_HOSTILE)))
    page = open_page()
    page.evaluate("thread => { location.hash = `/${thread}` }", thread.id)
    expect(page.locator(".message.assistant")).to_have_count(len(_HOSTILE))
    ask(page, "All at once.")
    expect(end_of(page)).to_have_attribute("data-status", "completed")
    answers = page.locator(".message.assistant")
    expect(answers).to_have_count(1 + len(_HOSTILE))
    found = answers.locator(_DANGEROUS).evaluate_all("all => all.map(each => each.outerHTML)")
    assert not found
    addresses = answers.locator("a").evaluate_all("all => all.map(each => each.href)")
    assert addresses
    assert all(each.startswith(_ELSEWHERE) for each in addresses), addresses
    marked = page.evaluate(
        "() => [...document.querySelectorAll('.message.assistant *')].flatMap("
        "each => each.getAttributeNames().filter(name => name.startsWith('on')))"
    )
    assert not marked
    expect(page.locator(".entries").get_by_text("<script>alert(1)</script>").first).to_be_attached()


def test_hostile_questions_and_code_stay_texts(open_page: OpenPage, upstream: Upstream) -> None:
    upstream.code(
        "html = '<img src=x onerror=alert(1)>'  # \u202e }\nprint(html, '\\x1b[31mred\\x1b[0m', 'x' * 9000)"
    )
    upstream.say("Printed.")
    page = open_page()
    ask(page, "<img src=x onerror=alert(1)> \u202e")
    expect(page.locator(".entries").get_by_text("Printed.")).to_be_visible(timeout=20_000)
    call = page.locator(".code-call")
    call.locator("summary").click()
    expect(call.locator(".hidden-character")).to_have_text("U+202E")
    logs = call.locator(".long-text pre")
    expect(logs).to_contain_text("<img src=x onerror=alert(1)> red xxx")
    assert len(logs.text_content() or "") < 3_000
    call.get_by_role("button", name="Show all").click()
    assert len(logs.text_content() or "") > 9_000
    expect(page.locator(".message.user img")).to_have_count(0)


def measure_turn(page: Page) -> float:
    """Return how many milliseconds the page takes to draw, and to come to its next task."""
    took: float = page.evaluate(
        "() => new Promise(done => { const from = performance.now();"
        " requestAnimationFrame(() => setTimeout(() => done(performance.now() - from))) })"
    )
    return took


def test_huge_texts_leave_the_page_alive(open_page: OpenPage, upstream: Upstream) -> None:
    page = open_page()
    for name, text in _HUGE.items():
        upstream.say(text)
        ask(page, name)
        expect(end_of(page), name).to_have_attribute("data-status", "completed", timeout=20_000)
        expect(page.locator(".message.assistant"), name).to_be_visible()
        assert measure_turn(page) < 2_000, name
        page.get_by_role("button", name="New thread").click()
        expect(page.locator(".message"), name).to_have_count(0)


def test_a_message_of_five_megabytes_is_shown_on_demand(
    open_page: OpenPage, upstream: Upstream
) -> None:
    upstream.say("word " * 1_000_000)
    page = open_page()
    ask(page, "Much.")
    message = page.locator(".message.assistant")
    expect(end_of(page)).to_have_attribute("data-status", "completed", timeout=20_000)
    assert measure_turn(page) < 2_000
    assert len(message.text_content() or "") < 50_000
    message.get_by_role("button", name="Show all").click()
    expect(message.locator("pre")).to_have_count(100)
    assert len(message.text_content() or "") > 4_900_000
