"""The documentation says what the code does: all of it, nothing else, and its examples work."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Final, NamedTuple

import msgspec
import pytest
from docs import destination_page

import tockwork
from tockwork.app.commands.check import check
from tockwork.configuration.alerts import Alerts, Rules
from tockwork.configuration.entries import Configuration, DestinationEntry, SourceEntry
from tockwork.destinations.case import Case, Expectation
from tockwork.destinations.catalog import DESTINATIONS
from tockwork.ingest.tracking import CALL_BY_PATH
from tockwork.model.outcome import Outcome, Status, Verdict
from tockwork.model.reasons import REASONS
from tockwork.operations.settings import Settings
from tockwork.operations.settings import read as read_settings
from tockwork.rules.directives import DIRECTIVES
from tockwork.rules.fields import Field
from tockwork.rules.fql import KINDS
from tockwork.rules.mapping import Mapping
from tockwork.rules.trigger import Trigger

ROOT: Final = Path(__file__).parents[2]
SOURCE: Final = ROOT / "src" / "tockwork"
PAGES: Final = (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md")))
ENVIRONMENT: Final = {"TIKTOK_ACCESS_TOKEN": "token", "SHOP_WRITE_KEY": "key"}


def page(path: str) -> str:
    return (ROOT / path).read_text()


class Block(NamedTuple):
    """A fenced block: where it stands, what follows the fence, and its text without the fence's indent."""

    where: str
    info: str
    text: str


def blocks(language: str) -> list[Block]:
    found = []
    for path in PAGES:
        for match in re.finditer(r"^( *)```(\S+)(.*)\n([\s\S]*?)^\1```$", path.read_text(), re.MULTILINE):
            if match[2] == language:
                text = re.sub(f"^{match[1]}", "", match[4], flags=re.MULTILINE)
                line = path.read_text()[: match.start()].count("\n") + 1
                found.append(Block(f"{path.relative_to(ROOT)}:{line}", match[3].strip(), text))
    return found


def named(found: list[Block]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("block", found, ids=[block.where for block in found])


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_docs", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# --- nothing is stale, nothing is missing ----------------------------------------------------------------------------


def test_generated_parts_are_up_to_date() -> None:
    pages = generator().pages()
    stale = [str(path.relative_to(ROOT)) for path, text in pages.items() if path.read_text() != text]
    assert stale == [], "run `make docs`"
    assert {path.name for path in pages} >= {"reason-codes.md", "responses.md", "tiktok-conversions.md", "cli.md"}


def test_every_generated_part_is_used() -> None:
    used = set(re.findall(r"<!-- generated: ([a-z-]+) -->", "".join(path.read_text() for path in PAGES)))
    assert used == {*generator().SECTIONS, *destination_page.SECTIONS}


def test_every_page_is_in_the_index() -> None:
    listed = {ROOT / "docs" / "index.md"}
    for index in ("docs/index.md", "docs/decisions/README.md"):
        listed |= {(ROOT / index).parent / link for link in re.findall(r"\]\(([^)#]+)\)", page(index))}
    assert [str(path) for path in PAGES if path.is_relative_to(ROOT / "docs") and path not in listed] == []


def commands() -> dict[str, list[str]]:
    return {
        name: [spelling for parameter in command.params for spelling in parameter.opts if spelling.startswith("--")]
        for name, command in generator().commands()
    }


@pytest.mark.parametrize("command", commands())
def test_every_command_and_option_is_documented(command: str) -> None:
    (section,) = re.findall(
        rf"### `tockwork {command}`\n(.*?)(?=\n###|<!-- end)", page("docs/reference/cli.md"), re.DOTALL
    )
    assert commands()[command] == re.findall(r"^\| `(--[a-z-]+)", section, re.MULTILINE)


def test_every_variable_is_documented_and_read() -> None:
    read = set()
    for folder in (SOURCE, ROOT / "tests", ROOT / "bench"):
        for path in folder.rglob("*.py"):
            if path != Path(__file__):
                read |= set(re.findall(r"\bTOCKWORK_[A-Z_]*[A-Z]\b", path.read_text()))
    documented = set(re.findall(r"`(TOCKWORK_[A-Z_]*[A-Z])`", page("docs/reference/settings.md")))
    assert documented - {"TOCKWORK_PORT_FILE"} == {name for name in read if not name.endswith("_FILE")}


def test_the_defaults_of_the_variables_are_right() -> None:
    table = dict(
        re.findall(r"^\| `TOCKWORK_([A-Z_]+)` \| `?([^`|]*?)`? \|", page("docs/reference/settings.md"), re.MULTILINE)
    )
    fresh = read_settings({})
    attributes = {"TRUSTED_PROXIES": "proxies"}
    assert {attributes.get(name, name.lower()) for name in table} == set(Settings.__struct_fields__)
    for name, default in table.items():
        if name != "TRUSTED_PROXIES":
            value = getattr(fresh, name.lower())
            assert default == ("none" if value is None else str(value))


@pytest.mark.parametrize(
    ("heading", "struct"),
    [("sources", SourceEntry), ("destinations", DestinationEntry), ("cases", Case)],
)
def test_every_member_of_a_configuration_is_documented(heading: str, struct: type[msgspec.Struct]) -> None:
    assert members_under(heading) == set(struct.__struct_fields__)
    assert f"## `{heading}`" in page("docs/reference/configuration.md")


def members_under(heading: str) -> set[str]:
    (section,) = re.findall(
        rf"^## `{heading}`\n(.*?)(?=^## |\Z)", page("docs/reference/configuration.md"), re.DOTALL | re.MULTILINE
    )
    cells = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def test_the_other_members_of_a_configuration_are_documented() -> None:
    from tockwork.destinations import configured

    text = page("docs/reference/configuration.md")
    assert members_under("mappings") == set(configured._MEMBERS)
    assert all(f"`{name}`" in text for name in configured._SEGMENT)
    assert all(f"`{name}`" in text for name in (*Expectation.__struct_fields__, *Configuration.__struct_fields__))


def test_every_rule_for_alerts_is_documented() -> None:
    (section,) = re.findall(
        r"^## `alerts`\n(.*?)(?=^## )", page("docs/reference/configuration.md"), re.DOTALL | re.MULTILINE
    )
    rows = re.findall(r"^\| `(\w+)` \| [^|]* \| ([^|]*) \|$", section, re.MULTILINE)
    written = {name: dict(found) for name, figures in rows if (found := re.findall(r"`(\w+): (\d+)`", figures))}
    rules = {name: msgspec.structs.asdict(getattr(Rules(), name)) for name in Rules.__struct_fields__}
    assert written == {
        name: {figure: f"{value:g}" for figure, value in figures.items() if figure != "enabled"}
        for name, figures in rules.items()
    }
    assert set(Alerts.__struct_fields__) <= set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))


def test_every_tracking_route_is_documented() -> None:
    text = page("docs/reference/tracking-api.md")
    assert [path for path in (*CALL_BY_PATH, "/health", "/ready") if f"{path}`" not in text] == []


def test_every_code_of_the_tracking_api_is_documented() -> None:
    text = page("docs/reference/tracking-api.md")
    sources = "".join(
        (SOURCE / "ingest" / f"{name}.py").read_text() for name in ("answer", "tracking", "parse", "decode")
    )
    codes = set(re.findall(r'(?:Answer\(\d+, |unavailable\(|EventError\(|Refusal\([^"]*?)"([a-z_]+)"', sources))
    assert len(codes) > 8
    assert [code for code in sorted(codes) if f"`{code}`" not in text] == []


def test_every_reason_code_is_documented() -> None:
    text = page("docs/reference/reason-codes.md")
    assert [code for code in REASONS if f"| `{code}` |" not in text] == []


def test_every_status_and_verdict_is_documented() -> None:
    assert [status for status in Status if f"`{status}`" not in page("docs/reference/python.md")] == []
    assert [status for status in Status if status not in page("docs/reference/glossary.md")] == []
    assert [verdict for verdict in Verdict if f"| `{verdict}` |" not in page("docs/reference/responses.md")] == []


@pytest.mark.parametrize("kind", DESTINATIONS)
def test_every_setting_and_field_of_a_destination_is_documented(kind: str) -> None:
    destination, text = DESTINATIONS[kind], page(f"docs/reference/{kind}.md")
    rows = re.findall(r"^\| `([\w.]+)` \| ([^|]*) \|", text, re.MULTILINE)
    expected = [(setting.key, setting.label) for setting in destination.settings]
    expected += [entry for action in destination.actions for entry in labels(action.fields)]
    assert [entry for entry in expected if entry not in rows] == []
    assert all(f"`{action.key}`" in text and action.title in text for action in destination.actions)
    assert all(f"### `{pack}`" in text for pack in destination.packs)


def labels(fields: tuple[Field, ...], prefix: str = "") -> Iterator[tuple[str, str]]:
    for field in fields:
        yield f"{prefix}{field.key}", field.label
        yield from labels(field.properties, f"{field.key}.")


def test_every_name_of_the_public_api_is_documented() -> None:
    text = page("docs/reference/python.md")
    assert [name for name in tockwork.__all__ if not re.search(rf"`{name}\b", text)] == []
    assert [name for name in Outcome.__struct_fields__ if f"| `{name}` |" not in text] == []


def test_every_directive_and_trigger_field_is_documented() -> None:
    assert [name for name in DIRECTIVES if f"\n## `{name}`" not in page("docs/reference/mappings.md")] == []
    fields = re.findall(r"^\| `(\w+)(?:\.PATH)?` \|", page("docs/reference/triggers.md"), re.MULTILINE)
    assert sorted(fields) == sorted(KINDS)


# --- nothing is broken -----------------------------------------------------------------------------------------------


def anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", re.sub(r"```[\s\S]*?```", "", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", PAGES, ids=[str(path.relative_to(ROOT)) for path in PAGES])
def test_every_link_leads_somewhere(path: Path) -> None:
    text = re.sub(r"```[\s\S]*?```|`[^`\n]*`", "", path.read_text())
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        target, _, anchor = link.partition("#")
        there = (path.parent / target).resolve() if target else path
        if "://" not in link and (not there.exists() or (anchor and anchor not in anchors(there.read_text()))):
            broken.append(link)
    assert broken == []


def test_every_file_that_the_architecture_names_is_there() -> None:
    text = page("docs/explanation/architecture.md")
    names = [name for name in re.findall(r"`([\w/.-]+)`", text) if "/" in name]
    assert len(names) > 40
    assert [name for name in names if not (SOURCE / name).exists() and not (ROOT / name).exists()] == []


def test_every_package_is_in_the_architecture() -> None:
    packages = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    assert [name for name in packages if f"{name}/" not in page("docs/explanation/architecture.md")] == []


def test_every_command_line_can_be_typed() -> None:
    known, verbs = commands(), set(re.findall(r"^([a-z]+):.*## ", page("Makefile"), re.MULTILINE))
    seen = 0
    for block in blocks("sh"):
        for line in block.text.replace("\\\n", " ").splitlines():
            assert set(re.findall(r"^make (\w+)", line)) <= verbs, block.where
            for typed in re.findall(r"(?:^|[ /])tockwork (\w.*)", line):
                (options,) = [known[name] for name in known if f"{typed} ".startswith(f"{name} ")]
                assert set(re.findall(r"--[a-z-]+", typed)) <= {*options, "--help"}, block.where
                seen += 1
    assert seen > 15


# --- examples work ---------------------------------------------------------------------------------------------------


@named([block for block in blocks("python") if not block.info and "use-the-sandbox" not in block.where])
def test_python_examples_run(block: Block) -> None:
    exec(compile(block.text, block.where, "exec"), {"__name__": "__main__"})


@named([block for block in blocks("python") if block.info])
def test_examples_that_are_files_are_those_files(block: Block) -> None:
    assert block.text == page(block.info.removeprefix("file="))
    ast.parse(block.text)


@named([block for block in blocks("yaml") if "use-the-sandbox" not in block.where])
def test_yaml_examples_hold(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "example.yaml"
    file.write_text(block.text)
    report = check(file)
    assert [finding for finding in report.findings if finding.level == "error"] == []
    assert report.destinations >= 1


MAPPINGS: Final = [block for block in blocks("json") if "reference/mappings.md" in block.where]


@named(MAPPINGS)
def test_mapping_examples_come_out_as_they_say(block: Block) -> None:
    example = json.loads(block.text)
    assert Mapping.parse(example["mapping"]).resolve(example["event"]) == example["result"]


def test_every_directive_has_an_example() -> None:
    text = "".join(block.text for block in MAPPINGS)
    assert [name for name in DIRECTIVES if f'"{name}"' not in text] == []


TRIGGERS: Final = re.findall(
    r"^\| `([^`]+)` \| `(\{.*?\})` \| `(\{.*?\})` \|$", page("docs/reference/triggers.md"), re.MULTILINE
)


@pytest.mark.parametrize(("text", "fires", "does_not"), TRIGGERS)
def test_trigger_examples_come_out_as_they_say(text: str, fires: str, does_not: str) -> None:
    trigger = Trigger.parse(text)
    assert trigger.warnings == ()
    assert trigger.matches(json.loads(fires))
    assert not trigger.matches(json.loads(does_not))


def test_there_are_trigger_examples() -> None:
    assert len(TRIGGERS) > 10


def test_the_changelog_has_this_version() -> None:
    assert f"## {tockwork.__version__} " in page("CHANGELOG.md")
