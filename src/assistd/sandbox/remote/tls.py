"""How API processes and hosts prove to each other who they are: mTLS, with one of two roles (docs/hosts.md)."""

import os
import pwd
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from cryptography import x509
from cryptography.x509.oid import NameOID

from assistd.errors import StartupError
from assistd.quoting import quote
from assistd.sandbox.remote.certificates import API_ROLE, CertificateError, dns_name, host_role

_FILES = ("ca.crt", "tls.crt", "tls.key")
_NAME = "x509_common_name"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a process proves itself with, and whom it believes.

    Args:
        authority: certificate of the CA that signs for every role, PEM.
        certificate: its own, PEM.
        key: of that, PEM.
    """

    authority: bytes
    certificate: bytes
    key: bytes

    @classmethod
    def load(cls, folder: Path) -> "Credentials":
        """Read them from a folder as `assistd certs` makes it.

        Raises:
            StartupError: a file is missing, or cannot be read.
        """
        try:
            return cls(*((folder / name).read_bytes() for name in _FILES))
        except PermissionError as error:
            raise StartupError(
                f"{error.filename}: the user {_find_user()} may not read it. The three files belong to the "
                "user who runs this process."
            ) from error
        except OSError as error:
            raise StartupError(
                f"{error.filename}: {error.strerror}. `assistd certs` makes the three files that belong there."
            ) from error

    def read_host_id(self) -> str:
        """Return the id of the host whose certificate this is.

        Raises:
            StartupError: it is none of a host.
        """
        try:
            subject = x509.load_pem_x509_certificate(self.certificate).subject
        except ValueError as error:
            raise StartupError("The certificate tls.crt is not PEM.") from error
        names = [str(each.value) for each in subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        host_id = _find_host_id(names[0]) if len(names) == 1 else None
        if host_id is None:
            roles = ", ".join(quote(each) for each in names) or "nobody"
            raise StartupError(
                f"The certificate tls.crt is of {roles}, and none of a host: `assistd certs HOST_ID` makes one."
            )
        return host_id

    def make_server_credentials(self) -> grpc.ServerCredentials:
        """Return what a server demands of its clients: a certificate of the same CA."""
        return grpc.ssl_server_credentials(
            [(self.key, self.certificate)], self.authority, require_client_auth=True
        )

    def open_channel(
        self, address: str, role: str, options: list[tuple[str, int]]
    ) -> grpc.aio.Channel:
        """Return a channel to an address, where nobody is believed but who has the role."""
        own = grpc.ssl_channel_credentials(self.authority, self.key, self.certificate)
        name = ("grpc.ssl_target_name_override", dns_name(role))
        return grpc.aio.secure_channel(address, own, options=[*options, name])


def read_host_id(context: "grpc.aio.ServicerContext[Any, Any]") -> str | None:
    """Return the id of the host that calls; None where it is none."""
    return _find_host_id(_read_role(context))


def _find_user() -> str:
    """Return the name of the user who runs this process; its number where it has none."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _find_host_id(role: str) -> str | None:
    """Return the id of the host that has a role; None where that is none of a host."""
    kind, _, host_id = role.partition("/")
    try:
        return host_id if kind == "host" and host_role(host_id) else None
    except CertificateError:
        return None


def _read_role(context: "grpc.aio.ServicerContext[Any, Any]") -> str:
    names = list(context.auth_context().get(_NAME) or ())
    return names[0].decode("utf-8", "replace") if len(names) == 1 else ""


class ApiOnly(grpc.aio.ServerInterceptor):
    """Lets only API processes call a host."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Return the handler of a call, which refuses whoever is no API process."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        streams = (handler.request_streaming, handler.response_streaming)
        kind, wrap = _KINDS[streams]
        call = getattr(handler, kind)

        async def check(request: Any, context: "grpc.aio.ServicerContext[Any, Any]") -> Any:
            if _read_role(context) != API_ROLE:
                await context.abort(grpc.StatusCode.PERMISSION_DENIED, "Only the API is let in.")
            return await call(request, context)

        return wrap(check, handler.request_deserializer, handler.response_serializer)


_KINDS: dict[tuple[bool, bool], tuple[str, Callable[..., Any]]] = {
    (False, False): ("unary_unary", grpc.unary_unary_rpc_method_handler),
    (False, True): ("unary_stream", grpc.unary_stream_rpc_method_handler),
    (True, False): ("stream_unary", grpc.stream_unary_rpc_method_handler),
    (True, True): ("stream_stream", grpc.stream_stream_rpc_method_handler),
}
