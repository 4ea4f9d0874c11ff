"""With a second factor and another server's accounts switched on: run by `test_switches`, in a process of its own.

`python -m tests.accounts.switched INVITATION` talks to this installation as a browser does, and to a provider of OpenID Connect that
runs in a thread beside it, as the environment has named it. It prints a line for each thing that holds.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

PASSWORD = "wet-paper-lamp-9"


class Provider(BaseHTTPRequestHandler):
    """Says who logs in: always the same person."""

    def do_GET(self) -> None:
        here = f"http://{self.headers['Host']}"
        self.answer(
            {"sub": "person-7", "preferred_username": "zoe", "email": "zoe@example.org", "email_verified": True}
            if self.path == "/userinfo"
            else {
                "issuer": here,
                "authorization_endpoint": f"{here}/authorize",
                "token_endpoint": f"{here}/token",
                "userinfo_endpoint": f"{here}/userinfo",
                "token_endpoint_auth_methods_supported": ["client_secret_post"],
            }
        )

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer({"access_token": "any", "token_type": "Bearer", "expires_in": 60})

    def answer(self, said: dict[str, Any]) -> None:
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Nothing is said."""


def code_of(secret: str) -> str:
    """RFC 6238: the six digits of this half minute."""
    key = base64.b32decode(secret)
    digest = hmac.new(key, struct.pack(">Q", int(time.time()) // 30), hashlib.sha1).digest()
    (number,) = struct.unpack(">I", digest[digest[-1] & 15 :][:4])
    return f"{(number & 0x7FFFFFFF) % 1_000_000:06d}"


def by_a_second_factor() -> None:
    from allauth.mfa.models import Authenticator
    from django.contrib.auth.models import User
    from django.test import Client
    from django.urls import reverse

    User.objects.create_user("ada", password=PASSWORD)
    here = Client(headers={"host": "127.0.0.1"})
    assert here.post("/login/", {"login": "ada", "password": PASSWORD}).status_code == 302
    assert reverse("mfa_index") in here.get("/account/").content.decode()
    asked = here.get(reverse("mfa_activate_totp"))
    assert asked["Location"].startswith(
        reverse("account_reauthenticate")
    )  # once more, before what protects the account changes
    assert here.post(asked["Location"], {"password": PASSWORD})["Location"] == reverse("mfa_activate_totp")
    page = here.get(reverse("mfa_activate_totp")).content.decode()
    secret = re.search(r'value="([A-Z2-7]{16,})"', page)
    assert secret is not None, page
    assert "site-header" in page
    assert here.post(reverse("mfa_activate_totp"), {"code": "000000"}).status_code == 200
    assert here.post(reverse("mfa_activate_totp"), {"code": code_of(secret[1])}).status_code == 302
    codes = here.get(reverse("mfa_view_recovery_codes"), follow=True)
    assert codes.status_code == 200
    there = Client(headers={"host": "127.0.0.1"})
    reply = there.post("/login/", {"login": "ada", "password": PASSWORD})
    assert reply["Location"].startswith(reverse("mfa_authenticate"))
    assert there.get("/account/").status_code == 302
    assert there.post(reverse("mfa_authenticate"), {"code": "000000"}).status_code == 200
    recovery = Authenticator.objects.get(type="recovery_codes").wrap().get_unused_codes()[0]
    assert there.post(reverse("mfa_authenticate"), {"code": recovery}).status_code == 302
    assert there.get("/account/").status_code == 200
    sys.stdout.write("a second factor is asked for\n")


def by_another_server(invitation: str) -> None:
    from django.contrib.auth.models import User
    from django.test import Client

    from conflictscope.studies.models import Membership

    def come_back(client: Client) -> Any:
        page = client.get("/login/").content.decode()
        assert "The university" in page, page
        begun = client.post(re.search(r'href="(/account/[^"]*login/[^"]*)"', page)[1])
        assert begun.status_code == 302, begun.content.decode()
        there = urlsplit(begun["Location"])
        assert there.path == "/authorize"
        asked = parse_qs(there.query)
        assert asked["code_challenge_method"] == ["S256"]
        back = urlsplit(asked["redirect_uri"][0])
        return client.get(back.path, {"code": "any", "state": asked["state"][0]}, follow=True)

    stranger = Client(headers={"host": "127.0.0.1"})
    assert "By invitation" in come_back(stranger).content.decode()
    assert not User.objects.filter(email="zoe@example.org").exists()
    invited = Client(headers={"host": "127.0.0.1"})
    invited.get(f"/invitation/{invitation}/")
    reply = come_back(invited)
    if reply.request["PATH_INFO"] != "/":  # asked to choose a name
        reply = invited.post(reply.request["PATH_INFO"], {"username": "zoe", "email": "zoe@example.org"}, follow=True)
    assert Membership.objects.get(user__email="zoe@example.org").role == "annotator", reply.content.decode()
    assert "form-action 'self' http://127.0.0.1:" in reply["Content-Security-Policy"]
    sys.stdout.write("another server's account logs in\n")


def main() -> None:
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    for app in ("mfa", "socialaccount"):
        call_command("migrate", app, verbosity=0)
    provider = HTTPServer(("127.0.0.1", urlsplit(settings.OIDC).port or 0), Provider)
    threading.Thread(target=provider.serve_forever, daemon=True).start()
    by_a_second_factor()
    by_another_server(sys.argv[1])
    provider.shutdown()


if __name__ == "__main__":
    main()
