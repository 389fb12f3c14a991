"""The usual function: decode the push, ask the model with the SDK, publish the answer, return. No store, no
cache, no lease, no retry: this is what a request costs at least where each one waits in its own thread."""

from __future__ import annotations

import base64
import json
import os

import flask
import functions_framework
from google.cloud import pubsub_v1  # type: ignore[attr-defined,unused-ignore]  # it has no types
from openai import OpenAI

client = OpenAI(api_key="none", base_url=os.environ["OPENAI_BASE_URL"])
publisher = pubsub_v1.PublisherClient()
topic = publisher.topic_path(os.environ["GOOGLE_CLOUD_PROJECT"], "llm-responses")


@functions_framework.http
def usual(request: flask.Request) -> tuple[str, int]:
    message = request.get_json()["message"]
    body = json.loads(base64.b64decode(message["data"]))
    completion = client.chat.completions.create(
        model="gpt-5.4-nano", messages=[{"role": "user", "content": body["prompt"]}]
    )
    answer = {"request_id": body["request_id"], "text": completion.choices[0].message.content}
    publisher.publish(topic, json.dumps(answer).encode()).result()
    return "", 204
