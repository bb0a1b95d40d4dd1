"""Requests out of bytes, however the bytes are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloragen.simulator.http1 import HttpRequest, NotHttp, RequestReader, head

BODIES = st.lists(st.tuples(st.binary(max_size=300), st.booleans()), max_size=5)


def written(body: bytes, *, chunked: bool) -> bytes:
    start = b"POST /v1/chat/completions?x=1 HTTP/1.1\r\nHost: here\r\nX-Empty:\r\n"
    if not chunked:
        return start + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    pieces = [body[at : at + 7] for at in range(0, len(body), 7)]
    chunks = b"".join(b"%x;note=1\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return start + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"


@given(BODIES, st.lists(st.integers(1, 400), min_size=1, max_size=20))
def test_however_the_bytes_are_cut_the_same_requests_come_out(bodies, sizes):
    stream = b"".join(written(body, chunked=chunked) for body, chunked in bodies)
    reader, found = RequestReader(), []

    at = 0
    for size in (*sizes, len(stream)):
        reader.feed(stream[at : at + size])
        at += size
        while request := reader.next():
            found.append(request)

    assert [request.body for request in found] == [body for body, _ in bodies]
    assert all((request.method, request.path) == ("POST", "/v1/chat/completions") for request in found)
    assert all(request.headers["host"] == "here" and request.headers["x-empty"] == "" for request in found)


def one(text: str) -> HttpRequest:
    reader = RequestReader()
    reader.feed(text.encode())
    request = reader.next()
    assert request is not None
    return request


def test_connections_are_kept_as_the_client_wishes():
    assert one("GET / HTTP/1.1\r\n\r\n").keep_alive
    assert not one("GET / HTTP/1.1\r\nConnection: close\r\n\r\n").keep_alive
    assert not one("GET / HTTP/1.1\r\nConnection: TE, Close\r\n\r\n").keep_alive
    assert not one("GET / HTTP/1.0\r\n\r\n").keep_alive


def test_a_client_is_told_once_to_continue():
    reader = RequestReader()
    reader.feed(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")

    assert reader.next() is None
    assert [reader.should_continue(), reader.should_continue()] == [True, False]
    reader.feed(b"ok")
    request = reader.next()
    assert request is not None
    assert request.body == b"ok"


def test_a_status_without_a_name_is_written_all_the_same():
    assert head(529, {"a": "b"}, 3) == b"HTTP/1.1 529 Unknown\r\na: b\r\ncontent-length: 3\r\n\r\n"


def chunked(*chunks: bytes, trailers: bytes = b"") -> bytes:
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + body + b"0\r\n" + trailers + b"\r\n"


def test_trailers_belong_to_their_request():
    reader = RequestReader()
    reader.feed(chunked(b"one", trailers=b"x-sum: 1\r\ny: 2\r\n") + chunked(b"two"))

    assert [request.body for request in (reader.next(), reader.next()) if request] == [b"one", b"two"]
    assert reader.next() is None


def test_each_chunk_is_taken_up_once_when_it_is_whole():
    reader = RequestReader()
    whole = chunked(b"a" * 1000, b"b" * 1000)
    reader.feed(whole[:1100])

    assert reader.next() is None
    assert reader.buffered_bytes < 100


@pytest.mark.parametrize("sent", [b"\x16\x03\x01\x00", b"\r\n\x00", b"\xff"])
def test_bytes_that_begin_no_method_are_refused_before_there_are_more(sent):
    reader = RequestReader()
    reader.feed(sent)

    with pytest.raises(NotHttp):
        reader.next()
