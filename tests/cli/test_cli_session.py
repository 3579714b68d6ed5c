"""A signal ends the wait for it even where Python drops the exception that it raises."""

import os
import signal

import pytest

from flight_server.cli.session import interruptible


class SignalledWhileItIsDeleted:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        for _ in range(100):  # a signal reaches Python between two instructions
            pass


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_signal_in_a_finalizer_is_not_lost():
    with interruptible() as came:
        SignalledWhileItIsDeleted()
        came.wait()


def test_a_signal_interrupts_the_block_and_a_second_one_is_ignored():
    with interruptible() as came:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        assert came.is_set()
