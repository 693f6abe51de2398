/** Draws from distributions, each from one seeded stream and nothing else. It knows no domain. */
import type { RandomStream } from './random.ts';

/** A standard normal draw (Box and Muller 1958); always two uniforms, so that streams stay in step. */
export function normal(stream: RandomStream): number {
  const radius = Math.sqrt(-2 * Math.log(1 - stream.uniform()));
  return radius * Math.cos(2 * Math.PI * stream.uniform());
}

/** A gamma draw of mean `shape` and scale 1, for a shape above 0 (Marsaglia and Tsang 2000). */
export function gamma(stream: RandomStream, shape: number): number {
  // Below 1 their method needs one more: a draw of shape + 1 times a power of a uniform.
  if (shape < 1) return gamma(stream, shape + 1) * (1 - stream.uniform()) ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = normal(stream);
    const v = (1 + c * x) ** 3;
    const u = 1 - stream.uniform();
    if (v > 0 && Math.log(u) < x ** 2 / 2 + d - d * v + d * Math.log(v)) return d * v;
  }
}
