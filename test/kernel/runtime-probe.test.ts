import assert from 'node:assert/strict';
import { test } from 'node:test';
import { probe } from './runtime-probe.js';

/** The same line on every runtime and version; changes only when the meaning of a model or of a draw changes. */
const EXPECTED = 'towtank 59782f804241c89e 154145 22217113409 a31dc018';

test('this runtime computes what every other does', () => assert.equal(probe(), EXPECTED));
