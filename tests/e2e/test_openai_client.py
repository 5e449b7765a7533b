"""The stock `openai` client, unchanged, holds a conversation."""

from __future__ import annotations

import numpy as np
from support.realtime import RATE_HZ, connect, listen, send_audio, spoken, type_text
from support.speech import recognise, silence, word_error_rate
from support.stack import Stack


async def test_a_spoken_question_is_transcribed_and_answered_aloud(stack: Stack) -> None:
    question = "Why do people sleep at night?"
    async with connect(stack) as connection:
        await send_audio(connection, np.concatenate([spoken(stack, question), silence(1.0, RATE_HZ)]), real_time=True)
        heard = await listen(connection)

    assert heard.of("error") == []
    assert word_error_rate([question], [heard.question]) <= 0.20
    assert word_error_rate([heard.reply], [recognise(heard.audio, RATE_HZ)]) <= 0.20
    assert heard.status == "completed"


async def test_manual_turns_are_committed_and_answered_on_request(stack: Stack) -> None:
    question = "How many days are in a week?"
    async with connect(stack) as connection:
        await connection.session.update(session={"type": "realtime", "audio": {"input": {"turn_detection": None}}})
        await send_audio(connection, spoken(stack, question))
        await connection.input_audio_buffer.commit()
        await connection.response.create()
        heard = await listen(connection)

    assert heard.of("error") == []
    assert heard.of("input_audio_buffer.committed")
    assert word_error_rate([question], [heard.question]) <= 0.20
    assert heard.audio.size > 0
    assert heard.status == "completed"


async def test_a_cancelled_reply_ends_and_the_next_one_completes(stack: Stack) -> None:
    async with connect(stack) as connection:
        await type_text(connection, "Tell me a long story about a ship.")
        await listen(connection, "response.output_audio.delta")
        await connection.response.cancel()
        cut = await listen(connection)
        await type_text(connection, "Say hello.")
        whole = await listen(connection)

    assert cut.status == "cancelled"
    assert whole.status == "completed"
    assert whole.audio.size > 0


async def test_an_unknown_event_is_refused_and_the_session_lives_on(stack: Stack) -> None:
    async with connect(stack) as connection:
        await connection.send_raw('{"type": "session.dance", "event_id": "event_1"}')
        refused = await listen(connection, "error")
        await type_text(connection, "Say hello.")
        heard = await listen(connection)

    assert refused.of("error")[0].error.event_id == "event_1"
    assert heard.status == "completed"
