// SPDX-License-Identifier: GPL-3.0-or-later
// One worker for Node.js: node bootstrap.js <descriptor> <folder>; the same lines as the Python runtime's.
'use strict';
const net = require('net');
const path = require('path');
const readline = require('readline');
const { pathToFileURL } = require('url');

const [descriptor, folder] = process.argv.slice(2);
const link = new net.Socket({ fd: Number(descriptor) });
let said = '';
const keep = (chunk, encoding, done) => {
  said += chunk;
  const called = typeof encoding === 'function' ? encoding : done;
  if (called) called();
  return true;
};
process.stdout.write = keep;
process.stderr.write = keep;
const take = () => { const text = said; said = ''; return text; };
const send = (message) => link.write(JSON.stringify({ log: take(), ...message }) + '\n');
const describe = (problem, requestId) => ({
  errorType: (problem && problem.name) || 'Error',
  errorMessage: problem && problem.message !== undefined ? String(problem.message) : String(problem),
  trace: problem && problem.stack ? String(problem.stack).split('\n') : [],
  requestId,
});

async function load(name) {
  const dot = name.lastIndexOf('.');
  const base = path.join(folder, name.slice(0, dot));
  for (const extension of ['.js', '.mjs', '.cjs']) {
    let module;
    try {
      module = await import(pathToFileURL(base + extension).href);
    } catch (problem) {
      if (problem.code === 'ERR_MODULE_NOT_FOUND' && String(problem.message).includes(base + extension)) continue;
      throw problem;
    }
    const handler = module[name.slice(dot + 1)] || (module.default && module.default[name.slice(dot + 1)]);
    if (typeof handler !== 'function') {
      throw Object.assign(new Error(`${name} is undefined or not exported`), { name: 'Runtime.HandlerNotFound' });
    }
    return handler;
  }
  throw Object.assign(new Error(`Error: Cannot find module '${path.basename(base)}'`), {
    name: 'Runtime.ImportModuleError',
  });
}

function call(handler, event, context) {
  return new Promise((resolve, reject) => {
    const returned = handler(event, context, (problem, value) => (problem ? reject(problem) : resolve(value)));
    if (returned && typeof returned.then === 'function') returned.then(resolve, reject);
    else if (handler.length < 3) resolve(returned);
  });
}

const contextOf = (invocation) => ({
  awsRequestId: invocation.request_id,
  invokedFunctionArn: invocation.arn,
  functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
  functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
  memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
  logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
  logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
  callbackWaitsForEmptyEventLoop: true,
  getRemainingTimeInMillis: () => Math.max(0, invocation.deadline_ms - Date.now()),
});

async function main() {
  process.chdir(folder);
  const handler = await load(process.env._HANDLER);
  send({ ready: true });
  const lines = readline.createInterface({ input: link });
  lines.on('close', () => process.exit(0));
  for await (const line of lines) {
    const invocation = JSON.parse(line);
    const request = { request_id: invocation.request_id };
    try {
      const value = await call(handler, invocation.event, contextOf(invocation));
      send({ ...request, result: JSON.stringify(value === undefined ? null : value) });
    } catch (problem) {
      send({ ...request, error: describe(problem, invocation.request_id) });
    }
  }
}

main().catch((problem) => link.write(JSON.stringify({ error: describe(problem, ''), log: take() }) + '\n', () => process.exit(1)));
