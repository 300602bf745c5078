"""Proves the Slack simulator with Slack's official SDK.

Slack's own clients run against it unmodified, and agree with it about signatures and limits:

    prove_slack.py CONTROL_URL

where CONTROL_URL is the simulator's address. Prints one line a proof; the exit code is 0 only
when all of them hold.
"""

import http.server
import json
import sys
import threading
import urllib.request

from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackObjectFormationError
from slack_sdk.models.blocks import Block
from slack_sdk.signature import SignatureVerifier
from slack_sdk.socket_mode import SocketModeClient
from slack_sdk.socket_mode.response import SocketModeResponse

USER = "U0OPERATOR"


def control(base, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(base + path, data=data, headers={"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        text = answer.read().decode()
    return json.loads(text) if text.startswith("{") else text


def plain(text):
    return {"type": "plain_text", "text": text}


def mrkdwn(text):
    return {"type": "mrkdwn", "text": text}


def button(**members):
    return {"type": "button", "text": plain("Go"), "action_id": "go", "value": "1", **members}


def actions(*elements):
    return {"type": "actions", "elements": list(elements)}


# Name, blocks, whether Slack takes them. The SDK and the simulator must agree on each.
LIMITS = [
    ("a header of 150", [{"type": "header", "text": plain("x" * 150)}], True),
    ("a header of 151", [{"type": "header", "text": plain("x" * 151)}], False),
    ("a section of 3000", [{"type": "section", "text": mrkdwn("x" * 3000)}], True),
    ("a section of 3001", [{"type": "section", "text": mrkdwn("x" * 3001)}], False),
    ("a section of nothing", [{"type": "section"}], False),
    ("10 fields", [{"type": "section", "fields": [mrkdwn("x")] * 10}], True),
    ("11 fields", [{"type": "section", "fields": [mrkdwn("x")] * 11}], False),
    ("25 buttons", [actions(*[button(action_id=f"a{i}") for i in range(25)])], True),
    ("26 buttons", [actions(*[button(action_id=f"a{i}") for i in range(26)])], False),
    ("a button text of 75", [actions(button(text=plain("x" * 75)))], True),
    ("a button text of 76", [actions(button(text=plain("x" * 76)))], False),
    ("a button value of 2001", [actions(button(value="x" * 2001))], False),
    ("a button url of 3001", [actions(button(url="x" * 3001))], False),
    ("an action id of 256", [actions(button(action_id="x" * 256))], False),
    ("a button of no known style", [actions(button(style="pretty"))], False),
    ("10 context elements", [{"type": "context", "elements": [mrkdwn("x")] * 10}], True),
    ("11 context elements", [{"type": "context", "elements": [mrkdwn("x")] * 11}], False),
    ("a block id of 256", [{"type": "divider", "block_id": "x" * 256}], False),
]


def sdk_takes(blocks):
    try:
        for block in Block.parse_all(blocks):
            block.to_dict()
    except SlackObjectFormationError:
        return False
    return True


def simulator_takes(client, channel, blocks):
    try:
        client.chat_postMessage(channel=channel, text="limits", blocks=blocks)
    except SlackApiError as error:
        assert error.response["error"] == "invalid_blocks", error.response.data
        assert error.response["response_metadata"]["messages"], error.response.data
        return False
    return True


def limits(client, channel):
    for name, blocks, expected in LIMITS:
        verdicts = (sdk_takes(blocks), simulator_takes(client, channel, blocks))
        assert verdicts == (expected, expected), f"{name}: SDK {verdicts[0]}, simulator {verdicts[1]}"


def web_client(client, channel):
    assert client.auth_test()["team_id"] == "T0HOME"
    assert client.users_info(user=USER)["user"]["name"] == "operator"
    posted = client.chat_postMessage(channel=channel, text="one", blocks=[actions(button())])
    client.chat_update(channel=posted["channel"], ts=posted["ts"], text="two", blocks=[])
    client.chat_postEphemeral(channel=channel, user=USER, text="for you")
    latest = client.conversations_history(channel=channel, limit=1)["messages"][0]
    assert latest["text"] == "two" and "blocks" not in latest and latest["edited"], latest
    for call, word in [
        (lambda: client.chat_postMessage(channel="C0NOWHERE", text="x"), "channel_not_found"),
        (lambda: client.chat_postMessage(channel=channel, text=""), "no_text"),
        (lambda: client.chat_update(channel=channel, ts="1.000000", text="x"), "message_not_found"),
        (lambda: client.views_open(trigger_id="none", view={"type": "modal", "title": plain("x"), "blocks": []}), "invalid_trigger_id"),
        (lambda: WebClient(token="xoxb-wrong", base_url=client.base_url).auth_test(), "invalid_auth"),
    ]:
        try:
            call()
        except SlackApiError as error:
            assert error.response["error"] == word, error.response.data
        else:
            raise AssertionError(f"{word} was not said")


def our_messages(base):
    """What the product has posted so far obeys the SDK's models."""
    for channel in control(base, "/control/settings")["channels"].values():
        for message in control(base, f"/control/messages?channel={channel}")["messages"]:
            for version in message["versions"]:
                blocks = Block.parse_all(version.get("blocks", []))
                for block in blocks:
                    block.to_dict()
                assert version["text"], "a notification has words"
                assert len(blocks) == len(version.get("blocks", [])), "the SDK knows every block"


def signed_request(base, client, channel, secret):
    heard = []

    class App(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            heard.append((body, dict(self.headers)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), App)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        control(base, "/control/interactivity", {"url": f"http://127.0.0.1:{server.server_port}/"})
        posted = client.chat_postMessage(channel=channel, text="press", blocks=[actions(button())])
        press = {"channel": channel, "ts": posted["ts"], "action_id": "go", "user": USER}
        delivery = control(base, "/control/press", press)["delivery"]
    finally:
        control(base, "/control/interactivity", {"url": None})
        server.shutdown()
        server.server_close()
    assert delivery["transport"] == "http" and delivery["acknowledged_after"], delivery
    body, headers = heard[0]
    assert SignatureVerifier(secret).is_valid_request(body, headers)
    assert not SignatureVerifier("another").is_valid_request(body, headers)
    assert not SignatureVerifier(secret).is_valid_request(body + b"x", headers)


def socket_mode(base, client, channel, app_token):
    heard = []

    def listener(socket, request):
        heard.append(request)
        socket.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))

    socket = SocketModeClient(app_token=app_token, web_client=WebClient(base_url=client.base_url))
    socket.socket_mode_request_listeners.append(listener)
    socket.connect()
    try:
        posted = client.chat_postMessage(channel=channel, text="press", blocks=[actions(button())])
        press = {"channel": channel, "ts": posted["ts"], "action_id": "go", "user": USER}
        delivery = control(base, "/control/press", press)["delivery"]
        opened = client.views_open(
            trigger_id=heard[0].payload["trigger_id"],
            view={"type": "modal", "title": plain("Sync"), "blocks": [{"type": "divider"}]},
        )
    finally:
        socket.close()
    assert delivery["transport"] == "socket_mode" and delivery["acknowledged_after"], delivery
    assert heard[0].type == "interactive" and heard[0].payload["actions"][0]["value"] == "1"
    assert opened["view"]["id"]


def bolt(base, client, channel, settings):
    """An app of Slack's own framework hears a press and answers by the `response_url`."""
    heard = threading.Event()
    app = App(client=WebClient(token=settings["bot_token"], base_url=client.base_url), signing_secret=settings["signing_secret"])

    @app.action("go")
    def go(ack, respond):
        ack()
        respond(text="heard by Bolt", replace_original=True, blocks=[])
        heard.set()

    handler = SocketModeHandler(app, settings["app_token"])
    handler.client.web_client = WebClient(base_url=client.base_url)
    handler.connect()
    try:
        posted = client.chat_postMessage(channel=channel, text="press", blocks=[actions(button())])
        press = {"channel": channel, "ts": posted["ts"], "action_id": "go", "user": USER}
        delivery = control(base, "/control/press", press)["delivery"]
        assert heard.wait(10), "the press reached no listener"
    finally:
        handler.close()
    assert delivery["acknowledged_after"], delivery
    latest = client.conversations_history(channel=channel, limit=1)["messages"][0]
    assert latest["text"] == "heard by Bolt" and "blocks" not in latest, latest


def main(base):
    settings = control(base, "/control/settings")
    client = WebClient(token=settings["bot_token"], base_url=settings["api_url"] + "/")
    channel = settings["channels"]["platform"]
    proofs = [
        ("our messages obey the SDK's models", lambda: our_messages(base)),
        ("WebClient runs against it", lambda: web_client(client, channel)),
        (f"{len(LIMITS)} limits agree", lambda: limits(client, channel)),
        ("SignatureVerifier agrees", lambda: signed_request(base, client, channel, settings["signing_secret"])),
        ("SocketModeClient runs against it", lambda: socket_mode(base, client, channel, settings["app_token"])),
        ("a Bolt app runs against it", lambda: bolt(base, client, channel, settings)),
    ]
    for name, proof in proofs:
        proof()
        print(f"proven: {name}")


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"))
