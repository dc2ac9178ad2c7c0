import { z } from 'zod';
import { count, distribution, durationText, percent, quantity, rateText, text, wholeNumber } from './schema-values.js';

/** The traffic of a scenario file, and how applications do the work of its requests. */

const positive = { error: 'expected a number above 0' };

const arrivalsMap = z
  .strictObject({
    users: count('A closed loop of so many users: send, wait for the answer, think, send again.').optional(),
    think: distribution('Think time of the users. Default exponential, mean 1s.').optional(),
    bursts: z
      .array(
        z.strictObject({
          rate: rateText('Arrivals in this state: 500/s, 30/m.'),
          stay: distribution('How long it stays in this state; exponential makes it a Markov-modulated Poisson process.'),
        }),
      )
      .min(2, { error: 'expected at least two states' })
      .optional()
      .describe('Poisson arrivals whose rate goes through these states in turn.'),
    profile: z
      .array(z.strictObject({ at: durationText('When.'), rate: rateText('Arrivals then.') }))
      .min(1, { error: 'expected at least one point' })
      .optional()
      .describe('Poisson arrivals whose rate goes linearly from point to point, in ascending order of `at`, and back to the first.'),
    period: durationText('After this long the profile repeats. Default 24h.').optional(),
    trace: text('CSV file with recorded arrivals, relative to the scenario, with a line of column names.').optional(),
    time: text('Column of the trace with the time of arrival: a number, or a timestamp. Default the first.').optional(),
    unit: durationText('What a number in that column counts. Default 1s.').optional(),
    count: text('Column of the trace with the number of requests from this row until the next. Default: one request a row.').optional(),
    speed: z.number(positive).positive(positive).optional().describe('The trace is played so many times faster. Default 1.'),
    repeat: z
      .boolean({ error: 'expected true or false' })
      .optional()
      .describe('The trace begins again when it is over. Default false.'),
  })
  .superRefine((value, context) => {
    const given = (['users', 'bursts', 'profile', 'trace'] as const).filter((kind) => value[kind] !== undefined);
    const complain = (message: string): void => context.addIssue({ code: 'custom', message });
    if (given.length !== 1) {
      complain(`expected one of users, bursts, profile, trace, found ${given.length === 0 ? 'none of them' : given.join(' and ')}`);
      return;
    }
    const owners = { think: 'users', period: 'profile', time: 'trace', unit: 'trace', count: 'trace', speed: 'trace', repeat: 'trace' } as const;
    for (const [key, owner] of Object.entries(owners) as [keyof typeof owners, (typeof owners)[keyof typeof owners]][])
      if (value[key] !== undefined && given[0] !== owner) complain(`expected "${key}" only together with "${owner}", found it with "${given[0]}"`);
  });

const ARRIVALS =
  'expected poisson, constant, or a map such as { users: 100, think: 5s }, { bursts: […] }, { profile: […] } or { trace: FILE }';

const trafficMap = z
  .strictObject({
    to: text('What users call: `service/NAME`, `ingress/NAME`, or `host/NAME`, a server outside the cluster.'),
    host: text('With an Ingress: host of the requests. Default: that of its first rule.').optional(),
    path: text('With an Ingress: path of the requests. Default /.').optional(),
    controller: text(
      "With an Ingress: Service of its controller's pods, NAME or NAMESPACE/NAME: requests pass through one of them, and each reloads by itself. Default: the controller never fails, on the node that requests enter.",
    ).optional(),
    via: z
      .enum(['clusterIP', 'nodePort', 'loadBalancer'], { error: 'expected clusterIP, nodePort or loadBalancer' })
      .optional()
      .describe('clusterIP: clients on the nodes. nodePort: users who know all nodes. loadBalancer: of the cloud, with its health checks. Default: users are sent to a random ready node.'),
    client: text('Pods that send the requests: `deployment/NAME`. Default: users outside the cluster.').optional(),
    clients: count('So many clients, of which each request is of a random one; they are told apart by session affinity, connections and A/B tests.').optional(),
    name: text('Name that clients look up before each new connection: `web`, `web.shop`, `api.example.com.`. Default: none, they know the address (of the environment); for host/NAME its own.').optional(),
    discovery: z
      .literal('environment', { error: 'expected environment' })
      .optional()
      .describe('Clients are pods and find the Service by the variables of their environment: what is created after their containers they cannot reach. Default: they know the address, or look up its `name`.'),
    nameCache: z
      .union([z.literal('ttl'), durationText('How long.')], { error: 'expected a duration such as 30s, or ttl' })
      .optional()
      .describe('Clients keep the addresses of a name for so long (a JVM: 30s), or for the TTL of its record. Default 0s: each new connection looks it up.'),
    connections: z
      .strictObject({
        keepAlive: durationText('Idle connections are kept for this long; 0s: a connection for each request. Default 90s.').optional(),
        maximumRequests: count('Requests of one connection. Default: no limit.').optional(),
        maximumAge: durationText('From this age on a connection takes no more requests. Default: no limit.').optional(),
        tls: z.boolean({ error: 'expected true or false' }).optional().describe('TLS 1.3: a round trip more for each connection. Default false.'),
      })
      .optional()
      .describe('Connections take a round trip to open, and are kept. Default: they cost nothing and each request has its own.'),
    namespace: text('Namespace of the object; default `default`.').optional(),
    rate: rateText('Mean arrivals: 500/s, 30/m. Required unless `arrivals` is a map.').optional(),
    arrivals: z
      .union([z.enum(['poisson', 'constant'], { error: ARRIVALS }), arrivalsMap], { error: ARRIVALS })
      .optional()
      .describe('When requests arrive. Default poisson.'),
    from: durationText('First arrivals; default 0s.').optional(),
    until: durationText('Last arrivals; default the end of the run.').optional(),
    timeout: durationText('Users give up after this long. Default 1s.').optional(),
    balancing: z
      .enum(['random', 'roundRobin', 'leastConnections', 'powerOfTwo'], {
        error: 'expected random, roundRobin, leastConnections or powerOfTwo',
      })
      .optional()
      .describe('How the proxy of each entry node chooses an endpoint; it counts only its own requests. Default random, as kube-proxy.'),
    retries: z
      .strictObject({
        maximum: count('Tries after the first.'),
        tryTimeout: durationText('A try without answer is given up after this long. Default: only the timeout holds.').optional(),
        backOff: durationText('Before retry n the client waits evenly between 0 and this times 2^(n−1). Default 25ms.').optional(),
        maximumBackOff: durationText('Upper bound of that wait. Default ten times backOff.').optional(),
        budget: percent('Retries are at most this share of the requests of the last ten seconds. Default: no limit.').optional(),
        minimumRate: z
          .number({ error: 'expected a number of retries a second' })
          .min(0)
          .optional()
          .describe('With a budget: so many retries a second are always allowed. Default 10.'),
      })
      .optional()
      .describe('Failed tries are sent again.'),
    hedge: z
      .strictObject({
        after: durationText('Another try is sent when no answer has come after this long.'),
        maximum: count('Tries beyond the first. Default 1.').optional(),
      })
      .optional()
      .describe('Hedging: the first answer of several tries counts.'),
    breaker: z
      .strictObject({
        maximumRequests: count('Requests under way from one entry node beyond which more are refused at once.').optional(),
        consecutiveErrors: count('An endpoint is ejected after so many failed answers in a row.').optional(),
        ejection: durationText('How long, times the number of its ejections. Default 30s.').optional(),
        maximumEjected: percent('Share of the endpoints that may be ejected at once; one always may. Default 10%.').optional(),
      })
      .optional()
      .describe('Circuit breaking by the proxy of each entry node.'),
    cohort: percent('Share of the requests whose header or cookie matches the rules of A/B tests. Default 0%.').optional(),
    mixedVersionErrors: percent("Share of the requests answered by another version than their client's request before that fail: a page of one version asks the other for what it does not know. Needs `clients`, `client` or the `users` of a closed loop. Default 0%.").optional(),
    cancels: z
      .boolean({ error: 'expected true or false' })
      .optional()
      .describe('Servers stop working on requests that were given up. Default false: they work on.'),
  });

export const traffic = trafficMap
  .superRefine((value, context) => {
    const own = typeof value.arrivals === 'object';
    if (own && value.rate !== undefined)
      context.addIssue({ code: 'custom', path: ['rate'], message: 'expected no rate beside a map of arrivals' });
    if (!own && value.rate === undefined)
      context.addIssue({ code: 'custom', path: ['rate'], message: 'expected a rate such as 500/s or 30/m' });
  });

/** A call to another Service. */
const call = trafficMap
  .pick({ namespace: true, name: true, discovery: true, connections: true, timeout: true, balancing: true, retries: true, hedge: true, breaker: true, cancels: true })
  .extend({
    to: text('What is called: `service/NAME`, or `host/NAME`, a server outside the cluster.'),
    share: percent('Share of the requests that make this call. Default 100%.').optional(),
    count: count('So many of these calls, side by side. Default 1.').optional(),
    optional: z.boolean({ error: 'expected true or false' }).optional().describe('true: the request goes on when the call fails. Default false: it fails.'),
  });

/** Keys of a behaviour's `request`. */
export const requestWork = {
  calls: z
    .array(z.union([call, z.array(call)], { error: 'expected a call such as { to: service/cart }, or a list of calls made side by side' }))
    .optional()
    .describe('Calls that a request makes after its own work and before it is answered: one after the other; those of an inner list side by side.'),
  slower: z.number(positive).positive(positive).optional().describe('Service times are longer by this factor. Default 1.'),
  warmUp: z
    .strictObject({
      factor: z
        .number({ error: 'expected a number from 1 on' })
        .min(1, { error: 'expected a number from 1 on' })
        .describe('How many times longer the first requests take.'),
      time: durationText('Time constant with which that decays: factor 1 + (factor − 1)·e^(−t/time).'),
    })
    .optional()
    .describe('Slow after the start: compilation, cold caches.'),
  overload: z
    .strictObject({
      above: wholeNumber('Requests that the pod holds, in service and waiting, beyond which it fails.', 0),
      errors: percent('Share of requests answered with an error then.'),
    })
    .optional()
    .describe('Fails only under load.'),
  processor: z
    .strictObject({
      cores: z.number(positive).positive(positive).optional().describe('Cores that the requests in service share. Default: one each.'),
    })
    .optional()
    .describe("Service time is processor time: requests share cores, and the container's CPU limit throttles them in periods of 100 ms."),
};

function growing(description: string) {
  return z
    .strictObject({
      base: wholeNumber('How many at the start. Default 0.', 0).optional(),
      growPerSecond: z.number({ error: 'expected a number' }).min(0, { error: 'expected a number of at least 0' }).optional().describe('What is added each second. Default 0.'),
    })
    .optional()
    .describe(description);
}

/** Keys of a behaviour. */
export const badVersion = {
  memory: z
    .strictObject({
      base: quantity('Memory at the start.'),
      leakPerSecond: quantity('What is added each second.'),
    })
    .optional()
    .describe(
      "A memory leak: at the container's memory limit the kernel kills the process (OOMKilled). Without a limit it is the node whose memory runs out.",
    ),
  inodes: growing('Inodes of a container: files and directories of its writable layer and logs.'),
  processes: growing('Process ids of a container: its processes and threads.'),
  storage: z
    .strictObject({
      base: quantity('Bytes at the start. Default 0.').optional(),
      growPerSecond: quantity('What is added each second. Default 0.').optional(),
    })
    .optional()
    .describe(
      "Ephemeral storage of a container: its writable layer and logs, on the node's disk, until the container ends.",
    ),
};

export type RawTraffic = z.infer<typeof traffic>;
export type RawArrivals = z.infer<typeof arrivalsMap>;
export type RawCall = z.infer<typeof call>;
