"""Which addresses of pictures are passed on to a model's server, which may fetch them."""

import ipaddress
import re
import unicodedata

_DATA = re.compile(r"data:image/(png|jpe?g|gif|webp)[^,]*;base64,", re.IGNORECASE)
_WEB = re.compile(r"https?://([^/?#]*)", re.IGNORECASE)
_HOST = re.compile(r"(\[[^\]]*\]|[^:\[\]]*)(?::[0-9]*)?")  # and a port
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PRIVATE_NAMES = (
    ".localhost", ".local", ".internal", ".intranet", ".lan", ".home", ".corp", ".private", ".home.arpa",
    ".test", ".invalid",
)  # fmt: skip
_WITH_IPV4 = tuple(map(ipaddress.IPv6Network, ("::/96", "::ffff:0:0/96", "64:ff9b::/96")))

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def explain_refusal(url: str, *, private: bool) -> str | None:
    """Return why the URL of a picture is not passed on; None where it is.

    Hosts are judged by what is written: nothing is looked up, so that a public name that leads to a private
    address is let through.

    Args:
        url: what a client sent.
        private: whether addresses of this host and its networks are let through.
    """
    if _DATA.match(url):
        return None
    web = _WEB.match(url)
    if web is None:
        return "expected an http or https URL, or data:image/png, jpeg, gif or webp in base64"
    # Readers of URLs differ in what they make of these, so one would see another host than we do.
    if "\\" in url or any(each.isspace() or not each.isprintable() for each in url):
        return "a URL has no spaces, control characters or backslashes"
    return _explain_host(unicodedata.normalize("NFKC", web[1]).lower(), private=private)


def _explain_host(host: str, *, private: bool) -> str | None:
    if "@" in host or "%" in host:
        return "its host has a user or escapes; write the plain host"
    parts = _HOST.fullmatch(host)
    try:
        is_private = _is_private(parts[1].rstrip(".") if parts else "")
    except ValueError:
        return "its host is no name and no address in the usual form"
    if is_private and not private:
        return "its host is private; the operator can allow that with ASSISTD_PRIVATE_IMAGE_URLS"
    return None


def _is_private(name: str) -> bool:
    """Return whether a host is this one, or in a network that is not everybody's.

    Raises:
        ValueError: it is empty, or an address that readers take for several (`010.0.0.1`, `2130706433`).
    """
    if name.startswith("["):
        return _is_local(ipaddress.IPv6Address(name[1:-1]))
    *_, last = labels = name.split(".")
    if not all(labels):
        raise ValueError(name)
    if _NUMBER.fullmatch(
        last
    ):  # so it is an address to every reader (WHATWG URL, "ends in a number")
        return _is_local(ipaddress.IPv4Address(name))
    return len(labels) == 1 or name.endswith(_PRIVATE_NAMES)


def _is_local(address: _Address) -> bool:
    if address.is_multicast or not address.is_global:
        return True
    if isinstance(address, ipaddress.IPv4Address):
        return False
    if address.is_site_local:
        return True
    within = address.sixtofour
    if any(address in network for network in _WITH_IPV4):
        within = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return within is not None and _is_local(within)
