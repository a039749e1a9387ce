"""The external metrics API of Kubernetes over the operator's own metrics: what an adapter for Prometheus does, without
Prometheus. Serves /apis/external.metrics.k8s.io/v1beta1 by TLS.
"""

import os
import re
import ssl
import time
import urllib.parse
import urllib.request
from http.server import ThreadingHTTPServer

from json_server import JsonHandler

GROUP = "external.metrics.k8s.io/v1beta1"
SAMPLE = re.compile(r"^(\w+)\{(.*)\} (\S+)$")
LABEL = re.compile(r'(\w+)="([^"]*)"')


def samples(metric, labels):
    with urllib.request.urlopen(os.environ["METRICS_URL"], timeout=5) as answer:
        text = answer.read().decode()
    for line in text.splitlines():
        sample = SAMPLE.match(line)
        if sample and sample[1] == metric and labels.items() <= dict(LABEL.findall(sample[2])).items():
            yield float(sample[3])


class Handler(JsonHandler):
    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        parts = url.path.strip("/").split("/")
        if len(parts) == 6 and parts[3] == "namespaces":
            return self.answer(self.values(parts[4], parts[5], urllib.parse.parse_qs(url.query)))
        if parts[:2] == ["openapi", "v2"] or parts[:2] == ["openapi", "v3"]:
            return self.send_error(404)
        self.answer({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": GROUP, "resources": []})

    def values(self, namespace, metric, query):
        selector = query.get("labelSelector", [""])[0]
        labels = dict(pair.split("=", 1) for pair in selector.split(",") if pair)
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        items = [
            {"metricName": metric, "metricLabels": labels, "timestamp": now, "value": f"{round(value * 1000)}m"}
            for value in samples(metric, labels | {"namespace": namespace})
        ]
        return {"kind": "ExternalMetricValueList", "apiVersion": GROUP, "metadata": {}, "items": items}


if __name__ == "__main__":
    server = ThreadingHTTPServer(("0.0.0.0", 6443), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("/tls/tls.crt", "/tls/tls.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()
