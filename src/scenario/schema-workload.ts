import { z } from 'zod';
import { badVersion, requestWork } from './schema-traffic.js';
import { count, distribution, durationText, percent, quantity, text, wholeNumber } from './schema-values.js';

/** Schemas of applications and their metrics. */

const namespace = text('Namespace of the object; default `default`.').optional();

/** What an image does. */
export const behaviour = z.strictObject({
  image: text(
    'Pattern over image references with tag: `*` stands for any characters. The first pattern that matches an image holds.',
  ),
  start: distribution(
    'From the start of the process until it listens and probes succeed. Default 150 ms lognormal (σ 0.4).',
  ).optional(),
  stop: distribution('From SIGTERM until the process exits by itself. Default 1.5 s lognormal (σ 0.6).').optional(),
  drains: z
    .boolean({ error: 'expected true or false' })
    .optional()
    .describe(
      'Goes on accepting requests after SIGTERM until it exits (true), or closes its listener at once (false, the default).',
    ),
  size: quantity('Compressed size of the image; default from the cost profile.').optional(),
  layers: z
    .record(z.string(), quantity('Compressed size of the layer.'))
    .optional()
    .describe('Layers by name, instead of `size`: a node transfers those that it does not have from other images.'),
  cached: z.boolean({ error: 'expected true or false' }).optional().describe('true: every node has the image from the start.'),
  missing: z
    .boolean({ error: 'expected true or false' })
    .optional()
    .describe('true: the registry does not have the image (ErrImagePull, ImagePullBackOff).'),
  ready: z
    .boolean({ error: 'expected true or false' })
    .optional()
    .describe('false: never becomes ready, a broken version.'),
  exit: z
    .strictObject({
      after: distribution('From the start of the process.'),
      code: wholeNumber('Exit code; 0 is success, as of an init container. Default 1.', 0, 255).optional(),
    })
    .optional()
    .describe('The process exits by itself: crashing versions, and init containers that finish their work.'),
  request: z
    .strictObject({
      time: distribution('Service time of one request. Default exponential, mean 20ms.').optional(),
      concurrency: count('Requests in service at once in one pod. Default 8.').optional(),
      queue: wholeNumber('Requests that may wait in one pod; more are refused. Default 128.', 0).optional(),
      cpu: durationText(
        'Processor time of one request, as metrics-server sees it. Default: all of its service time.',
      ).optional(),
      answer: quantity("Bytes of an answer, 200k: answers of all pods of a machine share its link (profile: network.bytesPerSecond). Default: they take no time.").optional(),
      upload: quantity('Bytes of a request, 5M: they share the links of its entry node, which relays them, and of the machine of its pod. Default: they take no time.').optional(),
      errors: percent('Share of requests answered with an error of the application. Default 0.').optional(),
      ...requestWork,
    })
    .optional()
    .describe('How it serves requests.'),
  ...badVersion,
  usage: z
    .strictObject({
      cpu: text('Processor use without requests: 5m, 0.2. Default 0.').optional(),
      memory: quantity('Memory. Default 0.').optional(),
    })
    .optional()
    .describe('What a pod uses by itself, as metrics-server sees it.'),
});

/** A series of the custom or external metrics API. */
export const metric = z.strictObject({
  name: text('Name of the metric, as a HorizontalPodAutoscaler refers to it.'),
  namespace,
  perPod: z
    .boolean({ error: 'expected true or false' })
    .optional()
    .describe('Pods metrics: each pod has the value (true), or an equal share of it (false, the default).'),
  labels: z
    .record(z.string(), z.string({ error: 'expected a text' }))
    .optional()
    .describe('Labels of the series, which selectors of metrics are matched with; External metrics are the sum of the series that match.'),
  object: z
    .strictObject({ kind: text('Its kind.'), name: text('Its name.') })
    .optional()
    .describe('Object that an Object metric describes. Default: the series is of any object.'),
  values: z
    .array(
      z.strictObject({
        at: durationText('From when on.'),
        value: z.number({ error: 'expected a number' }).describe('The value until the next one.'),
      }),
    )
    .min(1, { error: 'expected at least one value' })
    .describe('Its values over time, in order.'),
});
