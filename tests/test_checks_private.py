"""What nobody should learn: keys, people's addresses and numbers, and the furniture of pages."""

from __future__ import annotations

import pytest

from .drafts import BLOG_ENGINE, DATABASES, LAW, codes_with

BASE64 = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"
DRAWN = "q7Zp2Lw9Xv4Rk8Tn3Bd6Hc1Mj5Gs0Fy"


@pytest.mark.parametrize(
    "text",
    [
        f"Set OPENAI_API_KEY to sk-proj-{DRAWN} and start it.",
        f"Clone with ghp_{DRAWN}Ab12 as the token.",
        "The access key is AKIAQ7ZP2LW9XV4RK8TN for that bucket.",
        f"-----BEGIN RSA PRIVATE KEY-----\n{BASE64}\n{BASE64}\n-----END RSA PRIVATE KEY-----",
        "eyJhbGciOiJSUzI1NiIsImtpZCI6IjcifQ.eyJpc3MiOiJxN1pwMkx3OSIsImV4cCI6MTd9.q7Zp2Lw9Xv4Rk8Tn3Bd6Hc1Mj5Gs0Fy.",
        "Connect to postgres://svc_orders:q7Zp2Lw9Xv4@db7.prod.net/orders for that.",
        f"aws_secret_access_key = {DRAWN}Ab1/",
        f'client_secret: "{DRAWN}"',
        f"Authorization: Bearer {DRAWN}",
        "keystore_password=q7Zp2!Lw9Xv is set there.",
    ],
)
@pytest.mark.parametrize("field", ["input", "output"])
def test_keys_and_passwords_are_caught(field, text):
    assert "secret" in codes_with(DATABASES, **{field: f"{text} Then repair the node."})


@pytest.mark.parametrize(
    "text",
    [
        "Set OPENAI_API_KEY to sk-... and start it.",
        "Set it to sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx first.",
        "Use sk-your-api-key-goes-right-here-please as the key.",
        "The example key is AKIAIOSFODNN7EXAMPLE for that bucket.",
        "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "Connect to postgres://user:password@localhost/orders or amqp://guest:guest@mq/ for that.",
        "Connect to mongodb://admin:${MONGO_PASSWORD}@db.prod.net/orders for that.",
        "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
        "The commit is 9fceb02d0ae598e95dc970b74767f19372d61af8 or sha256:2c26b46b68ffc68ff99b453c1d304134",
        "The partition key of the token range is org.apache.cassandra.dht.Murmur3Partitioner$LongToken2Range",
        "The keyspace key is 6ba7b810-9dad-11d1-80b4-00c04fd430c8 and the token -9223372036854775808.",
        "password: changeme, keystore_password: cassandra, secret: mysecretmysecretmysecret",
    ],
)
def test_what_documentation_puts_in_their_place_is_no_secret(text):
    assert "secret" not in codes_with(DATABASES, output=f"{text} Then repair the node.")


@pytest.mark.parametrize(
    "text",
    [
        "Write to marta.kowalczyk@telmarine.pl about the node.",
        "The maintainer is Li Wei <li.wei83@qq.com>.",
        "Call +49 30 901820 447 for help with the node.",
        "Call (212) 664-7665 for help with the node.",
        "Call 212-664-7665 for help with the node.",
        "It was paid with 4539 1488 0343 6467 last week.",
        "It was paid with 371449635398432 and 4539148803436467 last week.",
    ],
)
@pytest.mark.parametrize("field", ["input", "output"])
def test_peoples_addresses_and_numbers_are_caught(field, text):
    assert "personal_data" in codes_with(BLOG_ENGINE, **{field: text})


@pytest.mark.parametrize(
    "text",
    [
        "Write to dev@cassandra.apache.org or user-subscribe@cassandra.apache.org first.",
        "Write to info@telmarine.pl, noreply@github.com or security@telmarine.pl.",
        "The row holds alice@example.com, marta@mail.example and marta@my.test as addresses.",
        "Clone git@github.com:apache/cassandra.git and log in with ssh ubuntu@10.0.0.12 there.",
        "The principal is cassandra/node1@EXAMPLE.COM, the address 12345+marta@users.noreply.github.com is hidden.",
        "Import @nestjs/common and install react@18.2.0 or @types/node@20.1.1, as Foo@bar.java says.",
        "The token is 4611686018427387904, the timestamp 1700000000000000 or 2024-05-06 10:20:30+0000.",
        "The card 4111 1111 1111 1111 is for tests, and so is 4242424242424242.",
        "The fictional number is +1 555 555 0123 or (212) 555-0147 there.",
        "Take 200-400 mg of 3.11.14-2023-10-05, port 10000-20000, 550e8400-e29b-41d4-a716-446655440000.",
        "The interval is +10 (5 + 3) - 2 and 100 - 200 - 3000 of them.",
        "Under Article 6(1)(a) and 7 of Regulation 2016/679 it is lawful.",
        "The sizes are 1024 2048 4096 8192 bytes and 4096 4096 4096 4096 pages.",
    ],
)
def test_roles_lists_examples_and_other_numbers_are_nobodys(text):
    assert "personal_data" not in codes_with(LAW, output=text)


@pytest.mark.parametrize("text", ["See https://cassandra.apache.org for it.", "Connect to 8.8.8.8 on that port."])
def test_web_addresses_are_noted(text):
    assert "contact" in codes_with(DATABASES, output=text)


@pytest.mark.parametrize(
    "text", ["See http://localhost:8080 and https://example.com there.", "Bind it to 127.0.0.1, not 10.0.0.1."]
)
def test_addresses_of_ones_own_machine_and_of_examples_are_not(text):
    assert "contact" not in codes_with(DATABASES, output=text)


# ----------------------------------------------------------------------------------------------------------- furniture


@pytest.mark.parametrize(
    "given",
    [
        "We use cookies to improve your experience. By continuing you agree to them. Accept all | Reject all",
        "This website uses cookies to ensure you get the best experience. Cookie settings",
        "Home | Products | Docs | Pricing | Blog | Contact | Sign in",
        "Home About Blog Contact Login",
        "- Home\n- About\n- Blog\n- Contact",
        "© 2024 Telmarine. All rights reserved. Privacy Policy | Terms of Service",
        "apache / cassandra Public\n13 stars 3 forks 5 watching\nYou signed in with another tab or window.",
        "Related posts\nPrevious post: Repair\nNext post: Compaction\nShare on Twitter",
        "Skip to main content\nToggle navigation\nSubscribe to our newsletter",
        "JavaScript is disabled in your browser.\nPosted by admin on March 3 | 4 Comments | Leave a reply",
    ],
)
def test_furniture_of_pages_is_caught(given):
    assert "chrome" in codes_with(DATABASES, input=given)


@pytest.mark.parametrize(
    "given",
    [
        "A session cookie holds the token of the login; the server sets it, the browser sends it.",
        "Under Article 5(3) a site that uses cookies needs the users' consent; a privacy policy alone is no consent.",
        "The home directory of the user holds the settings; share it, watch the log, and fork the process.",
        "Star schemas have a fact table and dimension tables. The next page is fetched with the paging state.",
        "The menu has the entries File, Edit and View. Search the documentation for the features of the download.",
        "Code: `GET /posts?page=2` returns the next page with links named previous and next.",
    ],
)
def test_articles_about_such_things_are_none(given):
    assert "chrome" not in codes_with(DATABASES, input=given)
