"""Who may do what: every call and action by every identity, with real clients, over Flight, Flight SQL and HTTP."""

import base64
import json
import re
import socket
import ssl
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import adbc_driver_flightsql.dbapi as flight_sql
import httpx
import pyarrow as pa
import pytest
from adbc_driver_flightsql import DatabaseOptions
from click.testing import CliRunner
from pyarrow import flight

from flight_client import FlightClientError, Tls, connect
from flight_client.contracts.raw import RAW_TABLES
from flight_client.peers import Endpoint, Peers
from flight_server.access.door import Certificate, Door
from flight_server.access.gate import Gate
from flight_server.access.identities import Grant, Right
from flight_server.access.tokens import TokenFile
from flight_server.access.visible_store import VisibleStore
from flight_server.cli.certs import certs
from flight_server.pipeline.driver import load_pipeline
from flight_server.rpc.actions import ACTIONS
from flight_server.rpc.server import FlightServer
from flight_server.serving.service import Service
from flight_server.storage.store import Store
from flight_server.web import serve_http

TABLE = "cst_parse_errors"
REPOS = ("open", "secret")
ROWS = pa.Table.from_pylist(
    [{"file_id": "f", "path": "a.py", "error_type": "SyntaxError", "message": "bad"}], RAW_TABLES[TABLE].schema
)
MANY = pa.Table.from_pylist(
    [{"file_id": f"{n}", "path": f"{n}.py", "error_type": "SyntaxError", "message": "x" * 100} for n in range(200_000)],
    RAW_TABLES[TABLE].schema,
)
GRANTS = {
    "reader": [Grant("op*", Right.READ)],
    "writer": [Grant("open", Right.WRITE)],
    "admin": [Grant("open", Right.ADMIN)],
    "owner": [Grant("*", Right.ADMIN)],
}
READ, WRITE, ADMIN = ("reader", "writer", "admin", "owner"), ("writer", "admin", "owner"), ("admin", "owner")
# What each call and action does with a repo, and who may do it to ``open``; nobody but the owner to ``secret``.
CALLS = {
    "get_flight_info": (lambda client, repo: client.info(repo, TABLE), READ),
    "get_schema": (lambda client, repo: client.flight.get_schema(path(repo), client.options), READ),
    "do_get": (lambda client, repo: client.read(repo, TABLE).read_all(), READ),
    "do_exchange": (lambda client, repo: client.lookup(repo, TABLE, key="path", values=["a.py"]).read_all(), READ),
    "do_put": (lambda client, repo: client.put(repo, TABLE, ROWS, mode="append"), WRITE),
    "sql": (lambda client, repo: client.sql(f'select * from "{repo}".{TABLE}').read_all(), READ),
    "begin": (lambda client, repo: client.abort(client.begin(repo)["txn"]), WRITE),
    "explain": (lambda client, repo: client.explain(repo, TABLE), READ),
    "stats": (lambda client, repo: client.stats(repo), READ),
    "snapshots": (lambda client, repo: client.snapshots(repo), READ),
    "sizes": (lambda client, repo: client.act("sizes", {"repo": repo}), READ),
    "pin": (lambda client, repo: client.act("pin", {"repo": repo, "snapshot": newest(repo)}), ADMIN),
    "rollback": (lambda client, repo: client.act("rollback", {"repo": repo, "snapshot": newest(repo)}), ADMIN),
    "prune": (lambda client, repo: client.act("prune", {"repo": repo}), ADMIN),
    "check": (lambda client, repo: client.act("check", {"repo": repo}), ADMIN),
    "diff": (lambda client, repo: client.act("diff", {"repo": repo, "since": newest(repo)}), READ),
    "drop": (lambda client, repo: client.drop(repo), ADMIN),
}
# These name no repo: what they show is tested below, and a transaction is found by its id.
WITHOUT_REPO = {"healthcheck", "commit", "abort", "calls", "cancel", "CancelFlightInfo"}
OWNER_OF: dict[str, object] = {}


def service_over(folder):
    return Service(Store(folder), load_pipeline())


class Caller:
    """A client with the token of an identity, and pyarrow's own client."""

    def __init__(self, uri, token):
        self.client = connect(uri, token=token)
        self.flight = flight.connect(uri)
        headers = [] if token is None else [(b"authorization", f"Bearer {token}".encode())]
        self.options = flight.FlightCallOptions(headers=headers)

    def __getattr__(self, name):
        return getattr(self.client, name)

    def act(self, name, body):
        action = flight.Action(name, json.dumps(body).encode())
        [result] = self.flight.do_action(action, self.options)
        return json.loads(result.body.to_pybytes())


def path(repo):
    return flight.FlightDescriptor.for_path(repo, TABLE)


def newest(repo):
    return OWNER_OF["client"].snapshots(repo)[-1]["snapshot"] if repo in REPOS else 1


@pytest.fixture(scope="module")
def tokens(tmp_path_factory):
    file = TokenFile(tmp_path_factory.mktemp("tokens") / "tokens.json")
    return file, {name: file.add(name, grants)[1] for name, grants in GRANTS.items()}


@pytest.fixture(scope="module")
def server(tmp_path_factory, tokens):
    running = FlightServer(service_over(tmp_path_factory.mktemp("store")), door=Door(Gate(tokens[0])))
    http = serve_http(running.service, "127.0.0.1", 0, running.door)
    running.http_uri = http.uri
    yield running
    http.stop()
    running.stop()


@pytest.fixture
def callers(server, tokens):
    made = {name: Caller(server.uri, secret) for name, secret in tokens[1].items()}
    OWNER_OF["client"] = made["owner"].client
    for repo in REPOS:
        made["owner"].put(repo, TABLE, ROWS)
    yield made
    for caller in made.values():
        caller.client.close()


def outcome(call, caller, repo):
    try:
        call(caller, repo)
    except FlightClientError as error:
        return error.code, error.message
    except (pa.ArrowException, flight.FlightError) as error:  # pyarrow's own client
        message, code = re.search(r"(?:message: )?(.*?) \[([a-z_]+)\]", str(error), re.DOTALL).groups()
        return code, message
    return "done", ""


def test_every_call_and_action_has_a_rule():
    own = {name for name in CALLS if name not in {"get_flight_info", "get_schema", "do_get", "do_exchange", "do_put"}}
    assert {*ACTIONS} == (own - {"sql"}) | WITHOUT_REPO
    rpcs = {name for name in vars(FlightServer) if name.startswith(("do_", "get_", "list_"))}
    assert rpcs == {*CALLS, "do_action", "list_flights", "list_actions"} & rpcs
    assert {*CALLS} - own == rpcs - {"do_action", "list_flights", "list_actions"}


def test_every_method_of_the_store_has_a_rule():
    public = {name for name, each in vars(Store).items() if callable(each) and not name.startswith("_")}
    assert public <= set(vars(VisibleStore))


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("identity", GRANTS)
def test_the_matrix(callers, name, identity):
    call, allowed = CALLS[name]
    caller = callers[identity]
    code, message = outcome(call, caller, "open")
    if identity in allowed:
        assert code == "done", message
    else:
        assert code == "forbidden"
        assert "open" in message
    if identity == "owner":
        assert outcome(call, caller, "secret")[0] == "done"
        return
    hidden, missing = outcome(call, caller, "secret"), outcome(call, caller, "seldom")
    assert hidden == (missing[0], missing[1].replace("seldom", "secret"))  # as if there were no such repo
    assert hidden[0] in {"unknown_repo", "invalid_sql"}


def test_what_is_listed(callers, server, tokens):
    for identity, seen in {"reader": ["open"], "owner": ["open", "secret"]}.items():
        caller = callers[identity]
        assert caller.repos() == seen
        listed = caller.flight.list_flights(options=caller.options)
        assert {info.descriptor.path[0].decode() for info in listed} == set(seen)
        headers = {"authorization": f"Bearer {tokens[1][identity]}"}
        assert httpx.get(f"{server.http_uri}/v1", headers=headers).json() == {"repos": seen}
        with adbc(server.uri, tokens[1][identity]) as connection:
            schemas = connection.adbc_get_objects(depth="db_schemas").read_all().to_pylist()
            assert [each["db_schema_name"] for each in schemas[0]["catalog_db_schemas"]] == seen
            assert "secret" in seen or "secret" not in str(callers["reader"].healthcheck())


def adbc(uri, token):
    return flight_sql.connect(
        uri, db_kwargs={DatabaseOptions.AUTHORIZATION_HEADER.value: f"Bearer {token}"}, autocommit=True
    )


@pytest.mark.usefixtures("callers")
def test_http_has_the_same_rights(server, tokens):
    def get(identity, repo):
        headers = {} if identity is None else {"authorization": f"Bearer {tokens[1][identity]}"}
        return httpx.get(f"{server.http_uri}/v1/{repo}/{TABLE}", headers=headers)

    assert get("reader", "open").status_code == 200
    hidden, missing = get("reader", "secret"), get("reader", "seldom")
    assert hidden.status_code == missing.status_code == 404
    assert hidden.json()["message"] == missing.json()["message"].replace("seldom", "secret")
    refused = get(None, "open")
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
    assert refused.json()["code"] == "unauthenticated"
    for page in ("healthz", "readyz", "metrics"):
        assert "secret" not in httpx.get(f"{server.http_uri}/{page}").text


def test_a_transaction_is_its_repos(callers):
    txn = callers["owner"].begin("secret")["txn"]
    for name in ("commit", "abort"):
        for given in (txn, "0" * len(txn)):
            with pytest.raises(flight.FlightServerError, match=f"there is no transaction '{given}'"):
                callers["admin"].act(name, {"txn": given})
    callers["owner"].abort(txn)


def test_a_call_is_seen_and_cancelled_by_its_own_identity(callers):
    assert callers["reader"].act("calls", {}) == {"calls": []}
    assert callers["reader"].act("cancel", {"call": "x"}) == {"cancelled": 0}


def test_tokens_of_one_name_with_other_rights_do_not_share_their_calls(callers, server, tokens):
    callers["owner"].put("secret", TABLE, pa.concat_tables([MANY] * 4))
    same = {repo: Caller(server.uri, tokens[0].add("ci", [Grant(repo, Right.READ)])[1]) for repo in REPOS}
    ticket = flight.Ticket(json.dumps({"repo": "secret", "dataset": TABLE}).encode())
    reader = same["secret"].flight.do_get(ticket, same["secret"].options)
    reader.read_chunk()
    [call] = callers["owner"].act("calls", {})["calls"]
    assert same["open"].act("calls", {}) == {"calls": []}
    assert same["open"].act("cancel", {"call": call["request_id"]}) == {"cancelled": 0}
    other = flight.FlightCallOptions(headers=[(b"authorization", f"Bearer {tokens[1]['owner']}".encode())])
    action = flight.Action("CancelFlightInfo", ticket.ticket)
    [result] = same["secret"].flight.do_action(action, other)  # a proxy shares connections
    assert json.loads(result.body.to_pybytes()) == {"cancelled": 0}
    assert same["secret"].act("cancel", {"call": call["request_id"]}) == {"cancelled": 1}
    reader.cancel()


def test_two_headers_over_http_are_not_one_of_them(server, tokens):
    sent = [("authorization", f"Bearer {tokens[1][name]}") for name in ("reader", "owner")]
    assert httpx.get(f"{server.http_uri}/v1", headers=sent).status_code == 401


def test_a_revoked_token_stays_revoked_while_others_are_made(tmp_path):
    file = TokenFile(tmp_path / "tokens.json")
    victims = [file.add(f"victim {number}", [Grant("*", Right.ADMIN)]) for number in range(20)]
    with ProcessPoolExecutor(2, get_context("spawn")) as processes:
        making = [processes.submit(make_tokens, file.path) for _ in range(2)]
        while not any(token.name == "made" for token in file.tokens()):
            time.sleep(0.005)  # until they are at it
        for token, _ in victims:
            file.revoke(token.id)
        for each in making:
            each.result()
    assert [token.name for token in TokenFile(file.path).tokens()] == ["made"] * 60


def make_tokens(path):
    for _ in range(30):
        TokenFile(path).add("made", [Grant("*", Right.READ)])


def test_an_encrypted_client_goes_to_no_server_in_plain_text(tmp_path, certificates):
    own = certificates[0]
    with socket.create_server(("127.0.0.1", 0)) as plain:
        plain.settimeout(0.5)
        server = FlightServer(
            service_over(tmp_path / "store"),
            door=Door(certificate=Certificate(own / "server.pem", own / "server-key.pem")),
        )
        try:
            with connect(server.uri, tls=Tls(own / "ca.pem"), timeout=20) as client:
                client.put("open", TABLE, ROWS)
            peers = Peers(server.uri, 20, {"authorization": "Bearer any"}, Tls(own / "ca.pem"))
            ticket = json.dumps({"repo": "open", "dataset": TABLE}).encode()
            call, _ = peers.open(Endpoint(ticket, (f"grpc://127.0.0.1:{plain.getsockname()[1]}",)))
            assert call.read_chunk().data.num_rows == ROWS.num_rows  # from the origin
            peers.close()
            with pytest.raises(TimeoutError):
                plain.accept()
        finally:
            server.stop()


BAD_HEADERS = {
    "none": [],
    "empty": [("authorization", "")],
    "no scheme": [("authorization", "fls_x")],
    "unknown": [("authorization", "Bearer fls_unknown")],
    "malformed basic": [("authorization", "Basic !!!")],
    "basic of another": [("authorization", "Basic " + base64.b64encode(b"owner:owner").decode())],
    "another scheme": [("authorization", "Negotiate abc")],
}


@pytest.mark.parametrize("headers", BAD_HEADERS.values(), ids=BAD_HEADERS)
def test_callers_without_a_valid_token(server, headers):
    sent = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    with flight.connect(server.uri) as client, pytest.raises(flight.FlightUnauthenticatedError) as raised:
        list(client.do_action(flight.Action("stats", b""), flight.FlightCallOptions(headers=sent)))
    assert "fls_" not in str(raised.value)


def test_two_headers_are_not_one_of_them(server, tokens):
    sent = [(b"authorization", f"Bearer {tokens[1][name]}".encode()) for name in ("reader", "owner")]
    with flight.connect(server.uri) as client, pytest.raises(flight.FlightUnauthenticatedError):
        list(client.do_action(flight.Action("stats", b""), flight.FlightCallOptions(headers=sent)))


@pytest.mark.usefixtures("callers")
def test_a_handshake_by_user_and_password(server, tokens):
    with flight.connect(server.uri) as client:
        header = client.authenticate_basic_token("anybody", tokens[1]["reader"])
        [result] = client.do_action(flight.Action("stats", b""), flight.FlightCallOptions(headers=[header]))
        assert json.loads(result.body.to_pybytes())["repos"] == ["open"]
        with pytest.raises(flight.FlightUnauthenticatedError):
            client.authenticate_basic_token("anybody", "fls_wrong")


def test_revoked_and_expired_tokens_are_refused_at_once(server, tokens):
    token, secret = tokens[0].add("short", [Grant("*", Right.READ)])
    with connect(server.uri, token=secret) as client:
        client.repos()
        tokens[0].revoke(token.id)
        with pytest.raises(FlightClientError, match="unknown, revoked or expired"):
            client.repos()
    _, expired = tokens[0].add("past", [Grant("*", Right.READ)], days=1e-9)
    time.sleep(0.01)
    with connect(server.uri, token=expired) as client, pytest.raises(FlightClientError) as raised:
        client.repos()
    assert raised.value.code == "unauthenticated"


def test_the_file_has_no_secrets_and_is_private(tokens):
    text = tokens[0].path.read_text(encoding="utf-8")
    assert not any(secret in text for secret in tokens[1].values())
    assert tokens[0].path.stat().st_mode & 0o777 == 0o600


def test_a_damaged_token_file_lets_nobody_in(tmp_path):
    file = TokenFile(tmp_path / "tokens.json")
    _, secret = file.add("a", [Grant("*", Right.ADMIN)])
    server = FlightServer(service_over(tmp_path / "store"), door=Door(Gate(file)))
    try:
        with connect(server.uri, token=secret) as client:
            client.repos()
            file.path.write_text("{", encoding="utf-8")
            with pytest.raises(FlightClientError, match="token file is damaged"):
                client.repos()
    finally:
        server.stop()


def test_the_public_may_read(tmp_path):
    server = FlightServer(service_over(tmp_path / "store"), door=Door(Gate(public_read=True)))
    try:
        with connect(server.uri) as client:
            assert client.repos() == []
            with pytest.raises(FlightClientError) as raised:
                client.put("open", TABLE, ROWS)
            assert raised.value.code == "forbidden"
            with (
                connect(server.uri, token="fls" + "_any") as other,
                pytest.raises(FlightClientError, match="no tokens"),
            ):
                other.repos()
    finally:
        server.stop()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    folders = []
    for name in ("own", "foreign"):
        folder = tmp_path_factory.mktemp("certs") / name
        assert CliRunner().invoke(certs, [str(folder)]).exit_code == 0
        folders.append(folder)
    return folders


def test_tls_and_callers_certificates(tmp_path, certificates):
    own, foreign = certificates
    certificate = Certificate(own / "server.pem", own / "server-key.pem", own / "ca.pem")
    server = FlightServer(service_over(tmp_path / "store"), door=Door(certificate=certificate))
    http = serve_http(server.service, "127.0.0.1", 0, server.door)
    pairs = {
        "own": Tls(own / "ca.pem", own / "client.pem", own / "client-key.pem"),
        "wrong CA": Tls(foreign / "ca.pem", own / "client.pem", own / "client-key.pem"),
        "foreign": Tls(own / "ca.pem", foreign / "client.pem", foreign / "client-key.pem"),
        "none": Tls(own / "ca.pem"),
    }
    try:
        assert server.uri.startswith("grpc+tls://")
        answers = {}
        for name, tls in pairs.items():
            with connect(server.uri, tls=tls, timeout=20) as client:
                try:
                    answers[name] = client.repos()
                except FlightClientError as error:
                    answers[name] = error.code
        assert answers == {"own": [], "wrong CA": "unreachable", "foreign": "unreachable", "none": "unreachable"}
        trusted = ssl.create_default_context(cafile=own / "ca.pem")
        trusted.load_cert_chain(own / "client.pem", own / "client-key.pem")
        assert httpx.get(f"{http.uri}/v1", verify=trusted).json() == {"repos": []}
        with connect(server.uri.replace("+tls", ""), timeout=20) as plain, pytest.raises(FlightClientError):
            plain.repos()
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"{http.uri}/healthz", verify=ssl.create_default_context(cafile=own / "ca.pem"))
    finally:
        http.stop()
        server.stop()
