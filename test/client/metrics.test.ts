import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Call, Caller } from '../../src/apiserver/call.js';
import { ClientMeter } from '../../src/client/metrics.js';

test('every try counts as a request, every one after the first as a retry under the code of its own answer', () => {
  const meter = new ClientMeter();
  const call = new Call(
    { verb: 'list', resource: 'pods', namespace: '', name: '' },
    new Caller('u', 0),
    { receive: () => {} },
    0,
  );
  const answers = [
    { code: 429, reason: 'TooManyRequests', retryAfterSeconds: 1 },
    { code: 429, reason: 'TooManyRequests', retryAfterSeconds: 1 },
    { code: 200, items: [] },
  ];
  for (const [attempts, response] of answers.entries()) {
    call.attempts = attempts;
    call.response = response;
    meter.answered(call, 5e6);
  }
  const { rest_client_requests_total, rest_client_request_retries_total, rest_client_request_size_bytes, rest_client_response_size_bytes } = meter.figures();
  assert.deepEqual([...rest_client_requests_total], [['429 GET', 2], ['200 GET', 1]]);
  assert.deepEqual([...rest_client_request_retries_total], [['429 GET', 1], ['200 GET', 1]]);
  // The bodies are empty: the first bucket.
  assert.equal(rest_client_request_size_bytes.get('GET')!.counts[0], 3);
  assert.equal(rest_client_response_size_bytes.get('GET')!.count, 3);
});
