#!/usr/bin/env python3
"""Submit, follow and cancel one order, with the standard library alone.

    python3 sluice.py [nats://user:password@host:port]

A program of your own would use nats-py (the README has that form); this one shows
everything that goes over the wire.
"""
import json
import secrets
import socket
import sys
import time
from urllib.parse import urlparse


class Bus:
    """The NATS client protocol, as far as an order needs it."""

    def __init__(self, url):
        u = urlparse(url)
        self.sock = socket.create_connection((u.hostname, u.port or 4222), timeout=10)
        self.reader = self.sock.makefile("rb")
        self.reader.readline()  # INFO {...}
        hello = {"verbose": False, "headers": True, "no_responders": True, "lang": "python", "version": "0"}
        if u.username:
            hello |= {"user": u.username, "pass": u.password}
        self.send(b"CONNECT " + json.dumps(hello).encode() + b"\r\nPING\r\n")
        self.subs = 0

    def send(self, data):
        self.sock.sendall(data)

    def subscribe(self, subject):
        self.subs += 1
        self.send(f"SUB {subject} {self.subs}\r\n".encode())

    def publish(self, subject, reply, payload, headers):
        head = b"NATS/1.0\r\n" + b"".join(f"{k}: {v}\r\n".encode() for k, v in headers.items()) + b"\r\n"
        self.send(f"HPUB {subject} {reply} {len(head)} {len(head) + len(payload)}\r\n".encode() + head + payload + b"\r\n")

    def next(self):
        """The next message as (subject, headers, payload)."""
        while True:
            line = self.reader.readline().decode()
            if not line:
                raise ConnectionError("the NATS server closed the connection")
            word, *args = line.split()
            if word == "PING":
                self.send(b"PONG\r\n")
            elif word == "-ERR":
                raise PermissionError(line.strip())
            elif word == "MSG":
                data = self.reader.read(int(args[-1]) + 2)[:-2]
                return args[0], b"", data
            elif word == "HMSG":
                head, total = int(args[-2]), int(args[-1])
                data = self.reader.read(total + 2)[:-2]
                return args[0], data[:head], data[head:]


def command(bus, subject, body, reply_to):
    """Send a command as a request and return where it is stored."""
    inbox = f"_INBOX.{secrets.token_hex(8)}"
    bus.subscribe(inbox)
    bus.publish(subject, inbox, json.dumps(body).encode(), {"Reply-To": reply_to})
    while True:
        to, headers, data = bus.next()
        if to != inbox:
            continue
        if b" 503" in headers.split(b"\r\n")[0]:
            raise LookupError(f"nobody takes {subject}: no such account, or nothing runs it")
        ack = json.loads(data)
        if "error" in ack:
            raise RuntimeError(ack["error"])
        return ack["seq"]


def follow(bus, inbox, enough):
    """Print events until one is enough, and return it."""
    while True:
        to, _, data = bus.next()
        if to != inbox:
            continue
        e = json.loads(data)
        print(e["type"], e.get("state"), "filled", e.get("filled"), e.get("error") or "")
        if enough(e):
            return e


def main():
    url = sys.argv[1] if len(sys.argv) > 1 else "nats://127.0.0.1:4222"
    try:
        bus = Bus(url)
    except OSError as e:
        sys.exit(f"no NATS server at {url} ({e}); start everything with: go run ./cmd/sluice up")
    run = f"py-{int(time.time() * 1000)}"

    # One that fills at once.
    inbox = f"_INBOX.{secrets.token_hex(8)}"
    bus.subscribe(inbox)
    order = {"client_order_id": run + "-1", "market": "sandbox-coin", "outcome": "Yes",
             "side": "BUY", "type": "GTC", "price": "0.52", "size": "10", "sent_ms": int(time.time() * 1000)}
    print("stored as", command(bus, "cmd.order.main.submit", order, inbox))
    last = follow(bus, inbox, lambda e: e.get("final"))
    if last["state"] != "filled":
        sys.exit(f"not filled: {last}")

    # One that rests, and is cancelled.
    inbox = f"_INBOX.{secrets.token_hex(8)}"
    bus.subscribe(inbox)
    order |= {"client_order_id": run + "-2", "price": "0.10", "post_only": True, "sent_ms": int(time.time() * 1000)}
    command(bus, "cmd.order.main.submit", order, inbox)
    follow(bus, inbox, lambda e: e["type"] == "order.accepted" or e.get("final"))
    command(bus, "cmd.order.main.cancel", {"client_order_id": run + "-2"}, inbox)
    last = follow(bus, inbox, lambda e: e.get("final"))
    if last["state"] != "cancelled":
        sys.exit(f"not cancelled: {last}")


if __name__ == "__main__":
    main()
