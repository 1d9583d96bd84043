"""Pickles are never opened, whatever they are called."""

import pickle
import shlex
from pathlib import Path

import pytest

from jaxcmp.errors import CommandError
from jaxcmp.pretrained.pickles import SUFFIXES, is_pickle, refuse_pickle


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".PTH"])
def test_a_pickle_is_known_by_its_name(suffix):
    assert is_pickle(Path(f"resnet18{suffix}"))


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_pickle_is_known_by_how_it_begins(protocol):
    assert is_pickle(Path("resnet18.npz"), pickle.dumps([1], protocol=protocol)[:9])


@pytest.mark.parametrize("beginning", [b"", b"PK\x03\x04", b"\x88\x4f\x00\x00\x00\x00\x00\x00{"])
def test_other_files_are_no_pickles(beginning):
    assert not is_pickle(Path("resnet18.safetensors"), beginning)


def test_the_refusal_says_how_to_convert_without_running_the_pickle():
    with pytest.raises(CommandError, match="^[^\n]*$") as caught:
        refuse_pickle(Path("models/resnet18.pth"))
    message = str(caught.value)
    assert "models/resnet18.pth is a pickle, which can run any code" in message
    command = shlex.split(message[message.index("python -c") :])
    assert command[:2] == ["python", "-c"] and len(command) == 3
    compile(command[2], "<command>", "exec")
    assert "weights_only=True" in command[2]
    assert "'models/resnet18.safetensors'" in command[2]
