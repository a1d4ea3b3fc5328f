"""The description of the HTTP API: valid, complete, and true of the answers."""

import shlex
from pathlib import Path
from typing import Any

import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from schemathesis.checks import CHECKS as CHECK_NAMES
from schemathesis.checks import load_all_checks

from serving import Served
from tachlog.web.app import CHANGES, ENDPOINTS, ROUTES
from tachlog.web.openapi import described, plain_path

DESCRIPTION = described(ENDPOINTS, CHANGES)
load_all_checks()
CHECKS = CHECK_NAMES.get_by_names(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
        "unsupported_method",
    ]
)


def test_the_description_is_valid() -> None:
    """It is OpenAPI 3.1, by a validator of its own."""
    validate(DESCRIPTION)


def test_every_route_is_described() -> None:
    """What is served below `/api` and `/v1` stands in it, and nothing else does."""
    paths = [plain_path(getattr(route, "path", "")) for route in ROUTES]
    served = {path for path in paths if path.startswith(("/api/", "/v1/"))}
    assert set(DESCRIPTION["paths"]) | {"/api/v1/openapi.json"} == {
        *served,
        "/healthz",
        "/readyz",
    }


@pytest.mark.parametrize("path", ["/api/v1/realtime", "/api/v1/sessions", "/healthz", "/readyz"])
def test_answers_are_as_described(served: Served, path: str) -> None:
    """The answer to a question has the shape that the description tells."""
    answer = served.ask(path)
    assert answer.status == 200
    operation: dict[str, Any] = DESCRIPTION["paths"][path]["get"]
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    whole = {**schema, "components": DESCRIPTION["components"]}
    assert not list(Draft202012Validator(whole).iter_errors(answer.json))


@schemathesis.serializer("application/msgpack")
def packed(_: schemathesis.SerializationContext, value: Any) -> bytes:
    """A drawn body of a shipment: bytes, or any value packed."""
    return value if isinstance(value, bytes) else msgspec.msgpack.encode(value, enc_hook=str)


ASKED = [
    each.ok()
    for each in schemathesis.openapi.from_dict(DESCRIPTION).get_all_operations()
    if each.ok().path != "/api/v1/live"
]


@pytest.mark.parametrize("operation", ASKED, ids=lambda each: each.label)
def test_whatever_is_asked_gets_an_answer_that_is_described(
    served: Served, operation: schemathesis.APIOperation
) -> None:
    """Drawn parameters and bodies get a status, a content type and a shape that are told.

    What the shape of a parameter cannot say (times, cursors) may be refused.
    """

    @settings(max_examples=5, suppress_health_check=list(HealthCheck))
    @given(operation.as_strategy())
    def ask(case: schemathesis.Case) -> None:
        case.call_and_validate(
            f"http://127.0.0.1:{served.port}",
            headers={"Authorization": f"Bearer {served.token}"},
            checks=CHECKS,
        )

    ask()


HTTP_PAGE = Path(__file__).resolve().parents[1] / "docs" / "http.in.md"
EXAMPLES = [line for line in HTTP_PAGE.read_text().splitlines() if line.startswith("curl ")]


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_documented_examples_are_answered(served: Served, example: str) -> None:
    """Each command of docs/http.md, asked of a service with its token, gets its answer."""
    words = shlex.split(example)[1:]
    headers, body, address = {}, None, ""
    for option, value in zip([None, *words], words, strict=False):
        if option == "-H":
            name, _, told = value.partition(": ")
            headers[name] = told.replace("$TOKEN", served.token or "")
        elif option == "-d":
            body = value.encode()
        elif not value.startswith("-"):
            address = value
    path = address.removeprefix("http://localhost:8377")
    assert path.startswith("/api/v1/")
    answer = served.ask(path, "GET" if body is None else "POST", body, headers, token=False)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json
