import assert from 'node:assert/strict';
import { test } from 'node:test';
import { logGamma, normalQuantile, studentCdf, studentQuantile } from '../../src/analysis/distributions.js';
import { bonferroni, meanInterval, pairedDifference, shareInterval } from '../../src/analysis/interval.js';
import { quantile, sorted, variance } from '../../src/analysis/quantile.js';

function near(actual: number, expected: number, tolerance = 1e-9): void {
  assert.ok(Math.abs(actual - expected) <= tolerance * Math.max(1, Math.abs(expected)), `${actual} is not ${expected}`);
}

test('quantiles interpolate as R type 7 does', () => {
  const values = sorted([4, 1, 3, 2, Number.NaN]);
  assert.equal(quantile(values, 0.5), 2.5);
  assert.equal(quantile(values, 0.25), 1.75);
  near(quantile(values, 0.99)!, 3.97);
  assert.equal(quantile(sorted([]), 0.5), null);
});

test('ln Γ against factorials and Γ(1/2) = √π', () => {
  near(logGamma(0.5), 0.5723649429247001);
  near(logGamma(1), 0, 1e-13);
  near(logGamma(11), 15.104412573075516);
  near(logGamma(101), 363.73937555556347);
});

// Table of the t distribution as in any textbook (NIST/SEMATECH e-Handbook, 1.3.6.7.2).
test('Student quantiles against the published table', () => {
  near(studentQuantile(0.975, 1), 12.706204736, 1e-9);
  near(studentQuantile(0.975, 4), 2.776445105, 1e-9);
  near(studentQuantile(0.95, 10), 1.812461123, 1e-9);
  near(studentQuantile(0.975, 29), 2.045229642, 1e-9);
  near(studentQuantile(0.995, 100), 2.625890521, 1e-9);
  near(studentQuantile(0.05, 10), -1.812461123, 1e-9);
  near(studentCdf(2.0, 5), 0.9490302605850709);
});

test('normal quantiles against AS 241 check values', () => {
  near(normalQuantile(0.25), -0.6744897501960817, 1e-15);
  near(normalQuantile(0.001), -3.090232306167814, 1e-15);
  near(normalQuantile(1e-20), -9.262340089798409, 1e-15);
  near(normalQuantile(0.975), 1.959963984540054, 1e-15);
});

// Law, Simulation Modeling and Analysis (5th ed.), example 4.26: ten observations, 90 % interval 1.34 ± 0.24.
test('interval of a mean: the worked example of Law', () => {
  const interval = meanInterval([1.2, 1.5, 1.68, 1.89, 0.95, 1.49, 1.58, 1.55, 0.5, 1.09], 0.9)!;
  near(interval.estimate, 1.343, 1e-12);
  near(variance([1.2, 1.5, 1.68, 1.89, 0.95, 1.49, 1.58, 1.55, 0.5, 1.09])!, 0.17, 0.02);
  near(interval.high - interval.estimate, 0.24, 0.01);
  assert.equal(meanInterval([1]), null);
});

// Student's own sleep data (Biometrika 1908), as in R: t.test(extra ~ group, paired = TRUE) gives −1.58, −2.4598858 to −0.7001142.
test('paired difference: the sleep data', () => {
  const first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0];
  const second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4];
  const interval = pairedDifference(first, second)!;
  near(interval.estimate, -1.58, 1e-12);
  near(interval.low, -2.4598858, 1e-7);
  near(interval.high, -0.7001142, 1e-7);
  assert.throws(() => pairedDifference([1], [1, 2]), /equal lengths/);
});

// R: prop.test(15, 148, correct = FALSE) (Newcombe 1998, the classical worked case for 15 of 148).
test('share with its Wilson interval', () => {
  const interval = shareInterval(15, 148)!;
  near(interval.low, 0.0624, 0.0005);
  near(interval.high, 0.1605, 0.0005);
  assert.equal(shareInterval(0, 10)!.low, 0);
  assert.equal(shareInterval(10, 10)!.high, 1);
  near(shareInterval(0, 10)!.high, 0.2775, 0.0005);
});

test('Bonferroni splits the error among intervals', () => {
  near(bonferroni(0.95, 5), 0.99, 1e-12);
  assert.equal(bonferroni(0.9, 1), 0.9);
});
