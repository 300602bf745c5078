"""Stands in for docker-py, so that ministack's EKS runs a real control plane and not k3s in Docker.

ministack imports `docker`; with this folder's parent on PYTHONPATH it finds this. It asks for one container a
cluster, hands it the token webhook's kubeconfig (with its secret), asks it for the CA and for kubectl. Here a
container is one process: our own `sandbox cluster`, which starts etcd, kube-apiserver and the others on the
advertised port, and stops them when its stdin closes, so also when ministack is killed. Every other image is
refused, so that all other services behave as they do without Docker.

Read from the environment: SANDBOX_PROGRAM (our binary), SANDBOX_CLUSTERS (a folder for the clusters),
SANDBOX_KUBECTL (the kubectl that belongs to the control plane).
"""

import collections
import io
import os
import shutil
import subprocess
import tarfile
import threading

PROGRAM, FOLDER = os.environ["SANDBOX_PROGRAM"], os.environ["SANDBOX_CLUSTERS"]
PATH = os.path.dirname(os.environ["SANDBOX_KUBECTL"]) + os.pathsep + os.environ["PATH"]
WEBHOOK = "etc/rancher/k3s/eks-auth-webhook.yaml"
API_SERVER_OPTION = "--kube-apiserver-arg="

Result = collections.namedtuple("Result", "exit_code output")
containers_by_name, lock = {}, threading.Lock()


class Container:
    """One cluster. `name` is `ministack-eks-ACCOUNT-REGION-NAME`."""

    def __init__(self, image, name, ports, command=(), labels=None, **_):
        if "k3s" not in image:
            raise RuntimeError(f"the sandbox runs EKS clusters only, not the image {image}")
        self.id = self.name = name
        self.labels, self.attrs, self.status = labels or {}, {}, "created"
        self.port = ports["6443/tcp"]
        self.options = [a[len(API_SERVER_OPTION):] for a in command if a.startswith(API_SERVER_OPTION + "oidc")]
        self.folder = os.path.join(FOLDER, name.removeprefix("ministack-eks-"))
        self.process = None
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)

    def put_archive(self, _path, data):
        webhook = tarfile.open(fileobj=io.BytesIO(data)).extractfile(WEBHOOK).read().decode()
        with open(os.path.join(self.folder, "webhook.yaml"), "w") as file:
            file.write(webhook.replace("host.docker.internal", "127.0.0.1"))
        return True

    def start(self):
        """Returns when the cluster is ready: ministack calls it ACTIVE as soon as it has read the CA."""
        arguments = [PROGRAM, "cluster", "--folder", self.folder, "--port", str(self.port), "--webhook", "webhook.yaml"]
        for option in self.options:
            arguments += ["--api-server-option", option]
        with open(os.path.join(self.folder, "cluster.log"), "w") as log:
            # In a session of its own: a signal to ministack's group must not keep it from stopping its programs.
            self.process = subprocess.Popen(
                arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True)
        if self.process.stdout.readline().strip() != b"ready":
            raise RuntimeError(f"the cluster did not start: see {self.folder}/cluster.log")
        self.status = "running"

    def exec_run(self, command, **_):
        if "server-ca.crt" in str(command):
            with open(os.path.join(self.folder, "pki", "ca.crt"), "rb") as file:
                return Result(0, file.read())
        environment = {**os.environ, "PATH": PATH, "KUBECONFIG": os.path.join(self.folder, "kubeconfig")}
        done = subprocess.run(command, env=environment, shell=isinstance(command, str), capture_output=True)
        return Result(done.returncode, done.stdout if done.returncode == 0 else done.stderr)

    def stop(self, timeout=5):
        self.status = "exited"
        if self.process is None:
            return
        self.process.stdin.close()
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def remove(self, **_):
        with lock:
            containers_by_name.pop(self.name, None)


class Containers:
    def create(self, **options):
        container = Container(**options)
        with lock:
            containers_by_name[container.name] = container
        return container

    def get(self, name):
        with lock:
            return containers_by_name[name]

    def list(self, filters=None, **_):
        wanted = dict(label.split("=", 1) for label in (filters or {}).get("label") or () if "=" in label)
        with lock:
            return [c for c in containers_by_name.values() if wanted.items() <= c.labels.items()]

    def run(self, **_):
        raise RuntimeError("there is no Docker in the sandbox")


class Images:
    def pull(self, *_, **__):
        raise RuntimeError("there is no Docker in the sandbox")

    get = pull


class Client:
    containers, images = Containers(), Images()

    def close(self):
        pass


def from_env(**_):
    return Client()
