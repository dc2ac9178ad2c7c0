/**
 * A sum without rounding: a list of non-overlapping partial sums (Shewchuk 1997), so that the value is the correctly rounded
 * sum of everything added, in whatever order it was added or merged. Whole numbers stay in one partial.
 */
export class ExactSum {
  /** Non-overlapping partial sums, smallest first. */
  private partials: number[] = [];

  /** Adds a finite number. */
  add(value: number): void {
    const { partials } = this;
    if (partials.length === 1) {
      // The common case by far: whole numbers. In place: an array whose length is set gives its memory back.
      const other = partials[0]!;
      const sum = value + other;
      const rounded = sum - value;
      if (value - (sum - rounded) + (other - rounded) === 0 && sum !== 0) {
        partials[0] = sum;
        return;
      }
    }
    let kept = 0;
    for (let i = 0; i < partials.length; i++) {
      const other = partials[i]!;
      const sum = value + other;
      const rounded = sum - value;
      const error = value - (sum - rounded) + (other - rounded);
      if (error !== 0) partials[kept++] = error;
      value = sum;
    }
    while (partials.length > kept) partials.pop();
    if (value !== 0) partials.push(value);
  }

  /** Back to zero. */
  clear(): void {
    while (this.partials.length > 0) this.partials.pop();
  }

  /** Adds everything another sum holds. */
  merge(other: ExactSum): void {
    const { partials } = other;
    if (other === this) for (const partial of partials.slice()) this.add(partial);
    else for (let i = 0; i < partials.length; i++) this.add(partials[i]!);
  }

  /** The sum, rounded once to the nearest double (ties to even). */
  get value(): number {
    const { partials } = this;
    let i = partials.length - 1;
    if (i < 0) return 0;
    let sum = partials[i]!;
    let error = 0;
    while (i > 0 && error === 0) {
      const previous = sum;
      const low = partials[--i]!;
      sum = previous + low;
      error = low - (sum - previous);
    }
    // Half-way cases: the sign of the next partial decides the direction.
    if (i > 0 && ((error < 0 && partials[i - 1]! < 0) || (error > 0 && partials[i - 1]! > 0))) {
      const twice = error * 2;
      const corrected = sum + twice;
      if (twice === corrected - sum) sum = corrected;
    }
    return sum;
  }

  /** The sum as doubles of falling magnitude, each the rounded rest: the same whatever the order of addition. */
  toJSON(): readonly number[] {
    const rest = new ExactSum();
    rest.partials = this.partials.slice();
    const parts: number[] = [];
    while (rest.partials.length > 0) {
      const value = rest.value;
      parts.push(value);
      rest.add(-value);
    }
    return parts;
  }

  /** A sum from its parts. */
  static from(partials: readonly number[]): ExactSum {
    const sum = new ExactSum();
    for (const partial of partials) sum.add(partial);
    return sum;
  }
}
