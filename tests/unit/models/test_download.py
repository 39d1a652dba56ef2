"""A file arrives whole or not at all, whatever the server does, and no byte is fetched twice without need."""

import hashlib
import socket
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.models.download import Downloader, Wanted
from services.models.errors import DiskFull, NotOffered, SourceFailed, Unreachable, WrongContent
from tests.support.file_server import Conduct, FileServer
from tests.support.model_reporter import KeepingReporter


def _pinned(server: FileServer, content: bytes) -> Wanted:
    return Wanted(
        server.address + "model.bin", "model.bin", len(content), hashlib.sha256(content).hexdigest()
    )


def _unpinned(server: FileServer) -> Wanted:
    return Wanted(server.address + "model.bin", "model.bin")


def _sent_bytes(server: FileServer) -> int:
    return sum(asked.sent_bytes for asked in server.asked)


def test_a_file_arrives_under_its_name_with_its_checksum(
    server: FileServer, downloader: Downloader, content: bytes, tmp_path: Path
) -> None:
    wanted = _pinned(server, content)
    sha256 = downloader.fetch(wanted, tmp_path / "new" / "model.bin")
    assert sha256 == wanted.sha256
    assert (tmp_path / "new" / "model.bin").read_bytes() == content
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["model.bin"]


def test_what_is_there_already_is_not_fetched_again(
    server: FileServer, downloader: Downloader, content: bytes, tmp_path: Path
) -> None:
    (tmp_path / "model.bin").write_bytes(content)
    downloader.fetch(_pinned(server, content), tmp_path / "model.bin")
    assert server.asked == []


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(breaks=st.lists(st.integers(min_value=0, max_value=2_000_000), max_size=3))
def test_a_transfer_that_breaks_anywhere_goes_on_where_it_stopped(
    server: FileServer, downloader: Downloader, content: bytes, tmp_path: Path, breaks: list[int]
) -> None:
    (tmp_path / "model.bin").unlink(missing_ok=True)
    server.asked.clear()
    server.conducts = [Conduct(breaks_after_bytes=after) for after in breaks]
    downloader.fetch(_pinned(server, content), tmp_path / "model.bin")
    assert (tmp_path / "model.bin").read_bytes() == content
    assert _sent_bytes(server) == len(content)
    server.conducts.clear()


def test_the_next_run_goes_on_with_what_the_last_one_left(
    server: FileServer, downloader: Downloader, content: bytes, tmp_path: Path
) -> None:
    (tmp_path / "model.bin.part").write_bytes(content[:1_234_567])
    downloader.fetch(_pinned(server, content), tmp_path / "model.bin")
    assert (tmp_path / "model.bin").read_bytes() == content
    assert [asked.range for asked in server.asked] == ["bytes=1234567-"]


def test_a_part_that_is_whole_needs_only_its_checksum(
    server: FileServer, downloader: Downloader, content: bytes, tmp_path: Path
) -> None:
    (tmp_path / "model.bin.part").write_bytes(content)
    downloader.fetch(_pinned(server, content), tmp_path / "model.bin")
    assert server.asked == []


@pytest.mark.parametrize("left_over", [b"of another file", b"longer than the file" * 300_000])
def test_a_part_of_another_file_costs_a_transfer_and_not_the_file(
    server: FileServer, downloader: Downloader, content: bytes, tmp_path: Path, left_over: bytes
) -> None:
    (tmp_path / "model.bin.part").write_bytes(left_over)
    downloader.fetch(_pinned(server, content), tmp_path / "model.bin")
    assert (tmp_path / "model.bin").read_bytes() == content


@pytest.mark.parametrize(
    "lie",
    [
        Conduct(honours_ranges=False),
        Conduct(range_off_by=100),
        Conduct(range_off_by=-100),
        Conduct(headers={"Content-Range": "bytes all of them"}),
        Conduct(status=416),
    ],
    ids=["ignores the range", "starts later", "starts earlier", "says nothing sane", "denies the range"],
)
def test_a_server_that_lies_about_ranges_does_not_spoil_the_file(
    server: FileServer, downloader: Downloader, content: bytes, tmp_path: Path, lie: Conduct
) -> None:
    server.conducts = [Conduct(breaks_after_bytes=500_000), lie]
    downloader.fetch(_pinned(server, content), tmp_path / "model.bin")
    assert (tmp_path / "model.bin").read_bytes() == content


def test_an_end_that_comes_early_without_a_length_is_noticed(
    server: FileServer, downloader: Downloader, content: bytes, tmp_path: Path
) -> None:
    server.conducts = [Conduct(says_length=False, breaks_after_bytes=700_000)]
    downloader.fetch(_pinned(server, content), tmp_path / "model.bin")
    assert (tmp_path / "model.bin").read_bytes() == content
    assert _sent_bytes(server) == len(content)


@pytest.mark.parametrize(
    "wrong",
    [
        Conduct(body=b"<html>sign in to the network</html>"),
        Conduct(body=bytes(3_000_000)),
        Conduct(body=bytes(3_000_001)),
        Conduct(body=bytes(9_000_000), says_length=False),
    ],
    ids=["a portal", "the same length", "one byte more", "endless"],
)
def test_wrong_bytes_are_refused_and_kept_out(
    server: FileServer, downloader: Downloader, content: bytes, tmp_path: Path, wrong: Conduct
) -> None:
    server.conducts = [wrong]
    with pytest.raises(WrongContent, match=r"127\.0\.0\.1 (gives|has) .*manifest says"):
        downloader.fetch(_pinned(server, content), tmp_path / "model.bin")
    assert list(tmp_path.iterdir()) == []
    assert len(server.asked) == 1


def test_a_transfer_that_never_gets_on_is_given_up_with_the_reason(
    server: FileServer, downloader: Downloader, content: bytes, tmp_path: Path, pauses: list[float]
) -> None:
    server.conducts = [Conduct(breaks_after_bytes=10)] * 50
    with pytest.raises(SourceFailed, match="broke off"):
        downloader.fetch(_pinned(server, content), tmp_path / "model.bin")
    assert pauses == [1.0, 3.0, 7.0]
    assert (tmp_path / "model.bin.part").read_bytes() == content[:40]


def test_a_transfer_that_gets_on_is_never_given_up(
    server: FileServer, downloader: Downloader, content: bytes, tmp_path: Path
) -> None:
    whole = content * 4
    server.files["model.bin"] = whole
    server.conducts = [Conduct(breaks_after_bytes=1_100_000)] * 10
    downloader.fetch(_pinned(server, whole), tmp_path / "model.bin")
    assert (tmp_path / "model.bin").read_bytes() == whole


def test_a_transfer_that_stands_still_is_taken_up_again(
    server: FileServer, downloader: Downloader, content: bytes, tmp_path: Path
) -> None:
    server.conducts = [Conduct(stands_still=True)]
    downloader.fetch(_pinned(server, content), tmp_path / "model.bin")
    assert (tmp_path / "model.bin").read_bytes() == content


def test_a_busy_server_is_asked_again_when_it_said(
    server: FileServer, downloader: Downloader, content: bytes, tmp_path: Path, pauses: list[float]
) -> None:
    server.conducts = [Conduct(status=503, headers={"Retry-After": "12"}), Conduct(status=429)]
    downloader.fetch(_pinned(server, content), tmp_path / "model.bin")
    assert pauses == [12.0, 3.0]


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_refusal_is_not_argued_with(
    server: FileServer, downloader: Downloader, content: bytes, tmp_path: Path, status: int
) -> None:
    server.conducts = [Conduct(status=status)] * 2
    with pytest.raises(NotOffered, match=f"answers {status}"):
        downloader.fetch(_pinned(server, content), tmp_path / "model.bin")
    assert len(server.conducts) == 1


def test_an_encoded_body_is_refused(
    server: FileServer, downloader: Downloader, content: bytes, tmp_path: Path
) -> None:
    server.conducts = [Conduct(headers={"Content-Encoding": "gzip"})]
    with pytest.raises(NotOffered, match="encoded"):
        downloader.fetch(_pinned(server, content), tmp_path / "model.bin")


def test_a_redirect_is_followed(
    server: FileServer, downloader: Downloader, content: bytes, tmp_path: Path
) -> None:
    server.conducts = [Conduct(status=302, headers={"Location": "/model.bin"})]
    downloader.fetch(_pinned(server, content), tmp_path / "model.bin")
    assert (tmp_path / "model.bin").read_bytes() == content


def test_endless_redirects_are_a_refusal(
    server: FileServer, downloader: Downloader, content: bytes, tmp_path: Path
) -> None:
    server.conducts = [Conduct(status=302, headers={"Location": "/model.bin"})] * 30
    with pytest.raises(NotOffered):
        downloader.fetch(_pinned(server, content), tmp_path / "model.bin")


def test_a_host_that_cannot_be_reached_is_asked_once_a_run(downloader: Downloader, tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        wanted = Wanted(f"http://127.0.0.1:{closed.getsockname()[1]}/model.bin", "model.bin")
    with pytest.raises(Unreachable, match="cannot be reached") as first:
        downloader.fetch(wanted, tmp_path / "model.bin")
    with pytest.raises(Unreachable) as second:
        downloader.fetch(wanted, tmp_path / "model.bin")
    assert (first.value.already_said, second.value.already_said) == (False, True)
    assert list(tmp_path.iterdir()) == []


def test_a_host_behind_a_redirect_that_cannot_be_reached_is_the_one_named(
    server: FileServer, downloader: Downloader, tmp_path: Path
) -> None:
    server.conducts = [Conduct(status=302, headers={"Location": "http://nowhere.invalid/model.bin"})]
    with pytest.raises(Unreachable, match=r"nowhere\.invalid"):
        downloader.fetch(_unpinned(server), tmp_path / "model.bin")


def test_a_full_disk_is_said_and_what_was_written_is_removed(
    server: FileServer, downloader: Downloader, content: bytes, tmp_path: Path
) -> None:
    (tmp_path / "model.bin.part").symlink_to("/dev/full")
    with pytest.raises(DiskFull, match="is full"):
        downloader.fetch(_pinned(server, content), tmp_path / "model.bin")
    assert list(tmp_path.iterdir()) == []


def test_without_a_checksum_the_rest_is_asked_for_only_while_the_file_is_the_same(
    server: FileServer, downloader: Downloader, content: bytes, tmp_path: Path
) -> None:
    server.headers = {"ETag": '"first"'}
    server.conducts = [Conduct(breaks_after_bytes=500_000)]
    downloader.fetch(_unpinned(server), tmp_path / "model.bin")
    assert (tmp_path / "model.bin").read_bytes() == content
    assert [(asked.range, asked.if_range) for asked in server.asked] == [
        (None, None),
        ("bytes=500000-", '"first"'),
    ]


def test_without_a_checksum_a_file_that_changed_meanwhile_is_fetched_whole(
    server: FileServer, downloader: Downloader, content: bytes, tmp_path: Path
) -> None:
    server.headers = {"ETag": '"second"'}
    server.conducts = [
        Conduct(breaks_after_bytes=500_000, body=bytes(3_000_000), headers={"ETag": '"first"'})
    ]
    downloader.fetch(_unpinned(server), tmp_path / "model.bin")
    assert (tmp_path / "model.bin").read_bytes() == content


@pytest.mark.parametrize("headers", [{}, {"ETag": 'W/"weak"'}])
def test_without_a_checksum_or_a_strong_validator_nothing_is_put_together(
    server: FileServer, downloader: Downloader, content: bytes, tmp_path: Path, headers: dict[str, str]
) -> None:
    server.headers = headers
    (tmp_path / "model.bin.part").write_bytes(b"from an earlier run")
    server.conducts = [Conduct(breaks_after_bytes=500_000)]
    downloader.fetch(_unpinned(server), tmp_path / "model.bin")
    assert (tmp_path / "model.bin").read_bytes() == content
    assert [asked.range for asked in server.asked] == [None, None]


def test_progress_ends_at_the_whole(
    server: FileServer, downloader: Downloader, content: bytes, tmp_path: Path, reporter: KeepingReporter
) -> None:
    downloader.fetch(_pinned(server, content), tmp_path / "model.bin")
    assert reporter.transfers["model.bin"].positions[-1] == (len(content), len(content))


def test_an_https_address_is_not_left_for_an_open_one(reporter: KeepingReporter, tmp_path: Path) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.scheme == "https":
            return httpx.Response(302, headers={"Location": "http://example.org/model.bin"})
        return httpx.Response(200, content=b"anything")

    with httpx.Client(transport=httpx.MockTransport(answer), follow_redirects=True) as client:
        downloader = Downloader(client, reporter)
        with pytest.raises(NotOffered, match="without encryption"):
            downloader.fetch(Wanted("https://example.org/model.bin", "model.bin"), tmp_path / "model.bin")
