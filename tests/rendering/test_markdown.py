from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from provcheck.io.text import plain
from provcheck.rendering.markdown import MarkdownReport, code, text
from provcheck.types import Outcome
from tests.rendering.factory import BASE, SUBJECT, make_report
from tests.rendering.hostile import names
from tests.rendering.readers import MarkdownPage, markdown_html

READER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
TRICKS = (
    "a | b || c",
    "`a` ``b`` \\`c\\` \\",
    "[x](https://evil.example) ![y](https://evil.example/p.png) [z]: https://evil.example",
    "<img src=x onerror=alert(1)> <!-- hidden",
    "@everyone #1 acme/owl#2 GH-3 :smile: https://evil.example www.evil.example me@evil.example",
    "**bold** __bold__ *it* _it_ ~~gone~~ $x^2$ &lt;b&gt; &#64;you",
    "# heading",
    "- item",
    "1. item",
    "> quote",
    "---",
    "```sh",
    "| a | b |",
    "[^1]: note",
)
ANY = st.text(st.characters(codec="utf-8")) | st.sampled_from(TRICKS) | names


def page(markdown: str) -> MarkdownPage:
    return MarkdownPage(str(READER.render(markdown)))


def tags(found: MarkdownPage) -> list[str]:
    return [tag for tag, _ in found.tags]


@given(ANY)
@settings(max_examples=300)
def test_text_stays_text_in_a_list_and_in_a_cell(words: str) -> None:
    words = plain(words)
    in_list, in_table = page(f"- {text(words)}"), page(f"| a | b |\n| - | - |\n| {text(words)} | end |")
    assert tags(in_list) == ["ul", "li"]
    assert in_list.text.strip() == words
    assert in_table.tables[0][1] == [words, "end"]
    assert set(tags(in_table)) <= {"table", "thead", "tbody", "tr", "th", "td"}


@given(ANY)
@example("`")
@example("a|b\\|c\\")
@settings(max_examples=300)
def test_names_stay_names_in_a_sentence_and_in_a_cell(name: str) -> None:
    name = plain(name)
    in_line, in_table = page(f"See {code(name)}."), page(f"| a | b |\n| - | - |\n| {code(name)} | end |")
    assert tags(in_line) == ["p", "code"]
    assert in_line.text.strip() == f"See {name}."
    assert in_table.tables[0][1] == [name, "end"]
    assert tags(in_table).count("code") == 1


@pytest.mark.parametrize("words", ["@everyone", "#12", ":smile:", "https://evil.example", "www.evil.example", "a@b.c"])
def test_github_finds_nothing_to_link(words: str) -> None:
    """GitHub looks for these in text that is rendered already: only a gap inside stops it."""
    rendered = READER.render(text(words))
    assert words not in rendered
    assert words in rendered.replace("\u200b", "")


@given(subject=names, base=names, text=names)
@settings(max_examples=30, deadline=None)
def test_strangers_add_nothing_to_the_page(subject: str, base: str, text: str) -> None:
    harmless = MarkdownPage(markdown_html(make_report()))
    found = MarkdownPage(markdown_html(make_report(subject=subject, base=base, text=text)))
    assert tags(found) == tags(harmless)
    assert all(not attributes for _, attributes in found.tags if attributes != {"class": "language-sh"})
    assert [len(row) for table in found.tables for row in table] == [
        len(row) for table in harmless.tables for row in table
    ]


def test_it_reads_like_a_summary() -> None:
    found = MarkdownPage(markdown_html(make_report()))
    checks, references = found.tables
    assert found.headings == ["provcheck: derived"]
    assert f"The weights of {SUBJECT} descend from {BASE}, or both descend from one ancestor." in found.text
    assert "How sure: 97.3 %. p-value: 0.00412." in found.text
    assert checks[2] == ["check-1", "failed", "error", "coverage is 98.3 %"]
    assert references[0] == [
        *("nearest reference", "relation", "probability"),
        *("ABLE contrast", "KL bits/byte", "anchored match", "license"),
    ]
    assert references[1] == [
        *(BASE, "derived", "97.3 %"),
        *("0.0432 (0.0389 to 0.0475)", "0.400 ± 0.0131", "0.97 (187 of 192)", "llama3"),
    ]
    assert "provcheck audit acme/owl-7b-chat --bank zoo-v1" in found.text
    assert "A parent that is not in the bank cannot be found." in found.text


def test_what_was_left_out_is_said() -> None:
    report = make_report(outcomes=(Outcome.FAILED,))
    policy = report.policy.model_copy(update={"deselected": ("license",), "not_run": ("base", "coverage")})
    found = MarkdownPage(markdown_html(report.model_copy(update={"policy": policy})))
    assert "left out by -k: license" in found.text
    assert "not run because of -x: base, coverage" in found.text


def test_no_check_needs_no_table() -> None:
    found = MarkdownPage(markdown_html(make_report(outcomes=())))
    assert len(found.tables) == 1
    assert "no checks ran. Exit code 5: no check was made." in found.text


def test_a_command_with_backticks_stays_in_its_block() -> None:
    report = make_report()
    command = "provcheck audit '```' # @everyone"
    changed = report.model_copy(update={"tool": report.tool.model_copy(update={"command": command})})
    assert f"````sh\n{command}\n````" in MarkdownReport().render(changed)
    assert command in MarkdownPage(markdown_html(changed)).text


def test_only_hidden_references_are_counted() -> None:
    report = make_report()
    assert "3 more distant references not shown." in MarkdownReport().render(report)
    few = report.model_copy(update={"comparisons": report.comparisons[-2:]})
    assert "not shown" not in MarkdownReport().render(few)
