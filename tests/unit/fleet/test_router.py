from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voicechat.fleet.member import Member
from voicechat.fleet.record import RESUME, ModelRecord, WorkerRecord
from voicechat.fleet.router import Wish, can, choose

MODELS = ("joe", "amy", "marie")
LANGUAGES = {"joe": ("en-US",), "amy": ("en-GB",), "marie": ("fr",)}

models = st.builds(
    lambda id, resident: ModelRecord(id=id, languages=LANGUAGES[id], resident=resident),
    st.sampled_from(MODELS),
    st.booleans(),
)
records = st.builds(
    WorkerRecord,
    name=st.uuids().map(str),
    address=st.just("host:1"),
    models=st.lists(models, max_size=3, unique_by=lambda model: model.id).map(tuple),
    capacity=st.integers(0, 5),
    active=st.integers(0, 6),
    draining=st.booleans(),
    capabilities=st.sampled_from([frozenset(), frozenset({RESUME})]),
)
fleets = st.lists(records.map(Member), max_size=12, unique_by=lambda member: member.name)
wishes = st.builds(
    Wish,
    model_id=st.sampled_from(["", *MODELS]),
    language=st.sampled_from(["", "en", "fr-FR", "de"]),
    capabilities=st.sampled_from([frozenset(), frozenset({RESUME})]),
)
draws = st.floats(0, 1, exclude_max=True)


def worker(name: str, *, resident: bool = True, active: int = 0, capacity: int = 4, draining: bool = False) -> Member:
    model = ModelRecord(id="joe", languages=("en-US",), resident=resident)
    return Member(
        WorkerRecord(
            name=name,
            address=f"{name}:7001",
            models=(model,),
            capacity=capacity,
            active=active,
            draining=draining,
            capabilities=frozenset({RESUME}),
        )
    )


@given(fleets, wishes, draws)
def test_whoever_is_chosen_can_do_it_and_somebody_is_chosen_if_anybody_can(
    fleet: list[Member], wish: Wish, draw: float
) -> None:
    chosen = choose(fleet, wish, draw=lambda: draw)
    able = [member for member in fleet if can(member, wish)]

    assert chosen in able if able else chosen is None
    if chosen is not None:
        assert not chosen.record.draining and wish.capabilities <= chosen.record.capabilities
        assert not wish.model_id or wish.model_id in chosen.models


@given(fleets, wishes, draws)
def test_a_full_worker_is_asked_only_if_all_are_full(fleet: list[Member], wish: Wish, draw: float) -> None:
    chosen = choose(fleet, wish, draw=lambda: draw)
    if chosen is not None and chosen.load >= 1:
        assert all(member.load >= 1 for member in fleet if can(member, wish))


@given(fleets, wishes, draws)
def test_those_to_be_avoided_are(fleet: list[Member], wish: Wish, draw: float) -> None:
    names = {member.name for member in fleet[::2]}
    chosen = choose(fleet, wish, names, lambda: draw)
    assert chosen is None or chosen.name not in names


@given(st.lists(st.integers(0, 9), min_size=2, max_size=20), draws)
def test_the_busiest_is_never_chosen_where_one_is_less_busy(active: list[int], draw: float) -> None:
    fleet = [worker(str(index), active=each, capacity=10) for index, each in enumerate(active)]
    chosen = choose(fleet, Wish("joe"), draw=lambda: draw)
    assert chosen is not None
    assert chosen.record.active < max(active) or active.count(max(active)) > 1


def test_the_worker_of_the_session_goes_before_the_resident_and_the_resident_before_the_idle() -> None:
    spoke_before = worker("a", resident=False, active=3)
    resident = worker("b", active=2)
    idle = worker("c", resident=False)

    assert choose([idle, resident, spoke_before], Wish("joe", prefer="a")) is spoke_before
    assert choose([idle, resident, spoke_before], Wish("joe")) is resident
    assert choose([idle, spoke_before], Wish("joe"), draw=lambda: 0.0) is idle


def test_a_full_worker_is_not_waited_for_out_of_habit() -> None:
    full, free = worker("a", active=4), worker("b", resident=False)
    assert choose([full, free], Wish("joe", prefer="a")) is free


def test_a_language_is_met_by_its_region_and_by_models_of_many() -> None:
    assert can(worker("a"), Wish("joe", "en-GB")) and not can(worker("a"), Wish("joe", "de"))
    many = Member(WorkerRecord(name="m", address="m:1", models=(ModelRecord(id="x", languages=("mul",)),)))
    assert can(many, Wish("x", "de"))


def test_what_was_opened_here_counts_until_the_workers_own_word() -> None:
    member = worker("a", active=1)
    member.opened()
    member.opened()
    assert member.load == 0.75
    member.closed()
    assert member.load == 0.5
    member.update(member.record.model_copy(update={"active": 3}))
    assert member.load == 0.75
    member.closed()
    assert member.load == 0.5


def test_a_seed_can_do_everything() -> None:
    seed = Member.seed("127.0.0.1:7001")
    assert choose([seed], Wish("anything", "xx", frozenset({"flying"}))) is seed
