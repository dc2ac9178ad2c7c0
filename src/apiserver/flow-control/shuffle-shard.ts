/**
 * Shuffle sharding (k8s.io/apiserver pkg/util/shufflesharding): a flow's hash deals it a hand of distinct queues, so that a heavy flow
 * shares all queues of a light one only with small probability.
 */

/** 53 bits of hash of a flow's name: two rounds of FNV-1a with different offsets. */
export function flowHash(flow: string): number {
  let low = 0x811c9dc5 | 0;
  let high = 0x9e3779b9 | 0;
  for (let i = 0; i < flow.length; i++) {
    const code = flow.charCodeAt(i);
    low = Math.imul(low ^ code, 0x01000193);
    high = Math.imul(high ^ code ^ (low >>> 17), 0x85ebca6b);
  }
  low ^= low >>> 15;
  low = Math.imul(low, 0xc2b2ae35);
  low ^= low >>> 13;
  high ^= high >>> 16;
  high = Math.imul(high, 0x9e3779b1);
  high ^= high >>> 14;
  return (high >>> 11) * 4294967296 + (low >>> 0);
}

/**
 * Deals `handSize` distinct queues of `deckSize` from a hash: card i is the hash modulo the cards left, counted among those not yet
 * dealt. The hash needs handSize · log2(deckSize) bits (6 of 128: 42).
 */
export function dealHand(hash: number, deckSize: number, handSize: number): number[] {
  const hand: number[] = [];
  // The cards in hand in ascending order: they are skipped.
  const held: number[] = [];
  let rest = hash;
  for (let i = 0; i < handSize; i++) {
    const left = deckSize - i;
    const next = Math.floor(rest / left);
    let card = rest - next * left;
    rest = next;
    let place = 0;
    while (place < held.length && card >= held[place]!) {
      card++;
      place++;
    }
    held.splice(place, 0, card);
    hand.push(card);
  }
  return hand;
}

/** A hand as it is kept: up to eight cards of decks of at most 128, four in each of two whole numbers. */
export interface Hand {
  /** The first four cards, the first in the lowest bits; negative: nothing was dealt yet. */
  cards: number;
  moreCards: number;
}

const CARD_BITS = 7;
const CARD_MASK = 127;

/** Keeps the cards of a dealt hand. */
export function keepHand(hand: Hand, dealt: readonly number[]): void {
  hand.cards = 0;
  hand.moreCards = 0;
  for (let i = 0; i < dealt.length; i++) {
    if (i < 4) hand.cards |= dealt[i]! << (CARD_BITS * i);
    else hand.moreCards |= dealt[i]! << (CARD_BITS * (i - 4));
  }
}

/** A card of a hand, counted from 0. */
export function cardOf({ cards, moreCards }: Hand, i: number): number {
  return (i < 4 ? cards >> (CARD_BITS * i) : moreCards >> (CARD_BITS * (i - 4))) & CARD_MASK;
}
