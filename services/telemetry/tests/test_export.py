"""A collector that is away costs no span and no request; what is lost is counted."""

import gzip
import os
import socket
import threading
import time

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext
from pydantic import ValidationError

from telemetry import events, metrics
from telemetry.export import OtlpSettings, SpoolingExporter
from telemetry.spool import Spool


@pytest.fixture
def exporter(collector, tmp_path, monkeypatch):
    monkeypatch.setattr("telemetry.export._PAUSE_SECONDS", 0.0)
    settings = OtlpSettings(otel_exporter_otlp_endpoint=collector.url, OTEL_EXPORTER_OTLP_TIMEOUT=0.3)
    exporter = SpoolingExporter(settings, Spool(tmp_path, 1_000_000))
    yield exporter
    exporter.shutdown()


def batch(*names: str) -> list[ReadableSpan]:
    return [ReadableSpan(name, SpanContext(1, 1, False), resource=Resource({})) for name in names]


def counted(outcome: str) -> float:
    return metrics.SPANS.labels(outcome)._value.get()


def test_batches_of_an_outage_arrive_afterwards_in_order_and_once(collector, exporter):
    before = counted("exported")
    exporter.export(batch("a"))
    collector.status = 503
    exporter.export(batch("b", "c"))
    exporter.export(batch("d"))
    assert collector.names == ["a"]
    collector.status = 200
    exporter.export(batch("e"))
    assert collector.names == ["a", "b", "c", "d", "e"]
    assert counted("exported") - before == 5


def test_collector_that_does_not_listen_or_hangs_loses_nothing(collector, exporter):
    collector.delay = 1.0
    started = time.monotonic()
    exporter.export(batch("slow"))
    assert time.monotonic() - started < 0.9
    collector.delay = 0.0
    collector.names.clear()
    exporter.export(batch("next"))
    assert collector.names == ["slow", "next"]


def test_batch_is_on_disk_until_it_has_arrived(collector, exporter, tmp_path):
    """What a process that is killed while it sends leaves to its successor."""
    collector.delay = 1.0
    settings = OtlpSettings(otel_exporter_otlp_endpoint=collector.url)
    sender = threading.Thread(target=SpoolingExporter(settings, Spool(tmp_path, 1_000_000)).export, args=[batch("a")])
    sender.start()
    deadline = time.monotonic() + 10
    while not (parcels := list(tmp_path.glob("*.otlp"))) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert b"a" in gzip.decompress(parcels[0].read_bytes())
    assert collector.names == []
    sender.join(10)
    assert (collector.names, list(tmp_path.iterdir())) == (["a"], [])


def test_disk_without_room_costs_nothing_while_the_collector_takes_all(collector, tmp_path, caplog):
    before = counted("lost"), counted("exported")
    exporter = SpoolingExporter(OtlpSettings(otel_exporter_otlp_endpoint=collector.url), Spool(tmp_path / "spool", 100))
    (tmp_path / "spool").rmdir()
    exporter.export(batch("sent"))
    assert (counted("lost") - before[0], counted("exported") - before[1]) == (0, 1)
    collector.status = 503
    exporter.export(batch("neither sent", "nor kept"))
    assert counted("lost") - before[0] == 2
    lost = [record.count for record in caplog.records if str(record.msg) == events.TELEMETRY_LOST]
    assert (collector.names, lost) == (["sent"], [2])


def test_what_waits_arrives_although_no_new_span_is_made(collector, exporter):
    collector.status = 503
    exporter.export(batch("last of the day"))
    collector.status = 200
    deadline = time.monotonic() + 10
    while collector.names != ["last of the day"] and time.monotonic() < deadline:
        time.sleep(0.05)
    assert collector.names == ["last of the day"]


def test_parcels_outlive_the_process_that_made_them(collector, exporter, tmp_path):
    collector.status = 503
    exporter.export(batch("before the crash"))
    exporter.shutdown()
    collector.status = 200
    settings = OtlpSettings(otel_exporter_otlp_endpoint=collector.url)
    SpoolingExporter(settings, Spool(tmp_path, 1_000_000)).export(batch("after"))
    assert collector.names == ["before the crash", "after"]
    assert list(tmp_path.iterdir()) == []


def test_parcels_that_two_instances_found_arrive_and_none_counts_as_lost(collector, tmp_path):
    collector.status = 503
    settings = OtlpSettings(otel_exporter_otlp_endpoint=collector.url)
    SpoolingExporter(settings, Spool(tmp_path, 1_000_000)).export(batch("waits"))
    before, spools = counted("lost"), [Spool(tmp_path, 1_000_000), Spool(tmp_path, 1_000_000)]
    collector.status = 200
    for spool in spools:
        exporter = SpoolingExporter(settings, spool)
        exporter.export(batch("new"))
        exporter.shutdown()
    assert sorted(collector.names) == ["new", "new", "waits"]
    assert counted("lost") == before


def test_instance_that_starts_leaves_what_another_is_just_writing(tmp_path):
    (tmp_path / "1-1.part").write_bytes(b"young")
    (old := tmp_path / "0-1.part").write_bytes(b"abandoned")
    os.utime(old, (0, 0))
    Spool(tmp_path, 1_000_000)
    assert [path.name for path in tmp_path.iterdir()] == ["1-1.part"]


def test_full_spool_gives_up_the_oldest_and_counts_it(tmp_path):
    spool = Spool(tmp_path, 100)
    assert spool.put(b"x" * 60, 7)[1] == 0
    assert spool.put(b"y" * 60, 5)[1] == 7
    assert (spool.oldest() or pytest.fail("empty")).read() == b"y" * 60
    assert len(list(tmp_path.iterdir())) == 1


def test_refused_batch_is_counted_and_not_sent_again(collector, exporter):
    before = counted("refused")
    collector.status = 400
    exporter.export(batch("bad"))
    collector.status = 200
    exporter.export(batch("good"))
    assert collector.names == ["good"]
    assert counted("refused") - before == 1


def test_without_a_folder_an_outage_is_counted_as_loss():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        settings = OtlpSettings(otel_exporter_otlp_endpoint=f"http://127.0.0.1:{closed.getsockname()[1]}")
        before = counted("lost")
        SpoolingExporter(settings, None).export(batch("a", "b"))
    assert counted("lost") - before == 2


def test_standard_variables_choose_address_headers_and_timeout(collector, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://elsewhere:4318/")
    assert OtlpSettings().url == "http://elsewhere:4318/v1/traces"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", f"{collector.url}/custom")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=sandbox,x-other=1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1.5")
    settings = OtlpSettings()
    assert (settings.url, settings.timeout) == (f"{collector.url}/custom", 1.5)
    SpoolingExporter(settings, None).export(batch("a"))
    assert collector.headers["x-tenant"] == "sandbox"


def test_compression_can_be_switched_off_and_what_waited_compressed_still_arrives(collector, tmp_path, monkeypatch):
    spool = Spool(tmp_path, 1_000_000)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        away = OtlpSettings(otel_exporter_otlp_endpoint=f"http://127.0.0.1:{closed.getsockname()[1]}")
        SpoolingExporter(away, spool).export(batch("compressed"))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "none")
    exporter = SpoolingExporter(OtlpSettings(otel_exporter_otlp_endpoint=collector.url), spool)
    exporter.export(batch("plain"))
    exporter.shutdown()
    assert collector.names == ["compressed", "plain"]
    assert "content-encoding" not in {name.lower() for name in collector.headers}


def test_compression_that_nobody_knows_is_refused(monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "brotli")
    with pytest.raises(ValidationError, match="COMPRESSION"):
        OtlpSettings()


def test_client_certificate_is_shown_to_the_collector(monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/etc/otel/client.pem")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "/etc/otel/client.key")
    settings = OtlpSettings()
    assert (settings.client_certificate, settings.client_key) == ("/etc/otel/client.pem", "/etc/otel/client.key")
    pool = SpoolingExporter(settings, None)._pool
    shown = {name: pool.connection_pool_kw[name] for name in ("cert_file", "key_file")}
    assert shown == {"cert_file": "/etc/otel/client.pem", "key_file": "/etc/otel/client.key"}
