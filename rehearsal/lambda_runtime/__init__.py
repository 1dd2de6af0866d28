# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs a function's code: the Lambda runtime of the stand-in, in a process of its own.

It knows nothing of the cloud but one socket, over which invocations come and answers go as lines of JSON:

- to it: {"request_id", "event", "deadline_ms", "arn"};
- from it, once: {"ready": true} or {"error": {...}}; then for each invocation {"request_id", "log"} with either
  "result", the answer as JSON text, or "error", Lambda's error object.

Reading order: handlers (load and call), link (lines), __main__ (the process). `bootstrap.js` is the same for Node.js.
"""
