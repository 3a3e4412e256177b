"""Whoever asks too often is told so, and when to ask again, through the gateway too."""

import requests

from deploy.local.run import Platform
from tests.sessions import bearer, session_of

OFTEN = 200  # many more than are let in at once, however slowly they go


def begins_to_connect(platform: Platform, person: str) -> requests.Response:
    url, headers = f"{platform.public_url}/api/v1/connections/authorize", bearer(session_of(platform, person))
    return requests.post(url, json={}, headers=headers, timeout=30)


def test_who_begins_to_connect_without_end_is_told_when_to_try_again(platform: Platform) -> None:
    answers = [begins_to_connect(platform, "hasty:admin")]
    assert answers[0].status_code == 200  # the control: below the limit
    while answers[-1].ok and len(answers) < OFTEN:
        answers.append(begins_to_connect(platform, "hasty:admin"))

    refused = answers[-1]
    assert {answer.status_code for answer in answers[:-1]} == {200}
    assert (refused.status_code, refused.headers["Content-Type"]) == (429, "application/problem+json")
    assert refused.headers["Retry-After"] == str(refused.json()["retry_after"])
    assert 1 <= int(refused.headers["Retry-After"]) <= 3
    assert len(answers) > 20
    assert begins_to_connect(platform, "patient:admin").ok  # the control: another account is not held up by it
