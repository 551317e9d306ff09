"""The index of keys behaves as a dictionary from key to last record would."""

from array import array

from hypothesis import given, settings
from hypothesis import strategies as st

from unisafebench.core.keys import KeyIndex, hash_key
from unisafebench.core.records import Key

# Few hashes, so that many repeat; both ends of the 64 bits among them.
_HASHES = st.sampled_from([0, 1, 2, 7, 2**63 - 1, 2**63, 2**64 - 1])
_ADDED = st.lists(st.tuples(_HASHES, st.integers(0, 2**40), st.integers(0, 255)), max_size=40)


def _filled(added: list[tuple[int, int, int]]) -> tuple[KeyIndex, dict[int, tuple[int, int]]]:
    index = KeyIndex()
    model: dict[int, tuple[int, int]] = {}
    for key_hash, position, state in added:
        index.add(key_hash, position, state)
        model[key_hash] = (position, state)
    return index, model


@settings(deadline=None)
@given(_ADDED, _HASHES)
def test_the_last_record_of_a_key_wins(added: list[tuple[int, int, int]], asked: int) -> None:
    """`find`, `len`, `items` and `last_positions` answer as the dictionary does."""
    index, model = _filled(added)
    assert index.find(asked) == model.get(asked)
    assert len(index) == len(model)
    assert dict(index.items()) == {key: state for key, (_, state) in model.items()}
    assert index.last_positions().tolist() == sorted(position for position, _ in model.values())


@settings(deadline=None)
@given(_ADDED)
def test_repeated_names_each_record_after_the_first_of_its_key(
    added: list[tuple[int, int, int]],
) -> None:
    """In the order of adding."""
    index, _ = _filled(added)
    seen: set[int] = set()
    again = []
    for key_hash, position, _ in added:
        if key_hash in seen:
            again.append((key_hash, position))
        seen.add(key_hash)
    assert index.repeated() == [position for _, position in again]
    assert index.repeated_hashes() == {key_hash for key_hash, _ in again}


@settings(deadline=None)
@given(_ADDED, _ADDED)
def test_adding_after_asking_is_seen(
    first: list[tuple[int, int, int]], then: list[tuple[int, int, int]]
) -> None:
    """Questions between additions change nothing."""
    index, _ = _filled(first)
    len(index)
    index.repeated()
    index.last_positions()
    for key_hash, position, state in then:
        index.add(key_hash, position, state)
    _, model = _filled(first + then)
    assert {key: index.find(key) for key in model} == model


def test_an_empty_index_has_nothing() -> None:
    """No key, no position, no repetition."""
    index = KeyIndex()
    assert len(index) == 0
    assert index.find(5) is None
    assert index.repeated() == []
    assert list(index.items()) == []
    assert index.last_positions().tolist() == []


def test_keys_that_differ_in_one_part_have_different_hashes() -> None:
    """Task, id and epoch all count, and none runs over into the next."""
    keys = [
        Key("text-generation", "1", 0),
        Key("text-to-image", "1", 0),
        Key("text-generation", "10", 0),
        Key("text-generation", "1", 1),
        Key("text-generation", "", 10),
        Key("text-generation", "\ud800", 0),
    ]
    hashes = {hash_key(key) for key in keys}
    assert len(hashes) == len(keys)
    assert all(0 <= value < 2**64 for value in hashes)
    assert hash_key(Key("text-generation", "1", 0)) in hashes


@given(_ADDED, st.lists(_HASHES | st.integers(0, 2**64 - 1), max_size=30))
def test_states_of_many_keys_are_those_of_each(
    added: list[tuple[int, int, int]], asked: list[int]
) -> None:
    """Asked for many keys at once, the index says what it says of each; -1 for an absent one."""
    index, model = _filled(added)
    expected = [model[key][1] if key in model else -1 for key in asked]
    assert index.states_of(array("Q", asked)).tolist() == expected
