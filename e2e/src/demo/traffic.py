"""Sends the demo's requests with the official openai client and prints what became of each, one JSON a line.

200 requests: 20 marked as health data, 2 with long prompts, the rest plain; every fourth is streamed.
"""

import concurrent.futures
import json
import sys
import time

import openai

PHI = range(0, 200, 10)
LONG = (55, 155)
MARKER = "MRN-7731904"
FILLER = "The committee met again on Tuesday and discussed the harbour, the budget and the weather at length. "

client = openai.OpenAI(max_retries=0, timeout=60)


def kind_of(number):
    if number in PHI:
        return "phi"
    return "long" if number in LONG else "plain"


def prompt_of(number):
    kind = kind_of(number)
    if kind == "phi":
        return f"Patient {MARKER}: summarise the discharge letter."
    if kind == "long":
        return FILLER * 60 + "Summarise."
    return f"Name one use of a small language model. ({number})"


def ask(number):
    kind = kind_of(number)
    record = {"number": number, "kind": kind, "ok": False, "backend": None, "prompt": 0, "completion": 0}
    stream = number % 4 == 0
    options = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    begin = time.monotonic()
    try:
        raw = client.chat.completions.with_raw_response.create(
            model="assistant",
            messages=[{"role": "user", "content": prompt_of(number)}],
            max_tokens=12,
            extra_headers={"x-data-class": "PHI"} if kind == "phi" else None,
            **options,
        )
        record["backend"] = raw.headers.get("x-flotilla-backend")
        answer = raw.parse()
        if stream:
            for chunk in answer:
                if chunk.usage:
                    record["prompt"] = chunk.usage.prompt_tokens
                    record["completion"] = chunk.usage.completion_tokens
        else:
            record["prompt"] = answer.usage.prompt_tokens
            record["completion"] = answer.usage.completion_tokens
            if number == 1:
                record["text"] = answer.choices[0].message.content
        record["ok"] = True
    except openai.APIError as error:
        record["error"] = str(error)
    record["seconds"] = time.monotonic() - begin
    return record


with concurrent.futures.ThreadPoolExecutor(4) as pool:
    for done in pool.map(ask, range(200)):
        print(json.dumps(done))
        sys.stdout.flush()
