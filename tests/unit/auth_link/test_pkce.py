"""PKCE (RFC 7636)."""

import base64
import hashlib

from hypothesis import given
from hypothesis import strategies as st

from auth_link.states import Begun

UNRESERVED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"


def test_the_challenge_is_that_of_the_rfcs_own_example() -> None:
    """RFC 7636, appendix B."""
    begun = Begun(state="s", verifier="dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")

    assert begun.challenge == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@given(st.text(UNRESERVED, min_size=43, max_size=128))
def test_every_challenge_is_the_verifiers_hash_and_fits_in_an_address(verifier: str) -> None:
    challenge = Begun(state="s", verifier=verifier).challenge

    assert base64.urlsafe_b64decode(challenge + "=") == hashlib.sha256(verifier.encode()).digest()
    assert set(challenge) <= set(UNRESERVED)


def test_neither_state_nor_verifier_is_in_what_it_looks_like() -> None:
    assert "secret" not in repr(Begun(state="secret-state", verifier="secret-verifier"))
