import { z } from 'zod';
import { durationText, text } from './schema-values.js';

/** Answers that analyses of rollouts get. */

export const MEASURE_PATTERN = /^(?:success rate|error rate|requests|restarts|latency p\d+(?:\.\d+)?)$/;

export const measurement = z.strictObject({
  metric: text('Name of a metric of an AnalysisTemplate, or of a Canary.'),
  measure: z
    .string()
    .regex(MEASURE_PATTERN, { error: 'expected success rate, error rate, requests, restarts, or a quantile such as latency p99' })
    .optional()
    .describe('What is measured of the simulated traffic: `success rate`, `error rate` (0..1), `requests` (a second), `latency p99` (seconds); or how often containers restarted, `restarts`.'),
  of: z
    .enum(['canary', 'stable', 'all'], { error: 'expected canary, stable or all' })
    .optional()
    .describe('Whose answers: of the new version (the default), of the stable one, of all.'),
  window: durationText('How far it looks back. Default 1m.').optional(),
  times: z.number({ error: 'expected a number' }).optional().describe('Factor of the result: 100 for per cent, 1000 for milliseconds. Default 1.'),
  value: z
    .union([z.number(), z.string(), z.boolean()])
    .optional()
    .describe('A result that is always the same, instead of `measure`.'),
});

export const webhookGate = z.strictObject({
  name: text('Name of a webhook of a Canary.'),
  from: durationText('It refuses from then on. Default 0s.').optional(),
  until: durationText('… until then. Default: for ever.').optional(),
});

export type RawMeasurement = z.infer<typeof measurement>;
export type RawWebhookGate = z.infer<typeof webhookGate>;
