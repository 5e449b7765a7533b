"""The page in Chromium against a scripted server: what it sends, shows and plays."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect
from support.chromium import Watch, chromium, stats, wait_for_stats
from support.fake_realtime import ANSWER, QUESTION, FakeRealtime, serve_fake

from voicechat.api.page import PAGE_DIRECTORY

SPEAKING = "s.state === 'speaking' && s.playedSamples > 2400"
AUDIBLE = 0.1
SILENT = 1e-4


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def server() -> Iterator[FakeRealtime]:
    with serve_fake() as fake:
        yield fake


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 390, "height": 780})
    yield context
    context.close()


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def page(context: BrowserContext, server: FakeRealtime, watch: Watch) -> Page:
    page = watch.follow(context.new_page())
    return open_page(page, server)


def open_page(page: Page, server: FakeRealtime) -> Page:
    page.goto(server.url)
    page.wait_for_function("() => window.__voicechat !== undefined")
    return page


def talk(page: Page) -> None:
    page.get_by_role("button", name="Talk").click()


def write(page: Page, text: str) -> None:
    page.get_by_label("Message").fill(text)
    page.keyboard.press("Enter")


def words(page: Page) -> Locator:
    return page.get_by_role("log", name="Conversation")


def problem(page: Page) -> Locator:
    return page.get_by_role("alert").filter(has=page.get_by_role("button", name="Dismiss"))


def test_the_first_screen_has_what_one_needs_and_nothing_goes_elsewhere(
    page: Page, server: FakeRealtime, watch: Watch
) -> None:
    expect(page.get_by_role("heading", name="voicechat")).to_be_visible()
    expect(page.get_by_role("button", name="Talk")).to_be_visible()
    expect(page.get_by_label("Microphone")).to_be_visible()
    expect(page.get_by_label("Voice")).to_be_visible()
    expect(page.get_by_label("Message")).to_be_visible()

    talk(page)
    wait_for_stats(page, SPEAKING)

    assert watch.console_errors == []
    assert {urlsplit(url).netloc for url in watch.urls} == {f"127.0.0.1:{server.port}"}


def test_a_call_sends_the_microphone_and_shows_the_words_of_both_sides(page: Page, server: FakeRealtime) -> None:
    talk(page)

    expect(words(page)).to_contain_text(QUESTION)
    expect(words(page)).to_contain_text(ANSWER, timeout=10_000)
    sent = server.client.of("input_audio_buffer.append")
    assert len(sent) >= 100
    assert {len(frame["audio"]) for frame in sent} == {1280}
    assert len({frame["audio"] for frame in sent}) > 10
    assert stats(page)["droppedFrames"] == 0


def test_the_reply_is_heard_and_what_was_played_is_reported(page: Page, server: FakeRealtime) -> None:
    talk(page)

    assert wait_for_stats(page, f"s.outputLevel > {AUDIBLE}")["receivedChunks"] > 0
    played = wait_for_stats(page, "s.playedSamples === 72000 && s.queuedSamples === 0")
    assert (played["underruns"], played["overflowSamples"]) == (0, 0)
    page.wait_for_timeout(100)
    reports = [event["audio_end_ms"] for event in server.client.of("voicechat.played")]
    assert len(reports) >= 25
    assert reports == sorted(reports)
    assert reports[-1] == 3000


def test_a_cleared_reply_is_silent_within_100_ms_and_stays_so(page: Page, server: FakeRealtime) -> None:
    talk(page)
    wait_for_stats(page, SPEAKING)

    server.interrupt()

    cut = wait_for_stats(page, "s.clears === 1")
    assert cut["clearedAfterMs"] < 100
    page.wait_for_timeout(200)
    after = stats(page)
    assert after["outputLevel"] < SILENT
    assert after["playedSamples"] == cut["playedSamples"]


def test_words_that_were_not_heard_are_struck_through(page: Page, server: FakeRealtime) -> None:
    talk(page)
    expect(words(page)).to_contain_text("quarter past nine")

    server.interrupt()

    unheard = page.locator("del")
    expect(unheard).to_contain_text("past nine")
    assert "quarter" not in unheard.inner_text()
    expect(words(page)).to_contain_text("It is a quarter")


def test_a_cough_does_not_silence_the_reply(page: Page, server: FakeRealtime) -> None:
    talk(page)
    before = wait_for_stats(page, SPEAKING)

    server.cough()

    wait_for_stats(page, f"s.playedSamples > {before['playedSamples'] + 12_000} && s.outputLevel > {AUDIBLE}")
    assert stats(page)["clears"] == 0


def test_typing_needs_no_microphone(page: Page, server: FakeRealtime) -> None:
    write(page, "Good morning")

    expect(words(page)).to_contain_text("Good morning")
    wait_for_stats(page, f"s.outputLevel > {AUDIBLE}")
    assert server.client.of("input_audio_buffer.append") == []
    expect(page.get_by_role("button", name="Use microphone")).to_be_visible()


def test_a_microphone_can_join_a_call_by_text(page: Page, server: FakeRealtime) -> None:
    server.answers_turns = False
    write(page, "Good morning")
    page.get_by_role("button", name="Use microphone").click()

    wait_for_stats(page, "s.sentFrames > 10")
    expect(page.get_by_role("button", name="Mute")).to_be_visible()


def test_typing_over_a_reply_takes_the_turn(page: Page, server: FakeRealtime) -> None:
    talk(page)
    wait_for_stats(page, SPEAKING)

    write(page, "Something else")

    wait_for_stats(page, "s.clears >= 1 && s.clearedAfterMs < 100")
    expect(words(page)).to_contain_text("Something else")
    kinds = [event["type"] for event in server.client.received if not event["type"].startswith("input_audio")]
    asked = [kind for kind in kinds if kind != "voicechat.played"]
    assert asked == ["session.update", "response.cancel", "conversation.item.create", "response.create"]


def test_a_muted_call_goes_on_in_silence(page: Page, server: FakeRealtime) -> None:
    server.answers_turns = False
    talk(page)
    wait_for_stats(page, "s.inputLevel > 0.001")
    mute = page.get_by_role("button", name="Mute")

    mute.click()

    expect(mute).to_have_attribute("aria-pressed", "true")
    muted = wait_for_stats(page, "s.inputLevel === 0")
    wait_for_stats(page, f"s.sentFrames > {muted['sentFrames'] + 10}")
    assert set(server.client.of("input_audio_buffer.append")[-1]["audio"].rstrip("=")) == {"A"}


def test_what_the_assistant_does_is_told(page: Page, server: FakeRealtime) -> None:
    server.answers_turns = False
    status = page.get_by_role("status")
    talk(page)

    expect(status).to_have_text("Listening")
    for state in ("thinking", "speaking", "interrupted"):
        server.send("voicechat.state", state=state)
        expect(status).to_have_text(state.capitalize())


def test_the_last_turns_latency_is_in_small_print(page: Page) -> None:
    talk(page)

    words = "Answered in 707 ms · turn end 412 · ears 96 · mind 141 · voice 58"
    expect(page.locator("summary")).to_have_text(words)


def test_each_turns_waterfall_opens_from_the_small_print(page: Page) -> None:
    talk(page)
    page.locator("summary").click()

    turns = page.get_by_role("list", name="Where the time of each turn went").get_by_role("listitem")
    expect(turns).to_have_count(1)
    boxes = [turns.locator(f"[data-stage={stage}]").bounding_box() for stage in ("endpoint", "asr", "llm", "tts")]
    lefts = [box["x"] for box in boxes if box is not None]
    assert len(lefts) == 4
    assert lefts[0] == lefts[1] < lefts[2] < lefts[3]
    expect(turns.locator("[title]").first).to_have_attribute("title", re.compile(r"^resp_"))


def test_the_keyboard_is_enough(page: Page) -> None:
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Talk")).to_be_focused()
    page.keyboard.press("Space")

    expect(page.get_by_role("group", name="Call controls")).to_be_focused()
    expect(page.get_by_role("button", name="Mute")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Mute")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.get_by_role("button", name="Talk")).to_be_focused()


def test_ending_a_call_closes_it_and_keeps_the_words(page: Page) -> None:
    talk(page)
    expect(words(page)).to_contain_text(QUESTION)

    page.get_by_role("button", name="End", exact=True).click()

    assert stats(page)["phase"] == "idle"
    expect(words(page)).to_contain_text(QUESTION)
    expect(problem(page)).to_have_count(0)


def test_the_microphones_have_names_once_one_is_allowed(page: Page) -> None:
    talk(page)

    expect(page.get_by_label("Microphone").locator("option", has_text="Fake")).not_to_have_count(0)


def test_a_lost_connection_comes_back_by_itself(page: Page, server: FakeRealtime) -> None:
    server.answers_turns = False
    talk(page)
    wait_for_stats(page, "s.sentFrames > 5")

    server.vanish()

    expect(page.get_by_role("status")).to_have_text("Reconnecting")
    expect(page.get_by_role("status")).to_have_text("Listening")
    assert len(server.clients) == 2
    page.wait_for_timeout(200)
    assert server.client.frames > 0


def test_a_session_that_moves_is_left_after_the_reply_and_resumed(page: Page, server: FakeRealtime) -> None:
    talk(page)
    expect(page.get_by_role("status")).to_have_text("Speaking")
    server.answers_turns = False
    server.send("voicechat.session.moved", resume_token="t1")
    page.wait_for_timeout(300)
    assert not server.client.of("voicechat.session.leave")

    for _ in range(100):
        if len(server.clients) == 2 and server.client.frames > 20:
            break
        page.wait_for_timeout(100)
    assert server.resumed == ["t1"]
    expect(page.get_by_role("status")).to_have_text("Listening")
    expect(page.get_by_role("log")).to_contain_text("quarter past nine")


def test_a_full_server_is_named(page: Page, server: FakeRealtime) -> None:
    server.refuse_sessions = True
    talk(page)

    expect(problem(page)).to_contain_text("All lines are taken")


@pytest.mark.parametrize(
    ("status", "title"),
    [(401, "asks for a key"), (429, "All lines are taken"), (500, "does not answer")],
)
def test_a_refused_credential_is_explained(page: Page, server: FakeRealtime, status: int, title: str) -> None:
    server.credential_status = status
    talk(page)

    expect(problem(page)).to_contain_text(title)
    expect(page.get_by_role("button", name="Talk")).to_be_visible()


def test_a_server_with_keys_is_given_one_and_keeps_it_over_a_reload(page: Page, server: FakeRealtime) -> None:
    server.key = "vc-0123456789ab-key"
    talk(page)
    page.get_by_label("Key").fill(server.key)
    page.get_by_role("button", name="Use key").click()
    expect(problem(page)).to_have_count(0)
    talk(page)
    expect(page.get_by_role("status")).to_have_text("Listening")

    open_page(page, server)
    talk(page)
    expect(page.get_by_role("status")).to_have_text("Listening")


@pytest.mark.parametrize(
    ("error", "title"),
    [
        ("NotAllowedError", "The microphone is blocked"),
        ("NotFoundError", "No microphone found"),
        ("NotReadableError", "The microphone is in use"),
    ],
)
def test_a_microphone_that_cannot_be_had_is_explained(page: Page, error: str, title: str) -> None:
    page.evaluate(
        "name => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', name)); }", error
    )
    talk(page)

    expect(problem(page)).to_contain_text(title)
    page.get_by_role("button", name="Dismiss").click()
    expect(problem(page)).to_have_count(0)


def test_an_address_that_is_not_secure_is_explained(context: BrowserContext, server: FakeRealtime) -> None:
    page = context.new_page()
    page.add_init_script("Object.defineProperty(window, 'isSecureContext', { value: false })")
    open_page(page, server)
    talk(page)

    expect(problem(page)).to_contain_text("This address is not secure")


def test_models_that_load_are_waited_for(page: Page, server: FakeRealtime) -> None:
    server.answers_turns = False
    server.loading = [0.0, 0.33, 0.67, 0.67]
    talk(page)

    expect(page.get_by_role("status")).to_have_text("The models are loading, 67 %")
    expect(page.get_by_role("status")).to_have_text("Listening")


def test_a_network_that_goes_and_comes_back_is_told_and_used_at_once(page: Page, server: FakeRealtime) -> None:
    server.answers_turns = False
    talk(page)
    wait_for_stats(page, "s.sentFrames > 5")

    page.context.set_offline(True)
    server.vanish()
    expect(page.get_by_role("status")).to_contain_text("No network")
    page.wait_for_timeout(500)
    assert len(server.clients) == 1
    page.context.set_offline(False)

    expect(page.get_by_role("status")).to_have_text("Listening")
    assert len(server.clients) == 2


def test_an_unplugged_microphone_leaves_the_call_going_on(page: Page, server: FakeRealtime) -> None:
    server.answers_turns = False
    page.evaluate(
        """() => {
          const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
          navigator.mediaDevices.getUserMedia = async (wanted) => (window.stream = await ask(wanted));
        }"""
    )
    talk(page)
    wait_for_stats(page, "s.sentFrames > 5")

    page.evaluate("window.stream.getAudioTracks()[0].dispatchEvent(new Event('ended'))")

    expect(problem(page)).to_contain_text("The microphone is gone")
    assert stats(page)["phase"] == "live"
    page.get_by_role("button", name="Use microphone").click()
    expect(page.get_by_role("button", name="Mute")).to_be_visible()


def test_a_tab_that_was_asleep_says_so(page: Page, server: FakeRealtime) -> None:
    server.answers_turns = False
    page.clock.install()
    open_page(page, server)
    talk(page)
    expect(page.get_by_role("status").first).to_have_text("Listening")

    page.clock.fast_forward(60_000)

    expect(page.get_by_text("This tab was asleep")).to_be_visible()
    page.get_by_role("button", name="Dismiss").click()
    expect(page.get_by_text("This tab was asleep")).to_have_count(0)


def test_the_voice_can_be_changed_before_and_in_a_call(page: Page, server: FakeRealtime) -> None:
    server.answers_turns = False
    page.get_by_label("Voice").select_option("piper-de-de-thorsten-medium")
    talk(page)
    expect(page.get_by_role("status")).to_have_text("Listening")
    page.get_by_label("Voice").select_option("piper-en-us-joe-medium")
    page.wait_for_timeout(200)

    asked = [event["session"]["audio"]["output"]["voice"] for event in server.client.of("session.update")]
    assert asked == ["piper-de-de-thorsten-medium", "piper-en-us-joe-medium"]


def test_a_language_has_its_voices(page: Page) -> None:
    page.get_by_label("Language").select_option("de")

    expect(page.get_by_label("Voice").locator("option")).to_have_text(["Default voice", "Thorsten (de-DE)"])


def test_the_address_chooses_voice_and_theme_and_hides_its_key(page: Page, server: FakeRealtime) -> None:
    server.key = "vc-0123456789ab-key"
    page.goto(f"{server.url}?voice=piper-de-de-thorsten-medium&theme=dark#key={server.key}")
    page.reload()
    talk(page)

    expect(page.get_by_role("status")).to_have_text("Listening")
    assert server.client.of("session.update")[0]["session"]["audio"]["output"]["voice"].startswith("piper-de")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert "#" not in page.url


def test_the_drawer_tells_the_connection_and_hands_out_the_transcript(page: Page) -> None:
    talk(page)
    expect(words(page)).to_contain_text(ANSWER, timeout=10_000)
    page.locator("summary").click()

    expect(page.locator("dl")).to_contain_text("WebSocket")
    with page.expect_download() as saving:
        page.get_by_role("button", name="Download transcript").click()
    assert saving.value.path().read_text() == f"You: {QUESTION}\n\nAssistant: {ANSWER}\n"


def test_words_run_in_their_own_direction(page: Page, server: FakeRealtime) -> None:
    write(page, "\u0645\u0631\u062d\u0628\u0627")

    expect(words(page).locator("[data-role=user]")).to_have_css("direction", "rtl")


def test_another_page_can_show_and_drive_it(context: BrowserContext, server: FakeRealtime) -> None:
    server.answers_turns = False
    page = context.new_page()
    page.goto(f"{server.url}csp-hashes.json")
    page.set_content(f"<h1>Shop</h1><script src='{server.url}embed.js' data-theme='dark'></script>")
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("button", name="Talk")).to_be_visible()
    page.evaluate("window.told = []; voicechat.on('line', line => told.push(`${line.role}: ${line.text}`))")

    page.evaluate("voicechat.say('Good morning')")

    expect(frame.get_by_role("log")).to_contain_text("Good morning")
    page.wait_for_function("told[0] === 'user: Good morning'")
    page.evaluate("voicechat.end()")
    expect(frame.get_by_role("button", name="Talk")).to_be_visible()


def test_the_first_load_is_small_and_has_nothing_of_rooms(page: Page, server: FakeRealtime, watch: Watch) -> None:
    talk(page)
    wait_for_stats(page, "s.sentFrames > 5")

    scripts = {urlsplit(url).path for url in watch.urls if url.endswith(".js")}
    assert sum(len(gzip.compress((PAGE_DIRECTORY / path[1:]).read_bytes(), 6)) for path in scripts) <= 200_000


def test_statistics_can_be_read_and_not_changed(page: Page) -> None:
    assert page.evaluate("Object.isFrozen(window.__voicechat) && Object.isFrozen(window.__voicechat.stats())")


def test_an_unknown_address_leads_back(page: Page, server: FakeRealtime) -> None:
    page.goto(f"{server.url}nowhere")

    expect(page.get_by_role("link")).to_have_attribute("href", re.compile("^/$"))
