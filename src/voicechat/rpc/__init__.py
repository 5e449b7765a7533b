"""The wire between the orchestrator and the workers that speak: `tts.proto` and the stubs that `make proto` makes."""

from voicechat.rpc.voicechat.tts.v1 import tts_pb2, tts_pb2_grpc

__all__ = ["tts_pb2", "tts_pb2_grpc"]
