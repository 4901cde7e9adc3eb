"""The command line: `cagewatch`, one command for each thing a user does."""

from __future__ import annotations

import warnings
from typing import Any

import typer
import typer.core

from cagewatch import commands, review_commands
from cagewatch.errors import InputError


class Commands(typer.core.TyperGroup):
    """Commands that say what is wrong with their input in one sentence, without a traceback."""

    def invoke(self, ctx: typer.Context) -> Any:
        """Run the chosen command; an `InputError` becomes one line and exit status 1."""
        other = warnings.showwarning

        def note(message: Warning | str, category: type[Warning], *more: Any) -> None:
            if category is UserWarning:
                typer.echo(f"Note: {message}", err=True)
            else:
                other(message, category, *more)

        try:
            with warnings.catch_warnings():
                warnings.showwarning = note
                return super().invoke(ctx)
        except InputError as error:
            typer.echo(f"cagewatch: {error}", err=True)
            raise typer.Exit(1) from None


app = typer.Typer(
    cls=Commands,
    help="Spot anomalous mouse behaviour in home-cage video without labels.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)


app.command()(commands.info)
app.command()(commands.download)
app.command()(commands.check)
app.command()(commands.train)
app.command()(commands.score)
app.command()(review_commands.review)
app.command()(review_commands.report)
app.command()(review_commands.watch)
app.command("demo-cohort")(review_commands.demo_cohort)


WORDS = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


@app.command(context_settings=WORDS)
def run(context: typer.Context) -> None:
    """Run a notebook: cagewatch run experiment -p model cae -f own.yaml -o out.ipynb."""
    from cagewatch.study.execute import main

    main(context.args)


@app.command(context_settings=WORDS)
def study(context: typer.Context) -> None:
    """Run a study: every target, detector and seed of a dataset, figures and tables."""
    from cagewatch.study.__main__ import main

    main(context.args)


if __name__ == "__main__":
    app()
