"""Piper voices, run by ONNX Runtime. The phonemes come from piper-tts (GPL), which only this package imports."""
