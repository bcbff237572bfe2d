"""The commands `micro auth …`: accounts, tokens, and the rules that callers are judged by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from micro.doors.cli.body import read_bytes
from micro.doors.cli.completion import complete_endpoints, complete_services
from micro.doors.cli.elsewhere import typed_line
from micro.doors.cli.ending import REFUSED, Usage
from micro.doors.cli.moment import ago, length, until
from micro.doors.cli.options import FreeOption, group
from micro.doors.cli.output import Column, clean
from micro.doors.cli.session import Session
from micro.doors.cli.terminal import note, say
from micro.errors import MicroError, NotFound

__all__ = ["auth"]

PUBLIC = "<public>"
RULES = [Column(name) for name in ("id", "scope", "access", "resource", "priority")]
NEVER = "never"
TOKENS = [Column(name) for name in ("name", "scopes", "account", "expires", "used")]
ACCOUNTS = [Column(name) for name in ("id", "type", "scopes", "state", "created")]


@group("auth", example="micro auth create rule no-strangers --scope public --access denied --resource service:notes:*")
def auth() -> None:
    """Say who may call what: accounts, tokens, rules.

    Of the rules that fit a caller and what it asks for, the one with the highest priority decides; the owner is asked
    about none.
    """


@group("list", example="micro auth list rules")
def listing() -> None:
    """List rules, accounts or API tokens."""


@group("create", example="micro auth create account ann --scopes ops")
def create() -> None:
    """Create a rule, an account or an API token."""


@group("update", example="micro auth update account ann --scopes ops,dev")
def update() -> None:
    """Change an account."""


@group("delete", example="micro auth delete rule no-strangers")
def delete() -> None:
    """Delete a rule, an account or an API token."""


for below in (listing, create, update, delete):
    auth.add_command(below)


@listing.command_of("rules", example="micro auth list rules")
def list_rules(session: Session) -> None:
    """List the rules, in the order in which they decide."""
    found = session.ask("auth", "Rules.List")
    session.show_rows(found, [_rule_row(rule) for rule in found["rules"]], RULES)
    if not found["rules"] and session.shape() == "table":
        note("no rules: nobody but you may call anything")


@listing.command_of("accounts", example="micro auth list accounts")
def list_accounts(session: Session) -> None:
    """List the accounts."""
    found = session.ask("auth", "Accounts.List")
    rows = [
        {
            **account,
            "scopes": ",".join(account["scopes"]),
            "state": "disabled" if account["disabled"] else "active",
            "created": ago(account["created"]),
        }
        for account in found["accounts"]
    ]
    session.show_rows(found, rows, ACCOUNTS)
    if not rows and session.shape() == "table":
        note("no accounts yet")
        session.next("micro auth create account NAME")


@listing.command_of("tokens", example="micro auth list tokens")
def list_tokens(session: Session) -> None:
    """List the API tokens: what each covers, when it ends, and when it was used last."""
    found = session.ask("auth", "Tokens.List")
    session.show_rows(found, [_token_row(token) for token in found["tokens"]], TOKENS)
    if not found["tokens"] and session.shape() == "table":
        note("no API tokens yet")
        session.next("micro auth create token NAME")


def _token_row(token: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": token["name"],
        "scopes": ",".join(token["scopes"]),
        "account": token["account"] or "owner",
        "expires": "expired" if token["expired"] else until(token["expires"]) or NEVER,
        "used": ago(token["used"]) or NEVER,
    }


def _rule_row(rule: Mapping[str, Any]) -> dict[str, Any]:
    resource = rule["resource"]
    shown = f"{resource['type']}:{resource['name']}:{resource['endpoint']}"
    return {**rule, "scope": rule["scope"] or PUBLIC, "resource": shown}


@create.command_of("rule", example="micro auth create rule no-strangers --access denied --resource service:notes:*")
@click.argument("id")
@click.option("--resource", required=True, metavar="TYPE:NAME:ENDPOINT", help="What it is about; * for any.")
@click.option("--scope", default="public", metavar="SCOPE", help="Whom it is about.  [default: public]")
@click.option("--access", type=click.Choice(["granted", "denied"]), default="granted", help="[default: granted]")
@click.option("--priority", type=int, default=1, metavar="N", help="The highest that fits decides.  [default: 1]")
def create_rule(session: Session, id: str, resource: str, scope: str, access: str, priority: int) -> None:
    """Create a rule. It counts from the next call on.

    The scope is public for everybody, * for whoever has an account here, a word that accounts hold, account:ID,
    service:NAME, or node:NID; service:* and node:* stand for all of them.
    """
    session.hint = "micro auth list rules"
    request = {"id": id, "scope": scope, "access": access, "priority": priority, "resource": _resource(resource)}
    found = session.ask("auth", "Rules.Create", request)
    session.show_rows(found, [_rule_row(found)], RULES)


def _resource(text: str) -> dict[str, str]:
    type_, _, rest = text.partition(":")
    name, _, endpoint = rest.rpartition(":")
    if not (type_ and name and endpoint):
        raise Usage(
            f"--resource {text!r}: expected is type:name:endpoint, such as service:greeter:Say.Hello or topic:orders:*"
        )
    return {"type": type_, "name": name, "endpoint": endpoint}


@create.command_of("account", example="micro auth create account ann --scopes ops,dev")
@click.argument("id")
@click.option("--scopes", cls=FreeOption, default="", metavar="WORDS", help="What it holds, between commas.")
@click.option("--type", "kind", type=click.Choice(["user", "service", "node"]), default="user", help="[default: user]")
@click.option("--secret", metavar="SECRET", help="Of a user: - reads it, @FILE takes it; without it one is made.")
def create_account(session: Session, id: str, scopes: str, kind: str, secret: str | None) -> None:
    """Create an account, and print its secret, which is told this once.

    The account of a service is called as the service is, that of a node by its nid; those have no secret, they prove
    themselves.
    """
    session.hint = "micro auth list accounts"
    request = {"id": id, "type": kind, "scopes": _words(scopes), "secret": _secret(secret)}
    found = session.ask("auth", "Auth.Generate", request)
    _tell_secret(session, found, "" if secret else str(found.get("secret", "")))
    if kind == "user" and session.shape() == "table":
        session.next(typed_line("micro auth token", id))


@create.command_of("token", example="micro auth create token laptop --scope greeter --expire 30d")
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, metavar="SCOPE", help="What it covers.  [default: every service]")
@click.option("--expire", default="90d", metavar="TIME", help="How long it is good: 12h, 30d, never.  [default: 90d]")
@click.option("--account", metavar="ID", help="Whose it is.  [default: yours]")
def create_token(session: Session, name: str, scopes: tuple[str, ...], expire: str, account: str | None) -> None:
    """Create an API token for a program, and print it, which is told this once.

    A SCOPE is a service, such as greeter, an endpoint, such as greeter:Say.Hello, a topic, such as topic:orders, or a
    resource as in rules. The program sends the token as `Authorization: Bearer TOKEN`, or has it in MICRO_TOKEN.
    """
    session.hint = "micro auth list tokens"
    seconds = 0 if expire == NEVER else int(length(expire))
    if expire != NEVER and not seconds:
        raise Usage(f"--expire {expire!r}: that is no time at all; write 12h, 30d or {NEVER}")
    request = {"name": name, "scopes": list(scopes), "expiry_seconds": seconds, "account": account or ""}
    found = session.ask("auth", "Tokens.Create", request)
    if session.shape() == "json":
        session.show(found)
    else:
        say(found["token"])
        note("this is the token; it is kept nowhere, so keep it now")


def _words(text: str) -> list[str]:
    """Returns the words between commas, none in an empty text.

    Raises:
        Usage: nothing stands between two of the commas.
    """
    words = [word.strip() for word in text.split(",")] if text.strip() else []
    if not all(words):
        raise Usage(f"--scopes {text!r}: words between commas are expected, such as ops,dev")
    return words


def _secret(text: str | None) -> str:
    return "" if text is None else read_bytes(text).decode(errors="replace").strip()


def _tell_secret(session: Session, found: Mapping[str, Any], secret: str) -> None:
    if session.shape() == "json":
        session.show(found)
    elif secret:
        say(secret)
        note("this is the secret; it is kept nowhere, so keep it now")


@update.command_of("account", example="micro auth update account ann --scopes ops --disable")
@click.argument("id")
@click.option("--scopes", cls=FreeOption, metavar="WORDS", help="All that it holds from now on, between commas.")
@click.option("--disable/--enable", "disabled", default=None, help="Have it count for nothing, or again.")
@click.option("--new-secret", is_flag=True, help="Make another secret, and end the tokens it has.")
def update_account(session: Session, id: str, scopes: str | None, disabled: bool | None, new_secret: bool) -> None:
    """Change what an account holds, whether it counts, or its secret.

    It counts from the next call on; a disabled account's tokens and links end.
    """
    session.hint = "micro auth list accounts"
    if scopes is None and disabled is None and not new_secret:
        raise Usage("what shall change? Say --scopes, --disable, --enable or --new-secret")
    found: dict[str, Any] = {"id": id}
    if scopes is not None or disabled is not None:
        wanted = {"scopes": None if scopes is None else _words(scopes), "disabled": disabled}
        changes = {name: value for name, value in wanted.items() if value is not None}
        found = session.ask("auth", "Accounts.Update", {"id": id, **changes})
    if new_secret:
        found = {**found, **session.ask("auth", "Accounts.ChangeSecret", {"id": id})}
    _tell_secret(session, found, str(found.get("secret", "")))


@delete.command_of("rule", example="micro auth delete rule no-strangers")
@click.argument("id")
def delete_rule(session: Session, id: str) -> None:
    """Delete a rule. That counts from the next call on."""
    _delete(session, "Rules.Delete", id, "micro auth list rules")


@delete.command_of("account", example="micro auth delete account ann")
@click.argument("id")
def delete_account(session: Session, id: str) -> None:
    """Delete an account. Its tokens and links end at once."""
    _delete(session, "Accounts.Delete", id, "micro auth list accounts")


@delete.command_of("token", example="micro auth delete token laptop")
@click.argument("name")
def delete_token(session: Session, name: str) -> None:
    """Delete an API token. What is open by it ends at once."""
    _delete(session, "Tokens.Delete", name, "micro auth list tokens", field="name")


def _delete(session: Session, endpoint: str, id: str, hint: str, *, field: str = "id") -> None:
    session.hint = hint
    found = session.ask("auth", endpoint, {field: id})
    if session.shape() == "json":
        session.show(found)


@auth.command_of("token", example="micro auth token ann --expire 3600")
@click.argument("id")
@click.option("--secret", metavar="SECRET", help="The account's: - reads it, @FILE takes it. You need none.")
@click.option("--expire", type=int, metavar="SECONDS", help="How long it lives, a day at most.  [default: 900]")
def token(session: Session, id: str, secret: str | None, expire: int | None) -> None:
    """Print a token of an account.

    Over HTTP it is sent as `Authorization: Bearer TOKEN`; programs on this machine take it from MICRO_TOKEN.
    """
    session.hint = "micro auth list accounts"
    request: dict[str, Any] = {"id": id, "secret": _secret(secret)}
    if expire is not None:
        request["token_expiry"] = expire
    found = session.ask("auth", "Auth.Token", request)
    if session.shape() == "json":
        session.show(found)
    else:
        say(found["access_token"])


@auth.command_of("check", example="micro auth check notes Notes.Write --as anonymous")
@click.argument("service", shell_complete=complete_services)
@click.argument("endpoint", shell_complete=complete_endpoints)
@click.option("--as", "caller", default="anonymous", metavar="WHO", help="Who asks.  [default: anonymous]")
@click.option("--topic", is_flag=True, help="SERVICE is a topic, and ENDPOINT publish or subscribe.")
def check(session: Session, service: str, endpoint: str, caller: str, topic: bool) -> None:
    """Say whether somebody may call an endpoint, and which rule decides.

    WHO is an account, anonymous, owner, service:NAME or node:NID. The exit code is 5 where the answer is no.
    """
    resource = {"type": "topic" if topic else "service", "name": service, "endpoint": endpoint}
    try:
        found = session.ask("auth", "Rules.Check", {"caller": caller, "resource": resource})
    except NotFound:
        session.hint = "micro auth list accounts"
        raise
    shown = found if session.shape() == "json" else {**found, "scopes": ",".join(found["scopes"])}
    session.show_fields(shown)
    if not topic and (absent := _absent(session, service, endpoint)):
        note(f"{absent}; that is what would hold for one")
    if not found["allowed"]:
        click.get_current_context().exit(REFUSED)


def _absent(session: Session, service: str, endpoint: str) -> str:
    """Returns what is not there of a service and its endpoint, "" where both are."""
    try:
        found = session.ask("registry", "Registry.Get", {"name": service}, waiting=f"looking for {service}")
    except NotFound:
        return f"no service is called {clean(service)} now"
    except MicroError:  # it cannot be asked; what its rules say is known all the same
        return ""
    names = [each["name"] for each in found.get("endpoints", ())]
    return "" if endpoint in names or not names else f"{clean(service)} has no endpoint {clean(endpoint)}"
