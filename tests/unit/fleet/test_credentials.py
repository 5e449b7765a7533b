"""Both ends of the wire on loopback, with real certificates."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio
from pydantic import SecretStr

from voicechat.fleet.credentials import open_channel
from voicechat.fleet.port import VoiceError
from voicechat.rpc.voicechat.tts.v1 import tts_pb2 as pb
from voicechat.rpc.voicechat.tts.v1.tts_pb2_grpc import (
    SynthesizerServicer,
    SynthesizerStub,
    add_SynthesizerServicer_to_server,
)
from voicechat.settings import GrpcSettings
from voicechat.tts.credentials import CredentialsError, bind, interceptors

OPTIONS = (("grpc.enable_http_proxy", 0),)
TIMEOUT_S = 5.0


class Answers(SynthesizerServicer):
    async def ListModels(self, request: pb.ListModelsRequest, context: object) -> pb.ListModelsResponse:
        return pb.ListModelsResponse()

    async def Synthesize(self, requests: object, context: object) -> AsyncIterator[pb.SynthesizeResponse]:
        yield pb.SynthesizeResponse()


@asynccontextmanager
async def worker(settings: GrpcSettings) -> AsyncIterator[tuple[str, list[str]]]:
    refused: list[str] = []
    server = grpc.aio.server(interceptors=interceptors(settings, refused.append))
    add_SynthesizerServicer_to_server(Answers(), server)  # type: ignore[abstract]  # two methods are enough here
    health_pb2_grpc.add_HealthServicer_to_server(health_aio.HealthServicer(), server)
    port = bind(server, "127.0.0.1:0", settings)
    await server.start()
    try:
        yield f"127.0.0.1:{port}", refused
    finally:
        await server.stop(None)


async def outcome(address: str, settings: GrpcSettings) -> str:
    """What a caller meets, by a call and by a stream."""
    async with open_channel(address, settings, OPTIONS) as channel:
        stub = SynthesizerStub(channel)
        codes = []
        try:
            await stub.ListModels(pb.ListModelsRequest(), timeout=TIMEOUT_S)
            codes.append("OK")
        except grpc.aio.AioRpcError as error:
            codes.append(error.code().name)
        stream = stub.Synthesize(timeout=TIMEOUT_S)
        try:
            await stream.read()
            codes.append("OK")
        except grpc.aio.AioRpcError as error:
            codes.append(error.code().name)
        stream.cancel()
    assert len(set(codes)) == 1, codes
    return codes[0]


def secret(value: str) -> GrpcSettings:
    return GrpcSettings(secret=SecretStr(value))


async def test_the_same_secret_on_both_ends_is_let_in() -> None:
    async with worker(secret("s3cret")) as (address, refused):
        assert await outcome(address, secret("s3cret")) == "OK"
        assert refused == []


@pytest.mark.parametrize("settings", [GrpcSettings(), secret("other"), secret("s3cret2"), secret("s3cre")])
async def test_another_secret_or_none_is_not(settings: GrpcSettings) -> None:
    async with worker(secret("s3cret")) as (address, refused):
        assert await outcome(address, settings) == "UNAUTHENTICATED"
        assert len(refused) == 2


async def test_health_is_told_without_a_secret() -> None:
    async with worker(secret("s3cret")) as (address, _), open_channel(address, GrpcSettings(), OPTIONS) as channel:
        answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


class Authority:
    """Makes certificates for the name `tts`."""

    def __init__(self, directory: Path, name: str) -> None:
        self._directory, self._name = directory, name
        self.certificate, self._key = directory / f"{name}.crt", directory / f"{name}.key"
        self._openssl(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"),
            *("-subj", f"/CN={name}", "-keyout", self._key, "-out", self.certificate),
        )

    def member(self, name: str) -> GrpcSettings:
        """Somebody with a certificate of this authority, who trusts it."""
        base = self._directory / f"{self._name}-{name}"
        request, key, certificate, names = (base.with_suffix(end) for end in (".csr", ".key", ".crt", ".ext"))
        names.write_text("subjectAltName=DNS:tts")
        self._openssl(
            *("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}"),
            *("-keyout", key, "-out", request),
        )
        self._openssl(
            *("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self._key, "-CAcreateserial"),
            *("-days", "1", "-extfile", names, "-out", certificate),
        )
        return GrpcSettings(certificate=certificate, private_key=key, ca=self.certificate, server_name="tts")

    def _openssl(self, *arguments: str | Path) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)


async def test_certificates_of_one_authority_are_let_in_and_no_others(tmp_path: Path) -> None:
    ours, strange = Authority(tmp_path, "ours"), Authority(tmp_path, "strange")
    async with worker(ours.member("worker")) as (address, _):
        caller = ours.member("caller")
        assert await outcome(address, caller) == "OK"
        bare = GrpcSettings(ca=ours.certificate, server_name="tts")
        assert await outcome(address, bare) == "UNAVAILABLE"
        assert await outcome(address, strange.member("caller")) == "UNAVAILABLE"
        assert await outcome(address, GrpcSettings()) == "UNAVAILABLE"
        assert await outcome(address, caller.model_copy(update={"server_name": "other"})) == "UNAVAILABLE"


async def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    absent = GrpcSettings(certificate=tmp_path / "a.crt", private_key=tmp_path / "a.key", ca=tmp_path / "ca.crt")
    with pytest.raises(VoiceError, match=r"ca\.crt"):
        open_channel("127.0.0.1:1", absent, OPTIONS)
    with pytest.raises(CredentialsError, match=r"ca\.crt"):
        bind(grpc.aio.server(), "127.0.0.1:0", absent)
