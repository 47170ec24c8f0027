"""What a reviewer is shown of a preview, from previews that the real engine printed (tests/previews)."""

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from bootstrap.platform.ci.comment import Review, in_full, to_markdown
from bootstrap.platform.ci.losses import WORDS, losses
from bootstrap.platform.ci.markers import LIMIT, digest_in
from bootstrap.platform.ci.preview import PreviewError, read_preview
from components.azure.resource_types import PREFIX, RESOURCE_TYPES
from components.release.kubernetes_types import DESTRUCTIVE

PREVIEWS = Path(__file__).resolve().parents[1] / "previews"
RECORDED = sorted(file.stem for file in PREVIEWS.glob("*.json"))


def document(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((PREVIEWS / f"{name}.json").read_text())
    return found


def review(name_or_document: "str | dict[str, Any]", **more: Any) -> Review:
    found = document(name_or_document) if isinstance(name_or_document, str) else name_or_document
    return Review(**{"stack": "dev", "preview": read_preview(json.dumps(found)), **more})


def step(op: str, name: str, type_: str, **more: Any) -> dict[str, Any]:
    return {"op": op, "urn": f"urn:pulumi:dev::aks-bootstrap::{type_}::{name}", **more}


def preview_of(*steps: dict[str, Any], diagnostics: Any = ()) -> dict[str, Any]:
    return {"steps": list(steps), "changeSummary": {"same": 1}, "diagnostics": list(diagnostics)}


POOL = "aks-bootstrap:node_pool:NodePool$azure-native:containerservice:AgentPool"


@pytest.mark.parametrize("name", RECORDED)
def test_a_comment_begins_with_the_markers_and_is_short_enough_to_be_read(name):
    shown = review(name)
    text = to_markdown(shown)
    assert text.startswith("<!-- aks-bootstrap preview: dev -->\n")
    assert len(text) <= LIMIT
    assert digest_in(text) == (None if shown.preview.errors else shown.preview.digest)


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("calm", []),
        ("pools", []),
        ("drifted", []),
        ("same", []),
        ("pool", ["replace:pool"]),
        ("rebuild", ["delete:cluster"]),
        ("zone", ["replace:record", "replace:zone"]),
    ],
)
def test_what_is_lost_asks_for_the_labels_that_name_it(name, labels):
    assert review(name).missing == labels
    assert review(name).exit_status == (3 if labels else 0)
    assert review(name, labels=[*labels, "other"]).exit_status == 0
    if len(labels) > 1:
        assert review(name, labels=labels[:1]).exit_status == 3
    assert ("[!CAUTION]" in to_markdown(review(name))) is bool(labels)


def test_a_label_of_another_verb_or_thing_agrees_to_nothing():
    assert review("pool", labels=["delete:pool", "replace:cluster", "replace:", "Replace:pool"]).exit_status == 3


def test_a_rebuild_is_one_loss_and_what_goes_with_it_is_counted():
    [loss] = losses(review("rebuild").preview)
    assert (loss.operation.name, loss.label) == ("aks-g1-a895", "delete:cluster")
    deleted = [each for each in review("rebuild").preview.operations if each.kind == "delete" and each.custom]
    # two federated credentials go by themselves
    assert loss.inside == len(deleted) - 3
    assert f"**cluster `aks-g1-a895` is deleted** and {loss.inside} resources with it" in to_markdown(review("rebuild"))


def test_every_type_whose_loss_hurts_has_a_word_for_it():
    hurting = {f"{PREFIX}{each.pulumi_type}" for each in RESOURCE_TYPES if each.destructive} | DESTRUCTIVE
    assert set(WORDS) == hurting
    assert all(re.fullmatch("[a-z]+(-[a-z]+)*", word) for word, _ in WORDS.values())
    assert all(len(f"replace:{word}") <= 50 for word, _ in WORDS.values()), "GitHub takes no longer label"


def test_a_type_of_azures_that_the_program_has_forgotten_is_taken_for_a_loss():
    assert review(preview_of(step("delete", "x", "azure-native:sql:Server"))).missing == ["delete:server"]
    assert review(preview_of(step("delete", "x", "random:index:RandomId"))).missing == []


def test_a_change_shows_its_properties_under_its_component():
    text = to_markdown(review("calm"))
    assert "**NodePool**\n\n- ✏️ `pool-apps-g1`" in text
    assert "`maxCount` `5` → `7`" in text
    assert "`values.deployment.replicas` `1` → `3`" in text


def test_what_replaces_a_resource_is_said():
    assert "`vmSize` `Standard_D4ds_v5` → `Standard_D8ds_v5` **(replaces it)**" in to_markdown(review("pool"))


def test_what_somebody_else_changed_is_shown_although_the_program_has_not_changed():
    assert "`disableLocalAccounts` `false` → `true`" in to_markdown(review("drifted"))


def test_a_property_that_only_a_provider_sees_change_is_named():
    changed = step("update", "x", POOL, detailedDiff={'metadata.annotations["a.b/c"]': {}, "__meta": {}})
    assert "`metadata.annotations.a.b/c` changes" in to_markdown(review(preview_of(changed)))
    assert "__meta" not in to_markdown(review(preview_of(changed)))


def test_what_only_a_refresh_saw_is_counted_and_needs_no_label():
    seen = step("update", "pool-apps-g1", POOL, oldState={"id": "/a", "outputs": {"count": 1}})
    seen["newState"] = {"id": "/a", "outputs": {"count": 4}}
    gone = step("delete", "vault", "azure-native:keyvault:Vault", oldState={"id": "/b"})
    again = step("create", "vault", "azure-native:keyvault:Vault", newState={})
    shown = review(preview_of(seen, gone, again))
    assert (shown.missing, len(shown.preview.operations)) == ([], 1)
    assert "2 found to differ from the state" in to_markdown(shown)
    assert shown.preview.digest == review(preview_of(again)).preview.digest


def test_sixty_four_changed_pools_are_shown_as_far_as_there_is_room_and_the_others_counted():
    changed = [
        step(
            "update",
            f"pool-p{n}-g1",
            POOL,
            oldState={"id": f"/{n}", "inputs": {"maxCount": 5, "nodeLabels": {"team": "a" * 80}}},
            newState={"inputs": {"maxCount": 6, "nodeLabels": {"team": "b" * 80}}},
        )
        for n in range(64)
    ]
    text = to_markdown(review(preview_of(*changed)))
    assert len(text) <= LIMIT
    shown = text.count("- ✏️")
    assert 10 < shown < 64
    assert f"… and {64 - shown} more changes" in text
    assert in_full(review(preview_of(*changed))).count("- ✏️") == 64


def test_sixty_four_lost_pools_are_counted_and_their_label_is_named():
    lost = [step("delete", f"pool-with-a-rather-long-name-{n}-g1", POOL, oldState={"id": f"/{n}"}) for n in range(64)]
    text = to_markdown(review(preview_of(*lost)))
    assert len(text) <= LIMIT
    shown = text.count("is deleted**")
    assert f"… and {64 - shown} more of these" in text
    assert "Not agreed to: add the label `delete:pool`" in text


def test_made_pools_share_a_line():
    text = to_markdown(review("pools"))
    assert "- ➕ `pool-p1-g1`, `pool-p2-g1`, `pool-p3-g1`, `pool-p4-g1` and 59 more" in text
    assert "`pool-p63-g1`" in in_full(review("pools"))


def test_the_most_that_can_be_said_still_fits():
    lost = [
        step(op, f"{op}-{'x' * 60}-{n}", type_, oldState={"id": "/x", "protect": True}, replaceReasons=["a" * 90] * 5)
        for n in range(3)
        for type_ in WORDS
        for op in ("delete", "replace")
    ]
    said = [{"severity": "error", "message": f"{'<>' * 4000}\n" * 3}] * 9
    shown = review(
        preview_of(*lost, diagnostics=said),
        stack="s" * 100,
        plan={"changes": [{"name": "<" * 90, "refused": "<" * 900}] * 90},
        policy={"findings": [{"rule": "<" * 90, "message": "<" * 900, "explained": False}] * 90},
        doctor={"findings": [{"verdict": "blocked", "subject": "<" * 90, "detail": "<" * 900}] * 90},
    )
    text = to_markdown(shown)
    assert len(text) <= LIMIT
    for word, _ in WORDS.values():
        assert f"`delete:{word}`" in text
        assert f"`replace:{word}`" in text


def test_what_takes_more_room_than_it_has_characters_still_fits():
    # a letter of tags is spelled out in ten characters; nothing here has a word or a label that is known
    said = [{"severity": "error", "message": "\U000e0041" * 600}] * 3
    lost = [step("delete", "x" * 80, f"{PREFIX}old{n}:SomethingThatTheProgramHasForgotten{n}") for n in range(100)]
    more = {"findings": [{"rule": "<" * 20, "message": "<" * 20, "explained": False}] * 90}
    for diagnostics in (said, []):
        text = to_markdown(review(preview_of(*lost, diagnostics=diagnostics), stack="s" * 100, policy=more))
        assert len(text) <= LIMIT
        assert re.search(r"add the labels `delete:[^`]+`, .* and \d\d more, and this", text)


HOSTILE = [
    "x\n# forged\n",
    "</code></li><h1>forged</h1>",
    "<!-- aks-bootstrap digest: " + "0" * 64 + " -->",
    "[all good](https://evil.example.com)",
    "`` ` ``",
    "@example/platform",
    "fixes #1",
    "::set-output name=x::y",
    "a|b\\",
    "\u202egnp.exe",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_somebody_calls_a_thing_it_is_text(name):
    steps = [
        step("replace", name, POOL, oldState={"inputs": {name: name}}, newState={"inputs": {name: f"{name}2"}}),
        step("update", name, f"aks-bootstrap:x:{name}$azure-native:network:Subnet", detailedDiff={name: {}}),
    ]
    shown = review(
        preview_of(*steps),
        labels=[name],
        plan={"changes": [{"name": name, "refused": name}]},
        policy={"findings": [{"rule": name, "resource": name, "message": name, "explained": False}]},
        scan={"findings": [{"check": name, "resource": name, "title": name, "explained": False}]},
        doctor={"findings": [{"verdict": "blocked", "subject": name, "detail": name}]},
    )
    for text in (to_markdown(shown), in_full(shown)):
        tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(text)
        assert [t for t in tokens if t.type == "heading_open"] == [
            t for t in tokens if t.tag == "h3" and t.nesting == 1
        ]
        assert len([t for t in tokens if t.type == "heading_open"]) == 1
        inline = [child for token in tokens for child in token.children or []]
        assert not [child for child in inline if child.type in {"link_open", "image"}]
        # GitHub looks for these behind Markdown, where a character reference is a letter: github/cmark-gfm issue 181
        shown_as_text = re.sub(
            r"<code>.*?</code>", "", "".join(c.content for c in inline if c.type != "code_inline"), flags=re.DOTALL
        )
        assert not re.search(r"[@#]\w", shown_as_text)
        tags = {child.content for child in inline if child.type == "html_inline"}
        assert tags <= {"<code>", "</code>", "<br>", "<sub>", "</sub>"}
        blocks = [t.content for t in tokens if t.type == "html_block"]
        assert all(re.fullmatch(r"(<!-- aks-bootstrap [a-z]+: \w+ -->\n?)+", block) for block in blocks), blocks
        assert digest_in(text) == shown.preview.digest
        assert not re.search(r"(?m)^\s*::", text)
        assert "\u202e" not in text


def test_a_secret_is_shown_by_its_marker_only():
    secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "plaintext": '"hunter2"'}
    output = {
        "4dabf18193072939515e22adb298388d": "d0e6a833031e9bbcd3f4e8bde6ca49a4",
        "secret": True,
        "value": "hunter2",
    }
    changed = step(
        "update",
        "x",
        "kubernetes:core/v1:Secret",
        oldState={"inputs": {"a": "[secret]", "b": "old"}},
        newState={"inputs": {"a": secret, "b": output, "c": [secret]}},
    )
    for text in (to_markdown(review(preview_of(changed))), in_full(review(preview_of(changed)))):
        assert "hunter2" not in text
        assert "`old` → `[secret]`" in text


def test_a_value_that_is_not_known_yet_is_shown_as_that():
    text = to_markdown(review("zone"))
    assert "→ `[unknown]`" in text
    assert "04da6b54" not in text


def test_what_else_was_asked_stands_below():
    shown = review(
        "calm",
        plan={"changes": [{"name": "aks-g1", "refused": "two versions at once"}, {"name": "fine", "refused": ""}]},
        policy={"findings": [{"rule": "r1", "resource": "vault", "message": "open", "explained": False}]},
        scan={"findings": [{"check": "CKV_AZURE_1", "resource": "aks", "title": "no logs", "explained": False}]},
        doctor={"findings": [{"verdict": "blocked", "subject": "quota", "detail": "none left"}, {"verdict": "fine"}]},
    )
    text = to_markdown(shown)
    assert "- scan: `CKV_AZURE_1` `aks`: no logs" in text
    assert "- plan: `aks-g1` would be refused: two versions at once" in text
    assert "- policy: `r1` `vault`: open" in text
    assert "- doctor: `quota`: none left" in text
    assert "fine" not in text
    assert (
        len(to_markdown(review("calm", doctor={"findings": [{"verdict": "blocked", "detail": "x" * 9000}]}))) <= LIMIT
    )


def test_a_preview_that_failed_is_no_preview_to_agree_to():
    shown = review("mistake")
    text = to_markdown(shown)
    assert shown.exit_status == 1
    assert "aks-bootstrap:nodePools[0].minCount: got 9; allowed: at most maxCount (5)" in text
    assert "digest" not in text


def test_protected_and_kept_are_said():
    lost = [
        step("delete", "vault", "azure-native:keyvault:Vault", oldState={"id": "/a", "protect": True}),
        step("delete", "prefix", "azure-native:network:PublicIPPrefix", oldState={"id": "/b", "retainOnDelete": True}),
    ]
    text = to_markdown(review(preview_of(*lost)))
    assert "**vault `vault` is deleted**: every secret in it. It is protected: the update will refuse." in text
    assert "The cloud keeps it, and only the state forgets it." in text


# --- the digest ---


def test_the_same_change_has_the_same_digest_another_time():
    assert review("calm").preview.digest == review("calm-later").preview.digest
    assert document("calm")["duration"] != document("calm-later")["duration"]


def test_other_changes_have_other_digests():
    found = {name: review(name).preview.digest for name in RECORDED if name not in {"calm-later", "mistake"}}
    assert len(set(found.values())) == len(found)


def test_order_times_sources_and_provider_ids_are_no_part_of_a_digest():
    before, after = document("rebuild"), document("rebuild")
    random.Random(4).shuffle(after["steps"])
    for each in after["steps"]:
        each["provider"] = "urn:pulumi:dev::aks-bootstrap::pulumi:providers:azure-native::azure::another-id"
        for state in (each.get("oldState"), each.get("newState")):
            if state:
                state |= {"created": "2030-01-01T00:00:00Z", "sourcePosition": "project:///x.py#1,1"}
    assert review(before).preview.digest == review(after).preview.digest


@pytest.mark.parametrize("side", ["oldState", "newState"])
def test_a_value_on_either_side_is_part_of_a_digest(side):
    changed = document("calm")
    [pool] = [each for each in changed["steps"] if each["urn"].endswith("pool-apps-g1")]
    pool[side]["inputs"]["maxCount"] = 11
    assert review(changed).preview.digest != review("calm").preview.digest


def test_what_is_made_is_part_of_a_digest_with_all_its_inputs():
    changed = document("pools")
    [pool] = [each for each in changed["steps"] if each["urn"].endswith("AgentPool::pool-p7-g1")]
    pool["newState"]["inputs"]["vmSize"] = "Standard_D64ds_v5"
    assert review(changed).preview.digest != review("pools").preview.digest


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "3",
        "null",
        '{"steps": []}',
        '{"steps": [1], "changeSummary": {}}',
        '{"steps": [{"op": "create"}], "changeSummary": {}}',
        '{"steps": [{"op": "create", "urn": "x"}], "changeSummary": {}}',
        '{"steps": [], "changeSummary": {"same": "x"}}',
        '{"steps": [], "changeSummary": []}',
        "[" * 100_000,
    ],
)
def test_what_is_no_preview_is_an_error(text):
    with pytest.raises(PreviewError):
        read_preview(text)
