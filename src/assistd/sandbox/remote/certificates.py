"""Makes the certificates by which API processes and sandbox hosts know each other (mTLS).

There are two roles. The common name says it, `api` or `host/<id>`, and the only DNS name says it again in a form
that TLS libraries compare themselves: `api.assistd` or `<id>.host.assistd`. Addresses stand in no certificate, so a
host may move.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from assistd.errors import AssistdError

API_ROLE = "api"
_AUTHORITY_DAYS = 3650
_CLOCKS_APART = timedelta(hours=1)
"""How far the clock of another machine may be behind when a certificate is new."""
_HOST_ID = re.compile("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")  # a DNS label, as names of pods are


class CertificateError(AssistdError):
    """A certificate cannot be made; the message says why."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key, both as PEM."""

    certificate: bytes
    key: bytes


def host_role(host_id: str) -> str:
    """Return the role of a host.

    Raises:
        CertificateError: the id is no DNS label in lower case.
    """
    if not _HOST_ID.fullmatch(host_id):
        raise CertificateError(
            f"{host_id!r} cannot be the id of a host: take up to 63 lower-case letters, digits and hyphens."
        )
    return f"host/{host_id}"


def dns_name(role: str) -> str:
    """Return the DNS name of a role, as a TLS library compares it."""
    kind, _, host_id = role.partition("/")
    return f"{host_id}.{kind}.assistd" if host_id else f"{kind}.assistd"


class Authority:
    """The certificate authority (CA) of one installation.

    Args:
        certificate: its own certificate.
        key: signs.
    """

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self._certificate = certificate
        self._key = key

    @classmethod
    def create(cls) -> "Authority":
        """Make a new one, valid for ten years."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = _common_name("assistd CA")
        builder = (
            _begin(name, key.public_key(), _AUTHORITY_DAYS)
            .issuer_name(name)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage("key_cert_sign", "crl_sign"), critical=True)
        )
        return cls(builder.sign(key, hashes.SHA256()), key)

    @classmethod
    def load(cls, pair: Pair) -> "Authority":
        """Return the one that was stored as a pair.

        Raises:
            CertificateError: it is not one that `create` made, or its key is another's.
        """
        try:
            certificate = x509.load_pem_x509_certificate(pair.certificate)
            key = serialization.load_pem_private_key(pair.key, None)
        except (ValueError, TypeError) as error:
            raise CertificateError("The CA's certificate or key is not PEM.") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise CertificateError("The CA's key is none of an elliptic curve.")
        if certificate.public_key() != key.public_key():
            raise CertificateError("The CA's key does not belong to its certificate.")
        return cls(certificate, key)

    @property
    def pair(self) -> Pair:
        """The authority itself, to be stored; whoever has the key can sign for every role."""
        return Pair(_to_pem(self._certificate), _key_to_pem(self._key))

    def issue(self, role: str, days: int) -> Pair:
        """Make a certificate for a role.

        Args:
            role: `API_ROLE`, or what `host_role` returns.
            days: how long it is valid; never longer than the authority.

        Raises:
            CertificateError: the authority is not valid any more.
        """
        ends = self._certificate.not_valid_after_utc
        if ends <= datetime.now(UTC):
            raise CertificateError(f"The CA's certificate ended on {ends:%Y-%m-%d}; make a new CA.")
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.DNSName(dns_name(role))])
        both_ways = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        authority_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = (
            _begin(_common_name(role), key.public_key(), days, ends)
            .issuer_name(self._certificate.subject)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage("digital_signature"), critical=True)
            .add_extension(x509.ExtendedKeyUsage(both_ways), critical=False)
            .add_extension(names, critical=False)
            .add_extension(authority_key, critical=False)
        )
        return Pair(_to_pem(builder.sign(self._key, hashes.SHA256())), _key_to_pem(key))


def _begin(
    name: x509.Name, key: ec.EllipticCurvePublicKey, days: int, most: datetime | None = None
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    until = now + timedelta(days=days)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCKS_APART)
        .not_valid_after(min(until, most) if most else until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _usage(*wanted: Literal["digital_signature", "key_cert_sign", "crl_sign"]) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature="digital_signature" in wanted,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign="key_cert_sign" in wanted,
        crl_sign="crl_sign" in wanted,
        encipher_only=False,
        decipher_only=False,
    )


def _to_pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_to_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
