"""Faults of the server: told without details, logged with them."""

import pytest
from pyarrow import flight
from rpc_errors import assert_clean
from rpc_server import Peer, name_refs, path, running

from arrowdsl.errors import UnknownColumnError
from arrowdsl.plan.batches import Stream

ONE = name_refs([("a.py", 1)])


def test_an_internal_error_is_told_without_details_and_logged_with_them(tmp_path, monkeypatch, caplog):
    def broken(*_):
        raise KeyError(f"a secret of {__file__}")

    with running(tmp_path) as server:
        peer = Peer(server.uri)
        peer.put(path("r", "cst_name_refs"), ONE)
        monkeypatch.setattr("flight_server.serving.service.open_read", broken)
        monkeypatch.setattr("flight_server.rpc.info.flight_info", broken)
        monkeypatch.setattr("flight_server.rpc.do_put.put", broken)
        monkeypatch.setattr("flight_server.rpc.server.run_action", broken)
        calls = (
            lambda: peer.get("r", "cst_name_refs"),
            lambda: peer.flight.get_flight_info(path("r", "cst_name_refs")),
            lambda: list(peer.flight.list_flights()),
            lambda: peer.put(path("r", "cst_name_refs"), ONE),
            lambda: peer.act("healthcheck"),
        )
        for call in calls:
            caplog.clear()
            with pytest.raises(flight.FlightInternalError) as caught:
                call()
            assert_clean(caught.value, "internal")
            assert "secret" not in str(caught.value)
            assert "Traceback" in caplog.text
            assert "a secret" in caplog.text
        monkeypatch.undo()
        assert peer.get("r", "cst_name_refs").equals(ONE)


def test_an_error_after_rows_keeps_its_class_and_its_code(tmp_path, monkeypatch):
    def broken(read, _check):
        def batches():
            yield from ONE.cast(read.schema).to_batches()
            raise UnknownColumnError("late")

        return Stream(read.schema, batches())

    with running(tmp_path) as server:
        peer = Peer(server.uri)
        peer.put(path("r", "cst_name_refs"), ONE)
        monkeypatch.setattr("flight_server.serving.service.open_read", broken)
        reader = peer.open("r", "cst_name_refs")
        assert reader.read_chunk().data.num_rows == 1
        with pytest.raises(flight.FlightServerError) as caught:
            reader.read_chunk()
        assert_clean(caught.value, "unknown_column")
