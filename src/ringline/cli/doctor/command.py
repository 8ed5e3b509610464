"""`ringline doctor`: runs the checks and prints what they say."""

import asyncio
import os
from collections.abc import Sequence
from typing import Annotated

import typer

from ringline.cli.config import unknown_variables
from ringline.cli.doctor import apps, keeping, machine, network
from ringline.cli.doctor.findings import Finding, Level, Report, warn
from ringline.cli.options import AsJson, Config, Data, settings_of
from ringline.cli.output import STYLES, console, print_json, printable
from ringline.core.settings import Settings


def doctor(
    config: Config = None,
    data: Data = None,
    stream: Annotated[
        str | None, typer.Option(metavar="URL", help="Try an app's media stream (ws:// or wss://).")
    ] = None,
    stream_token: Annotated[
        str | None, typer.Option(metavar="TOKEN", help="stream_auth_token for --stream.")
    ] = None,
    webhook: Annotated[
        str | None, typer.Option(metavar="URL", help="Send a signed test event to an app's webhook.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check this machine and the settings, and an app where one is named. Exit status 1 if anything fails."""
    settings = settings_of(config, data)
    reports = examine(settings)
    if stream:
        reports.append(Report("stream", asyncio.run(apps.check_stream(stream, stream_token, settings))))
    if webhook:
        reports.append(Report("webhook", asyncio.run(apps.check_webhook(webhook, settings))))
    if as_json:
        print_json([_plain(report.subject, finding) for report in reports for finding in report.findings])
    else:
        _print(reports)
    if any(report.failed for report in reports):
        raise typer.Exit(1)


def examine(settings: Settings) -> list[Report]:
    """Everything that can be checked without an app; what it writes it takes back."""
    misspelled = [warn(text, "correct its name, or unset it") for text in unknown_variables(os.environ)]
    return [
        *([Report("settings", misspelled)] if misspelled else []),
        Report("ports", list(network.check_ports(settings))),
        Report("addresses", list(network.check_addresses(settings))),
        Report("exposure", list(network.check_exposure(settings))),
        Report("clock", list(machine.check_clock())),
        Report("media", [machine.check_engine(), machine.check_priority()]),
        Report("kernel", [machine.check_buffers(), machine.check_descriptors(settings)]),
        Report("data", [*keeping.check_folder(settings.data), keeping.check_store(settings)]),
        Report("objects", [asyncio.run(keeping.check_objects(settings))]),
        Report(
            "speech",
            [
                keeping.check_models(settings),
                keeping.check_speech(settings),
                keeping.check_recognition(settings),
            ],
        ),
    ]


def _print(reports: Sequence[Report]) -> None:
    out = console()
    for report in reports:
        for finding in report.findings:
            out.print(f"{finding.level.value:<5}", style=STYLES[finding.level.value], end="")
            out.print(f"{report.subject:<10}{printable(finding.text)}")
            if finding.advice:
                out.print(f"{'':15}→ {printable(finding.advice)}")
    levels = [finding.level for report in reports for finding in report.findings]
    counts = {level: levels.count(level) for level in Level}
    out.print(f"{counts[Level.OK]} ok, {counts[Level.WARN]} to look at, {counts[Level.FAIL]} failed")


def _plain(subject: str, finding: Finding) -> dict[str, str]:
    return {
        "subject": subject,
        "level": finding.level.value,
        "text": finding.text,
        "advice": finding.advice,
    }
