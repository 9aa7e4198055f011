"""SIGTERM: what is in flight is answered, and clients that keep their connection lose no request."""

import http.client
import threading
import time

import httpx2
import pytest

from tests.process import Process
from tests.stub import Stub, says


def test_a_request_in_flight_is_answered(database: str, stub: Stub) -> None:
    stub.answers = [says("It took a while.", delay=1.5)]
    with Process(database, OPENAI_API_KEY="k", OPENAI_BASE_URL=stub.url) as process:
        headers = process.sign_up()
        answers: list[httpx2.Response] = []

        def ask() -> None:
            body = {"message": "hello"}
            answers.append(httpx2.post(f"{process.url}/chat", json=body, headers=headers, timeout=60))

        asking = threading.Thread(target=ask)
        asking.start()
        while not stub.asked:
            time.sleep(0.01)
        process.terminate()
        time.sleep(0.3)
        with pytest.raises(httpx2.ConnectError):
            httpx2.get(f"{process.url}/health")
        asking.join()
        assert answers[0].status_code == 200 and answers[0].json()["reply"] == "It took a while."
        assert "Traceback" not in process.end()


def test_while_draining_connections_are_sent_elsewhere_and_no_request_is_lost(database: str) -> None:
    with Process(database, DRAIN_SECONDS="1.5") as process:
        connection = http.client.HTTPConnection("127.0.0.1", process.port, timeout=10)

        def ask() -> str | None:
            connection.request("GET", "/health")
            answer = connection.getresponse()
            assert answer.read() == b'{"status":"ok"}' and answer.status == 200
            return answer.getheader("connection")

        assert ask() is None, "the connection stays open"
        process.terminate()
        marks = []
        ends = time.monotonic() + 1
        while time.monotonic() < ends:
            marks.append(ask())
        assert marks[-1] == "close", "and new connections are still taken"
        output = process.end()
        assert "Traceback" not in output and "ending in 1.5 s" in output
