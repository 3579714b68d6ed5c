"""The application behind the HTTP port: health, metrics, and rows, by the same service as Flight.

    GET  /healthz  /readyz  /metrics
    GET  /v1                          the repos
    GET  /v1/REPO                     a repo's newest snapshot: tables and datasets
    GET  /v1/REPO/DATASET?columns=…   rows
    POST /v1/sql                      the rows of a query

No path changes anything.
"""

from functools import partial

import anyio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from arrowdsl.errors import DataError, one_of
from flight_server.access.gate import Gate
from flight_server.serving.failures import reported
from flight_server.serving.running_calls import RunningCall
from flight_server.serving.service import Service
from flight_server.web.error_responses import MethodNotAllowedError, UnknownPathError, error_response
from flight_server.web.health import readiness
from flight_server.web.metrics import Metrics
from flight_server.web.origins import SameSite
from flight_server.web.row_requests import body_of, call_of_request, format_of, read_of_request, sql_of_body
from flight_server.web.row_response import RowResponse

METHOD_NOT_ALLOWED, SERVICE_UNAVAILABLE = 405, 503


def application(service: Service, host: str, gate: Gate) -> ASGIApp:
    """The application for a server that listens on ``host``, for the callers that the gate lets in."""
    endpoints = Endpoints(service, gate)
    routes = [
        Route("/healthz", endpoints.healthz),
        Route("/readyz", endpoints.readyz),
        Route("/metrics", endpoints.metrics),
        Route("/v1", endpoints.repos),
        Route("/v1/sql", endpoints.sql, methods=["POST"]),
        Route("/v1/{repo}", endpoints.repo),
        Route("/v1/{repo}/{dataset}", endpoints.rows),
    ]
    handlers = {HTTPException: _unknown, DataError: _failed, Exception: _failed}
    return SameSite(Starlette(routes=routes, exception_handlers=handlers), host)


class Endpoints:
    """The endpoints over one service. Plain functions run in threads."""

    def __init__(self, service: Service, gate: Gate) -> None:
        self._service = service
        self._gate = gate
        self._metrics = Metrics(service)
        limits = service.budget.limits
        self._threads = anyio.CapacityLimiter(limits.streams + limits.waiting)

    async def healthz(self, _request: HttpRequest) -> Response:
        """Answer for as long as the process lives."""
        return PlainTextResponse("ok\n")

    def readyz(self, _request: HttpRequest) -> Response:
        """200 if the server can take calls, else 503 with the reasons."""
        reasons = readiness(self._service)
        if reasons:
            return PlainTextResponse("".join(f"{reason}\n" for reason in reasons), SERVICE_UNAVAILABLE)
        return PlainTextResponse("ready\n")

    def metrics(self, request: HttpRequest) -> Response:
        """The metrics for Prometheus."""
        page, media_type = self._metrics.page(request.headers.get("accept", ""))
        return Response(page, media_type=media_type)

    def repos(self, request: HttpRequest) -> Response:
        """The repos."""
        service, call = self._entering(request, "GET /v1")
        with service.calls.enter(call):
            return JSONResponse({"repos": service.store.repos()})

    def repo(self, request: HttpRequest) -> Response:
        """A repo's newest snapshot, and the datasets that can be read."""
        service, call = self._entering(request, "GET /v1/REPO")
        with service.calls.enter(call):
            call.repo = request.path_params["repo"]
            names = [name for name, each in service.pipeline.items() if each.spec is not None]
            return JSONResponse({**service.stats(call.repo), "datasets": names})

    async def rows(self, request: HttpRequest) -> Response:
        """The rows of a dataset."""
        service, call = self._entering(request, f"{request.method} /v1/REPO/DATASET")
        return RowResponse(service, call, partial(read_of_request, request), format_of(request), self._threads)

    async def sql(self, request: HttpRequest) -> Response:
        """The rows of a query."""
        service, call = self._entering(request, "POST /v1/sql")
        asks = partial(sql_of_body, await body_of(request))
        return RowResponse(service, call, asks, format_of(request), self._threads)

    def _entering(self, request: HttpRequest, method: str) -> tuple[Service, RunningCall]:
        """The service as the caller sees it, and the call. Raises UnauthenticatedError."""
        authorization = "; ".join(request.headers.getlist("authorization")) or None  # several are no valid one
        identity = self._gate.identity(authorization)
        return self._service.seen_by(identity), call_of_request(request, method, identity)


def _failed(_request: HttpRequest, error: Exception) -> Response:
    return error_response(reported(error))


def _unknown(request: HttpRequest, error: Exception) -> Response:
    """The framework's own errors: a path or a method that does not exist."""
    if isinstance(error, HTTPException) and error.status_code == METHOD_NOT_ALLOWED:
        allowed = (error.headers or {}).get("Allow", "")
        return error_response(MethodNotAllowedError(f"allowed methods: {allowed}"))
    return error_response(UnknownPathError(f"paths: {one_of(each.path for each in request.app.routes)}"))
