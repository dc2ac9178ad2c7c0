import { copyMetadata, withMetadata } from '../api/copies.js';
import type { Event } from '../api/core.js';
import type { KubernetesObject } from '../api/meta.js';
import { type ApiResponse, type Patch, type ResponseReceiver, succeeded } from '../apiserver/request.js';
import { Fifo } from '../kernel/fifo.js';
import type { Component, Simulation } from '../kernel/simulation.js';
import { Slots } from '../kernel/slots.js';
import type { Time } from '../kernel/time.js';
import type { Stream } from '../random/stream.js';
import { EventCache } from './event-cache.js';
import type { ApiClient, EventRecorder } from './types.js';

/** Broadcaster queue: events beyond it are dropped. */
const QUEUE_LENGTH = 1000;
/** tools/record/event.go: tries of an event that no server answers, and the pause between them (the first one a random part of it). */
const MAXIMUM_TRIES = 12;
const RETRY_PAUSE = 10e9;
const OP_RETRY = 1;

interface Pending {
  readonly event: Event;
  readonly patch: boolean;
}

/** An event whose request is under way, and how often it has been tried. */
interface Sending {
  readonly pending: Pending;
  tries: number;
}

/** Raises an event's count. */
class EventCountPatch implements Patch {
  readonly bytes = 200;
  private readonly count: number;
  private readonly lastTimestamp: Time;
  private readonly message: string;

  constructor(count: number, lastTimestamp: Time, message: string) {
    this.count = count;
    this.lastTimestamp = lastTimestamp;
    this.message = message;
  }

  apply(current: KubernetesObject): KubernetesObject {
    const event = current as Event;
    return { ...event, count: this.count, lastTimestamp: this.lastTimestamp, message: this.message } as Event;
  }
}

/**
 * Writes events as client-go does: similar events beyond ten are aggregated, identical ones raise a count by PATCH, a source
 * may write about 25 events per object and type (getSpamKey) and then one in five minutes. One request at a time (the sink is one
 * goroutine), or, as kube-scheduler's recorder has it (tools/events recordToSink), each event at once by a goroutine of its own.
 */
export class ClientEventRecorder implements EventRecorder, ResponseReceiver, Component {
  readonly name: string;
  /** Events not written because of the spam filter, a full queue, or want of a server. */
  dropped = 0;
  private readonly simulation: Simulation;
  private readonly client: ApiClient;
  private readonly source: Event['source'];
  private readonly cache = new EventCache();
  private readonly queue = new Fifo<Pending>();
  private readonly sending = new Slots<Sending>();
  private readonly atOnce: boolean;
  private readonly target: number;
  private readonly stream: Stream | null;

  /** `stream`: for the first pause of retries; null: half of it. `atOnce`: events do not wait for one another. */
  constructor(simulation: Simulation, client: ApiClient, component: string, host = '', stream: Stream | null = null, atOnce = false) {
    this.name = `${component}/events`;
    this.simulation = simulation;
    this.target = simulation.add(this);
    this.stream = stream;
    this.atOnce = atOnce;
    this.client = client;
    this.source = { component, ...(host === '' ? {} : { host }) };
  }

  event(object: KubernetesObject, type: 'Normal' | 'Warning', reason: string, message: string): void {
    const { now } = this.simulation;
    const { namespace } = object.metadata;
    const { cache } = this;
    cache.record(object, type, reason, message, now);
    const { subject, logged, text } = cache;
    if (!subject.passes(now) || this.queue.length >= QUEUE_LENGTH) {
      this.dropped++;
      return;
    }
    const event: Event = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: {
        name: logged.name,
        namespace: namespace === '' ? 'default' : namespace,
        uid: '',
        resourceVersion: 0,
        generation: 0,
        creationTimestamp: now,
      },
      involvedObject: subject.reference,
      reason,
      message: text,
      type,
      source: this.source,
      firstTimestamp: logged.firstTimestamp,
      lastTimestamp: now,
      count: logged.count,
    };
    this.queue.push({ event, patch: logged.count > 1 });
    this.sendNext();
  }

  private sendNext(): void {
    if (!this.atOnce && this.sending.size > 0) return;
    const next = this.queue.shift();
    if (next !== undefined) this.send(this.sending.put({ pending: next, tries: 0 }));
  }

  describe(): string {
    return 'an event is sent again';
  }

  handle(_opcode: number, slot: number): void {
    this.send(slot);
  }

  private send(slot: number): void {
    const { event, patch: counts } = this.sending.get(slot).pending;
    const { namespace, name } = event.metadata;
    if (counts) {
      const patch = new EventCountPatch(event.count, event.lastTimestamp, event.message);
      this.client.request({ verb: 'patch', resource: 'events', namespace, name, patch }, this, 2 * slot + 1);
    } else this.create(slot);
  }

  private create(slot: number): void {
    const { pending, tries } = this.sending.get(slot);
    const { event } = pending;
    const { namespace, name } = event.metadata;
    // A server that did not answer may have stored the first one.
    const body = tries === 0 ? event : withMetadata(event, copyMetadata(event.metadata));
    this.client.request({ verb: 'create', resource: 'events', namespace, name, body, fresh: true }, this, 2 * slot);
  }

  receive(tag: number, response: ApiResponse): void {
    const slot = tag >> 1;
    const sent = this.sending.get(slot);
    if (response.code === 0 && ++sent.tries < MAXIMUM_TRIES) {
      const share = sent.tries > 1 ? 1 : (this.stream?.next() ?? 0.5);
      this.simulation.schedule(Math.round(RETRY_PAUSE * share), this.target, OP_RETRY, slot);
      return;
    }
    if (response.code === 0) this.dropped++;
    if (!succeeded(response) && tag % 2 === 1 && response.code === 404) {
      // The event expired meanwhile: it is written anew (recordEvent falls back to create).
      this.create(slot);
      return;
    }
    this.sending.take(slot);
    this.sendNext();
  }
}
