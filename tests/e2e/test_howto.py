"""The examples of docs/howto/embed-in-your-crm.md do what they say."""

import re
from html import escape
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.e2e.people import World

PAGE = Path(__file__).parents[2] / "docs/howto/embed-in-your-crm.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


def run(world: World, examples: list[str], person: str = "rata:admin") -> dict[str, Any]:
    names: dict[str, Any] = {"GATEWAY": world.platform.public_url, "SESSION": world.session(person)}
    for example in examples:
        exec(compile(example, str(PAGE), "exec"), names)  # the page's own words
    return names


def test_the_examples_run_one_after_another(world: World) -> None:
    names = run(world, EXAMPLES)

    assert len(EXAMPLES) >= 6
    assert names["me"]["account_id"] == "rata"
    assert names["sync"]["state"] == "completed"
    assert (names["export"]["state"], names["export"]["name"]) == ("created", "Zimmer and Sisters")
    tab = names["xero_tab"](names["company"]["id"])
    assert escape(names["company"]["name"]) in tab
    assert "Owed" in tab


def test_the_tab_takes_no_more_lines_than_the_page_says() -> None:
    tab = next(example for example in EXAMPLES if "def xero_tab" in example)

    assert len([line for line in tab.splitlines() if line.strip()]) <= 40


def test_who_sees_no_money_gets_the_tab_without_it(world: World) -> None:
    names = run(
        world, [EXAMPLES[0], next(example for example in EXAMPLES if "def xero_tab" in example)], "rata:no-money"
    )

    assert "<tr>" not in names["xero_tab"](names["company"]["id"])


def test_control_an_example_that_is_wrong_fails(world: World) -> None:
    with pytest.raises((KeyError, AssertionError, requests.RequestException)):
        run(world, [EXAMPLES[0], "api.get(f'{GATEWAY}/api/v1/companies').json()['no such thing']"])
