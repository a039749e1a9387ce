"""An application that uses the official `openai` client, told by HTTP what to ask.

POST /ask asks a number of times and answers what came back; POST /loop asks again and again until
DELETE /loop, which answers what came back in between. POST /replay asks each of a list of requests at its time, and
DELETE /replay waits for the last and answers what came back. GET /loop and GET /replay tell how many are done.
POST /explain answers what the router would do with a request, which is not sent.
"""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import ThreadingHTTPServer

import openai
from json_server import JsonHandler

client = openai.OpenAI(api_key="unused", max_retries=0, timeout=180)
EXPLAIN = client.base_url.join("/explain")
LONGEST_LOOP = 2000
REPLAYED_AT_ONCE = 128


def request(wish):
    return {
        "model": wish["model"],
        "messages": [{"role": "user", "content": wish["prompt"]}],
        "max_tokens": wish["maxTokens"],
        "temperature": 0,
    }


def explain(wish):
    return client.post(
        str(EXPLAIN), cast_to=object, body=request(wish), options={"headers": wish["headers"]}
    )


def ask(wish):
    reply = {"at": time.time(), "status": 200, "text": "", "pieces": 0}
    arguments = request(wish) | {"extra_headers": wish["headers"]}
    if wish["stream"]:
        arguments |= {"stream": True, "stream_options": {"include_usage": True}}
    try:
        raw = client.chat.completions.with_raw_response.create(**arguments)
        reply["backend"] = raw.headers.get("x-flotilla-backend")
        answer = raw.parse()
        for part in answer if wish["stream"] else [answer]:
            for choice in part.choices:
                message = choice.delta if wish["stream"] else choice.message
                reply["text"] += message.content or ""
                reply["pieces"] += 1
            if part.usage:
                reply["promptTokens"] = part.usage.prompt_tokens
                reply["completionTokens"] = part.usage.completion_tokens
    except openai.APIStatusError as error:
        reply |= {"status": error.status_code, "error": str(error), "code": error.code}
    except openai.APIError as error:
        reply |= {"status": 0, "error": f"{type(error).__name__}: {error}", "code": error.code}
    reply["seconds"] = time.time() - reply["at"]
    return reply


class Loop:
    """Asks in the background, bounded in number."""

    def __init__(self, wish, pause):
        self.stopped = threading.Event()
        self.replies = []
        self.thread = threading.Thread(target=self.run, args=(wish, pause), daemon=True)
        self.thread.start()

    def run(self, wish, pause):
        while len(self.replies) < LONGEST_LOOP and not self.stopped.wait(pause):
            self.replies.append(ask(wish))

    def state(self):
        return {"done": len(self.replies)}

    def stop(self):
        self.stopped.set()
        self.thread.join()
        return self.replies


class Replay:
    """Asks in the background, each request at its second."""

    def __init__(self, wishes):
        self.wishes = wishes
        self.replies = []
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        start = time.monotonic()
        with ThreadPoolExecutor(REPLAYED_AT_ONCE) as pool:
            for number, wish in enumerate(self.wishes):
                time.sleep(max(0, start + wish["at"] - time.monotonic()))
                # No two begin alike: an engine would have the answer's prompt in its cache.
                wish["prompt"] = f"{number} " + "word " * wish["promptWords"]
                pool.submit(lambda wish=wish: self.replies.append(ask(wish)))

    def state(self):
        return {"done": len(self.replies), "of": len(self.wishes)}

    def stop(self):
        self.thread.join()
        return self.replies


class Handler(JsonHandler):
    loop = None
    replay = None

    def do_GET(self):
        asking = {"/loop": Handler.loop, "/replay": Handler.replay}.get(self.path)
        self.answer(asking.state() if asking else {})

    def do_POST(self):
        wish = self.said()
        if self.path == "/explain":
            return self.answer(explain(wish))
        if self.path == "/loop":
            Handler.loop = Loop(wish, wish["pauseMs"] / 1000)
            return self.answer({})
        if self.path == "/replay":
            Handler.replay = Replay(wish)
            return self.answer({})
        with ThreadPoolExecutor(wish["concurrency"]) as pool:
            self.answer(list(pool.map(ask, [wish] * wish["count"])))

    def do_DELETE(self):
        self.said()
        self.answer((Handler.replay if self.path == "/replay" else Handler.loop).stop())


if __name__ == "__main__":
    print(f"asks {os.environ['OPENAI_BASE_URL']}", flush=True)
    ThreadingHTTPServer(("0.0.0.0", 8000), Handler).serve_forever()
