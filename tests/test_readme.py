"""The README's code runs as it stands, and its commands exist."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README.read_text("utf-8"), flags=re.DOTALL)


@pytest.mark.parametrize("code", blocks("python"))
def test_python_blocks_run(code, capsys):
    exec(compile(code, str(README), "exec"), {})
    assert "7 of 7 axioms hold" in capsys.readouterr().out


def test_make_targets_exist():
    makefile = README.with_name("Makefile").read_text("utf-8")
    targets = {
        target for block in blocks("sh") for target in re.findall(r"^make (\w+)", block, re.M)
    }
    assert targets == {"solve", "test"}
    for target in targets:
        assert re.search(rf"^{target}:", makefile, flags=re.M)
