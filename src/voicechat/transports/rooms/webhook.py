"""LiveKit's webhook: events that are signed with the installation's key."""

from __future__ import annotations

from google.protobuf.json_format import ParseError
from livekit import api

from voicechat.transports.rooms.port import MalformedError, UnsignedError
from voicechat.transports.rooms.server import LiveKitServer


def read_event(server: LiveKitServer, body: bytes, authorization: str) -> api.WebhookEvent:
    """The event in `body`; the header `Authorization` holds a token with its digest.

    Raises `UnsignedError` or `MalformedError`.
    """
    receiver = api.WebhookReceiver(api.TokenVerifier(server.api_key, server.api_secret))
    try:
        return receiver.receive(body.decode(), authorization.removeprefix("Bearer "))
    except (ParseError, UnicodeDecodeError) as error:
        raise MalformedError("the body is no event of LiveKit's") from error
    except Exception as error:  # the SDK raises plain exceptions, and those of its JWT library
        raise UnsignedError("the event is not signed with livekit.api_secret") from error
