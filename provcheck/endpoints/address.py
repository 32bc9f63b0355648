"""Where an endpoint is, and which of its models is meant: `https://host/v1#model`."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from provcheck.errors import UsageError
from provcheck.io.text import plain

LOCAL = {"localhost", "127.0.0.1", "::1"}
FORM = "An endpoint is written https://host/v1#model."
MAX_LENGTH = 500


@dataclass(frozen=True)
class Address:
    """`base` is the address without the model and without a slash at its end."""

    base: str
    model: str

    @property
    def name(self) -> str:
        """What reports call it; it holds no credentials, since none are accepted in an address."""
        return f"{self.base}#{self.model}"

    @property
    def root(self) -> str:
        """The address without /v1, under which servers have their own, older calls."""
        return self.base.removesuffix("/v1")


def is_address(name: str) -> bool:
    """Whether MODEL on the command line means an endpoint."""
    return name.lower().startswith(("http://", "https://"))


def read_address(name: str) -> Address:
    """The address that the user wrote. Raises UsageError, which never repeats a password."""
    if len(name) > MAX_LENGTH or plain(name) != name or " " in name:
        raise UsageError("the address of the endpoint is too long, or has spaces or hidden characters in it", FORM)
    try:
        parts = urlsplit(name)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise UsageError("the address of the endpoint cannot be read", FORM) from None
    if "@" in parts.netloc:
        raise UsageError(
            "the address of the endpoint holds a user name or password",
            "Leave it out, and put the key into the environment variable PROVCHECK_ENDPOINT_KEY.",
        )
    if not host or parts.query:
        raise UsageError("the address of the endpoint has no host, or has a query (?...)", FORM)
    if not parts.fragment:
        raise UsageError(
            "the address of the endpoint names no model", f"{FORM} The server lists its own at /v1/models."
        )
    if parts.scheme.lower() == "http" and host not in LOCAL:
        raise UsageError(
            f"{host} would be asked without encryption: anyone on the way could read the key and change the answers",
            "Give an address that begins with https://; http:// is for localhost only.",
        )
    shown_host = f"[{host}]" if ":" in host else host
    where = f"{parts.scheme.lower()}://{shown_host}{f':{port}' if port else ''}{parts.path.rstrip('/')}"
    return Address(where, parts.fragment)
