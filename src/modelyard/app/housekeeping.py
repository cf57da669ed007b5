"""The commands of the yard itself: up, status, doctor, env, sign-in, backup, restore, seal, settings, completion."""

from __future__ import annotations

import shlex
from pathlib import Path

import click
import msgspec

from modelyard.app.session import session
from modelyard.kernel.errors import Damaged, InvalidInput, Unavailable
from modelyard.kernel.units import format_bytes
from modelyard.settings import Settings


def register(group: click.Group) -> None:
    """Put the commands into `group`."""
    for command in (up, demo, status, doctor, backup, restore, seal, env, sign_in, settings, serve_control, completion):
        group.add_command(command)


@click.command()
@click.option("--home", help="Folder that holds the yard.")
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=int, help="Port to listen on; 0: any free one.")
@click.option("--allow-host", multiple=True, help="A further name this yard may be called by.")
@click.option("--tls-cert", help="PEM file of the certificate chain.")
@click.option("--tls-key", help="PEM file of the private key.")
@click.option("--insecure", is_flag=True, default=None, help="Listen beyond loopback without TLS.")
def up(**flags: object) -> None:
    """Start the yard and keep it up until Ctrl-C."""
    from modelyard.app.upkeep import run_up

    given = {k: v for k, v in flags.items() if v not in (None, ())}
    session().flags |= given
    raise click.exceptions.Exit(run_up(session().settings))


@click.command()
@click.option("--csv", type=click.Path(dir_okay=False, exists=True, path_type=Path), help="A file of your own.")
@click.option(
    "--config", type=click.Path(dir_okay=False, exists=True, path_type=Path), help="What its columns mean, as TOML."
)
@click.option("--home", help="Folder for the yard; else a temporary one that is gone at the end.")
@click.option("--stay/--no-stay", default=None, help="Stay up until Ctrl-C; by default if there is a terminal.")
def demo(*, csv: Path | None, config: Path | None, home: str | None, stay: bool | None) -> None:
    """Take the whole lifecycle through one day, on data, in about a minute."""
    from modelyard.app.demo.run import run_demo

    raise click.exceptions.Exit(run_demo(csv=csv, config=config, home=home, stay=stay))


@click.command("_control", hidden=True)
@click.argument("settings_json")
@click.argument("handle", type=int)
def serve_control(settings_json: str, handle: int) -> None:
    """The control process; started by the supervisor, which holds the listening socket."""
    from modelyard.app.serve import serve
    from modelyard.edges.http.listening import inherited

    serve(msgspec.json.decode(settings_json, type=Settings), inherited(handle))


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(*, as_json: bool) -> None:
    """Say what is running, and how it fares."""
    from modelyard.app.upkeep import state_of

    state = state_of(session().settings)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(state), indent=2))
    elif state.address is None:
        click.echo(f"no yard serves {state.home}; start one: yard up")
    else:
        click.echo(f"{state.address} serves {state.home} · process {state.pid} · {state.memory_mb:.0f} MB in all")
        for child in state.children:
            words = f"pid {child.pid}" if child.pid else f"down, exit {child.last_exit}: {child.last_words}"
            click.echo(f"  {child.name}: {words}" + (f" · restarted {child.restarts} times" if child.restarts else ""))
    if state.address is None:
        raise click.exceptions.Exit(Unavailable.exit_code)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(*, as_json: bool) -> None:
    """Look for damage, low disk and dead processes; change nothing."""
    from modelyard.app.examination import Health, examine
    from modelyard.app.house import House

    house = House(session().settings)
    try:
        found = []
        for finding in examine(house):
            found.append(finding)
            if not as_json:
                colour = {Health.OK: "green", Health.WARN: "yellow", Health.BAD: "red"}[finding.health]
                click.echo(f"{click.style(f'{finding.health:4}', fg=colour)}  {finding.what}: {finding.says}")
                if finding.do:
                    click.echo(f"      {finding.do}")
    finally:
        house.close()
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2))
    if any(f.health is Health.BAD for f in found):
        raise click.exceptions.Exit(Damaged.exit_code)


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(file: Path) -> None:
    """Write the whole home into one FILE, while it is in use."""
    from modelyard.app.backup import backup as write

    made = write(session().settings, file)
    click.echo(f"{file}: {len(made.files):,} files, {format_bytes(sum(k.size_bytes for k in made.files.values()))}")


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, exists=True, path_type=Path))
def restore(file: Path) -> None:
    """Make a home from a backup, every byte checked."""
    from modelyard.app.backup import restore as read

    made = read(file, session().settings.home_path)
    click.echo(f"{session().settings.home_path}: {len(made.files):,} files, every one matches its hash")


@click.command()
@click.option("--rotate", is_flag=True, help="Make a new key first; earlier ones are kept for backups.")
@click.option("--open", "opens", is_flag=True, help="Take the seals off; only where the setting `seal` is off.")
def seal(*, rotate: bool, opens: bool) -> None:
    """Seal what was stored before `seal = true` was set, or under an earlier key."""
    from modelyard.app.house import House
    from modelyard.app.sealing import reseal

    seals = session().settings.seal
    if not seals and not opens:
        raise InvalidInput("this yard does not seal: set seal = true and start it anew; to take seals off: --open")
    if opens and (seals or rotate):
        raise InvalidInput("to take the seals off, set seal = false and start the yard anew; no key is made then")
    house = House(session().settings)
    try:
        for what, count in reseal(house.engines, rotate=rotate):
            click.echo(f"{what}: {count:,} {'unsealed' if opens else 'sealed'}")
    finally:
        house.close()


@click.command()
def env() -> None:
    """Print what other programs need to find this yard: eval "$(yard env)"."""
    from modelyard.app.upkeep import environment_of

    for name, value in environment_of(session().settings).items():
        click.echo(f"export {name}={shlex.quote(value)}")


@click.command("sign-in")
def sign_in() -> None:
    """Print a link that signs a browser in, once."""
    from modelyard.app.upkeep import sign_in_link

    click.echo(sign_in_link(session().settings))


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def settings(*, as_json: bool) -> None:
    """List every setting, its value and what it is for."""
    now = session().settings
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(now), indent=2))
        return
    for field in msgspec.inspect.type_info(Settings).fields:  # type: ignore[attr-defined]  # a struct's info has fields
        value = getattr(now, field.name)
        note = getattr(field.type, "extra_json_schema", None) or {}
        click.echo(f"{field.name} = {value!r}\n    YARD_{field.name.upper()}  {note.get('description', '')}")


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a shell: eval "$(yard completion bash)"."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    if kind is None:
        raise InvalidInput(f"{shell} has no completion here")
    click.echo(kind(click.get_current_context().find_root().command, {}, "yard", "_YARD_COMPLETE").source())
