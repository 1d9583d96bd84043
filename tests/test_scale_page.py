"""The page on scale is what its program makes from its files."""

import json
import shutil

import processes
import pytest

FILES = sorted((processes.ROOT / "docs" / "scale").glob("*.json"))


def test_the_committed_page_is_made_from_the_committed_files(tmp_path):
    shutil.copytree(processes.ROOT / "docs" / "scale", tmp_path / "scale")
    files = [str(tmp_path / "scale" / file.name) for file in FILES]
    code, out, err = processes.run(*files, module="jaxcmp.collectives.scale_page")
    assert (code, out) == (0, f"{tmp_path / 'scale.md'}\n"), err
    assert (tmp_path / "scale.md").read_text() == (processes.ROOT / "docs/scale.md").read_text()


def test_the_programs_send_what_their_sizes_say():
    arms = {arm["arm"]: arm for file in FILES for arm in json.loads(file.read_text())["arms"]}
    assert arms.keys() == {"vit", "resnet"}
    assert arms["vit"]["parameters"] == 5_362_762
    assert arms["resnet"]["parameters"] == 11_173_962
    for arm in arms.values():
        reduced = sum(each["bytes"] for each in arm["messages"] if each["kind"] == "all-reduce")
        expected = 4 * (arm["parameters"] + arm["batch_statistics"])
        assert expected <= reduced < 1.01 * expected


@pytest.mark.parametrize(
    ("name", "text", "code", "message"),
    [
        ("x.json", "{}", 1, "it is not of jaxcmp.collectives"),
        ("x.txt", "", 2, "name the files of python -m jaxcmp.collectives"),
    ],
)
def test_another_file_is_one_line(name, text, code, message, tmp_path):
    (tmp_path / name).write_text(text)
    found, _, err = processes.run(str(tmp_path / name), module="jaxcmp.collectives.scale_page")
    assert (found, len(err.splitlines())) == (code, 1)
    assert message in err
