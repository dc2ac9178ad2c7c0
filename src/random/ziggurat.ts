/**
 * Exponential and normal draws by the ziggurat method (Marsaglia and Tsang 2000, layers chosen by bits of their own as Doornik 2005
 * asks). One uniform number of 53 bits gives layer, sign and abscissa; one draw in about a hundred needs more. Tables and
 * rare paths use the portable functions, so that every engine draws the same bits.
 */
import { exp, log } from './portable.js';
import type { Uniform } from './stream.js';

const LAYERS = 256;
/** Where the tail begins, and the area of each layer, for e^−x and 256 layers. */
const EXPONENTIAL_TAIL = 7.69711747013104972;
const EXPONENTIAL_AREA = 3.949659822581572e-3;
/** Right edges of the layers, from the base strip (whose width is its area over its height) up to 0; and e^−edge. */
const exponentialEdge = new Float64Array(LAYERS + 1);
const exponentialHeight = new Float64Array(LAYERS + 1);

const NORMAL_LAYERS = 128;
/** The same for e^(−x²/2) and 128 layers. */
const NORMAL_TAIL = 3.442619855899;
const NORMAL_AREA = 9.91256303526217e-3;
const normalEdge = new Float64Array(NORMAL_LAYERS + 1);

/** No draw is larger: −log of the smallest uniform number, 2^−54, is 37.5; a normal tail is accepted up to the root of twice that. */
export const LARGEST_EXPONENTIAL = 46;
export const LARGEST_NORMAL = 13;

/** An exponential draw with mean 1. */
export function standardExponential(source: Uniform): number {
  for (;;) {
    const scaled = source.next() * LAYERS;
    const layer = scaled | 0;
    const x = (scaled - layer) * exponentialEdge[layer]!;
    if (x < exponentialEdge[layer + 1]!) return x;
    if (layer === 0) return EXPONENTIAL_TAIL - log(source.next());
    const low = exponentialHeight[layer]!;
    if (low + source.next() * (exponentialHeight[layer + 1]! - low) < exp(-x)) return x;
  }
}

/** What `drawNormal` has drawn: handed over here, because a number that a function returns is an object on the heap when it is no integer. */
export const drawn = new Float64Array(1);

/** Draws a normal number with mean 0 and standard deviation 1 into `drawn`. */
export function drawNormal(source: Uniform): void {
  drawNormalFrom(source.next(), source);
}

/** As `drawNormal`, where the first uniform number is drawn already. */
export function drawNormalFrom(uniform: number, source: Uniform): void {
  const scaled = uniform * (2 * NORMAL_LAYERS);
  const bits = scaled | 0;
  const layer = bits >> 1;
  const x = (scaled - bits) * normalEdge[layer]!;
  if (x < normalEdge[layer + 1]!) drawn[0] = (bits & 1) === 0 ? x : -x;
  else drawnFromEdge(source, bits, x);
}

/** The rest of `drawNormal`: the abscissa may lie outside the curve. */
function drawnFromEdge(source: Uniform, bits: number, x: number): void {
  const layer = bits >> 1;
  if (layer === 0) {
    const tail = normalTail(source);
    drawn[0] = (bits & 1) === 0 ? tail : -tail;
    return;
  }
  const outer = exp(-0.5 * (normalEdge[layer]! * normalEdge[layer]! - x * x));
  const inner = exp(-0.5 * (normalEdge[layer + 1]! * normalEdge[layer + 1]! - x * x));
  if (inner + source.next() * (outer - inner) < 1) drawn[0] = (bits & 1) === 0 ? x : -x;
  else drawNormal(source);
}

/** A normal draw with mean 0 and standard deviation 1. */
export function standardNormal(source: Uniform): number {
  drawNormal(source);
  return drawn[0]!;
}

/** A normal draw beyond the tail's start (Marsaglia 1964). */
function normalTail(source: Uniform): number {
  for (;;) {
    const x = -log(source.next()) / NORMAL_TAIL;
    const y = -log(source.next());
    if (y + y >= x * x) return NORMAL_TAIL + x;
  }
}

function fillTables(): void {
  exponentialEdge[0] = EXPONENTIAL_AREA / exp(-EXPONENTIAL_TAIL);
  exponentialEdge[1] = EXPONENTIAL_TAIL;
  for (let i = 2; i < LAYERS; i++) {
    const edge = exponentialEdge[i - 1]!;
    exponentialEdge[i] = -log(EXPONENTIAL_AREA / edge + exp(-edge));
  }
  for (let i = 0; i <= LAYERS; i++) exponentialHeight[i] = exp(-exponentialEdge[i]!);
  normalEdge[0] = NORMAL_AREA / exp(-0.5 * NORMAL_TAIL * NORMAL_TAIL);
  normalEdge[1] = NORMAL_TAIL;
  for (let i = 2; i < NORMAL_LAYERS; i++) {
    const edge = normalEdge[i - 1]!;
    normalEdge[i] = Math.sqrt(-2 * log(NORMAL_AREA / edge + exp(-0.5 * edge * edge)));
  }
}

fillTables();
