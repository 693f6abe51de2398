// Burns what a host meters and limits: processor time, memory, or its patience. The path says which.

import { Request, Response } from 'ebb';

const USAGE = `/fib/N         the N-th Fibonacci number by recursion, N from 0 to 50
/mandelbrot/N  the points of an N x N grid inside the Mandelbrot set, N from 1 to 4096
/alloc/N       allocates and touches N MiB, N from 1 to 4000
/spin          never ends
/trap          traps
`;

export function handle(request: Request): Response {
  const parts = request.pathname.split('/');
  const what = parts[1];
  if (what == 'spin') while (true) {}
  if (what == 'trap') unreachable();
  const given = parts.length > 2 ? parts[2] : '';
  if (what == 'fib') return run(given, 0, 50, fib);
  if (what == 'mandelbrot') return run(given, 1, 4096, mandelbrot);
  if (what == 'alloc') return run(given, 1, 4000, alloc);
  return Response.text(USAGE);
}

function run(given: string, least: i32, most: i32, work: (n: i32) => i64): Response {
  const n = wholeNumber(given);
  if (n >= least && n <= most) return Response.text(`${work(n)}\n`);
  return Response.text(`expected a whole number from ${least} to ${most}, found '${given}'\n`, 400);
}

/** The number that these digits write, or -1 for anything else. */
function wholeNumber(digits: string): i32 {
  if (!digits.length || digits.length > 4) return -1;
  let value = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = digits.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

function fib(n: i32): i64 {
  return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

function mandelbrot(size: i32): i64 {
  let inside: i64 = 0;
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      if (staysBounded((3.0 * column) / size - 2.0, (2.0 * row) / size - 1.0)) inside++;
    }
  }
  return inside;
}

function staysBounded(a: f64, b: f64): bool {
  let x: f64 = 0;
  let y: f64 = 0;
  for (let step = 0; step < 255; step++) {
    const next = x * x - y * y + a;
    y = 2 * x * y + b;
    x = next;
    if (x * x + y * y > 4) return false;
  }
  return true;
}

function alloc(mebibytes: i32): i64 {
  for (let i = 0; i < mebibytes; i++) new Uint8Array(1 << 20).fill(1);
  return mebibytes;
}
