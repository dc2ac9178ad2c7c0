import { z } from 'zod';
import { durationText, quantity, text, wholeNumber } from './schema-values.js';

/** etcd in the scenario file: the cluster of the control plane, and clusters of their own for some resources. */

const common = {
  members: wholeNumber('Number of etcd members, 1 to 9. Default 3.', 1, 9).optional(),
  disk: text(
    'Disk class of the members: a name under `disks` of the cost profile, such as gce-pd-ssd or nvme.',
  ).optional(),
  dedicatedWalDisk: z
    .boolean({ error: 'expected true or false' })
    .optional()
    .describe('--wal-dir on a second disk of the same class. Default false: log and backend wait for each other.'),
  zones: z
    .array(text('Zone of a member.'))
    .optional()
    .describe('Zone of each member in order; default: dealt over the zones of the nodes.'),
  heartbeatInterval: durationText('--heartbeat-interval. Default 100ms.').optional(),
  electionTimeout: durationText('--election-timeout. Default 1s.').optional(),
  quota: quantity('--quota-backend-bytes. Default 2Gi.').optional(),
  corruptCheckTime: durationText(
    '--corrupt-check-time: the leader compares the data of all members at this interval; where one differs, the alarm CORRUPT stops writes. Default: never.',
  ).optional(),
  initialCorruptCheck: z
    .boolean({ error: 'expected true or false' })
    .optional()
    .describe(
      "--initial-corrupt-check: a member that starts compares its data with its peers' and stops when they differ. Default false.",
    ),
  snapshotCount: wholeNumber('--snapshot-count. Default 10000.', 1).optional(),
};

const override = z.strictObject({
  resources: z
    .array(text('A resource as group/resource: `/events`, `coordination.k8s.io/leases`.'))
    .min(1, { error: 'expected at least one resource' })
    .describe('What the API servers keep there, and nothing else.'),
  ...common,
  sharedDisk: z
    .boolean({ error: 'expected true or false' })
    .optional()
    .describe(
      'The members use the disks of the main members on the same machines. Default false: disks of their own. Topology stacked only.',
    ),
});

export const etcdSchema = z.strictObject({
  ...common,
  topology: z
    .enum(['stacked', 'external'], { error: 'expected stacked or external' })
    .optional()
    .describe(
      "As kubeadm names it. stacked (default): member i on control-plane machine i; an API server asks its own machine's member and others only while that one is away. external: members on machines of their own (etcd-0, …); API servers ask all in turn.",
    ),
  serversOverrides: z
    .array(override)
    .optional()
    .describe('--etcd-servers-overrides of kube-apiserver: further etcd clusters, each for some resources.'),
});
