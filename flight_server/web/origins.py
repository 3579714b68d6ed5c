"""Who may ask by a browser: nobody from another site.

A page of any site can make a browser send requests to this machine. With a name of its own that resolves to 127.0.0.1
(DNS rebinding) it could even read the answers. So a server on a loopback address answers only to names of loopback, and
no server answers a request that a browser marks as coming from another site.
"""

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flight_server.access.door import is_here
from flight_server.web.error_responses import ForeignOriginError, error_response

_HEADERS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}
_OWN = ("none", "same-origin")


class SameSite:
    """Passes on the requests that no other site made, and adds headers that protect the answers.

    ``host`` is the address on which the server listens.
    """

    def __init__(self, application: ASGIApp, host: str) -> None:
        self.application = application
        self.only_loopback = is_here(host)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on the request, or refuse it with 403."""
        refused = self._refused(Headers(scope=scope))
        application = self.application if refused is None else error_response(refused)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        await application(scope, receive, send_with_headers)

    def _refused(self, headers: Headers) -> ForeignOriginError | None:
        if self.only_loopback and not is_here(_host(headers.get("host", ""))):
            return ForeignOriginError("this server answers to the names of loopback: 127.0.0.1, [::1], localhost")
        if headers.get("sec-fetch-site", "none") not in _OWN or not _is_own_origin(headers):
            return ForeignOriginError("a page of another site made this request; no other site may read here")
        return None


def _host(authority: str) -> str:
    """The host in a Host header, without its port; empty if it can't be read."""
    try:
        return urlsplit(f"//{authority}").hostname or ""
    except ValueError:
        return ""


def _is_own_origin(headers: Headers) -> bool:
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc.lower() == headers.get("host", "").lower()
