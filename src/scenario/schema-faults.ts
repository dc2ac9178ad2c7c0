import { z } from 'zod';
import { count, distribution, percent, text, wholeNumber } from './schema-values.js';

/** Faults in scenarios: what can break, when, and how long. */

/** A duration, or an instant of the rollout. */
export const INSTANT = /^(?:(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h|d))+|rollout(?: (?:\d+(?:\.\d+)?%|end))?(?: \+ (?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h|d))+)?)$/;

const nodePool = z
  .strictObject({
    zone: text('Only nodes of this zone.').optional(),
    labels: z.record(z.string(), z.string()).optional().describe('Only nodes with these labels.'),
    sameLabel: text('Only nodes that agree in this label, with a value drawn at random: topology.kubernetes.io/zone, or a label for racks.').optional(),
    count: count('How many nodes, drawn at random. Default 1; with `sameLabel` all that agree.').optional(),
  })
  .describe('Nodes drawn at random, which stop together.');

/** An etcd member by number or name. */
export function etcdMember(description: string) {
  return z
    .union([z.int().min(0), z.string().min(1)], { error: 'expected the number of an etcd member, or its name' })
    .describe(description);
}

/** What can break. */
export const faultTarget = z.strictObject({
  node: text('Name of a node: the machine stops.').optional(),
  instance: text('Name of a node: the cloud takes its machine away. It stops, and a cloud controller manager (cluster.cloud) deletes its Node once that is not ready; `heal` gives a machine of the same name.').optional(),
  hang: text('Name of a node: it answers nobody and is not heard of, but keeps what it has; requests that it holds get no answer.').optional(),
  kubelet: text('Name of a node: the process of its kubelet dies, once; its supervisor starts it again after 10 s. Without supervisor it is down until `heal` or `for`.').optional(),
  runtime: text('Name of a node: its container runtime dies, once; its supervisor starts it again (containerd after 5 s, CRI-O 10 s, Docker 2 s, three times in 60 s at most). Containers run on.').optional(),
  csiDriver: text('Name of a node: the plugins of its CSI drivers are gone, and volumes cannot be mounted there (claims must be read: a CSIDriver among the manifests, or cluster.kubelet.readsClaims).').optional(),
  nodes: nodePool.optional(),
  zone: text('Name of a zone: all its nodes, etcd members and kube-apiservers stop.').optional(),
  link: z
    .strictObject({
      from: text(
        'Name of a machine: a node, or control-plane-0, which carries kube-apiserver 0 and, unless etcd is external, etcd member 0.',
      ),
      to: text('Name of the other machine.'),
      oneWay: z.boolean({ error: 'expected true or false' }).optional().describe('Only what is sent from the first to the second is lost. Default false.'),
    })
    .optional()
    
    .describe('The link between two machines is cut, both ways unless told.'),
  partition: z
    .strictObject({
      from: text('Name of a zone.'),
      to: text('Name of the other zone.'),
      oneWay: z.boolean({ error: 'expected true or false' }).optional().describe('Only what is sent from the first to the second is lost. Default false.'),
    })
    .optional()
    .describe('Nothing passes between the machines of two zones.'),
  dns: z.literal(true, { error: 'expected true' }).optional().describe('The name servers of the cluster: all queries are lost.'),
  apiServer: wholeNumber('Number of a kube-apiserver process, from 0.', 0).optional(),
  machine: text('A machine of the control plane such as control-plane-0: it stops with its kube-apiserver, kube-controller-manager, kube-scheduler and, unless etcd is external, etcd members.').optional(),
  etcd: etcdMember(
    'An etcd member: its number from 0, or its name such as etcd-events-0: the process dies.',
  ).optional(),
  controllerManager: wholeNumber('Number of a kube-controller-manager process, from 0: the process dies.', 0).optional(),
  scheduler: wholeNumber('Number of a kube-scheduler process, from 0: the process dies.', 0).optional(),
  disk: text('Disk of an etcd member (etcd-1) or of a node (node-3) by its name: it becomes slow. On nodes sandboxes, containers and unpacked images are made by it.').optional(),
  packetLoss: text('Name of a machine, a node or such as control-plane-0: packets from and to it are lost and sent again.').optional(),
  registry: text('Host of an image registry: it cannot be reached, and transfers under way break.').optional(),
  factor: z
    .number({ error: 'expected a number above 1' })
    .gt(1, { error: 'expected a number above 1' })
    .optional()
    .describe('With `disk`: how many times longer each operation takes.'),
  share: percent('With `packetLoss`: the share of the packets that are lost.').optional(),
});

/** Something that breaks again and again. */
export const randomFault = z.strictObject({
  every: distribution('Between two faults: `{ exponential: { mean: 10m } }` for a rate of six an hour.'),
  from: z.string().regex(INSTANT, { error: 'expected a duration such as 5m, or "rollout + 10s", "rollout 50%", "rollout end"' }).optional().describe('The first one comes one `every` after this: a time, or an instant of the rollout. Default 0s.'),
  until: z.string().regex(/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h|d))+$/, { error: 'expected a duration such as 5m' }).optional().describe('None after this. Default: the end of the run.'),
  most: count('How many there are at most. Default: no limit.').optional(),
  fail: faultTarget.describe('What breaks.'),
  repair: distribution('From a fault to its repair. Default: never.').optional(),
  cascade: z
    .strictObject({
      chance: percent('Chance that a fault is followed by another one of the same kind, and this one by another.'),
      after: distribution('From a fault to the one that follows from it.'),
      most: count('Length of such a chain at most, the first fault not counted. Default 5.').optional(),
    })
    .optional()
    .describe('Faults that follow from faults.'),
});

export type RawFaultTarget = z.infer<typeof faultTarget>;
export type RawRandomFault = z.infer<typeof randomFault>;
