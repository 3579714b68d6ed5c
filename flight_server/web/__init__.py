"""The HTTP port: health, metrics, and rows for clients that have no Flight. It needs the extra ``http``."""

from flight_server.access.door import OPEN_DOOR, Door
from flight_server.serving.service import Service
from flight_server.web.application import application
from flight_server.web.http_server import HttpServer


def serve_http(service: Service, host: str, port: int, door: Door = OPEN_DOOR) -> HttpServer:
    """A running HTTP port of a service. Raises HttpBindError."""
    return HttpServer(application(service, host, door.gate), host, port, door.certificate)
