"""Payments only keep their line of the access log: none is lost, doubled or out of order; other requests write it."""

import io
import logging
import multiprocessing
import threading

import pytest

from monnaie_locale.commands.access_log import KEPT_MAX, PaymentsAside

THREADS = 8
LINES_EACH = 500
WAITS_S_MAX = 20


class Slow(io.StringIO):
    """An output that takes nothing until it is let go."""

    def __init__(self):
        super().__init__()
        self.is_let_go = threading.Event()
        self.is_asked = threading.Event()

    def write(self, text):
        self.is_asked.set()
        assert self.is_let_go.wait(WAITS_S_MAX)
        return super().write(text)


class Broken(io.StringIO):
    """An output that fails the first time."""

    def __init__(self):
        super().__init__()
        self.has_failed = False

    def write(self, text):
        if not self.has_failed:
            self.has_failed = True
            raise OSError("the reader has gone")
        return super().write(text)


def record(text, status=201):
    told = {"method": "POST", "path": "/api/v1/charges", "status": status}
    return logging.LogRecord("granian.access", logging.INFO, "", 0, text, (told,), None)


def light(text):
    return record(text, status=200)


def test_every_line_of_many_threads_is_written_once_and_each_thread_s_in_order():
    handler = PaymentsAside(io.StringIO())

    def log(thread):
        for number in range(LINES_EACH):
            handler.handle(record(f"{thread} {number}"))

    threads = [threading.Thread(target=log, args=(thread,)) for thread in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    handler.flush()

    lines = [tuple(map(int, line.split())) for line in handler.stream.getvalue().splitlines()]
    assert len(lines) == THREADS * LINES_EACH
    for thread in range(THREADS):
        assert [number for who, number in lines if who == thread] == list(range(LINES_EACH))


def test_a_line_is_written_without_being_asked_for():
    output = Slow()
    output.is_let_go.set()
    handler = PaymentsAside(output)
    handler.handle(record("one"))
    assert output.is_asked.wait(WAITS_S_MAX)


def _pay_last(path):
    handler = PaymentsAside(path.open("w", encoding="ascii"))
    handler.handle(record("last"))
    assert path.read_text(encoding="ascii") == ""


def test_what_was_paid_just_before_the_process_ends_is_written(tmp_path):
    # A process of `multiprocessing`, as the server's worker is: it ends without `logging.shutdown`.
    path = tmp_path / "access.log"
    worker = multiprocessing.get_context("fork").Process(target=_pay_last, args=(path,))
    worker.start()
    worker.join(WAITS_S_MAX)
    assert worker.exitcode == 0
    assert path.read_text(encoding="ascii") == "last\n"


def test_who_logs_does_not_wait_for_the_output():
    output = Slow()
    handler = PaymentsAside(output)
    handler.handle(record("one"))
    assert output.is_asked.wait(WAITS_S_MAX)
    # The output holds the thread now: were it written by who logs, the test would stand still here.
    handler.handle(record("two"))
    assert output.getvalue() == ""
    output.is_let_go.set()
    handler.flush()
    assert output.getvalue() == "one\ntwo\n"


def test_the_control_a_light_request_waits_for_its_output():
    output = Slow()
    handler = PaymentsAside(output)
    logger = threading.Thread(target=handler.handle, args=(light("one"),))
    logger.start()
    assert output.is_asked.wait(WAITS_S_MAX)
    assert logger.is_alive()
    output.is_let_go.set()
    logger.join()


def test_a_light_request_is_written_at_once_behind_the_payments_before_it():
    handler = PaymentsAside(io.StringIO())
    handler._begin = lambda: None  # nobody else writes
    for each in (record("one"), record("two")):
        handler.handle(each)
    assert handler.stream.getvalue() == ""
    handler.handle(light("three"))
    assert handler.stream.getvalue() == "one\ntwo\nthree\n"


@pytest.mark.parametrize("status", [200, 303, 401, 404, 422, 503])
def test_only_what_waited_for_a_commit_is_written_aside(status):
    handler = PaymentsAside(io.StringIO())
    handler.handle(record("light", status=status))
    assert handler.stream.getvalue() == "light\n"


def test_a_filter_of_the_handler_is_asked():
    handler = PaymentsAside(io.StringIO())
    handler.addFilter(lambda each: each.msg != "secret")
    assert [handler.handle(record(text)) for text in ("secret", "plain")] == [False, True]
    handler.flush()
    assert handler.stream.getvalue() == "plain\n"


def test_an_output_that_fails_is_told_of_and_the_next_lines_are_written(capsys):
    handler = PaymentsAside(Broken())
    handler.handle(record("lost"))
    handler.flush()
    handler.handle(record("kept"))
    handler.flush()
    assert handler.stream.getvalue() == "kept\n"
    assert "the reader has gone" in capsys.readouterr().err


def test_an_output_that_nobody_reads_costs_no_more_than_so_many_lines():
    output = Slow()
    handler = PaymentsAside(output)
    handler.handle(record("first"))
    assert output.is_asked.wait(WAITS_S_MAX)
    for number in range(KEPT_MAX + 1):
        handler.handle(record(str(number)))
    output.is_let_go.set()
    handler.flush()
    lines = output.getvalue().splitlines()
    assert (lines[0], lines[1], len(lines)) == ("first", "1", KEPT_MAX + 1)


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_is_written_of_nothing(count):
    output = Slow()
    output.is_let_go.set()
    handler = PaymentsAside(output)
    for _ in range(count):
        handler.handle(record("one"))
    handler.flush()
    handler.flush()
    assert output.getvalue() == "one\n" * count
