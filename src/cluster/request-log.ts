import type { Call, CallMeter } from '../apiserver/call.js';
import { REQUEST_KINDS, type RequestKind } from '../apiserver/request-kind.js';
import { type Time, toSeconds } from '../kernel/time.js';
import type { Recorder } from '../metrics/recorder.js';
import { API_REQUESTS } from '../metrics/tables.js';

/** Requests kept of each kind unless told: what a trace viewer shows well, and each write of a small rollout. */
export const REQUESTS_KEPT = 32;

/** A request as it is kept: what its row needs, so that objects are let go. */
interface Followed {
  readonly sent: Time;
  readonly limited: number;
  readonly arrived: Time;
  readonly answered: Time;
  readonly received: Time;
  readonly user: string;
  readonly server: number;
  readonly verb: string;
  readonly resource: string;
  readonly object: string;
  readonly code: number;
}

/** Requests of one kind: every `stride`-th since the beginning. */
class Kind {
  /** With the subresource. */
  readonly resource: string;
  readonly kept: Followed[] = [];
  seen = 0;
  stride = 1;

  constructor(resource: string) {
    this.resource = resource;
  }
}

/**
 * Follows requests from client to server and back: of each kind every n-th, where n doubles whenever there are too many, so that they
 * stay evenly spread over the run. No draws and no knowledge of the future: equal runs keep equal requests.
 */
export class RequestLog implements CallMeter {
  private readonly most: number;
  private readonly kinds = new Map<string, Map<string, Kind>>();
  /** The same by number of the kind; null: no request of it has come. */
  private readonly byNumber: (Kind | null)[] = new Array<Kind | null>(REQUEST_KINDS).fill(null);
  private origin: Time = -1;

  /** @param most requests kept of each kind */
  constructor(most: number) {
    this.most = most;
  }

  /** Time 0 of the table; requests sent before are not followed. */
  begin(origin: Time): void {
    this.origin = origin;
  }

  answered(call: Call, now: Time): void {
    if (this.origin < 0 || call.submittedAt < this.origin) return;
    const kind = this.byNumber[call.kind.number] ?? this.firstOf(call.kind);
    if (kind.seen++ % kind.stride !== 0) return;
    if (kind.kept.length === this.most) {
      const { kept } = kind;
      for (let i = 0; 2 * i < kept.length; i++) kept[i] = kept[2 * i]!;
      kept.length = Math.ceil(kept.length / 2);
      kind.stride *= 2;
      if ((kind.seen - 1) % kind.stride !== 0) return;
    }
    kind.kept.push(follow(call, kind.resource, now));
  }

  private firstOf({ verb, resource, subresource, number }: RequestKind): Kind {
    const kind = new Kind(subresource === undefined ? resource : `${resource}/${subresource}`);
    let byResource = this.kinds.get(verb);
    if (byResource === undefined) this.kinds.set(verb, (byResource = new Map()));
    byResource.set(kind.resource, kind);
    this.byNumber[number] = kind;
    return kind;
  }

  /** Writes the table: to be called once, at the end. `servers`: names by number. */
  write(recorder: Recorder, servers: readonly string[]): void {
    const all = [...this.kinds.values()].flatMap((byResource) => [...byResource.values()].flatMap((kind) => kind.kept));
    const table = recorder.table(API_REQUESTS);
    const at = (time: Time): number => (time < 0 ? Number.NaN : toSeconds(time - this.origin));
    for (const row of all.sort((a, b) => a.sent - b.sent)) {
      const server = row.answered < 0 ? '' : (servers[row.server] ?? '');
      table.append([
        at(row.sent),
        toSeconds(row.limited),
        row.answered < 0 ? Number.NaN : at(row.arrived),
        at(row.answered),
        at(row.received),
        row.user,
        server,
        row.verb,
        row.resource,
        row.object,
        row.code,
      ]);
    }
  }
}

function follow(call: Call, resource: string, received: Time): Followed {
  const { namespace, name, verb } = call.request;
  const object = name === '' ? '' : namespace === '' ? name : `${namespace}/${name}`;
  return {
    sent: call.submittedAt,
    limited: call.limiterWait,
    arrived: call.arrivedAt,
    answered: call.answeredAt,
    received,
    user: call.user,
    server: call.server,
    verb,
    resource,
    object,
    code: call.response!.code,
  };
}
