"""peers - the programs that the wire cases run against, each with a backend of its own.

  Gateway   ours; the backend is its one external node
  Nginx     of build/peers or the system, one process in the foreground
  HAProxy   likewise

All listen on free ports of 127.0.0.1 (and ::1), keep their files in a private folder and die
with the test. A setting is a name of SETTINGS: "plain", or "hasty" with timeouts that a test
can wait for. Limits are those of issue 4, but for a small body_max.

SPDX-License-Identifier: MIT
"""
import os
import shutil

import harness
from backend import Backend
from wire import Wire

PEERS = harness.ROOT / "build/peers"
BODY_MAX = 64 * 1024
SETTINGS = {"plain": 20_000, "hasty": 1000}  # every timeout, in ms
HASTY_BODY_MAX = 64 * 1024 * 1024


def program(name):
    """Path and environment: the unpacked one finds its libraries beside it."""
    own = PEERS / name
    if own.exists():
        return own, {**os.environ, "LD_LIBRARY_PATH": str(PEERS)}
    path = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    assert path, f"there is no {name}: 'make deps-test' gets it"
    return path, dict(os.environ)


class Peer:
    strict = False  # reads a request whole before the node hears of it

    def __init__(self, folder, setting):
        self.folder, self.backend = folder, Backend()
        self.timeout_ms = SETTINGS[setting]
        self.body_max = BODY_MAX if setting == "plain" else HASTY_BODY_MAX
        self.port = harness.free_port()

    def connect(self):
        return Wire(self.port, timeout=harness.PATIENCE)

    def is_listening(self):
        try:
            self.connect().close()
            return True
        except OSError:
            return False

    def launch(self, name, *arguments):
        path, env = program(name)
        with open(self.folder / "log", "wb") as log:
            self.process = harness.start([path, *arguments], env=env, stdout=log, stderr=log,
                                         cwd=self.folder)
        harness.wait_for(lambda: self.is_listening() or self.process.poll() is not None, name)
        assert self.process.poll() is None, (self.folder / "log").read_text()

    def settle(self):
        """After a case that may have broken something."""

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.backend.close()


class Gateway(Peer):
    strict = True

    def __init__(self, folder, setting):
        super().__init__(folder, setting)
        time = f"{self.timeout_ms}ms"
        names = ("head_timeout", "body_timeout", "keepalive_timeout", "first_byte_timeout",
                 "idle_timeout")
        self.cluster = harness.Cluster(
            folder, {"node": {"url": f"http://127.0.0.1:{self.backend.port}"}}, port=self.port,
            access={"hosts": "a.test b.test"},
            gateway={"body_max": self.body_max, **dict.fromkeys(names, time)},
            quota={"offline_check_interval": "100ms", "poll_interval": "7d"})
        self.cluster.start().wait_ready()

    def settle(self):
        self.cluster.wait_ready()

    def stop(self):
        self.cluster.stop()
        self.backend.close()


NGINX = """
daemon off; master_process off; worker_processes 1; pid {folder}/pid; error_log stderr crit;
events {{ worker_connections 256; }}
http {{
    access_log off; merge_slashes on; server_tokens off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fcgi; uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    large_client_header_buffers 2 8k; client_max_body_size {body_max};
    client_header_timeout {ms}ms; client_body_timeout {ms}ms; keepalive_timeout {ms}ms;
    lingering_timeout 100ms;
    proxy_read_timeout {ms}ms; proxy_send_timeout {ms}ms;
    upstream node {{ server 127.0.0.1:{node}; keepalive 8; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{ return 404; }}
        location /v1/ {{
            proxy_pass http://node; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_buffering off; proxy_buffer_size 72k; proxy_buffers 4 72k;
            proxy_ignore_client_abort on;
        }}
    }}
}}
"""


class Nginx(Peer):
    def __init__(self, folder, setting):
        super().__init__(folder, setting)
        conf = folder / "nginx.conf"
        conf.write_text(NGINX.format(folder=folder, port=self.port, node=self.backend.port,
                                     ms=self.timeout_ms, body_max=self.body_max))
        self.launch("nginx", "-p", folder, "-c", conf, "-e", "stderr")


HAPROXY = """
global
    nbthread 1
    maxconn 256
defaults
    mode http
    option http-buffer-request
    option forwardfor
    retries 0
    http-reuse safe
    timeout connect 2s
    timeout client {ms}ms
    timeout server {ms}ms
    timeout http-request {ms}ms
    timeout http-keep-alive {ms}ms
frontend clients
    bind 127.0.0.1:{port}
    http-request deny deny_status 404 unless {{ path_beg /v1/ }}
    http-request deny deny_status 413 if {{ req.body_size gt {body_max} }}
    default_backend node
backend node
    server node 127.0.0.1:{node}
"""


class HAProxy(Peer):
    def __init__(self, folder, setting):
        super().__init__(folder, setting)
        conf = folder / "haproxy.cfg"
        conf.write_text(HAPROXY.format(port=self.port, node=self.backend.port,
                                       ms=self.timeout_ms, body_max=self.body_max))
        self.launch("haproxy", "-db", "-f", conf)


KINDS = {"gateway": Gateway, "nginx": Nginx, "haproxy": HAProxy}


class Peers:
    """Started when first asked for; one of each kind and setting."""

    def __init__(self, folder):
        self.folder, self.running = folder, {}

    def peer(self, kind, setting):
        if (kind, setting) not in self.running:
            place = self.folder / f"{kind}-{setting}"
            place.mkdir()
            self.running[kind, setting] = KINDS[kind](place, setting)
        return self.running[kind, setting]

    def stop(self):
        for peer in self.running.values():
            peer.stop()
