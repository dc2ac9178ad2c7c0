import { type RunResult, tableOf } from '../analysis/result.js';
import { duration, micros, process, rows, thread, type TraceEvent } from './chrome-events.js';

/** Category of the flows. */
const FLOW = 'api';

/** A request as the tracks show it; times in seconds. */
interface Request {
  readonly name: string;
  readonly user: string;
  readonly server: string;
  readonly object: string;
  readonly code: number;
  readonly sent: number;
  readonly limited: number;
  readonly arrived: number;
  readonly answered: number;
  readonly received: number;
}

/**
 * Sampled requests to the API: a slice on the track of the client, from sending to the answer, a slice on the track of the server,
 * and a flow from the one to the other. Slices of a track must not overlap, so a client with several requests at once has several.
 */
export function* requestEvents(result: RunResult, servers: number, clients: number): Generator<TraceEvent> {
  const requests: Request[] = [];
  for (const row of rows(tableOf(result, 'api_requests'))) {
    const [user, server, object] = ['user', 'server', 'object'].map((column) => row.text(column)) as [string, string, string];
    const name = `${row.text('verb')} ${row.text('resource')}`;
    const [code, sent, limited, arrived, answered, received] = ['code', 'sent', 'limited', 'arrived', 'answered', 'received'].map(
      (column) => row.number(column),
    ) as [number, number, number, number, number, number];
    requests.push({ name, user, server, object, code, sent, limited, arrived, answered, received });
  }
  if (requests.length === 0) return;
  yield* process(clients, 'API clients');
  yield* process(servers, 'kube-apiserver');
  const ofClients = new Lanes(clients);
  const ofServers = new Lanes(servers);
  const served = requests.filter((request) => request.server !== '').sort((a, b) => a.arrived - b.arrived);
  const places = new Map<Request, number>();
  for (const request of served) {
    const { tid, named } = ofServers.place(request.server, request.arrived, request.answered);
    if (named !== undefined) yield named;
    places.set(request, tid);
  }
  let flow = 0;
  for (const request of requests) {
    const { tid, named } = ofClients.place(trackOf(request.user), request.sent, request.received);
    if (named !== undefined) yield named;
    yield clientSlice(request, clients, tid);
    const at = places.get(request);
    if (at === undefined) continue;
    flow++;
    yield serverSlice(request, servers, at);
    const common = { name: request.name, cat: FLOW, id: flow } as const;
    yield { ...common, ph: 's', pid: clients, tid, ts: micros(request.sent) };
    yield { ...common, ph: 'f', bp: 'e', pid: servers, tid: at, ts: micros(request.arrived) };
  }
}

/** Thousands of kubelets share some tracks; the others have their own. */
function trackOf(user: string): string {
  if (user.startsWith('system:node:')) return 'kubelets';
  return user.replace(/^system:(?:serviceaccount:[^:]*:)?/, '');
}

function clientSlice({ name, user, object, code, limited, sent, received }: Request, pid: number, tid: number): TraceEvent {
  const args = { user, object, code, 'rate limiter ms': limited * 1000 };
  return { ph: 'X', name, pid, tid, ts: micros(sent), dur: duration(sent, received), args };
}

function serverSlice({ name, user, object, code, arrived, answered }: Request, pid: number, tid: number): TraceEvent {
  return { ph: 'X', name, pid, tid, ts: micros(arrived), dur: duration(arrived, answered), args: { user, object, code } };
}

/** Tracks of a process, as many for each name as are needed at once. */
class Lanes {
  private readonly pid: number;
  private readonly ends = new Map<string, { readonly tid: number; end: number }[]>();
  private tracks = 0;

  constructor(pid: number) {
    this.pid = pid;
  }

  /** The first track of a name that is free by then, and what names it when it is new. */
  place(name: string, from: number, to: number): { readonly tid: number; readonly named?: TraceEvent } {
    let lanes = this.ends.get(name);
    if (lanes === undefined) this.ends.set(name, (lanes = []));
    const free = lanes.find((lane) => lane.end < from);
    if (free !== undefined) {
      free.end = to;
      return { tid: free.tid };
    }
    const tid = ++this.tracks;
    lanes.push({ tid, end: to });
    return { tid, named: thread(this.pid, tid, lanes.length === 1 ? name : `${name} (${lanes.length})`) };
  }
}
