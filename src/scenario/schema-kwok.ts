import { z } from 'zod';
import { durationText, text, wholeNumber } from './schema-values.js';

/** Schemas of what stands in for real nodes and users: KWOK's controller, and pods of a recorded trace. */

export const kwok = z
  .strictObject({
    stages: z
      .union([
        text('`fast`, `general`, or a file or folder with Stages.'),
        z.array(text('`fast`, `general`, or a file or folder with Stages.')),
      ])
      .optional()
      .describe(
        'Stages of Pods and Nodes (kwok.x-k8s.io/v1alpha1): names of sets that come with towtank, files or folders. Default fast: pods are ready as soon as they are scheduled.',
      ),
    qps: z
      .number({ error: 'expected a number of requests a second' })
      .min(0, { error: 'expected a number of at least 0' })
      .optional()
      .describe('Requests a second; 0: no limit (the default, as kwok has none).'),
    burst: wholeNumber('Requests that may be sent at once before the limit holds. Default 100.', 1).optional(),
    podPlayStageParallelism: wholeNumber('Workers that play stages of Pods. Default 4.', 1).optional(),
    nodePlayStageParallelism: wholeNumber('Workers that play stages of Nodes. Default 4.', 1).optional(),
    nodeLeaseParallelism: wholeNumber('Workers that renew leases. Default 4.', 1).optional(),
    nodeLeaseDurationSeconds: wholeNumber('Duration of the leases; 0: none. Default 40.', 0).optional(),
  })
  .describe("KWOK's controller, for the nodes of kind kwok.");

const amountColumn = z.union([
  text('Column with quantities as Kubernetes writes them, or plain numbers.'),
  z
    .strictObject({
      column: text('Name of a column.'),
      unit: z
        .string()
        .regex(/^(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)$/, {
          error: 'expected a suffix of quantities such as m, Mi or Gi',
        })
        .optional()
        .describe('Suffix of the quantities, where the column has plain numbers.'),
      times: text('Another column that the amount is multiplied by.').optional(),
    })
    .describe('A column with plain numbers.'),
]);

export const podTrace = z
  .strictObject({
    file: text('CSV file with a header line, one pod a line; may be packed (.csv.gz).'),
    namespace: text('Namespace of the pods; default that of the scenario.').optional(),
    columns: z
      .strictObject({
        name: text('Name of the pod. Default: pod-0, pod-1, … in the order of the file.').optional(),
        arrival: text('When the pod is created.'),
        start: text('When it began to run in the trace; the lifetime counts from here where it is given.').optional(),
        departure: text('When it ended in the trace.').optional(),
        lifetime: text('How long it runs, instead of a departure.').optional(),
        requests: z
          .record(z.string(), amountColumn)
          .describe('Requests of the pod by resource: cpu, memory, an extended resource.'),
        nodeLabel: z
          .strictObject({
            column: text('Column with the values a node may have; an empty field: any node.'),
            label: text('Label of the nodes.'),
            separator: text('Between several values. Default |.').optional(),
          })
          .optional()
          .describe('A required node affinity from a column.'),
      })
      .describe('Which columns of the file say what. Times are numbers in `timeUnit`, or durations such as 5m.'),
    timeUnit: durationText('Unit of plain numbers in columns of times. Default 1s.').optional(),
    from: durationText(
      'Time of the trace at which the run begins; pods that are over by then are left out. Default: the first arrival.',
    ).optional(),
    until: durationText('Pods that arrive later in the trace are left out.').optional(),
    speed: z
      .number({ error: 'expected a number above 0' })
      .positive({ error: 'expected a number above 0' })
      .optional()
      .describe('Arrivals and lifetimes of the trace pass so many times faster. Default 1.'),
    lifetimes: z
      .enum(['trace', 'forever'], { error: 'expected trace or forever' })
      .optional()
      .describe('trace: a pod is deleted when it has been bound for its lifetime (the default). forever: pods stay.'),
    template: z
      .union([text('File with a Pod manifest.'), z.record(z.string(), z.unknown())])
      .optional()
      .describe(
        'A Pod manifest to which the requests are added (its first container); a file or the manifest itself. Default: one container.',
      ),
  })
  .describe(
    'Pods that come and go as a recorded trace says; allocation, fragmentation and pending times are reported.',
  );

export type RawPodTrace = z.infer<typeof podTrace>;
