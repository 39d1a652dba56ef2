"""A monitor by itself keeps to the contract of the shared ones."""

import pytest

from gateway.health_monitor.local_records import LocalRecords
from tests.support.clock import FakeClock
from tests.support.health_records_contract import Harness, RecordStoreContract


class TestLocalRecords(RecordStoreContract):
    @pytest.fixture
    def harness(self) -> Harness:
        clock = FakeClock(0.0)
        records = LocalRecords(clock)

        async def wait(seconds: float) -> None:
            clock.advance(seconds)

        return Harness(records, records, wait)
