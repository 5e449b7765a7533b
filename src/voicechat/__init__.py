"""A self-hosted voice assistant you can interrupt."""

import os

# onnxruntime reports to its vendor from the moment it is imported, and huggingface_hub with each request. Nothing may
# leave the owner's machines, so both are told before anything of ours can import them.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
