"""The explorer's numbers in words: one HTML table for a threshold."""

from __future__ import annotations

import html
import math

from IPython.display import HTML, display

from cagewatch.metrics import Alarm, Consequences, Scored

UNKNOWN = "–"


def describe_consequences(scored: Scored, consequences: Consequences) -> str:
    """HTML of everything a threshold does; what cannot be computed is a dash, with the reason."""
    events = consequences.events
    share = consequences.flagged / max(consequences.n_frames, 1)
    rows = [
        ("flagged", "frames flagged", f"{consequences.flagged:,} ({share:.1%})"),
        ("alarms", "alarms", f"{consequences.n_alarms:,}"),
        ("alarms-per-hour", "alarms per hour", _number(consequences.alarms_per_hour, ".1f")),
    ]
    if events is not None:
        counts = [events.true_positives, events.false_positives]
        counts += [events.false_negatives, events.true_negatives]
        caught = f"{events.bouts_caught:,} of {events.n_bouts:,}"
        rows += [
            ("confusion", "true / false alarms, missed / quiet frames",
             " / ".join(f"{count:,}" for count in counts)),
            ("precision", "precision", _number(events.precision)),
            ("recall", "recall", _number(events.recall)),
            ("f1", "F1", _number(events.f1)),
            ("false-positive-rate", "false positive rate", _number(events.false_positive_rate)),
            ("false-alarms", "false alarms per hour",
             _number(events.false_alarms_per_hour, ".1f")),
            ("bouts", "bouts caught", f"{caught} ({_number(events.bout_recall, '.0%')})"),
            ("delay", "delay to detection, median",
             _number(events.delay_median_s, ".2f", " s")),
        ]  # fmt: skip
    cells = "".join(
        f'<tr><td style="padding-right:1em">{name}</td><td class="cw-{key}">{value}</td></tr>'
        for key, name, value in rows
    )
    note = f"<p><i>{describe_gaps(scored)}</i></p>" if describe_gaps(scored) else ""
    return f'<table style="line-height:1.5">{cells}</table>{note}'


def show_consequences(scored: Scored, consequences: Consequences, title: str = "") -> None:
    """Display the table of `describe_consequences` in a notebook."""
    heading = f"<b>{html.escape(title)}</b>" if title else ""
    display(HTML(heading + describe_consequences(scored, consequences)))


def describe_gaps(scored: Scored) -> str:
    """One sentence on what cannot be computed for these scores, empty if all of it can."""
    if scored.anomalous is None:
        return (
            "The run has no labels: precision, recall, curves and bouts cannot be computed; choose "
            "a threshold by a quantile of the training scores."
        )
    if scored.lacking:
        return f"Dashes and the missing curves cannot be computed: {scored.lacking}."
    return ""


def describe_alarm(scored: Scored, alarm: Alarm, number: int, n_alarms: int) -> str:
    """One line on an alarm: where, when, how high, and whether it is true."""
    name = html.escape(scored.names[scored.codes[alarm.start]])
    begin, end = scored.time_s[alarm.start], scored.time_s[alarm.stop - 1]
    first, last = scored.frame[alarm.start], scored.frame[alarm.stop - 1]
    kind = {True: ", in a true bout", False: ", <b>false</b>", None: ""}[alarm.caught]
    when = f"{begin:.2f} to {end:.2f} s, " if math.isfinite(begin) else ""
    return (
        f"alarm {number} of {n_alarms}: {name}, {when}frames {first} to {last}, highest score "
        f"{scored.score[alarm.peak]:.4g}{kind}"
    )


def _number(value: float, form: str = ".3f", unit: str = "") -> str:
    return f"{value:{form}}{unit}" if math.isfinite(value) else UNKNOWN
