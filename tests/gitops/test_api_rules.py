"""What an API server refuses of values whose types are right is found by ``bootstrap validate``, at the same field."""

import copy

import pytest

from bootstrap.delivery.render.objects import Object
from bootstrap.delivery.validate.api.check import KINDS
from bootstrap.delivery.validate.schemas import Schemas
from bootstrap.delivery.validate.validate import _structure
from conventions import TENANT_KINDS
from tests.api_objects import BASES, ROWS, Row
from tests.chart_cases import BASE, CASES, NAMES, before_and_after, objects
from tests.gitops.conftest import ROOT

SCHEMAS = Schemas(ROOT, None)
WRONG: tuple[object, ...] = (None, "", "x", "9" * 30, [], {}, [None], 0, -1, 1.5, True)


def found(document):
    return list(_structure(Object(document=document), SCHEMAS, ""))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_verdict_is_the_api_server_s(row: Row) -> None:
    assert {finding.path for finding in found(row.document)} == set(row.refused)


@pytest.mark.parametrize("chart", NAMES)
def test_everything_that_a_chart_can_render_is_taken(chart: str) -> None:
    for values in (BASE[chart], *(before_and_after(chart, path)[1] for path in CASES[chart])):
        for document in objects(chart, values):
            assert found(document) == [], values


def test_every_kind_that_a_project_allows_has_its_rules() -> None:
    assert {*((kind.group, kind.kind) for kind in TENANT_KINDS), ("", "Namespace")} == set(KINDS)


def places(value, path=()):
    """The path of everything in a document."""
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*path, key)
        if isinstance(item, dict | list):
            yield from places(item, (*path, key))


@pytest.mark.parametrize("kind", BASES)
def test_a_value_of_any_other_type_is_a_finding_and_no_traceback(kind: str) -> None:
    count = 0
    for document in (row.document for row in ROWS if row.kind == kind):
        for *parents, last in places(document):
            if (*parents, last) in {("apiVersion",), ("kind",), ("metadata",), ("metadata", "name")}:
                # an object without these is refused where it is read
                continue
            for wrong in WRONG:
                broken = copy.deepcopy(document)
                place = broken
                for key in parents:
                    place = place[key]
                place[last] = wrong
                count += len(found(broken))
    assert count > 0
