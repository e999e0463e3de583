"""The text of a mail. kreuzberg reads mails only in UTF-8; the standard library knows every charset."""

import codecs
import email.message
import email.policy
from collections.abc import Callable, Iterator

_HEADERS = ("Subject", "From", "To", "Cc", "Date")
# Whoever names the older set usually means the one that contains it.
_WIDER = {"gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "iso8859-1": "cp1252"}
_MOST_PARTS = 1000  # that are looked through for attachments
# What mails come in. They are looked up here, for no module can be loaded where a mail is read.
for _name in (
    *("utf-8", "utf-16", "utf-7", "ascii", "latin-1", "gb18030", "gb2312", "gbk", "hz", "big5"),
    *("big5hkscs", "cp950", "shift_jis", "cp932", "euc_jp", "iso2022_jp", "iso2022_jp_2", "euc_kr"),
    *("cp949", "iso2022_kr", "koi8-r", "koi8-u", "cp874", "iso8859-2", "iso8859-5", "iso8859-7"),
    *("iso8859-9", "iso8859-15", *(f"cp{number}" for number in range(1250, 1259))),
):
    codecs.lookup(_name)


def read_mail(content: bytes | bytearray, read_html: Callable[[bytes], str]) -> str:
    """Return the headers that say what a mail is about, and its text.

    Args:
        content: of the mail.
        read_html: returns the text of HTML in UTF-8.
    """
    mail = email.message_from_bytes(content, policy=email.policy.default)
    headers = "\n".join(f"{name}: {mail[name]}" for name in _HEADERS if mail[name])
    body = mail.get_body(preferencelist=("plain", "html"))
    texts = [] if body is None else [_read_part(body, read_html)]
    names = [f"Attachment: {name}" for name in _list_attachments(mail)]
    return "\n\n".join(each for each in (headers, *texts, "\n".join(names)) if each.strip())


def _read_part(part: email.message.MIMEPart, read_html: Callable[[bytes], str]) -> str:
    payload = part.get_payload(decode=True)
    text = _decode(payload if isinstance(payload, bytes) else b"", part.get_content_charset())
    return read_html(text.encode()) if part.get_content_type() == "text/html" else text


def _decode(payload: bytes, charset: str | None) -> str:
    try:
        name = codecs.lookup(charset or "utf-8").name
        return payload.decode(_WIDER.get(name, name), "replace")
    except (LookupError, ValueError):  # no charset of this world, or a codec that is none of text
        return payload.decode("utf-8", "replace")


def _list_attachments(mail: email.message.EmailMessage) -> Iterator[str]:
    for part, _ in zip(mail.walk(), range(_MOST_PARTS), strict=False):
        name = part.get_filename()
        if name:
            yield name
