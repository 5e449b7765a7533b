from __future__ import annotations

import asyncio
import json
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicechat.access.fake import FakeKeys
from voicechat.access.file_store import FileKeys
from voicechat.access.keys import ApiKey, Scope, key_id_of, make_key
from voicechat.access.store import KeyStoreError


def key(name: str = "phone", *scopes: Scope) -> tuple[ApiKey, str]:
    return make_key(name, scopes or (Scope.SPEAK,), 1000.0)


def test_a_token_is_nowhere_in_what_is_kept() -> None:
    made, token = key()
    assert token.rpartition("-")[2] not in made.model_dump_json()
    assert made.matches(token)


@given(st.text())
def test_no_other_text_is_taken_for_a_token(text: str) -> None:
    made, token = key()
    assert made.matches(text) is (text == token)


@given(st.text() | st.from_regex(r"vc-[0-9a-f]{12}-[A-Za-z0-9_-]{43}"))
def test_an_id_is_only_read_out_of_whole_tokens(text: str) -> None:
    key_id = key_id_of(text)
    assert key_id is None or (text.startswith(f"vc-{key_id}-") and len(text) == 59)


def test_an_admins_key_opens_everything_and_others_what_they_name() -> None:
    admin, _ = key("boss", Scope.ADMIN)
    speaker, _ = key("bot", Scope.SPEAK)
    assert all(admin.allows(scope) for scope in Scope)
    assert [scope for scope in Scope if speaker.allows(scope)] == [Scope.SPEAK]


@pytest.mark.parametrize("name", ["", "-x", "a b", "a/b", "x" * 65, "näme"])
def test_a_name_that_cannot_be_typed_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        key(name)


async def test_keys_in_a_file_are_the_owners_alone_and_survive(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "keys.json"
    made, _ = key()
    await FileKeys(path).add(made)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(await FileKeys(path).read()) == [made]
    assert json.loads(path.read_text())["keys"][0]["digest"] == made.digest


async def test_a_change_of_the_file_is_noticed(tmp_path: Path) -> None:
    store = FileKeys(tmp_path / "keys.json")
    versions = [await store.version()]
    made, _ = key()
    await store.add(made)
    versions.append(await store.version())
    await FileKeys(tmp_path / "keys.json").revoke("phone", 1001.0)
    versions.append(await store.version())
    assert len(set(versions)) == 3
    assert versions[0] is None


async def test_keys_made_at_once_are_all_kept(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    await asyncio.gather(*(FileKeys(path).add(key(f"n{number}")[0]) for number in range(8)))
    assert {each.name for each in await FileKeys(path).read()} == {f"n{number}" for number in range(8)}


async def test_a_file_that_others_may_write_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    await FileKeys(path).add(key()[0])
    path.chmod(0o666)
    with pytest.raises(KeyStoreError, match="chmod 600"):
        await FileKeys(path).read()


@pytest.mark.parametrize("content", ["", "{", '{"keys": 1}', '{"keys": [], "more": 1}'])
async def test_a_damaged_file_is_said_to_be(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(KeyStoreError, match="damaged"):
        await FileKeys(path).read()
    assert path.read_text() == content


async def test_a_name_belongs_to_one_key_in_force(tmp_path: Path) -> None:
    for store in (FileKeys(tmp_path / "keys.json"), FakeKeys()):
        await store.add(key()[0])
        with pytest.raises(KeyStoreError, match="in force"):
            await store.add(key()[0])
        await store.revoke("phone", 1001.0)
        await store.add(key()[0])
        with pytest.raises(KeyStoreError, match="there are: phone"):
            await store.revoke("nobody", 1001.0)
