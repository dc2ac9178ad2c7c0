import type { Node, PodStatus } from '../api/core.js';
import { MAX_RESTART_PERIOD } from '../api/kubelet-configuration.js';
import type { ApiClient } from '../client/types.js';
import { Fifo } from '../kernel/fifo.js';
import type { EventHandle } from '../kernel/simulation.js';
import type { Duration, Time } from '../kernel/time.js';
import type { PodAddresses } from './addresses.js';
import type { NodePressure } from './node-pressure.js';
import type { ImageEntry } from './image-store.js';
import type { Pull } from './registry.js';
import type { RuntimeProfile } from './runtime-profiles.js';
import type { Shutdown } from './shutdown.js';
import type { StartCount } from './supervisor.js';
import type { ContainerRecord, PodRecord } from './records.js';

/** One node and its kubelet. */
export class NodeRecord {
  // First what each renewal of its lease needs: side by side in memory.
  readonly index: number;
  readonly name: string;
  heartbeatClient: ApiClient | null = null;
  up = true;
  /** Raised at each crash, so that answers to requests of an earlier life are dropped. */
  epoch = 0;
  node: Node;
  readonly host: number;
  readonly address: string;
  readonly runtime: RuntimeProfile;
  client: ApiClient | null = null;
  /** Its disk takes so many times longer than usual. */
  diskFactor = 1;
  startedAt: Time = Number.NEGATIVE_INFINITY;
  /** The kubelet's process is gone while the machine runs; it starts again after so long. */
  kubeletDown = false;
  kubeletStart: Duration = 0;
  kubeletEvent: EventHandle = 0;
  /** No supervisor starts kubelet and runtime again. */
  unsupervised = false;
  /** The longest delay of a restart of a container. */
  maxRestartPeriod: Duration = MAX_RESTART_PERIOD;
  /** Starts of the runtime that its supervisor counts; null: it has never ended by itself. */
  /** The next try of the kubelet to register its node, and how long it waited for it. */
  registerEvent: EventHandle = 0;
  registerWait: Duration = 0;
  runtimeStarts: StartCount | null = null;
  runtimeEvent: EventHandle = 0;
  /** When the container runtime was last not there. */
  runtimeDownAt: Time = Number.NEGATIVE_INFINITY;
  runtimeBackAt: Time = Number.NEGATIVE_INFINITY;
  runtimeStart: Duration = 0;
  /** Condition Ready as the kubelet reports it. */
  ready = true;
  /** Phases of the kubelet's tickers. */
  plegPhase: Time = 0;
  syncPhase: Time = 0;
  batchPhase: Time = 0;
  statusPhase: Time = 0;
  leasePhase: Time = 0;
  readonly pods = new Map<string, PodRecord>();
  readonly addresses: PodAddresses;
  /** Sum of the requests of admitted pods, by resource. */
  readonly used: Record<string, number> = {};
  usedPods = 0;
  readonly hostPorts = new Map<string, number>();
  /** Images on the node beside those common to all. */
  readonly images = new Map<string, ImageEntry>();
  /** Images that have a layer, by layer. */
  readonly layers = new Map<string, number>();
  /** Disk for images and pods; Infinity: not told. What images take of it, and what others do. */
  diskBytes = Number.POSITIVE_INFINITY;
  /** Inodes of that disk, and process ids of the machine; 0: not told. */
  inodes = 0;
  processIds = 0;
  imageBytes = 0;
  otherDiskBytes = 0;
  imageGcEvent: EventHandle = 0;
  /** Use and pressure; null: nothing is known to be used. */
  pressure: NodePressure | null = null;
  /** Critical pods that wait for room, with the pods that end for them. */
  preemptions: { readonly pod: PodRecord; readonly victims: PodRecord[] }[] = [];
  /** It is shutting down gracefully. */
  shutdown: Shutdown | null = null;
  imagesChanged = false;
  readonly pulls = new Fifo<ContainerRecord>();
  pulling: Pull[] = [];
  pullTokens = 0;
  pullTokensAt: Time = 0;
  /** Pods between sandbox and started containers. */
  starting = 0;
  changed: PodRecord[] = [];
  relistEvent: EventHandle = 0;
  readonly statusQueue = new Fifo<PodRecord>();
  statusPod: PodRecord | null = null;
  syncEvent: EventHandle = 0;
  statusSent: PodStatus | null = null;
  batchEvent: EventHandle = 0;
  statusEvent: EventHandle = 0;
  lastReport: Time = 0;
  reportDelay = 0;
  reports = 0;
  /** Volumes in use by the pods that have or want them, as status.volumesInUse is to say; and what the API was told last. */
  readonly volumesInUse = new Map<string, number>();
  volumesReported: ReadonlySet<string> = new Set();
  /** The plugin of its CSI drivers is there. */
  driversUp = true;
  volumesChanged = false;
  volumesSent: readonly string[] | null = null;

  constructor(index: number, node: Node, host: number, address: string, addresses: PodAddresses, runtime: RuntimeProfile) {
    this.index = index;
    this.name = node.metadata.name;
    this.node = node;
    this.host = host;
    this.address = address;
    this.addresses = addresses;
    this.runtime = runtime;
  }
}
