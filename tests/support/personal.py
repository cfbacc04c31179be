"""Requests with personal data, each value a unique canary, as customers, attackers and bugs send them."""

import base64
import json
import secrets
from collections.abc import Callable
from typing import Any, Self

from sandbox.traffic.customer import CARD, Customer, Exchange
from sandbox_testing.canaries import Canary, card_number, word

__all__ = ["ACCOUNT_COLUMNS", "DESCRIPTION_COLUMNS", "PersonalTraffic"]

ACCOUNT_COLUMNS = frozenset({"auth.accounts.email", "auth.accounts.name"})
# The response to an idempotency key is stored unchanged, so that a repetition gets the same one.
DESCRIPTION_COLUMNS = frozenset({"payments.payments.description", "payments.idempotency_keys.answer"})


class PersonalTraffic:
    """Sends the requests and records every canary in them. ``control`` may be stored, and must be found."""

    def __init__(self, gateway: str) -> None:
        self.canaries: list[Canary] = []
        self.control = word("control")
        self.customer = Customer(gateway)
        self.customer.email = f"{self.plant('mail address', ACCOUNT_COLUMNS)}@example.com"
        self.customer.password = self.plant("password")

    def plant(self, name: str, allowed: frozenset[str] = frozenset()) -> str:
        """Return a new word, which must appear nowhere but in ``allowed``."""
        value = word(name.split()[0].replace("-", "").lower())
        self.canaries.append(Canary(name, value, allowed=allowed))
        return value

    def plant_card(self, name: str, spelling: Callable[[str], str], *, prefix: str = "4000") -> str:
        """Return a new card number in a spelling. It is searched for in that spelling and as plain digits."""
        number = card_number(prefix)
        self.canaries.append(Canary(name, spelling(number), (spelling(number), number)))
        return spelling(number)

    def plant_text(self, name: str, value: str, *needles: str) -> str:
        """Return a value of a given form, searched for as a whole or by the given pieces."""
        self.canaries.append(Canary(name, value, needles))
        return value

    def send_all(self) -> list[Exchange]:
        """Send requests that succeed, are rejected and fail; return every exchange."""
        self.customer.register(name=f"Ada {self.plant('name of a person', ACCOUNT_COLUMNS)}")
        tokens = self.customer.login().json
        self.plant_text("access token", tokens["access_token"], tokens["access_token"].rpartition(".")[2])
        self.plant_text("refresh token", tokens["refresh_token"])
        for step in (self._accounts, self._cards, self._bodies, self._headers, self._addresses, self._tokens):
            step()
        for service in ("gateway", "auth", "payments"):
            self.customer.send("POST", f"/api/debug/{service}/error", **self._everywhere(service))
            self._fail_with_values(service)
        return self.customer.exchanges

    def _accounts(self) -> None:
        send = self.customer.send
        same = {"email": self.customer.email, "password": self.plant("password of a duplicate"), "name": "Ada"}
        # The database's message about a duplicate repeats the value.
        send("POST", "/api/auth/register", json=same)
        unknown = f"{self.plant('unknown mail address')}@example.org"
        send("POST", "/api/auth/login", json={"email": unknown, "password": self.plant("wrong password")})
        send(
            "POST",
            "/api/auth/login",
            json={"email": self.customer.email, "password": self.plant("second wrong password")},
        )
        not_a_mail = self.plant("malformed mail address")
        send(
            "POST",
            "/api/auth/register",
            json={"email": not_a_mail, "password": "short", "name": self.plant("rejected name")},
        )
        send("POST", "/api/auth/refresh", json={"refresh_token": self.plant("invented refresh token")})

    def _cards(self) -> None:
        pay = self.customer.pay
        number = self.plant_card("card number, digits", lambda digits: digits)
        pay(card={**CARD, "number": number})
        pay(card={**CARD, "number": self.plant_card("card number, spaces", lambda digits: _grouped(digits, " "))})
        pay(card={**CARD, "number": self.plant_card("card number, dashes", lambda digits: _grouped(digits, "-"))})
        pay(card={**CARD, "number": self.plant_card("card number, dots", lambda digits: _grouped(digits, "."))})
        pay(card={**CARD, "number": int(self.plant_card("card number, JSON number", lambda digits: digits))})
        pay(card={**CARD, "number": self.plant_card("card number, wrong check digit", _failing_check)})
        pay(card={**CARD, "cvc": self.plant("cvc of letters")})
        pay(card={**CARD, "cvc": self.plant_text("cvc of many digits", str(secrets.randbelow(9 * 10**11) + 10**11))})
        pay(card={**CARD, "holder": self.plant("card holder")})
        pay(card=self.plant("card that is a string"))

    def _bodies(self) -> None:
        pay, send = self.customer.pay, self.customer.send
        iban = f"DE{secrets.randbelow(90) + 10}{secrets.randbelow(9 * 10**17) + 10**17}"
        phone = f"+49151{secrets.randbelow(9 * 10**7) + 10**7}"
        described = [
            self.plant("mail in a description", DESCRIPTION_COLUMNS) + "@example.com",
            self._described("IBAN in a description", iban),
            self._described("phone number in a description", phone),
        ]
        for text in described:
            pay(description=text)
        # Rejected, so it may be stored nowhere.
        pay(description=self.plant_card("card number in a description", lambda digits: _grouped(digits, " ")))
        pay(description=self.plant("NUL in a description") + "\x00")
        pay(amount=self.plant("amount that is a word"))
        pay(currency=self.plant("currency that is a word"))
        pay(extra={"nested": [{"deeper": {"password": self.plant("nested JSON password")}}]})
        send("POST", "/api/payments", content=f'{{"card": "{self.plant("broken JSON")}', **_json())
        send("POST", "/api/payments", content=self.plant("plain text body"), headers={"content-type": "text/plain"})
        send("POST", "/api/auth/login", data={"email": "x", "password": self.plant("form field")})
        send("POST", "/api/payments", files={"upload": (self.plant("file name") + ".pdf", self.plant("file content"))})
        key = self.plant("idempotency key")
        send("POST", "/api/payments", json={}, headers={"idempotency-key": key})

    def _fail_with_values(self, service: str) -> None:
        """Cause an unhandled error whose exceptions, breadcrumb and failing statement contain values."""
        places = {"text": "exception text", "breadcrumb": "breadcrumb", "parameter": "SQL parameter"}
        values = {key: self.plant(f"{place} of {service}") for key, place in places.items()}
        answer = self.customer.send("POST", f"/api/debug/{service}/error", json=values)
        assert answer.status == 500, f"{service} answered {answer.status} instead of failing"

    def _described(self, name: str, value: str) -> str:
        self.canaries.append(Canary(name, value, allowed=DESCRIPTION_COLUMNS))
        return value

    def _headers(self) -> None:
        for method, path in (
            ("GET", "/api/payments"),
            ("GET", "/api/no/such/page"),
            ("POST", "/api/debug/gateway/error"),
        ):
            self.customer.send(method, path, **self._everywhere(f"{method} {path}"))

    def _everywhere(self, request: str) -> dict[str, Any]:
        """Put canaries in every part of a request except its body."""
        plant = self.plant
        basic = base64.b64encode(f"{plant('user of basic credentials')}:x".encode()).decode()
        headers = {
            "cookie": f"session={plant(f'cookie of {request}')}",
            "user-agent": f"Browser/1.0 ({plant(f'user-agent of {request}')})",
            "referer": f"https://shop.example.com/?mail={plant(f'referer of {request}')}",
            "x-api-key": plant(f"api key of {request}"),
            "x-request-id": plant(f"request id of {request}"),
            "x-forwarded-for": self.plant_text(f"address of {request}", f"203.0.113.{secrets.randbelow(250) + 1}"),
            "baggage": f"user.mail={plant(f'baggage of {request}')}",
            "tracestate": f"vendor={plant(f'tracestate of {request}')}",
            "proxy-authorization": f"Basic {self.plant_text('basic credentials', basic, basic.rstrip('='))}",
            "origin": f"https://{plant(f'origin of {request}')}.example.com",
            "accept-language": plant(f"language of {request}"),
            f"x-{plant('header name')}": "1",
        }
        return {"headers": headers, "params": {"q": plant(f"query of {request}"), plant("query name"): "1"}}

    def _addresses(self) -> None:
        send, plant = self.customer.send, self.plant
        send("GET", f"/api/payments/{plant('path of a payment')}")
        send("GET", f"/api/{plant('path without a route')}/{plant('path deeper')}@example.com")
        send("GET", "/api/payments", params={"cursor": plant("cursor")})
        send("POST", f"/api/debug/{plant('service of the debug endpoint')}/error")
        send(plant("method").upper(), "/api/payments")
        self.canaries.append(Canary("method, upper case", self.canaries[-1].value.upper()))

    def _tokens(self) -> None:
        forged = ".".join(
            _unpadded(part) for part in ({"alg": "none"}, {"sub": self.plant("subject of a forged token")})
        )
        signature = self.plant("signature of a forged token")
        headers = [
            {"authorization": f"Bearer {self.plant('bearer that is no token')}"},
            {"authorization": f"Bearer {self.plant_text('forged token', f'{forged}.{signature}', forged, signature)}"},
            {"authorization": f"Token {self.plant('unknown scheme')}"},
        ]
        for one in headers:
            self.customer.send("GET", "/api/payments", headers=one)
            self.customer.send("POST", "/api/payments", json={}, headers=one)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.customer.__exit__()


def _grouped(digits: str, separator: str) -> str:
    return separator.join(digits[at : at + 4] for at in range(0, len(digits), 4))


def _failing_check(digits: str) -> str:
    """Return the number with an incorrect check digit, off by one."""
    return digits[:-1] + str((int(digits[-1]) + 1) % 10)


def _json() -> dict[str, Any]:
    return {"headers": {"content-type": "application/json"}}


def _unpadded(part: dict[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
