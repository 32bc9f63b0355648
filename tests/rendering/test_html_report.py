from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from html import unescape

import pytest
from hypothesis import given, settings

from provcheck import wording
from provcheck.io.data import templates_folder
from provcheck.rendering.html_report import HtmlReport
from provcheck.signals.able.values import Distance
from provcheck.types import Digests, ExitCode, Lineage, NotMeasured, Outcome, Relation, Report, Shortlist
from tests.rendering.factory import (
    BASE,
    DIGEST,
    SUBJECT,
    make_able,
    make_likelihood,
    make_report,
    make_weights,
    read_in_part,
    with_signal,
)
from tests.rendering.hostile import HIDDEN, MARKUP, names
from tests.rendering.page import Page
from tests.rendering.reports import adapter_report, bare_report

TICKS = {f"{step / 5:g}" for step in range(7)} | {"0.1", "0.01"}
LOADING = ("src", "srcset", "poster", "action", "style", "onclick", "onerror", "onload")


@pytest.mark.parametrize("relation", Relation)
def test_every_verdict_is_a_well_formed_page(relation: Relation) -> None:
    page = Page(HtmlReport().render(make_report(relation)))
    assert page.balanced
    assert page.values("data-verdict") == [relation]
    assert f"Verdict: {relation.value}" in page.text


@pytest.fixture(scope="module")
def harmless() -> Page:
    return Page(HtmlReport().render(make_report()))


@given(subject=names, base=names, text=names)
@settings(max_examples=10, deadline=None)
def test_names_of_strangers_stay_text(harmless: Page, subject: str, base: str, text: str) -> None:
    page = Page(HtmlReport().render(make_report(subject=subject, base=base, text=text)))
    assert page.balanced
    assert set(page.names()) <= set(harmless.names())
    assert not [char for char in page.text if char != "\n" and (ord(char) < 32 or char in "\u202e\u2066\x7f\x9b")]


@pytest.mark.parametrize("name", MARKUP)
def test_markup_is_shown_as_it_was_written(name: str) -> None:
    page = Page(HtmlReport().render(make_report(subject=name)))
    assert name in page.text


def test_hidden_characters_become_visible() -> None:
    page = Page(HtmlReport().render(make_report(subject=HIDDEN[0])))
    assert "\\u202egnihton\\u202c" in page.text


def test_nothing_is_loaded_and_nothing_runs() -> None:
    page = Page(HtmlReport().render(make_report()))
    assert not {"script", "link", "img", "iframe", "object", "form"} & set(page.names())
    assert not [value for attribute in LOADING for value in page.values(attribute)]
    assert all(href.startswith("#") for href in page.values("href"))


def test_security_policy_allows_exactly_its_own_style() -> None:
    html = HtmlReport().render(make_report())
    style = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    digest = b64encode(sha256(style[0].encode()).digest()).decode()
    assert len(style) == 1
    assert f"default-src 'none'; style-src 'sha256-{digest}'" in html.replace("&#39;", "'")
    assert not re.search(r"url\(|@import|https?:", style[0])


def test_links_lead_somewhere_and_ids_are_unique() -> None:
    page = Page(HtmlReport().render(make_report()))
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    labels = {label for value in page.values("aria-labelledby") for label in value.split()}
    assert {href[1:] for href in page.values("href")} | labels <= set(ids)


def test_tables_can_be_read_aloud() -> None:
    page = Page(HtmlReport().render(make_report()))
    tags = page.names()
    assert tags.count("caption") == tags.count("table")
    assert all("scope" in attributes for tag, attributes in page.tags if tag == "th")
    assert ("html", {"lang": "en"}) in page.tags


def test_outcomes_are_those_of_the_report() -> None:
    report = make_report(outcomes=tuple(Outcome))
    page = Page(HtmlReport().render(report))
    assert page.values("data-outcome") == [check.outcome for check in report.checks]
    assert "1 passed, 1 failed, 1 inconclusive, 1 skipped, 1 error. Exit code 1: a check failed." in page.text


def test_no_checks_is_not_a_success() -> None:
    report = make_report(outcomes=())
    assert report.exit_code is ExitCode.NO_CHECKS
    assert "Policy default: no checks ran. Exit code 5: no check was made." in Page(HtmlReport().render(report)).text


def test_verdict_comes_first_and_all_references_are_listed() -> None:
    report = make_report()
    rows = Page(HtmlReport().render(report)).values("data-reference")
    assert rows[0] == BASE
    assert rows[-1] == "acme/mute-1b"
    assert sorted(rows) == sorted(one.reference for one in report.comparisons)


def test_what_was_not_measured_has_its_reason() -> None:
    text = Page(HtmlReport().render(make_report())).text
    assert "not measuredfewer than half of the questions were measured" in text
    assert "not measuredtoo few texts in common" in text
    assert "not measuredthe architecture is not known" in text


def test_bars_stay_inside_their_scale() -> None:
    report = make_report()
    far = make_able(0.5).model_copy(update={"paper": Distance(cosine_distance=1.4, ci95=(0.1, 1.6))})
    report = report.model_copy(update={"comparisons": (with_signal(report.comparisons[0], "able", far),)})
    paths = Page(HtmlReport().render(report)).values("d")
    assert {"M0 4H100", "M10.0 4H100.0", "M100.0 0V8"} <= set(paths)


@pytest.mark.parametrize(
    ("relation", "finding"),
    [
        (Relation.DERIVED, "The evidence supports it: derived."),
        (Relation.SAME_RECIPE, "The evidence does not support it: same-recipe."),
        (Relation.INCONCLUSIVE, "The evidence does not settle it."),
    ],
)
def test_declared_base_is_set_against_the_evidence(relation: Relation, finding: str) -> None:
    text = Page(HtmlReport().render(make_report(relation))).text
    assert finding in text
    assert "Not checked: this model is not among the references." in text


def test_an_undeclared_relation_is_pointed_out() -> None:
    report = make_report()
    subject = report.subject.model_copy(update={"declared_base": ()})
    text = Page(HtmlReport().render(report.model_copy(update={"subject": subject}))).text
    assert "The evidence shows a relation that is not declared." in text


def test_the_model_under_an_adapter_is_checked_too() -> None:
    report = make_report()
    subject = report.subject.model_copy(update={"base": report.subject.model_copy(update={"id": BASE})})
    text = Page(HtmlReport().render(report.model_copy(update={"subject": subject}))).text
    assert "Model under the adapter" in text


def test_the_sentence_names_both_sides() -> None:
    text = Page(HtmlReport().render(make_report())).text
    assert f"The weights of {SUBJECT} descend from {BASE}, or both descend from one ancestor." in text


HEADINGS = [
    "What was audited",
    "What was not measured",
    "How to repeat it",
    "Checks",
    "Nearest references",
    "Family tree",
    "Map of the bank",
    "ABLE distance against independent models",
    "Agreement by category of questions",
    "KL divergence among the papers' kinds of change",
    "How many neurons found their twin",
    "Which blocks match",
    "How it was measured",
    "What the model declares",
    "Limits",
    "Glossary",
    "Annex: all numbers",
]


@pytest.mark.parametrize("report", [make_report(), bare_report(), adapter_report()])
def test_sections_come_in_order_and_never_stay_away(report: Report) -> None:
    headings = [unescape(one) for one in re.findall(r"<h2[^>]*>(.*?)</h2>", HtmlReport().render(report))]
    assert [one for one in headings[1:] if one != "All reasons for the verdict"] == HEADINGS


NARROW = 2
"""Tree and map are there twice: for a screen, and for a phone or half a sheet of paper."""


def test_seven_pictures_with_words_for_those_who_cannot_see_them() -> None:
    page = Page(HtmlReport().render(make_report()))
    pictures = [attributes for tag, attributes in page.tags if tag == "svg" and attributes.get("role") == "img"]
    assert len(pictures) - NARROW == page.names().count("figcaption") == 7
    assert all(len(attributes["aria-labelledby"].split()) == 2 for attributes in pictures)


def test_every_number_in_a_picture_is_in_a_table() -> None:
    html = HtmlReport().render(make_report())
    drawn = {unescape(text) for text in re.findall(r"<text [^>]*>([^<]*)</text>", html)}
    cells = {unescape(cell) for cell in re.findall(r"<t[dh][^>]*>(?:<bdi[^>]*>)?([^<]*)", html)}
    numbers = {text for text in drawn if re.fullmatch(r"-?[\d.,]+( ± [\d.,]+)?", text)} - TICKS
    assert {"97", "0.400 ± 0.0131", "0.0500", "0.120"} <= numbers
    assert not {number for number in numbers if not {number, f"{number} %"} & cells}
    assert {"0.97", "0.11", "-0.01"} <= numbers  # shades of blocks
    assert {
        "0.680",
        "0.0432",
        "2.3e-10",
    } <= cells  # line and subject of the null distribution, which stand in sentences there


def test_what_a_picture_lacks_is_said() -> None:
    text = Page(HtmlReport().render(bare_report())).text
    assert "A tree needs at least three models." in text
    assert "The subject has no attributions." in text
    assert "KL was not measured: there is no reference." in text
    assert "no judge is calibrated for this bank" in text
    assert "Categories were not compared." in text
    assert "Neurons were not compared: there is no reference." in text
    assert "Blocks were not compared." in text


def test_a_value_outside_the_scale_says_why() -> None:
    report = make_report()
    outside = make_likelihood().model_copy(update={"scale_band": None, "reason": "a model spends 4 bits a byte"})
    changed = [with_signal(one, "likelihood", outside) for one in report.comparisons]
    html = HtmlReport().render(report.model_copy(update={"comparisons": tuple(changed)}))
    assert "scale does not apply here: a model spends 4 bits a byte." in unescape(html)
    assert "bits per byte; the papers' scale does not apply" in html


def test_numbers_that_cannot_be_drawn_do_not_lose_the_page() -> None:
    report = make_report()
    broken = report.model_copy(update={"lineage": Lineage(newick="(a,b", nearest_on_tree=None)})
    page = Page(HtmlReport().render(broken))
    assert "The tree of this report cannot be drawn." in page.text
    assert page.names().count("figcaption") == 6


def test_more_blocks_than_a_picture_holds_are_in_the_annex() -> None:
    report = make_report()
    many = tuple(tuple(0.9 if row == column else 0.0 for column in range(30)) for row in range(30))
    nearest = next(one for one in report.comparisons if one.reference == BASE)
    changed = with_signal(nearest, "weights", make_weights(0.9, blocks=many))
    page = Page(HtmlReport().render(report.model_copy(update={"comparisons": (changed,)})))
    assert "The 30 compared blocks match those of acme/owl-7b, in order." in page.text
    assert page.names().count("figcaption") == 6 and page.text.count("0.90") >= 30


def test_every_digest_and_the_policy_are_there() -> None:
    report = make_report()
    names = [name for name in Digests.model_fields if name != "background"]
    digests = {name: f"{number:x}" * 64 for number, name in enumerate(names)}
    background = {"likelihood": "f" * 64, "unknown": "e" * 64}
    report = report.model_copy(update={"digests": Digests(**digests, background=background)}).with_digest()
    text = Page(HtmlReport().render(report)).text
    every = (*digests.values(), *background.values(), report.digest)
    assert len(set(every)) == len(Digests.model_fields) + 2
    assert not {digest for digest in every if digest not in text}
    assert "default; what cannot be decided is pointed out and fails nothing" in text


def test_each_signal_says_what_it_covered() -> None:
    text = Page(HtmlReport().render(make_report())).text
    assert "able/3: 118 of 120 questions; left out: too long: 2" in text
    assert "likelihood/1: 200 of 200 texts" in text
    assert "weights/1: 4 of 4 blocks" in text
    assert "0.912 bits per byte; less is better" in text


def test_a_signal_that_was_not_measured_says_why_everywhere() -> None:
    report, reason = make_report(), NotMeasured(not_measured="the service gives no gradients")
    measurement = report.measurement.model_copy(update={"signals": {**report.measurement.signals, "able": reason}})
    comparisons = tuple(with_signal(one, "able", reason) for one in report.comparisons)
    page = Page(HtmlReport().render(report.model_copy(update={"measurement": measurement, "comparisons": comparisons})))
    assert page.balanced
    assert "not measured: the service gives no gradients" in page.text  # how it was measured
    assert "ABLE was not measured: the service gives no gradients." in page.text  # the signal's section
    assert page.text.count("not measuredthe service gives no gradients") == 2 * len(comparisons)  # its two columns
    assert "KL divergence among the papers' kinds of change" in page.text


def test_a_model_without_files_is_no_riddle() -> None:
    report = make_report()
    nothing = {"weights": (), "weights_digest": None, "weight_format": None, "model_type": None, "tokenizer": None}
    subject = report.subject.model_copy(update={**nothing, "source": "endpoint", "architecture": None})
    digests = report.digests.model_copy(update={"weights": None})
    text = Page(HtmlReport().render(report.model_copy(update={"subject": subject, "digests": digests}))).text
    assert "None" not in text.replace("None of the above.", "")  # which is what unrelated means
    assert text.count("no weight files are at hand") == 3


def test_files_that_were_read_in_part() -> None:
    text = Page(HtmlReport().render(read_in_part(make_report()))).text
    assert f"not computed; the Hub states {DIGEST}" in " ".join(text.split())
    assert "not computed: only parts of the weight files were fetched from the Hub" in text


def test_references_that_are_not_listed_are_counted() -> None:
    report = make_report()
    found = Shortlist(compared=8, listed=992, lists=("ABLE distance", "neurons as stored"))
    many = report.model_copy(update={"bank": report.bank.model_copy(update={"references": 1000, "shortlist": found})})
    said = "Of the 1,000 references of the bank, 8 were compared in full: the likeliest relatives by ABLE distance and"
    assert said in Page(HtmlReport().render(many)).text
    assert "Nothing is known of" not in wording.shortlisted(found)
    lacking = found.model_copy(update={"unlisted": ("org/a", "org/b")})
    assert "Nothing is known of 2 more references, which some list lacks." in wording.shortlisted(lacking)
    assert "compared in full" not in Page(HtmlReport().render(report)).text


def test_the_page_is_the_same_each_time() -> None:
    assert HtmlReport().render(make_report()) == HtmlReport().render(make_report())


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("palette", [0, 1], ids=["light", "dark"])
def test_text_has_enough_contrast(palette: int) -> None:
    style = (templates_folder() / "report.css").read_text("utf-8")
    block = re.findall(r":root \{(.*?)\}", style, re.DOTALL)[palette]
    colours = {name: luminance(value) for name, value in re.findall(r"--(\w+): (#\w{6});", block)}
    for text in ("ink", "soft", "link", "good", "bad", "open", "calm", "kin"):
        for ground in ("paper", "panel"):
            dark, light = sorted((colours[text], colours[ground]))
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (text, ground)
