"""Nothing leaves the machine: conversations by both transports where every packet that would leave is counted."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.livekit import start_livekit
from support.speech import prompt, prompt_words, word_error_rate
from support.stack import start_stack, talk

from voicechat.audio.wav import write_wav

# A network of its own, whose only way out is a cable into the void, which counts what is sent.
ALONE = """
set -e
ip link set lo up
ip link add way_out type veth peer name void
echo 1 > /proc/sys/net/ipv6/conf/way_out/disable_ipv6
echo 1 > /proc/sys/net/ipv6/conf/void/disable_ipv6
ip addr add 192.0.2.1/24 dev way_out
ip link set void up
ip link set way_out arp off up
ip route add default dev way_out
exec "$@"
"""


def _packets_sent(inside: list[str]) -> int:
    links = subprocess.run([*inside, "ip", "-s", "-j", "link", "show", "way_out"], capture_output=True, check=True)
    return int(json.loads(links.stdout)[0]["stats64"]["tx"]["packets"])


def _talk_in_a_room(url: str, recording: Path, inside: list[str]) -> dict[str, Any]:
    command = [*inside, sys.executable, "-m", "support.room_call", url, str(recording)]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("ip"),
    reason="network namespaces need root, unshare and ip",
)
def test_a_conversation_sends_no_packet_to_the_world(tmp_path: Path) -> None:
    name = "conf-onlyone"
    write_wav(tmp_path / "question.wav", *prompt(name))
    livekit = start_livekit(tmp_path, wrapper=["unshare", "-n", "sh", "-c", ALONE, "sh"])
    inside = ["nsenter", "-t", str(livekit.process.pid), "-n"]
    stack = start_stack(tmp_path / "up.log", "--mind", "embedded", wrapper=inside, environment=livekit.environment)
    try:
        livekit.wait_until_ready(inside)
        stack.wait_until_ready()
        report = talk(stack.realtime_url, tmp_path / "question.wav", wrapper=inside)
        room = _talk_in_a_room(stack.url, tmp_path / "question.wav", inside)
        packets = _packets_sent(inside)
        subprocess.run([*inside, "bash", "-c", "echo > /dev/udp/198.51.100.1/9"], check=True)
        packets_of_a_datagram = _packets_sent(inside) - packets
    finally:
        stack.stop()
        livekit.stop()

    assert word_error_rate([prompt_words()[name]], [report["turns"][0]["user"]]) <= 0.10
    assert report["turns"][0]["audio_ms"] > 0
    # A lossy codec lies between: the ears may take one word for another here.
    assert word_error_rate([prompt_words()[name]], [room["user"]]) <= 0.35
    assert room["assistant"]
    assert packets == 0
    assert packets_of_a_datagram == 1, "the counter does not count"
