"""The HTTP server: uvicorn in a thread of its own."""

import logging
import socket
import ssl
import threading
from contextlib import closing

import uvicorn
from starlette.types import ASGIApp

from arrowdsl.errors import DataError
from flight_server.access.door import Certificate

BACKLOG = 2048
KEEP_ALIVE_SECONDS = 30
STOP_SECONDS = 1


class HttpBindError(DataError):
    """An address on which the HTTP port can't listen."""

    code = "cannot_bind"


class HttpServer:
    """Serves an application at ``uri``, from construction until ``stop``."""

    def __init__(self, application: ASGIApp, host: str, port: int, certificate: Certificate | None = None) -> None:
        shown = f"[{host}]" if ":" in host else host
        try:
            self._socket = socket.create_server(
                (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=BACKLOG
            )
        except (OSError, OverflowError) as error:
            raise HttpBindError(
                f"the HTTP port can't listen on {shown}:{port}; is it in use? --http-port 0 takes any free one, and"
                " --http-port none has no HTTP"
            ) from error
        clients = None if certificate is None else certificate.clients
        self.uri = f"{'http' if certificate is None else 'https'}://{shown}:{self._socket.getsockname()[1]}"
        log = logging.getLogger("uvicorn")  # would repeat on stderr what the application logs
        log.propagate = False
        log.addHandler(logging.NullHandler())
        self._server = uvicorn.Server(
            uvicorn.Config(
                application,
                log_config=None,
                access_log=False,
                server_header=False,
                lifespan="off",
                ws="none",
                proxy_headers=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=STOP_SECONDS,
                ssl_certfile=None if certificate is None else certificate.chain,
                ssl_keyfile=None if certificate is None else certificate.key,
                ssl_ca_certs=None if clients is None else str(clients),
                ssl_cert_reqs=ssl.CERT_NONE if clients is None else ssl.CERT_REQUIRED,
            )
        )
        self._thread = threading.Thread(target=self._serve, name="http", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with closing(self._socket):
            self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        """Close the connections, and stop listening. Running calls are drained before."""
        self._server.should_exit = True
        self._thread.join(2 * STOP_SECONDS)
