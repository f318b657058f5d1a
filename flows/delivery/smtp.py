"""The mail server: its address, and a connection to it that is as safe as was asked for.

prefect-email's `EmailServerCredentials` says where the server is and who logs in; `SmtpServer.of`
takes that over. Its `get_server` is not used, as it waits for ever where a server does not answer.
"""

from __future__ import annotations

import ipaddress
import smtplib
import ssl
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NoReturn, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

from flows.delivery.replies import Reply
from flows.errors import DeliveryError, MailServerUnavailable, SettingsError, one_line

if TYPE_CHECKING:
    from typing import Self

SETTING: Final = "GRIDLETTER_SMTP_URL"
_FORM: Final = "smtp://user:password@host:587?security=starttls|ssl|none"


class Security(StrEnum):
    """How a connection is secured; the first two never fall back to plain text."""

    STARTTLS = "starttls"
    SSL = "ssl"
    NONE = "none"


# RFC 6409 submission, RFC 8314 implicit TLS, RFC 5321.
_PORTS = {Security.STARTTLS: 587, Security.SSL: 465, Security.NONE: 25}
_PREFECT_TYPES = {
    "STARTTLS": Security.STARTTLS,
    "SSL": Security.SSL,
    "INSECURE": Security.NONE,
}


class _Secret(Protocol):
    def get_secret_value(self) -> str: ...


class Credentials(Protocol):
    """What is read of prefect-email's `EmailServerCredentials`; its enums have names and values."""

    @property
    def username(self) -> str | None:
        """Who logs in, if anybody."""
        ...

    @property
    def password(self) -> _Secret:
        """The password, hidden until asked for."""
        ...

    @property
    def smtp_server(self) -> object:
        """The host, or an enum member that holds it."""
        ...

    @property
    def smtp_type(self) -> object:
        """How the connection is secured; an enum member."""
        ...

    @property
    def smtp_port(self) -> int | None:
        """The port, where it is not the usual one."""
        ...

    @property
    def verify(self) -> bool | None:
        """Whether certificates are checked; None means yes."""
        ...


@dataclass(frozen=True)
class SmtpServer:
    """Where mails are handed in. `user` is None where nobody logs in.

    Raises:
        SettingsError: a login over plain text to another machine, or one that SMTP can't carry.
    """

    host: str
    port: int
    security: Security
    user: str | None = None
    password: str = field(default="", repr=False)
    verify: bool = True

    def __post_init__(self) -> None:
        if self.user is None:
            return
        if (
            not (self.user + self.password).isascii()
            or not (self.user + self.password).isprintable()
        ):
            raise _wrong(
                "user and password must be printable ASCII, for SMTP's login carries no more"
            )
        if self.security is Security.NONE and not _is_loopback(self.host):
            raise _wrong("the password would cross the network in plain text")

    @classmethod
    def of(cls, credentials: Credentials) -> Self:
        """Return the server that a prefect-email block describes."""
        host = getattr(credentials.smtp_server, "value", credentials.smtp_server)
        kind = getattr(credentials.smtp_type, "name", credentials.smtp_type)
        security = _PREFECT_TYPES[str(kind)]
        return cls(
            host=str(host),
            port=credentials.smtp_port or _PORTS[security],
            security=security,
            user=credentials.username or None,
            password=credentials.password.get_secret_value(),
            verify=credentials.verify is not False,
        )


def parse_smtp_url(url: str) -> SmtpServer:
    """Return the server at `smtp://user:password@host:587?security=starttls|ssl|none`.

    User and password are percent-encoded where they need it, and may be left out together. Without
    `security` it is STARTTLS; without a port it is the usual one: 587, 465 for ssl, 25 for none.

    Raises:
        SettingsError: the address has another form. Its text is not quoted: it holds a password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
        query = dict(
            parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        )
        security = Security(query.pop("security", Security.STARTTLS))
    except ValueError:
        raise _wrong("the port, the query or the security is none") from None
    if parts.scheme != "smtp" or not parts.hostname or query or parts.path not in {"", "/"}:
        raise _wrong("it has another form")
    if (parts.username or None) is None and parts.password:
        raise _wrong("there is a password without a user")
    if parts.username and not parts.password:
        raise _wrong("there is a user without a password")
    return SmtpServer(
        host=parts.hostname,
        port=port or _PORTS[security],
        security=security,
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password or ""),
    )


def dial(server: SmtpServer, *, timeout_seconds: float) -> smtplib.SMTP:
    """Return an open connection to `server`, secured and logged in as was asked for.

    Args:
        server: Where to, and how.
        timeout_seconds: The longest wait for the connection and for each reply until it stands.

    Raises:
        DeliveryError: the server refuses TLS, shows a certificate that is not its own, refuses the
            login, or wants nothing from us at all.
        MailServerUnavailable: it does not answer, or asks to come back later.
    """
    try:
        return _open(server, timeout_seconds)
    except smtplib.SMTPNotSupportedError as error:
        _give_up(server, f"does not offer what was asked for: {error}")
    except smtplib.SMTPResponseException as error:
        reply = Reply.read(error.smtp_code, _bytes(error.smtp_error))
        _refused(server, reply, login=isinstance(error, smtplib.SMTPAuthenticationError))
    except smtplib.SMTPServerDisconnected as error:
        _come_back(server, f"hung up: {error}")
    except smtplib.SMTPException as error:
        _give_up(server, f"can't be used: {error}")
    except ssl.SSLEOFError as error:
        _come_back(server, f"hung up during the TLS handshake: {error}")
    except ssl.SSLError as error:
        _give_up(server, f"can't be trusted, for TLS failed: {error.reason or error}")
    except OSError as error:
        _come_back(server, f"does not answer: {error}")


def _open(server: SmtpServer, timeout_seconds: float) -> smtplib.SMTP:
    where = (server.host, server.port)
    if server.security is Security.SSL:
        context = _context(server)
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(*where, timeout=timeout_seconds, context=context)
    else:
        smtp = smtplib.SMTP(*where, timeout=timeout_seconds)
    try:
        if server.security is Security.STARTTLS:
            # Raises where the server does not offer it or does not begin: no way leads around it.
            smtp.starttls(context=_context(server))
        if server.user is not None:
            smtp.login(server.user, server.password)
        smtp.ehlo_or_helo_if_needed()
    except BaseException:
        smtp.close()
        raise
    return smtp


def _context(server: SmtpServer) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not server.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _refused(server: SmtpServer, reply: Reply, *, login: bool) -> NoReturn:
    what = f"refuses {'the login' if login else 'the connection'}: {reply}"
    if reply.is_transient:
        _come_back(server, what, reply)
    _give_up(server, what, reply)


def _give_up(server: SmtpServer, what: str, reply: Reply | None = None) -> NoReturn:
    raise DeliveryError(
        f"the mail server {server.host}:{server.port} {one_line(what)}",
        remedy=f"Correct {SETTING} or the email block, or ask the server's operator.",
        reply=str(reply or ""),
    )


def _come_back(server: SmtpServer, what: str, reply: Reply | None = None) -> NoReturn:
    raise MailServerUnavailable(
        f"the mail server {server.host}:{server.port} {one_line(what)}",
        remedy="See whether it runs and can be reached; a later run sends what is left.",
        reply=str(reply or ""),
    )


def _wrong(what: str) -> SettingsError:
    return SettingsError(
        f"{SETTING} or the email block can't be used: {what}",
        remedy=f"Write {_FORM}, the password percent-encoded.",
        setting=SETTING,
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _bytes(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode()
