#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: http_probe
version_added: 1.0.0
short_description: Probe a service over HTTP as its clients do, once, in a sequence or for a while
description:
  - Sends requests to a service, or to one of its balancers by the balancer's own name with the service's name in the
    Host header and in TLS, so that a balancer can be tested before any client is sent to it.
  - Three ways. One request; a O(sequence) of requests for a smoke test; or O(window_s) seconds of requests at an even
    pace, judged by an error budget and by the latency.
  - Each request resolves the name anew and uses its own connection, as a client after a change of DNS would.
  - Only GET, HEAD and OPTIONS are taken for reading. In check mode a sequence that writes is reported and not sent.
author:
  - MedZen platform team (@medzen)
options:
  url:
    description:
      - The service's URL as clients know it, with the path of the request.
    type: str
    required: true
  connect_to:
    description:
      - Another name, as C(name) or C(name:port), to connect to. The Host header and TLS keep the name of O(url).
    type: str
  host_header:
    description:
      - Another Host header than the one that O(url) gives.
    type: str
  server_name:
    description:
      - Another name for TLS (SNI and the certificate's check) than that of the Host header.
    type: str
  ca_path:
    description:
      - File with the certificates of the authorities that may have signed the service's. Empty means the system's.
    type: path
  method:
    description:
      - Method of the request.
    type: str
    default: GET
  body:
    description:
      - Body of the request.
    type: str
  headers:
    description:
      - More headers.
    type: dict
    default: {}
  expect_status:
    description:
      - The status codes that are right.
    type: list
    elements: int
    default: [200]
  body_contains:
    description:
      - Text that the answer must contain.
    type: str
  basic_auth:
    description:
      - Basic authentication.
    type: dict
    suboptions:
      user:
        description:
          - The user.
        type: str
        required: true
      password:
        description:
          - The password. Prefer O(basic_auth.password_secret).
        type: str
      password_secret:
        description:
          - Name or ARN of the Secrets Manager secret whose whole value is the password. The module reads it itself
            (C(secretsmanager:GetSecretValue)).
        type: str
      region:
        description:
          - Region of the secret. Without it the module's own.
        type: str
  sequence:
    description:
      - Requests that are sent one after the other instead of O(method); the first wrong answer ends it.
      - In C(path), C(body) and C(headers) C({name.etag}), C({name.location}) and C({name.id}) stand for what the
        request registered as C(name) was answered. C(id) is the last part of the location. What C(capture) names stands
        for itself.
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - What the request is for; later requests refer to its answer by this name.
        type: str
        required: true
      method:
        description:
          - Method of the request.
        type: str
        default: GET
      path:
        description:
          - Path, from the root of O(url)'s host.
        type: str
        required: true
      body:
        description:
          - Body of the request.
        type: str
      headers:
        description:
          - More headers.
        type: dict
        default: {}
      expect_status:
        description:
          - The status codes that are right.
        type: list
        elements: int
        default: [200]
      body_contains:
        description:
          - Text that the answer must contain.
        type: str
      capture:
        description:
          - Values of a JSON answer, a name for the dotted path of each, as C(meeting_id) for C(meeting.MeetingId).
            They are returned, so they must be no secrets. An answer without one of them is wrong.
        type: dict
        default: {}
  window_s:
    description:
      - For how long to send the request again and again, in seconds.
    type: float
  requests_per_second:
    description:
      - How many requests to send in a second of O(window_s).
    type: float
    default: 5.0
  error_budget_percent:
    description:
      - How many percent of the requests of O(window_s) may fail. The window ends early once more have.
    type: float
    default: 1.0
  latency_p95_ms_max:
    description:
      - How many milliseconds 95 percent of the good answers may take.
    type: float
  timeout_s:
    description:
      - How long one request may take, in seconds.
    type: float
    default: 10.0
  require_pass:
    description:
      - Whether any verdict but V(pass) is a failure. Never in check mode, where the service may not be there yet.
    type: bool
    default: true
  wait:
    description:
      - Whether to try the request, or the sequence, again until it passes or O(wait_timeout) is over. A sequence that
        writes is sent only once.
    type: bool
    default: false
  wait_timeout:
    description:
      - How long to try, in seconds.
    type: int
    default: 300
  poll_seconds:
    description:
      - How long to pause between two tries, in seconds.
    type: float
    default: 10.0
requirements:
  - dnspython, when O(resolvers) is used
extends_documentation_fragment:
  - medzen.multiregion.postgresql.resolvers
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Can run in check mode and predict changes without making them.
    support: full
    details: Requests that only read are sent, those that write are reported as planned.
  diff_mode:
    description: Returns what has changed when in diff mode.
    support: none
    details: What a request changes is known only to the service.
  idempotent:
    description: A second run with the same options changes nothing.
    support: partial
    details: Requests that write are sent each time.
"""

EXAMPLES = r"""
- name: Test the new balancer before any client is sent to it
  medzen.multiregion.http_probe:
    url: https://ehr.medzenhealth.app/ehrbase/management/health
    connect_to: "{{ new_balancer.dns_name }}"
    body_contains: UP

- name: Write and read a record
  medzen.multiregion.http_probe:
    url: https://ehr.medzenhealth.app/
    basic_auth:
      user: ehrbase-user
      password_secret: eu-central-1/medzen-ehrbase/ehrbase_basic_auth
    sequence:
      - name: ehr
        method: PUT
        path: /ehrbase/rest/openehr/v1/ehr/7d44b88c-4199-4bad-97dc-d78268e01398
        expect_status: [201, 204, 409]
      - name: composition
        method: POST
        path: /ehrbase/rest/openehr/v1/ehr/7d44b88c-4199-4bad-97dc-d78268e01398/composition
        body: "{{ lookup('file', 'composition.json') }}"
        headers: {Content-Type: application/json}
        expect_status: [201]
      - name: read back
        path: /ehrbase/rest/openehr/v1/ehr/7d44b88c-4199-4bad-97dc-d78268e01398/composition/{composition.etag}
    region: eu-central-1

- name: Watch the service after the switch
  medzen.multiregion.http_probe:
    url: https://ehr.medzenhealth.app/ehrbase/management/health
    window_s: 300
    requests_per_second: 10
    error_budget_percent: 0.5
    latency_p95_ms_max: 800
"""

RETURN = r"""
verdict:
  description: V(pass), V(refuse), or V(unknown) when nothing was asked.
  type: str
  returned: always
  sample: pass
reasons:
  description: Why the verdict is not V(pass).
  type: list
  elements: str
  returned: always
answers:
  description: Each answer of a request or a sequence, without its body; C(captured) has what was asked for of it.
  type: list
  elements: dict
  returned: when O(window_s) is not given
  sample: [{name: probe, status: 200, latency_ms: 12.3, address: 192.0.2.10, error: "", detail: "", captured: {}}]
requests:
  description: How many requests were answered or failed.
  type: int
  returned: always
failed:
  description: How many of them failed.
  type: int
  returned: always
errors:
  description: How many requests failed, by class of error such as C(dns), C(tls) and C(status 503).
  type: dict
  returned: always
  sample: {"status 503": 3}
error_percent:
  description: Share of requests that failed.
  type: float
  returned: when something was asked
latency_p50_ms:
  description: Median time of the good answers, in milliseconds.
  type: float
  returned: when there was a good answer
latency_p95_ms:
  description: Time that 95 percent of the good answers did not exceed, in milliseconds.
  type: float
  returned: when there was a good answer
addresses:
  description: The addresses that were asked.
  type: list
  elements: str
  returned: always
planned:
  description: The requests that would have been sent, when they write.
  type: list
  elements: str
  returned: in check mode
"""

import re
import time

from ansible.module_utils.basic import missing_required_lib
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import http
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.postgresql import (
    application_login_options,
    read_secret,
    resolvers_option,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.progress import Progress
from ansible_collections.medzen.multiregion.plugins.module_utils.resolver import HAS_DNSPYTHON
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run

REQUEST = {
    "method": {"type": "str", "default": "GET"},
    "body": {"type": "str"},
    "headers": {"type": "dict", "default": {}},
    "expect_status": {"type": "list", "elements": "int", "default": [200]},
    "body_contains": {"type": "str"},
}

ARGUMENTS = REQUEST | {
    "url": {"type": "str", "required": True},
    "connect_to": {"type": "str"},
    "host_header": {"type": "str"},
    "server_name": {"type": "str"},
    "ca_path": {"type": "path"},
    "basic_auth": application_login_options(),
    "sequence": {
        "type": "list",
        "elements": "dict",
        "options": REQUEST
        | {
            "name": {"type": "str", "required": True},
            "path": {"type": "str", "required": True},
            "capture": {"type": "dict", "default": {}},
        },
    },
    "window_s": {"type": "float"},
    "requests_per_second": {"type": "float", "default": 5.0},
    "error_budget_percent": {"type": "float", "default": 1.0},
    "latency_p95_ms_max": {"type": "float"},
    "timeout_s": {"type": "float", "default": 10.0},
    # Its name looks like a secret's to Ansible, which would warn.
    "require_pass": {"type": "bool", "default": True, "no_log": False},
    "wait": {"type": "bool", "default": False},
    "wait_timeout": {"type": "int", "default": 300},
    "poll_seconds": {"type": "float", "default": 10.0},
    "resolvers": resolvers_option(),
}


def build_request(options, path):
    return http.Request(
        method=options["method"].upper(),
        path=path,
        body=options["body"],
        headers=tuple((str(name), str(value)) for name, value in options["headers"].items()),
        expect_status=tuple(options["expect_status"]),
        body_contains=options["body_contains"],
        capture=tuple((str(name), str(path)) for name, path in (options.get("capture") or {}).items()),
    )


def build_steps(params, path):
    """What is to be sent: names with requests, one when no sequence is given."""
    if params["sequence"]:
        return [(step["name"], build_request(step, step["path"])) for step in params["sequence"]]
    return [("probe", build_request(params, path))]


def read_answer(answer):
    """What later requests may refer to."""
    location = answer.headers.get("location", "")
    return {
        "etag": answer.headers.get("etag", "").removeprefix("W/").strip('"'),
        "location": location,
        "id": location.rstrip("/").rpartition("/")[2],
        **answer.captured,
    }


def fill(text, known):
    """Replace {name.part} where the name is known; other braces, as in JSON, stay."""
    if text is None:
        return None
    return re.sub(
        r"\{([\w -]+)\.(\w+)\}",
        lambda match: known.get(match[1], {}).get(match[2], match[0]),
        text,
    )


def fill_request(request, known):
    return http.Request(
        request.method,
        fill(request.path, known),
        fill(request.body, known),
        tuple((name, fill(value, known)) for name, value in request.headers),
        request.expect_status,
        request.body_contains,
        request.capture,
    )


def send_sequence(steps, send):
    """Send one after the other; the first wrong answer is the last."""
    known, answers = {}, []
    for name, request in steps:
        answer = send(fill_request(request, known))
        answers.append((name, answer))
        if not answer.ok:
            break
        known[name] = read_answer(answer)
    return answers


def judge_sequence(answers, steps):
    """A sequence has no budget: each request must be answered as expected."""
    window = http.Window(0, 1, 0)
    judgement = http.judge([answer for _name, answer in answers], window)
    reasons = [f"{name}: {answer.error} {answer.detail}" for name, answer in answers if not answer.ok]
    shown = [
        {
            "name": name,
            "status": answer.status,
            "latency_ms": answer.latency_ms,
            "address": answer.address,
            "error": answer.error,
            "detail": answer.detail,
            "captured": answer.captured,
        }
        for name, answer in answers
    ]
    return judgement | {"reasons": reasons, "answers": shown, "sent": len(answers), "steps": len(steps)}


def repeat_until_pass(attempt, params, *, clock=time.monotonic, sleep=time.sleep):
    """Try until it passes; the last judgement, whatever it is."""
    progress = Progress(f"{params['url']} to answer")
    deadline = clock() + params["wait_timeout"]
    while (judgement := attempt())["verdict"] != http.PASS and clock() < deadline:
        progress.report(detail="; ".join(judgement["reasons"]))
        sleep(min(params["poll_seconds"], max(0.0, deadline - clock())))
    return judgement


def watch_window(params, request, send):
    window = http.Window(
        params["window_s"],
        params["requests_per_second"],
        params["error_budget_percent"],
        params["latency_p95_ms_max"],
    )
    progress = Progress(f"watch of {params['url']}")
    answers = http.watch(
        lambda: send(request), window, report=lambda percent, detail: progress.report(percent, detail=detail)
    )
    return http.judge(answers, window)


def build_place(module):
    params = module.params
    authorization = None
    if params["basic_auth"]:
        auth = params["basic_auth"]
        password = auth["password"]
        if auth["password_secret"]:
            password = read_secret(client(module, "secretsmanager", auth["region"]), auth["password_secret"])
        authorization = http.basic_authorization(auth["user"], password or "")
        module.no_log_values.update({password, authorization} - {None, ""})
    return http.build_place(
        params["url"],
        connect_to=params["connect_to"],
        host_header=params["host_header"],
        server_name=params["server_name"],
        resolvers=tuple(params["resolvers"]),
        ca_path=params["ca_path"] or None,
        authorization=authorization,
        timeout_s=params["timeout_s"],
    )


def refuse_verdict(judgement):
    raise Refused(
        "The service did not answer as it should.",
        "; ".join(judgement["reasons"]) or judgement["verdict"],
        "answers as expected, within the error budget",
        "look at answers and errors of this result",
        judgement,
    )


def plan_writes(steps):
    sent = [f"{request.method} {request.path}" for _name, request in steps]
    return {"changed": True, "planned": sent, "verdict": http.UNKNOWN, "reasons": ["not sent in check mode"]} | {
        "answers": [],
        "requests": 0,
        "failed": 0,
        "errors": {},
        "addresses": [],
    }


def ensure(module):
    params = module.params
    if params["resolvers"] and not HAS_DNSPYTHON:
        module.fail_json(msg=missing_required_lib("dnspython"))
    steps = build_steps(params, http.build_path(params["url"]))
    writes = any(request.writes for _name, request in steps)
    if writes and module.check_mode:
        return plan_writes(steps)
    place = build_place(module)
    context = http.build_context(place)

    def send(request):
        return http.send(place, request, context)

    if params["window_s"]:
        judgement = watch_window(params, steps[0][1], send)
    elif params["wait"] and not writes and not module.check_mode:
        judgement = repeat_until_pass(lambda: judge_sequence(send_sequence(steps, send), steps), params)
    else:
        judgement = judge_sequence(send_sequence(steps, send), steps)
    judgement |= {"changed": writes}
    if params["require_pass"] and judgement["verdict"] != http.PASS and not module.check_mode:
        refuse_verdict(judgement)
    return judgement


def main():
    module = AnsibleAWSModule(
        argument_spec=ARGUMENTS,
        supports_check_mode=True,
        mutually_exclusive=[("sequence", "window_s")],
    )
    run(module, ensure)


if __name__ == "__main__":
    main()
